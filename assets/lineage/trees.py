"""Statements as sqlglot's trees, within limits of time and of depth."""

from collections.abc import Iterator, Sequence

from sqlglot import Token, TokenType, exp

from assets.lineage import dialects
from assets.lineage.creating import without_options
from assets.lineage.limits import CHARACTERS_PER_S, MAX_DEPTH, NODES_PER_S, Deadline
from assets.lineage.simplifying import simplified

OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE})
CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END})
NESTING_TYPES = frozenset({TokenType.ARRAY, TokenType.STRUCT, TokenType.MAP, TokenType.LIST, TokenType.NESTED})
MEANINGFUL = (exp.Query, exp.DML, exp.DDL, exp.Command, exp.Use, exp.Set, exp.Drop, exp.Alter, exp.TruncateTable,
              exp.Copy, exp.MultitableInserts, exp.Describe, exp.Show, exp.Cache, exp.Uncache, exp.Comment, exp.Analyze,
              exp.Merge, exp.Pivot, exp.Grant, exp.Transaction, exp.Commit, exp.Rollback, exp.Pragma,
              exp.LoadData, exp.Values, exp.Declare, exp.Kill, exp.Refresh, exp.Attach, exp.Detach, exp.Summarize,
              exp.Export, exp.Execute)  # fmt: skip
"""What a statement's tree can be. sqlglot reads any words as an expression, too: that is no statement."""


class NotParsed(Exception):
    """No tree: the text says why."""


class TooMuch(NotParsed):
    """No tree in any dialect: too long or too deep."""


def parse(text: str, dialect: str, deadline: Deadline) -> exp.Expr:
    """The tree of one statement. Raises: NotParsed, TimeUp."""
    deadline.check()
    if len(text) > deadline.left_s * CHARACTERS_PER_S:
        raise TooMuch(f"{len(text):,} characters are too many for the time that is left")
    tools = dialects.tools(dialect)
    try:
        tokens = tools.tokenizer.tokenize(text)
        if len(tokens) > MAX_DEPTH and _depth(tokens) > MAX_DEPTH:
            raise TooMuch(f"nested more than {MAX_DEPTH} deep")
        tools.parser.max_nodes = int(deadline.left_s * NODES_PER_S) + 1
        trees = tools.parser.parse(tokens, text)
    except TooMuch:
        raise
    except RecursionError:
        raise TooMuch("nested too deep") from None
    except Exception as error:  # noqa: BLE001 - sqlglot raises errors of many kinds on text that is no SQL
        raise NotParsed(_first_line(error)) from None
    found = [tree for tree in trees if tree is not None and not isinstance(tree, exp.Semicolon)]
    if len(found) != 1 or not isinstance(found[0], MEANINGFUL):
        raise NotParsed("this is no statement" if len(found) < 2 else "this is more than one statement")
    return found[0]


def parse_in_any(text: str, dialect: str, deadline: Deadline) -> tuple[exp.Expr, str]:
    """The tree of one statement, in its dialect or the first other that takes it. Raises: NotParsed, TimeUp."""
    command: exp.Expr | None = None
    first = NotParsed("")
    try:
        tree = parse(text, dialects.parser_of(dialect), deadline)
        if not isinstance(tree, exp.Command):
            return tree, dialect
        command = tree
    except TooMuch:
        raise
    except NotParsed as error:
        first = error
    for simple in _simpler(text, dialect, deadline):
        text = simple
        try:
            tree = parse(simple, dialects.parser_of(dialect), deadline)
        except NotParsed:
            continue
        if not isinstance(tree, exp.Command):
            return tree, dialect
    if command is not None:
        return command, dialect
    for other in dialects.others(dialect, text):
        for each in (text, simplified(text, other)):
            if each is None:
                continue
            try:
                tree = parse(each, other, deadline)
            except NotParsed:
                continue
            if not isinstance(tree, exp.Command):
                return tree, other
    raise first


def _simpler(text: str, dialect: str, deadline: Deadline) -> Iterator[str]:
    """The statement without what says nothing of lineage, in two steps."""
    simple = simplified(text, dialect)
    if simple is not None:
        yield simple
    backslash, hashes = dialect in dialects.BACKSLASH, dialect in dialects.HASH_COMMENTS
    simple = without_options(simple or text, deadline, backslash=backslash, hash_comments=hashes)
    if simple is not None:
        yield simple


def _depth(tokens: Sequence[Token]) -> int:
    """How deep brackets, CASE and nested types go."""
    depth = deepest = types = 0
    before = None
    for token in tokens:
        kind = token.token_type
        if kind in OPENING:
            depth += 1
            deepest = max(depth, deepest)
        elif kind in CLOSING:
            depth -= 1
        elif kind == TokenType.LT and before in NESTING_TYPES:
            types += 1
        before = kind
    return max(deepest, types)


def _first_line(error: Exception) -> str:
    """What sqlglot says, without the excerpt that it prints in colour."""
    return str(error).partition("\n")[0][:200] or type(error).__name__
