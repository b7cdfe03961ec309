"""The tables of SQL that no parser takes, found by the words before them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from assets.lineage.lexing import NAME, SIGN, STRING, WORD, Token
from assets.lineage.limits import Deadline, TimeUp
from assets.lineage.names import TableName, table_name

ENDS_FROM = frozenset({
    "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "UNION", "INTERSECT", "EXCEPT", "MINUS", "SELECT", "SET", "WINDOW",
    "QUALIFY", "FETCH", "FOR", "CONNECT", "START", "VALUES", "RETURNING", "OUTPUT", "OFFSET", "OPTION", "CLUSTER",
    "DISTRIBUTE", "SORT", "WHEN", "DO", "LOOP", "THEN", "BEGIN", "END", "PREWHERE", "SAMPLE", "SETTINGS", "FORMAT",
    "QUERYNO", "OPTIMIZE",
})  # fmt: skip
BEFORE_SOURCE = frozenset({"FROM", "JOIN", "STRAIGHT_JOIN"})
BEFORE_TARGET = frozenset({"INTO", "UPDATE", "OVERWRITE"})
INTO_ITS_TARGET = frozenset({"INSERT", "MERGE", "REPLACE", "UPSERT", "LOAD", "COPY"})
SKIPPED = frozenset(
    {"ONLY", "LATERAL", "TABLE", "IF", "NOT", "EXISTS", "OR", "IGNORE", "LOW_PRIORITY", "FINAL", "LOCAL"}
)
NOT_A_TABLE = ENDS_FROM | frozenset({
    "FROM", "INSERT", "UPDATE", "DELETE", "MERGE", "UNNEST", "VALUES", "ON", "USING", "WITH", "AS", "JSON_TABLE",
    "XMLTABLE", "OPENJSON", "FLATTEN", "DIRECTORY", "OUTFILE", "DUMPFILE",
})  # fmt: skip
NOT_AN_ALIAS = NOT_A_TABLE | frozenset({
    "JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "OUTER", "NATURAL", "STRAIGHT_JOIN", "SEMI", "ANTI", "ASOF",
    "GLOBAL", "ANY", "ALL", "USE", "FORCE", "IGNORE", "PARTITION", "PIVOT", "UNPIVOT", "TABLESAMPLE", "MATCH_RECOGNIZE",
    "VERSION", "TIMESTAMP", "INTO", "FROM", "APPLY", "AND", "OR", "IN", "IS", "CASE",
})  # fmt: skip
CREATED = frozenset({"TABLE", "VIEW", "MODEL"})
HINTS = frozenset({"NOLOCK", "READPAST", "HOLDLOCK", "UPDLOCK", "TABLOCK", "ROWLOCK", "INDEX", "READUNCOMMITTED"})


@dataclass(slots=True)
class Scan:
    """What was found: names as written, before defaults."""

    sources: list[TableName] = field(default_factory=list)
    targets: list[TableName] = field(default_factory=list)


@dataclass(slots=True)
class _Level:
    """What is known inside one pair of brackets."""

    in_from: bool = False
    expects: str = ""  # source, target, or nothing
    is_query: bool = False
    words: set[str] = field(default_factory=set)


class _Scanner:
    def __init__(self, tokens: Sequence[Token], deadline: Deadline, fills_variables: bool) -> None:
        self.tokens = tokens
        self.fills_variables = fills_variables or (bool(tokens) and tokens[0].key in {"EXEC", "EXECUTE", "FETCH"})
        self.deadline = deadline
        self.found = Scan()
        self.aliases: dict[str, TableName] = {}
        self.named = _ctes(tokens)
        self.changes_rows = bool(tokens) and tokens[0].key in {"UPDATE", "DELETE"}

    def run(self) -> Scan:
        levels = [_Level()]
        at, end = 0, len(self.tokens)
        steps = 0
        while at < end:
            steps += 1
            if steps % 2048 == 0:
                self.deadline.check()
            at = self._step(at, levels)
        self._settle_targets()
        return self.found

    def _step(self, at: int, levels: list[_Level]) -> int:
        token, level = self.tokens[at], levels[-1]
        key = token.key
        if key == "(":
            inside = _Level(
                expects=level.expects if level.expects == "source" else "", in_from=level.expects == "source"
            )
            level.expects = ""
            levels.append(inside)
            return at + 1
        if key == ")":
            if len(levels) > 1:
                levels.pop()
            return at + 1
        if key == ";":
            levels[:] = [_Level()]
            return at + 1
        if level.expects and key == ".":  # `..t` and `db..t` leave out what is the default
            return at + 1
        if level.expects and (token.kind in (WORD, NAME) or (token.kind == STRING and level.expects == "source")):
            return self._table(at, level)
        if key == "," and level.in_from:
            level.expects = "source"
        elif token.kind == WORD:
            self._keyword(at, level)
        return at + 1

    def _keyword(self, at: int, level: _Level) -> None:
        key = self.tokens[at].key
        before = self.tokens[at - 1].key if at else ""
        if before == ".":
            return
        if key in {"SELECT", "DELETE"} or (key == "FROM" and not level.words):
            level.is_query = True
        if key in BEFORE_SOURCE or (key == "APPLY" and before in {"CROSS", "OUTER"}):
            if key != "FROM" or (level.is_query and before != "DISTINCT"):
                level.in_from, level.expects = True, "source"
                if key == "FROM" and "DELETE" in level.words and "SELECT" not in level.words:
                    level.expects = "target" if before == "DELETE" else "source"
        elif key == "USING" and level.words & {"MERGE", "DELETE"} and "JOIN" not in level.words:
            level.in_from, level.expects = True, "source"
        elif key == "INTO" and (
            "RETURNING" in level.words or (self.fills_variables and not level.words & INTO_ITS_TARGET)
        ):
            pass
        elif key == "MERGE" and not level.words and self._key(at + 1) != "INTO":
            level.expects = "target"
        elif key in BEFORE_TARGET:
            if "ALTER" in level.words:
                pass  # ClickHouse's ALTER TABLE t UPDATE a = 1
            elif key != "UPDATE" or before not in {"FOR", "THEN", "KEY", "DO", "ON", "OR", "AFTER", "BEFORE", ","}:
                level.expects = "target"
        elif (
            key in CREATED
            and level.words & {"CREATE", "TRUNCATE", "ALTER", "DECLARE"}
            and not level.words & {"AS", "SELECT"}
        ):
            level.expects = "target"
        elif key in ENDS_FROM:
            level.in_from = False
        level.words.add(key)

    def _table(self, at: int, level: _Level) -> int:
        """Read a name where a table is expected, and its alias."""
        token = self.tokens[at]
        if token.kind == WORD and (token.key in SKIPPED or self._is_prefix(at)):
            return at + 1
        role, level.expects = level.expects, ""
        if token.kind == WORD and token.key in NOT_A_TABLE:
            self._keyword(at, level)
            return at + 1
        level.words.add("")
        parts, at = self._name(at)
        if self._is_call(at, role):
            return at
        name = table_name(parts)
        at, alias = self._alias(at)
        if role == "target":
            self.found.targets.append(name)
            if alias:
                self.aliases[alias] = name
        elif not self._is_local(parts, name):
            self.aliases[alias or name.name.lower()] = name
            self.found.sources.append(name)
        return at

    def _is_prefix(self, at: int) -> bool:
        """True for ODBC's `{OJ t …}` and for what DB2 reads a change from: `OLD TABLE (…)`."""
        tokens = self.tokens
        if tokens[at].key in {"OLD", "NEW"}:
            return at + 1 < len(tokens) and tokens[at + 1].key == "TABLE"
        return tokens[at].key == "OJ" and at > 0 and tokens[at - 1].key == "{"

    def _key(self, at: int) -> str:
        return self.tokens[at].key if at < len(self.tokens) else ""

    def _name(self, at: int) -> tuple[list[str], int]:
        tokens, parts = self.tokens, [self.tokens[at].text]
        at += 1
        while at + 1 < len(tokens) and tokens[at].key == ".":
            if tokens[at + 1].kind in (WORD, NAME):
                parts.append(tokens[at + 1].text)
            elif tokens[at + 1].key != ".":
                break
            at += 2 if tokens[at + 1].key != "." else 1
        if len(parts) == 1 and self.tokens[at - 1].kind == NAME:
            parts = parts[0].split(".")
        return parts, at

    def _is_call(self, at: int, role: str) -> bool:
        """True for `FROM generate_series(1, 3)`, and not for `FROM t (NOLOCK)` or `INTO t (a, b)`."""
        tokens = self.tokens
        if role != "source" or at >= len(tokens) or tokens[at].key != "(":
            return False
        return not (at + 1 < len(tokens) and tokens[at + 1].key in HINTS)

    def _alias(self, at: int) -> tuple[int, str]:
        tokens = self.tokens
        if at < len(tokens) and tokens[at].key == "AS":
            at += 1
        if at < len(tokens) and (
            tokens[at].kind == NAME or (tokens[at].kind == WORD and tokens[at].key not in NOT_AN_ALIAS)
        ):
            return at + 1, tokens[at].text.lower()
        return at, ""

    def _is_local(self, parts: list[str], name: TableName) -> bool:
        """True for CTEs, parameters, files, and arrays of a table that stands before."""
        first = parts[0].lower()
        if len(parts) == 1:
            return first in self.named or first.startswith("@") or name.is_file
        return first in self.aliases or name.is_file

    def _settle_targets(self) -> None:
        """`UPDATE a SET … FROM t AS a` writes t, and reads it no more than `UPDATE t` does."""
        aliases = self.aliases
        settled = []
        for target in self.found.targets:
            meant = aliases.get(target.name.lower(), target) if len(target.parts) == 1 else target
            if self.changes_rows and meant in self.found.sources:
                self.found.sources.remove(meant)
            settled.append(meant)
        self.found.targets = settled


def _ctes(tokens: Sequence[Token]) -> frozenset[str]:
    """The names of all common table expressions: `name [(columns)] AS [[NOT] MATERIALIZED] (`."""
    if not any(token.key == "WITH" for token in tokens):
        return frozenset()
    found = set()
    for at, token in enumerate(tokens):
        if token.kind not in (WORD, NAME) or not at or tokens[at - 1].key not in {"WITH", "RECURSIVE", ","}:
            continue
        after = at + 1
        if after < len(tokens) and tokens[after].key == "(":
            after = _closing(tokens, after) + 1
        if after + 1 < len(tokens) and tokens[after].key == "AS":
            after += 1
            while after < len(tokens) and tokens[after].key in {"NOT", "MATERIALIZED"}:
                after += 1
            if after < len(tokens) and tokens[after].key == "(":
                found.add(token.text.lower())
    return frozenset(found)


def _closing(tokens: Sequence[Token], at: int) -> int:
    """Where the bracket that opens here is closed; column lists are short."""
    depth = 0
    for position in range(at, min(len(tokens), at + 2000)):
        if tokens[position].kind == SIGN:
            depth += {"(": 1, ")": -1}.get(tokens[position].key, 0)
            if not depth:
                return position
    return at


def scan(tokens: Sequence[Token], deadline: Deadline, *, fills_variables: bool = False) -> Scan:
    """The tables that stand where tables stand; when the time is up, those until there.

    With `fills_variables`, SELECT … INTO makes no table.
    """
    scanner = _Scanner(tokens, deadline, fills_variables)
    try:
        return scanner.run()
    except TimeUp:
        return scanner.found
