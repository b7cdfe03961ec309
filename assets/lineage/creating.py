"""CREATE of a table or a view without the options of its engine, which parsers know some of."""

import re
from collections.abc import Sequence

from assets.lineage.lexing import NAME, SPACE, WORD, Token, lex
from assets.lineage.limits import Deadline

CREATES = re.compile(rf"{SPACE}(?:CREATE|DECLARE\s+GLOBAL)\b", re.IGNORECASE | re.DOTALL)
BODY = frozenset({"SELECT", "SEL", "WITH", "VALUES", "FROM", "TABLE", "("})
MODELS = frozenset({"CLONE", "COPY", "LIKE"})
CONTINUES = frozenset({"UNION", "INTERSECT", "EXCEPT", "MINUS", "ORDER", "LIMIT", "FETCH"})
"""What may follow a query in brackets and still is of the query."""

ENDINGS = frozenset({"DATA", "NO", "CASCADED", "LOCAL", "CHECK", "READ"})
"""What follows WITH behind the query of a table or a view."""


def without_options(text: str, deadline: Deadline, *, backslash: bool, hash_comments: bool) -> str | None:
    """`CREATE … AS` query, `CREATE … LIKE` and `CLONE`, or a list of columns, with nothing else; None if it is none.

    >>> without_options("CREATE VIEW v OF t AS (SELECT 1) X", Deadline(1), backslash=False, hash_comments=False)
    'CREATE VIEW v AS (SELECT 1)'
    """
    if not CREATES.match(text):
        return None
    tokens = lex(text, deadline, backslash=backslash, hash_comments=hash_comments)
    kind = next((at for at, token in enumerate(tokens[:10]) if token.key in {"TABLE", "VIEW"}), 0)
    at = kind + 1
    while at < len(tokens) and tokens[at].key in {"IF", "NOT", "EXISTS"}:
        at += 1
    end = _after_name(tokens, at)
    if not kind or end == at:
        return None
    head = {token.key for token in tokens[:kind]}
    name = _written(text, tokens[at:end])
    listed = ""
    if end < len(tokens) and tokens[end].key == "(" and (tokens[end + 1 : end + 2] or tokens)[0].key not in BODY:
        after = _after_brackets(tokens, end)
        listed, end = " " + _written(text, tokens[end:after]), after
    begun = f"CREATE {'OR REPLACE ' if 'REPLACE' in head else ''}{tokens[kind].key} {name}"
    query = _query(text, tokens, end)
    if query and "RECURSIVE" in head:
        query = f"WITH RECURSIVE {name}{listed} AS ({query}) SELECT * FROM {name}"
    if query:
        return f"{begun}{listed} AS {query}"
    for model in range(end, len(tokens) - 1):
        if tokens[model].key in MODELS:
            after = _after_name(tokens, model + 1)
            return f"{begun} LIKE {_written(text, tokens[model + 1 : after])}" if after > model + 1 else None
    return begun + listed if listed and tokens[kind].key == "TABLE" else None


def _query(text: str, tokens: Sequence[Token], at: int) -> str:
    """The query behind AS, or a SELECT that needs none, without what its engine says about it."""
    depth = 0
    for body in range(at, len(tokens)):
        key = tokens[body].key
        if not depth and key == "TO":
            return ""  # what is written is another table
        if not depth and (key == "SELECT" or (key in BODY and tokens[body - 1].key == "AS")):
            after = _after_brackets(tokens, body) if key == "(" else len(tokens)
            if after < len(tokens) and tokens[after].key in CONTINUES:
                after = len(tokens)
            return _written(text, tokens[body : _ending(tokens, body, after)])
        depth += {"(": 1, ")": -1}.get(key, 0)
    return ""


def _ending(tokens: Sequence[Token], at: int, end: int) -> int:
    """Where a query ends that something like WITH NO DATA or WITH CHECK OPTION follows."""
    depth = 0
    for position in range(at, end - 1):
        depth += {"(": 1, ")": -1}.get(tokens[position].key, 0)
        if not depth and position > at and tokens[position].key == "WITH" and tokens[position + 1].key in ENDINGS:
            return position
    return end


def _after_name(tokens: Sequence[Token], at: int) -> int:
    """Where a name ends that begins here."""
    while at < len(tokens) and tokens[at].kind in (WORD, NAME):
        at += 1
        if at >= len(tokens) or tokens[at].key != ".":
            break
        at += 1
    return at


def _after_brackets(tokens: Sequence[Token], at: int) -> int:
    """Where the brackets that open here are closed."""
    depth = 0
    for position in range(at, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[position].key, 0)
        if not depth:
            return position + 1
    return len(tokens)


def _written(text: str, tokens: Sequence[Token]) -> str:
    return text[tokens[0].start : tokens[-1].end] if tokens else ""
