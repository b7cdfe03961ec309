"""Phrases of single engines that no parser takes and that say nothing of lineage, left out."""

import re

NAME = r"[\w$#.\"]+"
VARIABLE = r"@{0,2}[\w$.`]+"
VARIABLES = rf"{VARIABLE}(?:\s*,\s*{VARIABLE})*"
HINTS = "NOLOCK|HOLDLOCK|SERIALIZABLE|TABLOCKX?|UPDLOCK|ROWLOCK|PAGLOCK|XLOCK|READPAST|READUNCOMMITTED"
ODBC = (r"\{\s*OJ\b([^{}]*)\}", r"\1")
INTO = (
    ODBC,
    (
        r"\bINTO\s+(?:OUTFILE|DUMPFILE)\s*(?:'[^']*'|\"[^\"]*\")(?:\s+CHARACTER\s+SET\s+\w+)?"
        r"(?:\s+(?:FIELDS|COLUMNS|LINES|OPTIONALLY|ENCLOSED|TERMINATED|ESCAPED|STARTING)\b|\s+BY\s*'(?:[^'\\]|\\.)*')*",
        "",
    ),
    (rf"\bSELECT\s+INTO\s+(?:STRICT\s+)?{VARIABLES}\s", "SELECT "),
    (rf"\bINTO\s+(?:STRICT\s+)?{VARIABLES}\s*(?=FOR\s+UPDATE\s*$|$)", ""),
    (rf"\bINTO\s+(?:STRICT\s+)?{VARIABLE}\s*,\s*{VARIABLES}\s+(?=FROM\b)", ""),
    (r"\bINTO\s+STRICT\b", "INTO"),
)
"""`SELECT x INTO OUTFILE 'f' FROM t`, and places of INTO that only routines know."""

DB2 = (
    (r"\bWITH\s+(?:UR|CS|RS|RR)\b(?!\s*(?:AS\b|\())", ""),
    (r"\bFOR\s+(?:READ|FETCH)\s+ONLY\b", ""),
    (r"\bOPTIMIZE\s+FOR\s+\d+\s+ROWS?\b", ""),
    (r"\bQUERYNO\s+\d+", ""),
    (rf"\b(?:NEXTVAL|PREVVAL|CURRVAL|(?:NEXT|PREVIOUS)\s+VALUE)\s+FOR\s+{NAME}", "NULL"),
)

PHRASES = {
    **dict.fromkeys(("mysql", "doris", "singlestore", "starrocks", "redshift"), INTO),
    "bigquery": (
        (r"(?<=[(,])\s*TABLE\s+([\w.`-]+)\s*(?=[,)])", r" (SELECT * FROM \1)"),
        (r"(?<=\()\s*MODEL\s+[\w.`-]+\s*(?=[,)])", "NULL"),
    ),
    "clickhouse": ((r"\bWITH\s+TOTALS\b", ""),),
    "db2": DB2,
    "generic": (*INTO, *DB2),  # no parser knows DB2, so that it is not among the dialects that are tried
    "oracle": (
        (r"\A\s*(UPDATE\s*\(.*?\))\s*(?=SET\b)", r"\1 changed "),
        (r"\bWITH\s+CHECK\s+OPTION\b", ""),
        (rf"\bPARTITION\s+FOR\s*\([^()]*\)|\bSUBPARTITION\s*\(\s*{NAME}\s*\)", ""),
        (r"\bLOG\s+ERRORS\b[^;]*$", ""),
        (r"\bVERSIONS\s+BETWEEN\s+(?:SCN|TIMESTAMP)\s+\S+\s+AND\s+\S+", ""),
        (r"\bDELETE\s+WHERE\b.*?(?=\bWHEN\s+(?:NOT\s+)?MATCHED\b|$)", ""),  # in MERGE
    ),
    "postgres": (*INTO, (rf"\bONLY\s*\(\s*({NAME})\s*\)", r"\1")),
    "teradata": (
        (r"\(\s*(?:TITLE|FORMAT|NAMED)\s+(?:'[^']*'|\w+)\s*\)", ""),
        (r"\A\s*(UPDATE\s+\S+)\s+(FROM\s.*?)\s(SET\s.*?)(?=\sWHERE\s|\Z)", r"\1 \3 \2"),
        (rf"\bLOCKING\s+(?:ROW|TABLE\s+{NAME}|DATABASE\s+{NAME}|VIEW\s+{NAME})\s+(?:FOR|IN)\s+\w+(?:\s+MODE)?", ""),
    ),
    "tsql": (
        (r"\bOPTION\s*\([^()]*(?:\([^()]*\)[^()]*)*\)\s*$", ""),
        (rf"\bWITH\s*\(\s*(?:{HINTS})(?:\s*,\s*(?:{HINTS}))*\s*\)", ""),
        (r"\AMERGE\s+TOP\s*\([^()]*\)(?:\s*PERCENT\b)?", "MERGE"),
        (
            r"\bOUTPUT\s+(?:[^;()]|\([^()]*\)){1,500}?\bINTO\s+@?(?:\[[^\]]*\]|[\w$#.\"])+"
            r"(?:\s*\((?!\s*(?:SELECT|WITH)\b)[^()]*\))?",
            "",
        ),
    ),
}
COMPILED = {
    dialect: [(re.compile(pattern, re.IGNORECASE | re.DOTALL), instead) for pattern, instead in phrases]
    for dialect, phrases in PHRASES.items()
}
MISTAKEN = {
    "generic": ("ONLY", re.compile(r"\b(FROM|JOIN|UPDATE)\s+ONLY\s+(?=[\w\"`])", re.IGNORECASE), r"\1 "),
    "clickhouse": ("dictionary", re.compile(r"\bdictionary\s*(?=\()", re.IGNORECASE), "dictionary_"),
    "spanner": ("@", re.compile(r"@\s*\{[^{}]*\}"), ""),
    **dict.fromkeys(("databricks", "spark"), ("@", re.compile(r"(?<=[\w`])@(?:v\d+|\d{17})\b"), "")),
}
"""By dialect: a sign or a word, and what parsers take for a name because of it: aliases, and versions of tables."""

MAX_CHARACTERS = 100_000


def unmistakable(text: str, dialect: str) -> str:
    """The statement without what parsers take for something else.

    >>> unmistakable("SELECT a FROM t@{FORCE_INDEX=i}", "spanner")
    'SELECT a FROM t'
    """
    if dialect not in MISTAKEN:
        return text
    mark, pattern, instead = MISTAKEN[dialect]
    return pattern.sub(instead, text) if mark in text or mark.lower() in text else text


def simplified(text: str, dialect: str) -> str | None:
    """The statement without such phrases; None if it has none.

    >>> simplified("SELECT a FROM t WITH UR", "db2")
    'SELECT a FROM t '
    """
    if len(text) > MAX_CHARACTERS:
        return None
    simple = text
    for pattern, instead in COMPILED.get(dialect, ()):
        simple = pattern.sub(instead, simple)
    return simple if simple != text else None
