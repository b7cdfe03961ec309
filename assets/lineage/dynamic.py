"""SQL in strings: which texts a script's variables hold, and which of them it runs."""

from collections.abc import Iterator, Sequence

from assets.lineage.lexing import STRING, WORD, Token

RUNS = frozenset({"EXEC", "EXECUTE"})
BEFORE_TEXT = frozenset({"(", ":", "$", ".", "IMMEDIATE", "SP_EXECUTESQL", "SYS", "DBO", "QUERY"})
"""What may stand between EXECUTE and its text, or the variable that holds it."""

ASSIGNS = frozenset({"=", ":=", "DEFAULT"})
JOINS = frozenset({"+", "||", "&"})
BEGINS_ASSIGNMENT = frozenset({"BEGIN", "DECLARE", "IS", "AS", "LET", "SET", "THEN", "ELSE"})
MAX_TYPE = 8
"""How many words and signs of a type stand between a variable and its first value."""


class Texts:
    """The literals that variables hold as the statements go by; what is put together from pieces is not known."""

    def __init__(self, kinds: frozenset[int] = frozenset({STRING})) -> None:
        self._kinds = kinds
        self._held: dict[str, Token] = {}
        self._prepared: dict[str, str] = {}

    def run_by(self, chunk: Sequence[Token]) -> Iterator[Token]:
        """The literals that a part of a script runs, in order, whole ones alone."""
        for at, token in enumerate(chunk):
            if token.kind != WORD and token.key not in ASSIGNS:
                continue
            if token.key in RUNS or (token.key == "FOR" and at > 1 and chunk[at - 2].key == "OPEN"):
                text = self._run(chunk, at + 1)
                if text is not None:
                    yield text
            elif token.key == "PREPARE" and at + 3 < len(chunk) and chunk[at + 2].key == "FROM":
                self._prepared[chunk[at + 1].key] = chunk[at + 3].key
            elif token.key in ASSIGNS:
                self._assign(chunk, at)

    def _run(self, chunk: Sequence[Token], at: int) -> Token | None:
        while at < len(chunk) and chunk[at].key in BEFORE_TEXT:
            at += 1
        if at >= len(chunk) or (at + 1 < len(chunk) and chunk[at + 1].key in JOINS):
            return None
        if chunk[at].kind in self._kinds:
            return chunk[at]
        return self._held.get(self._prepared.get(chunk[at].key, chunk[at].key))

    def _assign(self, chunk: Sequence[Token], at: int) -> None:
        """`SET @s = N'…'`, `DECLARE @s nvarchar(max) = N'…'`, `q varchar2(100) := '…'`, `LET q := '…'`."""
        adds = at > 0 and chunk[at - 1].key in JOINS  # `SET @s += N'…'`
        name = _variable(chunk, at - adds)
        if name is None:
            return
        text = chunk[at + 1] if at + 1 < len(chunk) else None
        after = chunk[at + 2].key if at + 2 < len(chunk) else ""
        if text is not None and text.kind in self._kinds and after not in JOINS and not adds:
            self._held[name] = text
        else:
            self._held.pop(name, None)


def _variable(chunk: Sequence[Token], at: int) -> str | None:
    """The variable that gets a value here, which its type may stand behind."""
    words: list[str] = []  # the nearest first
    depth = 0
    for token in chunk[max(0, at - MAX_TYPE) : at][::-1]:
        depth += {")": 1, "(": -1}.get(token.key, 0)
        if depth or token.key == "(":
            continue
        if token.kind != WORD or token.key in BEGINS_ASSIGNMENT:
            break
        words.append(token.key)
        if token.key.startswith("@"):
            return token.key
    is_set = bool(words) and chunk[max(0, at - 2)].key == "SET" and len(words) == 1
    return words[-1] if words and (is_set or chunk[at].key in ASSIGNS - {"="}) else None
