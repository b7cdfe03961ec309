"""A tokenizer that never fails: it knows words, names, strings and signs, and nothing of grammar."""

import re
from functools import cache
from typing import NamedTuple

from assets.lineage.limits import Deadline

WORD = 1  # a keyword or a bare name; `key` is in capitals
NAME = 2  # a quoted name
STRING = 3
NUMBER = 4
SIGN = 5
BODY = 6  # a dollar-quoted string, which may be a routine's body
CHECK_EVERY = 4096
SPACE = r"(?>\s+|--[^\n]*+|/\*.*?\*/)*+"  # atomic: it never goes back, however odd the comments are

DOLLARS = re.compile(r"\$(?:[A-Za-z_]\w*)?\$")
ORACLE_QUOTES = {"[": "]", "(": ")", "{": "}", "<": ">"}
COMMENT = r"--[^\n]*|/\*.*?(?:\*/|\Z)"
PATTERN = r"""
    (?P<skip>\s+|{comment})
  | (?P<oracle>[nN]?[qQ]'(?=[^\s\w]))
  | (?P<string>(?:[nNeErRbBxX]{{1,2}})?'{single}')
  | (?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
  | (?P<bracket>\[[^\[\]\n"]{{1,128}}\])
  | (?P<dollars>\$(?:[A-Za-z_]\w*)?\$)
  | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w$]))
  | (?P<word>(?:@{{1,2}}|\#{{1,2}})?[^\W]\w*(?:[$\#@]+\w*)*)
  | (?P<sign><>|!=|<=|>=|\|\||::|:=|->>?|=>|<<|>>|.)
"""


class Token(NamedTuple):
    """A word with its place; `text` is without quotes, `key` is empty unless it is a bare word or a sign."""

    kind: int
    text: str
    key: str
    start: int
    end: int


@cache
def _pattern(backslash: bool, hash_comments: bool) -> re.Pattern[str]:
    single = r"(?:[^'\\]|\\.|'')*" if backslash else r"(?:[^']|'')*"
    comment = COMMENT + (r"|\#[^\n]*" if hash_comments else "")
    return re.compile(PATTERN.format(single=single, comment=comment), re.VERBOSE | re.DOTALL)


def lex(
    sql: str, deadline: Deadline, *, backslash: bool = False, hash_comments: bool = False, partly: bool = False
) -> list[Token]:
    """All tokens but space and comments; with `partly` those until the time is up. Raises: TimeUp."""
    match = _pattern(backslash, hash_comments).match
    tokens: list[Token] = []
    at, end, count = 0, len(sql), 0
    while at < end:
        found = match(sql, at)
        if found is None:  # no rule leaves out a character; this is for a sign that `.` would not take
            at += 1
            continue
        kind, start, at = found.lastgroup, at, found.end()
        count += 1
        if count % CHECK_EVERY == 0:
            if partly and not deadline.left_s:
                break
            deadline.check()
        if kind == "skip":
            continue
        text = found.group()
        if kind == "word":
            tokens.append(Token(WORD, text, text.upper(), start, at))
        elif kind == "sign":
            tokens.append(Token(SIGN, text, text, start, at))
        elif kind == "number":
            tokens.append(Token(NUMBER, text, "", start, at))
        elif kind == "name":
            quote = text[0]
            tokens.append(Token(NAME, text[1:-1].replace(quote * 2, quote), "", start, at))
        elif kind == "string":
            inner = text[text.index("'") + 1 : -1].replace("''", "'")
            tokens.append(Token(STRING, inner, "", start, at))
        elif kind == "bracket":
            at = _bracket(tokens, text, start)
        else:
            at = _delimited(tokens, sql, found.group(), start, at, deadline)
    return tokens


def _bracket(tokens: list[Token], text: str, start: int) -> int:
    """`[a b]` is a name where a value cannot end, else the beginning of an index or an array."""
    before = tokens[-1] if tokens else None
    touches = before is not None and before.end == start and before.key != "." and before.key not in {"(", ",", "="}
    if touches or re.fullmatch(r"\[\s*(?:\d+|\*|'.*)?\s*\]|\[.*[,(].*\]", text):
        tokens.append(Token(SIGN, "[", "[", start, start + 1))
        return start + 1
    tokens.append(Token(NAME, text[1:-1], "", start, start + len(text)))
    return start + len(text)


def _delimited(tokens: list[Token], sql: str, opening: str, start: int, at: int, deadline: Deadline) -> int:
    """Strings whose end depends on their beginning: `$tag$…$tag$` and Oracle's `q'[…]'`."""
    deadline.check()
    if opening.endswith("'"):
        closing = ORACLE_QUOTES.get(sql[at], sql[at]) + "'"
        kind, inside = STRING, at + 1
    else:
        closing, kind, inside = opening, BODY, at
    close = sql.find(closing, inside)
    if close < 0:
        tokens.append(Token(SIGN, opening, opening, start, at))
        return at
    tokens.append(Token(kind, sql[inside:close], "", inside, close))
    return close + len(closing)


def name_parts(name: str) -> list[str]:
    """The parts of a written name, without quotes.

    >>> name_parts('shop."Order Lines".[x.y]')
    ['shop', 'Order Lines', 'x.y']
    """
    found = re.findall(r'"((?:[^"]|"")*)"|`([^`]*)`|\[([^\]]*)\]|([^.]+)', name)
    parts = []
    for quoted, ticked, bracketed, bare in found:
        if ticked:
            parts += ticked.split(".")
        else:
            parts.append(quoted or bracketed or bare.strip())
    return [part for part in parts if part]
