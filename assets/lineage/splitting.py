"""A script as its statements: at semicolons, at `GO`, inside routines, and where T-SQL has no semicolon."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from assets.lineage.dialects import (
    BACKSLASH,
    BODIES_ARE_STRINGS,
    DOUBLE_QUOTED,
    GENERIC,
    HASH_COMMENTS,
    INTO_TABLES,
    looks_like_tsql,
)
from assets.lineage.dynamic import Texts
from assets.lineage.lexing import BODY, NAME, STRING, WORD, Token, lex
from assets.lineage.limits import Deadline

STARTS = frozenset({
    "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "CREATE", "DROP", "ALTER", "TRUNCATE", "USE", "REPLACE",
    "UPSERT", "COPY", "EXPLAIN", "DESCRIBE", "VALUES", "FROM", "TABLE", "SHOW", "CACHE", "EXPORT", "LOAD", "UNLOAD",
    "CALL", "EXEC", "EXECUTE", "SET", "ANALYZE", "GRANT", "REVOKE", "COMMENT", "RENAME", "REFRESH", "PERFORM",
})  # fmt: skip
"""Words that a statement begins with, which a parser takes as a whole."""

INNER_STARTS = frozenset(
    ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "CREATE", "TRUNCATE", "REPLACE", "DROP", "PERFORM"]
)
"""Words that a statement inside of a routine may begin with; others there read nothing but subqueries."""

UNSPLIT = frozenset({
    "INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "CREATE", "DROP", "ALTER", "EXEC", "EXECUTE", "DECLARE", "IF",
    "WHILE", "PRINT", "USE", "ELSE", "END",
})  # fmt: skip
"""Words that begin a statement of T-SQL without a semicolon before it."""

BLOCKED = frozenset({
    "FOR", "ON", "AFTER", "BEFORE", "OR", "OF", ",", ".", "=", "(", "+", "-", "*", "/", "<", ">", "INSTEAD", "NOT",
    "AND", "TO", "NO", "KEY", "UNION", "ALL", "EXCEPT", "INTERSECT", "MINUS", "DISTINCT", "GRANT", "REVOKE", "CASE",
    "WHEN", "SELECT", "FROM", "JOIN", "WHERE", "BY", "IN", "DO_NOTHING", "TEMPORARY", "TEMP",
})  # fmt: skip
"""Words behind which no statement begins."""

HOLDS_QUERY = frozenset({"UNLOAD", "ASSERT"})
BODY_STARTS = frozenset({"LOOP", "THEN", "DO", "BEGIN"})
"""What begins behind the condition of an IF, and behind the query of a loop."""

HOLDS_CURSOR = frozenset({"", "DECLARE", "SET"})
CURSOR_WORDS = frozenset({"OPEN", "FETCH", "CLOSE", "DEALLOCATE"})
"""Words that begin what T-SQL does to a cursor."""

EXECUTES = frozenset(["EXEC", "EXECUTE"])
CHANGES = frozenset(["INSERT", "UPDATE", "DELETE", "MERGE"])
PARTS_OF_TABLES = frozenset(["COLUMN", "CONSTRAINT", "PERIOD"])
ROUTINES = frozenset(["PROCEDURE", "PROC", "FUNCTION", "TRIGGER", "PACKAGE", "EVENT", "TASK"])
OBJECTS = ROUTINES | PARTS_OF_TABLES | {
    "DATABASE", "DEFAULT", "INDEX", "LOGIN", "ROLE", "RULE", "SCHEMA", "SEQUENCE", "SYNONYM", "TABLE", "TYPE", "USER",
    "VIEW",
}  # fmt: skip
"""What IF EXISTS and IF NOT EXISTS may follow: an IF there begins no statement."""

FOREIGN = frozenset(["JAVASCRIPT", "PYTHON", "PYTHON3U", "PLPYTHON3U", "JAVA", "SCALA", "R", "C", "PLPERL", "PLV8"])
TRANSACTION = frozenset({";", "TRAN", "TRANSACTION", "WORK", "ISOLATION", "DEFERRED", "IMMEDIATE", "READ"})
INNER_ENDS = frozenset({"CASE", "FOR", "IF", "LOOP", "REPEAT", "WHILE"})
NEEDS_LOOK = re.compile(
    r"\b(?:BEGIN|PROC|PROCEDURE|FUNCTION|TRIGGER|PACKAGE|TASK|EVENT|GO|DECLARE|DO|EXEC|EXECUTE|UNLOAD|IF|WHILE|FOR|LOOP|DELIMITER)\b"
    r"|;\s*\S",
    re.IGNORECASE,
)
CREATE_TABLE = re.compile(r"\bCREATE\s+TABLE\b", re.IGNORECASE)
DELIMITER = re.compile(r"^[ \t]*DELIMITER[ \t]+(\S+)[^\n]*$", re.IGNORECASE | re.MULTILINE)
MAX_DELIMITERS = 5
MAX_NESTED = 3
"""Routines whose bodies are strings, in routines whose bodies are strings."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement's text. One that `is_whole` may be parsed; others are parts of conditions and assignments.

    `fills_variables` is true in routines and blocks whose SELECT … INTO makes no table. A query that a condition asks
    or a variable is set to gives no columns out.
    """

    text: str
    start: int
    is_whole: bool = True
    fills_variables: bool = False
    gives_columns: bool = True


class _Blocks:
    """Where a script is inside of a block, which is not a string, as its parts between semicolons go by."""

    def __init__(self) -> None:
        self.depth = 0
        self.is_declared = False

    def holds(self, chunk: Sequence[Token]) -> bool:
        """True if the next part of the script is in a block, or begins one."""
        words = [token.key for token in chunk]
        begun = sum(word == "BEGIN" and after not in TRANSACTION for word, after in pairwise([*words, ";"]))
        self.is_declared |= words[0] in {"DECLARE", "PROCEDURE", "FUNCTION"} or is_routine(chunk)
        inside = self.is_declared or self.depth > 0 or begun > 0
        self.depth += begun
        if words[0] == "END" and words[1:2] not in [[word] for word in INNER_ENDS]:
            self.depth -= 1
            if self.depth <= 0:
                self.depth, self.is_declared = 0, False
        return inside


def pieces(sql: str, dialect: str, deadline: Deadline) -> Iterator[Piece]:
    """The statements of a script, in order. Raises: TimeUp."""
    if not NEEDS_LOOK.search(sql) and not (dialect in INTO_TABLES and CREATE_TABLE.search(sql)):
        yield Piece(sql, 0)
        return
    yield from _Splitter(dialect, deadline).split(_without_delimiters(sql), 0, is_body=False, nested=0)


def _without_delimiters(sql: str) -> str:
    """MySQL's client lets a script choose what ends a statement: put semicolons there, and keep all places."""
    signs = {found[1] for found in DELIMITER.finditer(sql)} - {";"}
    if signs and len(signs) <= MAX_DELIMITERS:
        sql = DELIMITER.sub(lambda found: " " * len(found[0]), sql)
        for sign in sorted(signs, key=len, reverse=True):
            sql = sql.replace(sign, ";".ljust(len(sign)))
    return sql


class _Splitter:
    def __init__(self, dialect: str, deadline: Deadline) -> None:
        self.dialect = dialect
        self.deadline = deadline
        self.is_tsql = dialect in {"tsql", "fabric"}
        self.looks_like_tsql = False
        self.quoted = frozenset({STRING, NAME} if dialect in DOUBLE_QUOTED else {STRING})

    def _fills_variables(self, sql: str) -> bool:
        """True if SELECT … INTO fills variables in the blocks of a script."""
        if self.dialect in INTO_TABLES or self.dialect in BODIES_ARE_STRINGS:
            return False
        return self.dialect != GENERIC or not looks_like_tsql(sql)

    def split(self, sql: str, offset: int, *, is_body: bool, nested: int) -> Iterator[Piece]:
        backslash, hashes = self.dialect in BACKSLASH, self.dialect in HASH_COMMENTS
        tokens = lex(sql, self.deadline, backslash=backslash, hash_comments=hashes)
        variables = self._fills_variables(sql)
        self.looks_like_tsql = self.dialect == GENERIC and looks_like_tsql(sql)
        in_string = nested > 0 and self.dialect not in INTO_TABLES
        blocks = _Blocks()
        texts = Texts(self.quoted)
        for chunk in _chunks(tokens, sql):
            routine = is_routine(chunk)
            fills_variables = in_string or (blocks.holds(chunk) and variables)
            is_body = is_body or routine or chunk[0].key in {"BEGIN", "DECLARE", "IF", "WHILE", "FOR", "LOOP"}
            is_block = routine or chunk[0].key == "DO"
            runs = is_block or any(token.key in EXECUTES or token.key == "UNLOAD" for token in chunk)
            strings = [text for run in texts.run_by(chunk) if (text := _sql_in(run)) is not None]
            string = self._string_body(chunk) if runs and not strings else None
            for each in [*strings, *([string] if string is not None else [])]:
                if nested < MAX_NESTED:
                    yield from self.split(each.text, offset + each.start, is_body=True, nested=nested + 1)
            if string is not None and (is_block or chunk[0].key == "UNLOAD"):
                continue
            executed = bool(strings) or (string is not None and _is_all(string, chunk))
            if is_body or self.is_tsql:
                for piece in self._inside(chunk, sql, offset, executed):
                    yield replace(piece, fills_variables=fills_variables)
            elif chunk[0].key in HOLDS_QUERY:
                yield from (replace(piece, gives_columns=True) for piece in self._queries_in(chunk, sql, offset))
            elif not executed or chunk[0].key not in EXECUTES:
                yield _piece(chunk, sql, offset)

    def _string_body(self, chunk: Sequence[Token]) -> Token | None:
        """The body of a routine that is a string, or the SQL that is executed, if it can be read."""
        if any(token.key in FOREIGN for token in chunk if token.kind == WORD):
            return None
        bodies = [token for token in chunk if token.kind == BODY]
        if bodies:
            return bodies[0]
        found = (_sql_in(token) for token in chunk if token.kind in self.quoted)
        return next((text for text in found if text is not None), None)

    def _inside(self, chunk: Sequence[Token], sql: str, offset: int, executed: bool) -> Iterator[Piece]:
        """The statements between two semicolons of a routine, and what stands before the first."""
        starts = list(statement_starts(chunk, several=True, is_tsql=self.is_tsql or self.looks_like_tsql))
        ends = [*starts[1:], len(chunk)][: len(starts)]
        first = starts[0] if starts else len(chunk)
        if first and any(token.key == "SELECT" for token in chunk[:first]):
            body = _inline_body(chunk[:first])
            if body:
                yield _piece(body, sql, offset)
            else:
                yield from self._queries_in(chunk[:first], sql, offset)
        for start, end in zip(starts, ends, strict=True):
            part = chunk[start:end]
            if part[0].key in EXECUTES and executed:
                continue
            if (part[0].key in STARTS and not is_routine(part)) or _declares_table(part):
                yield _piece(part, sql, offset)
            else:
                yield from self._queries_in(part, sql, offset)

    def _queries_in(self, part: Sequence[Token], sql: str, offset: int) -> Iterator[Piece]:
        """The queries of what is no query itself: of a condition, a loop, an assignment."""
        at = 0
        none = True
        while at < len(part):
            if _begins_query(part, at):
                end = _query_end(part, at)
                yield _piece(part[at:end], sql, offset, gives_columns=False)
                at, none = end, False
            at += 1
        if none and part[0].key != "FETCH" and any(token.key in {"SELECT", "FROM"} for token in part):
            yield _piece(part, sql, offset, is_whole=False)


def _piece(
    tokens: Sequence[Token], sql: str, offset: int, *, is_whole: bool = True, gives_columns: bool = True
) -> Piece:
    start = tokens[0].start - (1 if sql[tokens[0].start - 1 : tokens[0].start] in {'"', "`"} else 0)
    return Piece(sql[start : tokens[-1].end], offset + start, is_whole, gives_columns=gives_columns)


def _chunks(tokens: Sequence[Token], sql: str) -> Iterator[Sequence[Token]]:
    """What stands between semicolons, lines that say GO, and lines that are a slash."""
    start = 0
    for at, token in enumerate(tokens):
        if token.key == ";" or (token.key in {"GO", "/"} and _is_alone(token, sql)):
            if at > start:
                yield tokens[start:at]
            start = at + 1
    if start < len(tokens):
        yield tokens[start:]


def _is_alone(token: Token, sql: str) -> bool:
    before = sql.rfind("\n", 0, token.start)
    after = sql.find("\n", token.end)
    line = sql[before + 1 : after if after >= 0 else len(sql)]
    return len(line) < 80 and line.strip() == token.text


def is_routine(chunk: Sequence[Token]) -> bool:
    """True for CREATE or ALTER of something that has a body."""
    if not chunk or chunk[0].key not in {"CREATE", "ALTER"}:
        return False
    for token in chunk[1:12]:
        if token.key in ROUTINES:
            return True
        if token.key in {"TABLE", "VIEW", "INDEX", "SCHEMA", "DATABASE", "AS"}:
            return False
    return False


def _inline_body(header: Sequence[Token]) -> Sequence[Token]:
    """The query in brackets that is all of a routine's body: `AS (SELECT …)`, `RETURN (SELECT …)`."""
    if not is_routine(header):
        return ()
    depth = opened = 0
    for at, token in enumerate(header):
        if token.key == "(":
            opened = at if not depth else opened
            depth += 1
        elif token.key == ")":
            depth -= 1
        elif token.key == "BEGIN":
            return ()
        elif token.key in {"SELECT", "WITH"} and depth and all(each.key == "(" for each in header[opened:at]):
            return header[opened:]
    return ()


def _begins_query(part: Sequence[Token], at: int) -> bool:
    """True for SELECT, and for WITH if CTEs follow it."""
    after = {token.key for token in part[at + 2 : at + 3]}
    return part[at].key == "SELECT" or (part[at].key == "WITH" and bool(after & {"AS", "("}))


def _query_end(part: Sequence[Token], at: int) -> int:
    """Where a query ends that begins here: with the brackets around it, or before the body of its loop."""
    depth = cases = 0
    for position in range(at, len(part)):
        key = part[position].key
        depth += {"(": 1, ")": -1}.get(key, 0)
        cases += {"CASE": 1, "END": -1}.get(key, 0)
        if depth < 0 or (not depth and cases <= 0 and key in BODY_STARTS):
            return position
    return len(part)


def _sql_in(token: Token) -> Token | None:
    """A string as the SQL that it holds; None if it holds something else."""
    text = token.text
    if text[:1] in {"'", '"'} and text[-1:] == text[:1]:  # BigQuery's strings may have three quotes
        text = text[1:-1]
    first = re.match(r"\s*(\w+)\s", text)
    if first is None or first[1].upper() not in INNER_STARTS | {"BEGIN", "DECLARE"}:
        return None
    return token._replace(text=text.replace("\\'", "'"))


def _is_all(string: Token, chunk: Sequence[Token]) -> bool:
    """True if a string is not put together with something else."""
    at = next(at for at, token in enumerate(chunk) if token.start == string.start)
    return not {token.key for token in chunk[max(0, at - 1) : at + 2]} & {"||", "+", "&"}


def _declares_table(chunk: Sequence[Token]) -> bool:
    """True for `DECLARE @t TABLE (a int)`."""
    return chunk[0].key == "DECLARE" and any(token.key == "TABLE" for token in chunk[2:4])


def statement_starts(chunk: Sequence[Token], *, several: bool, is_tsql: bool = False) -> Iterator[int]:
    """Where statements begin that no semicolon separates: the first, or if wanted all of them.

    Nothing begins inside of brackets or of CASE, behind words such as AFTER and FOR, or before the first SELECT of a
    statement that needs one. CREATE TABLE t (…) needs none in T-SQL.
    """
    depth = cases = 0
    current = ""
    open_select = False  # the statement at hand still lacks its SELECT
    header = is_routine(chunk)
    for at, token in enumerate(chunk):
        key = token.key
        if key in {"(", ")"}:
            depth = max(0, depth + (1 if key == "(" else -1))
        if depth or token.kind != WORD:
            continue
        before = chunk[at - 1].key if at else ""
        after = chunk[at + 1].key if at + 1 < len(chunk) else ""
        if key == "CASE" or (key == "END" and cases):
            cases += 1 if key == "CASE" else -1
            continue
        if cases or (header and not at):
            continue
        if key == "SELECT":
            of_cursor = before == "FOR" and current in HOLDS_CURSOR
            fits = of_cursor or ((not current or not open_select) and before not in BLOCKED)
            if current and before in {"AS", "IS"} and open_select:
                fits = False
            if is_tsql and current == "CREATE" and before == ")":
                fits = True
            open_select = False
        elif key == "WITH":
            of_cursor = before == "FOR" and current in HOLDS_CURSOR
            fits = of_cursor or (not current and before not in BLOCKED)
            fits = fits and after not in {"(", "EXECUTE", "SCHEMABINDING", "RECOMPILE"}
        elif current == "WITH" and open_select and key in CHANGES:  # of the CTEs
            fits, current, open_select = False, key, key == "INSERT"
        elif (key == "IF" and before in OBJECTS and after in {"EXISTS", "NOT"}) or (
            current == "ALTER" and after in PARTS_OF_TABLES
        ):
            fits = False
        elif is_tsql and several and key in CURSOR_WORDS:
            fits = before not in BLOCKED and before not in {"ROW", "ROWS"} and after != "("
        elif key in INNER_STARTS or (key in UNSPLIT and several):
            fits = before not in BLOCKED and not (current == "MERGE" and before == "THEN") and after != "("
        else:
            fits = current in {"SET", "DECLARE"} and key == "SET" and not before
        if key == "SET" and several and current in {"SELECT", "SET", "DECLARE", "EXEC"} and before not in BLOCKED:
            fits = True
        if fits:
            yield at
            current = key
            open_select = key in {"INSERT", "WITH", "CREATE", "REPLACE"}
            if not several:
                return
