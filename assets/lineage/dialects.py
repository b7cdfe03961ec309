"""Dialects by their many names, and the order in which they are tried when one does not fit."""

import logging
import re
import threading
from collections.abc import Iterator
from functools import cache, lru_cache

from sqlglot import Dialect, Parser, Tokenizer
from sqlglot.errors import ErrorLevel

GENERIC = "generic"
ALIASES = {
    "": GENERIC,
    "ansi": GENERIC,
    "azuresql": "tsql",
    "cockroach": "postgres",
    "cockroachdb": "postgres",
    "googlesql": "bigquery",
    "greenplum": "postgres",
    "impala": "hive",
    "mariadb": "mysql",
    "mssql": "tsql",
    "netezza": "postgres",
    "oceanbase": "mysql",
    "polardb": "mysql",
    "postgresql": "postgres",
    "sparksql": "spark",
    "sqlserver": "tsql",
    "sybase": "tsql",
    "synapse": "tsql",
    "tidb": "mysql",
    "transactsql": "tsql",
    "vertica": "postgres",
    "yugabyte": "postgres",
}
WITHOUT_PARSER = {"db2": GENERIC, "h2": GENERIC, "hana": GENERIC, "spanner": "bigquery", GENERIC: GENERIC}
"""Dialects that sqlglot has not: what they are parsed in."""

PARSERS = (
    "athena", "bigquery", "clickhouse", "databricks", "doris", "dremio", "drill", "druid", "duckdb", "dune", "exasol",
    "fabric", "hive", "materialize", "mysql", "oracle", "postgres", "presto", "redshift", "risingwave", "singlestore",
    "snowflake", "spark", "spark2", "sqlite", "starrocks", "teradata", "trino", "tsql",
)  # fmt: skip
DIALECTS = tuple(sorted({*PARSERS, *WITHOUT_PARSER}))
"""Every name that a dialect may be given by, but for aliases."""

TRIED = (
    "postgres",
    "mysql",
    "snowflake",
    "tsql",
    "oracle",
    "bigquery",
    "databricks",
    "redshift",
    "duckdb",
    "clickhouse",
)
HINTS = (
    (
        "tsql",
        re.compile(
            r"\[\w[\w .]*\]\s*\.|(?:FROM|JOIN|INTO)\s+\[|\bTOP\s*\(?\s*\d|@\w+|\bNOLOCK\b|\bGO\b", re.IGNORECASE
        ),
    ),
    ("mysql", re.compile(r"(?:^|\s)#|`|\bLIMIT\s+\d+\s*,|\bON\s+DUPLICATE\b|\bENGINE\s*=", re.IGNORECASE)),
    ("bigquery", re.compile(r"`[^`\s]*[-.][^`\s]*`|\bSTRUCT\s*<|\bSAFE_|\bUNNEST\b", re.IGNORECASE)),
    ("databricks", re.compile(r"`|\bLATERAL\s+VIEW\b|\bOVERWRITE\b|\bRLIKE\b|\bSTORED\s+AS\b", re.IGNORECASE)),
    ("oracle", re.compile(r"\(\+\)|\bCONNECT\s+BY\b|\bNVL\s*\(|\bROWNUM\b|\bVARCHAR2\b|\bSYSDATE\b", re.IGNORECASE)),
    ("snowflake", re.compile(r":\w+::|\bFLATTEN\b|\bQUALIFY\b|\$\d|@\w+", re.IGNORECASE)),
    ("postgres", re.compile(r"::|~\*?|\bRETURNING\b|\bILIKE\b|\$\$|->>?|@>", re.IGNORECASE)),
)
BACKSLASH = frozenset(
    {"bigquery", "clickhouse", "databricks", "hive", "mysql", "redshift", "snowflake", "spark", "spark2", "singlestore"}
)
"""Dialects in which a backslash escapes a quote."""

DOUBLE_QUOTED = BACKSLASH - {"clickhouse", "redshift", "snowflake"}
"""Dialects in which double quotes hold a string."""

HASH_COMMENTS = frozenset({"bigquery", "clickhouse", "mysql", "singlestore", "doris", "starrocks"})
"""Dialects in which `#` begins a comment."""

INTO_VARIABLES = frozenset(
    {"db2", "doris", "hana", "mysql", "oracle", "singlestore", "snowflake", "starrocks", "teradata"}
)
"""Dialects whose SELECT … INTO fills variables, wherever it stands."""

INTO_TABLES = frozenset({"fabric", "tsql"})
"""Dialects whose SELECT … INTO makes a table, in routines as well; elsewhere it fills variables there."""

BODIES_ARE_STRINGS = frozenset({"materialize", "postgres", "redshift", "risingwave"})
"""Dialects whose routines and blocks are strings: BEGIN outside of them begins a transaction."""

MAX_NAMES = 256
"""Names of dialects that are known again without being spelled out; whoever asks may give any."""

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of every statement that it knows by its first word only


@lru_cache(MAX_NAMES)
def canonical(name: str | None) -> str | None:
    """The name that a dialect has here; None if nobody knows it.

    >>> canonical("PostgreSQL"), canonical(None), canonical("klingon")
    ('postgres', 'generic', None)
    """
    plain = re.sub(r"[\s_-]", "", (name or "").lower())
    known = ALIASES.get(plain, plain)
    return known if known in WITHOUT_PARSER or known in PARSERS else None


def parser_of(dialect: str) -> str:
    """The dialect of sqlglot that comes nearest."""
    return WITHOUT_PARSER.get(dialect, dialect)


@cache
def instance(dialect: str) -> Dialect:
    """Sqlglot's dialect of a name that `parser_of` gave."""
    return Dialect.get_or_raise("" if dialect == GENERIC else dialect)


def looks_like_tsql(sql: str) -> bool:
    """True for text that T-SQL's variables, brackets or GO give away."""
    return any(name == "tsql" and hint.search(sql[:20_000]) for name, hint in HINTS)


class Tools:
    """A tokenizer and a parser, made once per thread: both keep what they are at."""

    def __init__(self, dialect: str) -> None:
        made = instance(dialect)
        self.tokenizer: Tokenizer = made.tokenizer_class(made)
        self.parser: Parser = made.parser(error_level=ErrorLevel.IMMEDIATE)


_of_thread = threading.local()


def tools(dialect: str) -> Tools:
    """The tokenizer and the parser of a dialect that belong to the running thread."""
    made: dict[str, Tools] = _of_thread.__dict__.setdefault("tools", {})
    found = made.get(dialect)
    if found is None:
        found = made[dialect] = Tools(dialect)
    return found


def others(dialect: str, sql: str) -> Iterator[str]:
    """What else to try for a statement that does not parse: first the dialects that its text hints at."""
    text = sql[:20_000]
    seen = {parser_of(dialect)}
    for name, hint in HINTS:
        if name not in seen and hint.search(text):
            seen.add(name)
            yield name
    for name in (*TRIED, GENERIC):
        if name not in seen:
            seen.add(name)
            yield name
