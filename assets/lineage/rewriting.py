"""Statements that another one says as well, which more parsers take."""

import re

from assets.lineage.lexing import SPACE

NAME = r"(?:\[[^\]]*\]|\"[^\"]*\"|`[^`]*`|[\w$#.])+"
CONDITIONAL = frozenset({"generic", "mysql", "singlestore", "doris", "starrocks"})
COMMENT = re.compile(
    r"/\*M?!\d{5,6}\b(?!\s*ALTER\s+TABLE\s+\S+\s+(?:EN|DIS)ABLE\s+KEYS)(.*?)(?:\*/|\Z)", re.IGNORECASE | re.DOTALL
)
"""What versions of MySQL from some number on run. What is left out says nothing of lineage, as hints without number."""

FIRST_WORD = re.compile(rf"{SPACE}([A-Za-z]+)", re.DOTALL)
INTO = (
    re.compile(
        rf"\A({SPACE})(?:REPLACE|UPSERT)\s+(?:(?:DELAYED|LOW_PRIORITY)\s+)?(?:INTO\b)?", re.IGNORECASE | re.DOTALL
    ),
    r"\1INSERT INTO ",
)
EXPLAIN = (
    re.compile(
        rf"\A({SPACE})EXPLAIN\s+(?:(?:ANALYZE|VERBOSE|EXTENDED|FORMATTED|PLAN\s+FOR|FOR)\s+|\([\w\s,=]*\)\s*)*(?=SELECT|WITH|INSERT|UPDATE|DELETE|"
        r"MERGE|\()",
        re.IGNORECASE | re.DOTALL,
    ),
    r"\1",
)
REPLACE_VIEW = (
    re.compile(rf"\A({SPACE})REPLACE\s+(?=(?:VIEW|TABLE|MACRO|PROCEDURE|FUNCTION)\b)", re.IGNORECASE | re.DOTALL),
    r"\1CREATE OR REPLACE ",
)
TOP = (
    re.compile(rf"\A({SPACE})(DELETE|UPDATE)\s+TOP\s*\([^()]*\)(?:\s*PERCENT\b)?", re.IGNORECASE | re.DOTALL),
    r"\1\2 ",
)
MODIFIERS = (
    re.compile(
        rf"\A({SPACE})(DELETE|UPDATE)\s+(?:(?:(?:LOW_PRIORITY|QUICK|IGNORE)\s+)+(?=FROM\b|[^\s,]+\s+SET\b)|OR\s+\w+\s+)",
        re.IGNORECASE | re.DOTALL,
    ),
    r"\1\2 ",
)
PERFORM = (re.compile(rf"\A({SPACE})PERFORM\b", re.IGNORECASE | re.DOTALL), r"\1SELECT")
PREPARE = (
    re.compile(rf"\A({SPACE})PREPARE\s+\w+\s*(?:\([^()]*\)\s*)?(?:AS|FROM)\s+(?=\w)", re.IGNORECASE | re.DOTALL),
    r"\1",
)
FROM_FILE = (
    re.compile(
        rf"\A{SPACE}(?:BULK\s+INSERT|LOAD\s+(?:DATA|XML)\b[^;]{{0,99}}?\bINFILE\b[^;]{{0,999}}?\bINTO\s+TABLE)\s+({NAME}).*",
        re.IGNORECASE | re.DOTALL,
    ),
    r"LOAD DATA INPATH '' INTO TABLE \1",
)
REWRITES = {
    "BULK": (FROM_FILE,),
    "LOAD": (FROM_FILE,),
    "REPLACE": (REPLACE_VIEW, INTO),
    "UPSERT": (INTO,),
    "EXPLAIN": (EXPLAIN,),
    "DELETE": (TOP, MODIFIERS),
    "PERFORM": (PERFORM,),
    "PREPARE": (PREPARE,),
    "UPDATE": (TOP, MODIFIERS),
}


def first_word(text: str) -> str:
    """The word that a statement begins with, in capitals."""
    found = FIRST_WORD.match(text)
    return found[1].upper() if found else ""


def conditional(sql: str, dialect: str) -> str:
    """The script with what MySQL runs and others take for a comment, and with each statement at its place.

    >>> conditional("SELECT a FROM t /*!50000 JOIN u */", "mysql")
    'SELECT a FROM t          JOIN u   '
    """
    if "/*" not in sql or dialect not in CONDITIONAL:
        return sql
    return COMMENT.sub(
        lambda found: " " * (found.start(1) - found.start()) + found[1] + " " * (found.end() - found.end(1)), sql
    )


def rewritten(text: str, first: str) -> str:
    """The statement that begins with a word as another one that says the same.

    >>> rewritten("BULK INSERT dbo.t FROM 'c:/t.csv'", "BULK")
    "LOAD DATA INPATH '' INTO TABLE dbo.t"
    """
    for pattern, instead in REWRITES.get(first, ()):
        text = pattern.sub(instead, text, count=1)
    return text
