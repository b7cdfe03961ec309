"""ALTER TABLE that moves rows from one table into another, and T-SQL's OUTPUT … INTO."""

import re
from collections.abc import Sequence

from assets.lineage.lexing import NAME, WORD, Token, lex
from assets.lineage.limits import Deadline
from assets.lineage.names import TableName, table_name

INTO_IT = {"APPEND": "FROM", "ATTACH": "FROM", "REPLACE": "FROM"}
OUT_OF_IT = {"SWITCH": "TO", "MOVE": "TO"}
BOTH_WAYS = {"EXCHANGE": "WITH", "SWAP": "WITH"}
"""What is done to a table, and the word that the other table stands behind."""

ONE_WAY = frozenset({"hive", "spark", "databricks"})
"""Dialects whose EXCHANGE PARTITION moves, where others swap."""

OUTPUT = re.compile(r"\bOUTPUT\b", re.IGNORECASE)
ENDS_OUTPUT = frozenset({";", "FROM", "OUTPUT", "SELECT", "VALUES", "WHERE"})
Moved = tuple[list[TableName], list[TableName]]


def moved(tokens: Sequence[Token], dialect: str) -> Moved | None:
    """What an ALTER TABLE reads and writes that moves rows; None if it moves none."""
    if [token.key for token in tokens[:2]] != ["ALTER", "TABLE"]:
        return None
    at = 2
    while at < len(tokens) and tokens[at].key in {"IF", "EXISTS", "ONLY"}:
        at += 1
    table, at = _name(tokens, at)
    verb = tokens[at].key if at < len(tokens) else ""
    behind = INTO_IT.get(verb) or OUT_OF_IT.get(verb) or BOTH_WAYS.get(verb)
    other = _other(tokens, at, behind) if behind else None
    if table is None or other is None:
        return None
    if verb in INTO_IT or (verb in BOTH_WAYS and dialect in ONE_WAY):
        return [other], [table]
    return ([table], [other]) if verb in OUT_OF_IT else ([table, other], [table, other])


def _other(tokens: Sequence[Token], at: int, behind: str) -> TableName | None:
    """The table whose rows come or go. ClickHouse moves to disks, too; PostgreSQL's partition is a table itself."""
    verb = tokens[at].key
    depth = 0
    for position in range(at, len(tokens) - 1):
        depth += {"(": 1, ")": -1}.get(tokens[position].key, 0)
        if not depth and tokens[position].key == behind:
            is_table = tokens[position + 1].key == "TABLE"
            return _name(tokens, position + 1 + is_table)[0] if is_table or verb != "MOVE" else None
        if verb == "ATTACH" and tokens[position].key == "PARTITION":
            name, end = _name(tokens, position + 1)
            if name is not None and end < len(tokens) and tokens[end].key in {"FOR", "DEFAULT"}:
                return name
    return None


def output_targets(text: str, deadline: Deadline) -> list[TableName]:
    """The tables into which `OUTPUT inserted.id INTO log` of T-SQL puts rows. Raises: TimeUp.

    >>> [str(name) for name in output_targets("DELETE t OUTPUT deleted.id INTO dbo.gone WHERE old = 1", Deadline(1))]
    ['dbo.gone']
    """
    found = []
    is_output = False
    for at, token in enumerate(tokens := lex(text, deadline) if OUTPUT.search(text) else []):
        if is_output and token.key == "INTO":
            name, _ = _name(tokens, at + 1)
            found += [name] if name is not None else []
        is_output = token.key == "OUTPUT" or (is_output and token.key not in ENDS_OUTPUT and token.key != "INTO")
    return found


def _name(tokens: Sequence[Token], at: int) -> tuple[TableName | None, int]:
    """The name that begins here, and where it ends."""
    parts: list[str] = []
    while at < len(tokens) and tokens[at].kind in (WORD, NAME):
        parts.append(tokens[at].text)
        at += 1
        if at >= len(tokens) or tokens[at].key != ".":
            break
        at += 1
    return (table_name(parts) if parts else None), at
