"""Statements one after another: defaults, temporary tables, columns that become known, and what cannot be parsed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from assets.lineage import settings
from assets.lineage.columns import Context, Made, Output, columns_of
from assets.lineage.columns.relations import distinct
from assets.lineage.dialects import BACKSLASH, GENERIC, HASH_COMMENTS, INTO_TABLES, INTO_VARIABLES, canonical
from assets.lineage.lexing import SPACE, Token, lex
from assets.lineage.limits import DEFAULT_S, FOR_COLUMNS, FOR_PARSING, Deadline, TimeUp
from assets.lineage.moving import moved, output_targets
from assets.lineage.names import ColumnName, TableName, unique
from assets.lineage.results import ColumnLineage, SqlLineage, StatementLineage, Status, overall
from assets.lineage.rewriting import conditional, first_word, rewritten
from assets.lineage.scanning import scan
from assets.lineage.schema import Columns, Schema
from assets.lineage.simplifying import unmistakable
from assets.lineage.splitting import STARTS, Piece, is_routine, pieces, statement_starts
from assets.lineage.tables import tables_of
from assets.lineage.temporary import CREATES, REPLACES, TemporaryTables, dropped
from assets.lineage.trees import NotParsed, parse_in_any

EMPTY = re.compile(r"(?>[;\s]+|--[^\n]*+|/\*.*?\*/)*+$", re.DOTALL)
SELECTS = re.compile(r"\bSEL(?:ECT)?\b", re.IGNORECASE)
FROM = re.compile(r"\bFROM\b", re.IGNORECASE)
ALTERS_TABLE = re.compile(rf"{SPACE}ALTER\s+TABLE\b", re.IGNORECASE | re.DOTALL)
INSERTS = re.compile(r"\bINSERT\s+INTO\b", re.IGNORECASE)
NO_LINEAGE = STARTS | frozenset({
    "(", "IF", "WHILE", "FOR", "DECLARE", "BEGIN", "END", "ABORT", "ADD", "ATTACH", "BACKUP", "BULK", "BIND",
    "CHECK", "CHECKPOINT", "CLOSE", "CLUSTER", "COMMIT", "DEALLOCATE", "DETACH", "DISCARD", "DO", "EXCHANGE",
    "EXPORT", "FETCH",
    "FLUSH", "GET", "HANDLER", "HELP", "IMPORT", "INSTALL", "KILL", "LEAVE", "LIST", "LISTEN", "LOCK", "LS", "MOVE",
    "MSCK", "NOTIFY", "OPEN", "OPTIMIZE", "PRAGMA", "PREPARE", "PRINT", "PURGE", "PUT", "RAISE", "REASSIGN", "REINDEX",
    "RELEASE", "REMOVE", "REPAIR", "RESET", "RESIGNAL", "RESTORE", "RESUME", "RETURN", "RM", "ROLLBACK", "RUN",
    "SAVEPOINT", "SECURITY", "SIGNAL", "START", "STOP", "SUSPEND", "SYSTEM", "UNCACHE", "UNDO", "UNDROP", "UNLOCK",
    "UNSET", "VACUUM", "VALIDATE", "WATCH",
})  # fmt: skip
"""What a statement may begin with: where it names no table and is not understood, it is SQL still."""


class Session:
    """One connection's view while it runs a script: what `USE` chose, and which temporary tables there are.

    >>> session = Session(dialect="postgres")
    >>> session.run("CREATE TEMP TABLE recent AS SELECT * FROM orders").targets
    ()
    >>> [str(table) for table in session.run("INSERT INTO report SELECT * FROM recent").sources]
    ['orders']
    """

    def __init__(
        self,
        *,
        dialect: str | None = None,
        default_database: str | None = None,
        default_schema: str | None = None,
        schema: Schema | Mapping[str, Columns] | None = None,
        columns: bool = True,
        keep_temporary: bool = False,
    ) -> None:
        known = canonical(dialect)
        self.dialect = known or GENERIC
        self.problems: tuple[str, ...] = ()
        if not known:
            self.problems = (f"the dialect {dialect!r} is unknown: tried as generic SQL",)
        self.is_declared = bool(known) and known != GENERIC
        self.initial = settings.Defaults(default_database or None, default_schema or None)
        self.defaults = self.initial
        try:
            self.schema = schema.copy() if isinstance(schema, Schema) else Schema(schema)
        except TypeError as error:
            self.schema = Schema()
            self.problems = (*self.problems, f"the schema is left out: {error}")
        self.with_columns = columns
        self.keep_temporary = keep_temporary
        self.temporary = TemporaryTables()

    def run(self, sql: str, *, time_limit_s: float = DEFAULT_S) -> SqlLineage:
        """What a script reads and writes. Never raises; what was found when the time is up is kept."""
        deadline = Deadline(time_limit_s)
        found: list[StatementLineage] = []
        problems = list(self.problems)
        try:
            line, at = 1, 0
            for piece in pieces(sql := conditional(sql, self.dialect), self.dialect, deadline):
                deadline.check()
                if not EMPTY.match(piece.text):
                    start = piece.start + len(piece.text) - len(piece.text.lstrip())
                    line, at = line + sql.count("\n", at, start), max(at, start)
                    read = self._statements(piece, line, deadline)
                    found.extend(read if piece.gives_columns else (replace(each, columns=()) for each in read))
            if not found and not EMPTY.match(sql):
                found.append(self._scanned(sql, 1, deadline, NotParsed("")))
        except TimeUp:
            problems.append("the time limit has passed")
        except Exception as error:  # noqa: BLE001 - whatever the text holds, its reader gets an answer
            problems.append(f"{type(error).__name__}: {error}"[:200])
        return self._result(tuple(found), problems, is_whole=len(problems) == len(self.problems))

    def _result(self, found: tuple[StatementLineage, ...], problems: list[str], *, is_whole: bool) -> SqlLineage:
        status, confidence = overall(found)
        if not found and problems:
            status, confidence = "failed", 0.0
        elif not is_whole:
            status, confidence = ("partly" if status in {"parsed", "partly"} else status), round(confidence / 2, 3)
        elif not found:
            problems = ["there is no statement"]
        shown = [each if self.keep_temporary or not each.temporary else _without_temporary(each) for each in found]
        is_one = len(found) == 1
        return SqlLineage(
            status=status,
            confidence=confidence,
            dialect=next((each.dialect for each in found if each.dialect), None),
            sources=found[0].sources if is_one else unique(source for each in found for source in each.sources),
            targets=shown[0].targets if is_one else unique(target for each in shown for target in each.targets),
            columns=shown[0].columns if is_one else tuple(column for each in shown for column in each.columns),
            statements=found,
            problems=(*problems, *(each.problem for each in found if each.problem)),
        )

    def _statements(self, piece: Piece, line: int, deadline: Deadline) -> Iterable[StatementLineage]:
        variables = piece.fills_variables or self.dialect in INTO_VARIABLES
        if not piece.is_whole:
            return [self._scanned(piece.text, line, deadline, NotParsed(""), variables)]
        first = first_word(piece.text)
        if first in {"USE", "SET", "ALTER", "ATTACH", "DATABASE"}:
            tokens = self._lex(piece.text, deadline)
            defaults = settings.changed(tokens, self.dialect, self.defaults, self.initial)
            if defaults is not None:
                self.defaults = defaults
                return [StatementLineage(kind="use", line=line, confidence=self._certainty(), dialect=self.dialect)]
            if (rows := moved(tokens, self.dialect)) is not None:
                return [self._moving(*rows, line)]
        text = rewritten(unmistakable(piece.text, self.dialect), first)
        try:
            tree, dialect = parse_in_any(text, self.dialect, deadline.share(FOR_PARSING))
        except TimeUp:
            return [self._scanned(text, line, deadline, NotParsed("parsing takes too long"), variables)]
        except NotParsed as error:
            return self._unparsed(text, line, deadline, error, variables)
        if isinstance(tree, exp.Command) and _hides_query(text):
            return [self._scanned(text, line, deadline, NotParsed("only its first word is understood"), variables)]
        try:
            return [self._read(tree, dialect, text, line, deadline, variables)]
        except TimeUp:
            raise
        except Exception as error:  # noqa: BLE001 - a tree of a shape that nobody expected: its words are left
            return [self._scanned(text, line, deadline, NotParsed(f"{type(error).__name__} in its tree"), variables)]

    def _moving(self, sources: list[TableName], targets: list[TableName], line: int) -> StatementLineage:
        return StatementLineage(
            kind="alter",
            line=line,
            confidence=self._certainty(),
            dialect=self.dialect,
            sources=self._seen_through(sources),
            targets=unique(self.defaults.complete(name) for name in targets),
        )

    def _unparsed(
        self, text: str, line: int, deadline: Deadline, error: NotParsed, variables: bool
    ) -> Iterable[StatementLineage]:
        """A statement that no dialect takes: several without semicolons, or one that only its words tell of."""
        tokens = self._lex(text, deadline)
        starts = list(statement_starts(tokens, several=True, is_tsql=self.dialect in INTO_TABLES))
        if len(starts) < 2 or starts[0] != 0:
            return [self._scanned(text, line, deadline, error, variables)]
        found = []
        for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True):
            part = text[tokens[start].start : tokens[end - 1].end]
            try:
                tree, dialect = parse_in_any(part, self.dialect, deadline.share(FOR_PARSING))
            except (NotParsed, TimeUp):
                return [self._scanned(text, line, deadline, error, variables)]
            found.append((tree, dialect, part, line + text.count("\n", 0, tokens[start].start)))
        return [self._read(tree, dialect, part, at, deadline, variables) for tree, dialect, part, at in found]

    def _read(
        self, tree: exp.Expr, dialect: str, text: str, line: int, deadline: Deadline, variables: bool
    ) -> StatementLineage:
        if variables or (not self.is_declared and dialect in INTO_VARIABLES):
            _without_variables(tree)
        tables = tables_of(tree, dialect, deadline)
        sources = self._seen_through(tables.sources)
        targets = unique(self.defaults.complete(name) for name in tables.targets)
        temporary = self.temporary.made_by(tree, text, targets)
        columns: tuple[ColumnLineage, ...] = ()
        made: Made = []
        problem = ""
        if self.with_columns:
            try:
                columns, made = self._columns(tree, dialect, temporary, deadline.share(FOR_COLUMNS))
            except TimeUp:
                problem = f"line {line}: no columns: they take too long"
            except Exception as error:  # noqa: BLE001 - the tables stand, whatever is odd about the columns
                problem = f"line {line}: no columns: {type(error).__name__}"
        for name in dropped(tree):
            self.temporary.forget(self.defaults.complete(name))
        for target in temporary:
            self.temporary.follow(tree, target, sources, _columns_in(target, columns, made))
        for name in output_targets(text, deadline) if dialect in INTO_TABLES else ():
            log = self.defaults.complete(name)
            if log.name[:1] in {"#", "@"}:
                rows = Output("*", tuple(ColumnName(target, "*") for target in targets), is_star=True)
                self.temporary.fill(log, targets, [rows])
                temporary += (log,)
            targets = unique((*targets, log))
        return StatementLineage(
            kind=tree.key,
            line=line,
            confidence=self._certainty() if dialect == self.dialect else 0.8,
            dialect=dialect,
            sources=sources,
            targets=targets,
            temporary=temporary,
            columns=columns,
            problem=problem,
        )

    def _columns(
        self, tree: exp.Expr, dialect: str, temporary: tuple[TableName, ...], deadline: Deadline
    ) -> tuple[tuple[ColumnLineage, ...], Made]:
        """The columns that a statement gives out, and what it creates: that is known from here on."""
        context = Context(dialect, self.schema, self.defaults.complete, self._temporary_outputs, deadline)
        found, created = columns_of(tree, context)
        made = [(self.defaults.complete(target), outputs) for target, outputs in created]
        hidden = set() if self.keep_temporary else {target.key for target in temporary}
        for name, outputs in made:
            if name.key not in hidden and outputs and not any(output.is_star for output in outputs):
                self.schema.add(name.key, tuple(output.name for output in outputs))
        return found, made

    def _temporary_outputs(self, name: TableName) -> list[Output] | None:
        return None if self.keep_temporary else self.temporary.columns(self.defaults.complete(name))

    def _scanned(
        self, text: str, line: int, deadline: Deadline, error: NotParsed, variables: bool = False
    ) -> StatementLineage:
        """What the words of a statement tell."""
        tokens = self._lex(text, deadline, partly=True)
        if is_routine(tokens):
            return StatementLineage(kind="routine", line=line, confidence=self._certainty(), dialect=self.dialect)
        found = scan(tokens, deadline, fills_variables=variables)
        status: Status = "fallback"
        confidence = 0.6 if found.sources or found.targets else 0.3
        first = tokens[0].key if tokens else ""
        if first not in NO_LINEAGE and not found.sources:
            status, confidence = "failed", 0.0
        sources = self._seen_through(found.sources)
        targets = unique(self.defaults.complete(name) for name in found.targets)
        creates = CREATES.match(text) is not None
        temporary = tuple(t for t in targets if creates or t.name[:1] in {"#", "@"} or t in self.temporary)
        for target in temporary:
            self.temporary.follow_words(first, target, sources, replaces=REPLACES.match(text) is not None)
        return StatementLineage(
            kind=first.lower() if first.isalpha() else "unknown",
            line=line,
            status=status,
            confidence=confidence,
            sources=sources,
            targets=targets,
            temporary=temporary,
            problem=f"line {line}: {error}" if str(error) else "",
        )

    def _seen_through(self, names: Iterable[TableName]) -> tuple[TableName, ...]:
        """Names with their defaults; temporary tables are replaced by what they were filled from."""
        found: list[TableName] = []
        for name in names:
            whole = self.defaults.complete(name)
            behind = None if self.keep_temporary else self.temporary.sources(whole)
            if behind is None and whole.name[:1] == "@":
                continue
            found.extend((whole,) if behind is None else behind)
        return unique(found)

    def _certainty(self) -> float:
        return 1.0 if self.is_declared else 0.95

    def _lex(self, text: str, deadline: Deadline, *, partly: bool = False) -> list[Token]:
        backslash, hashes = self.dialect in BACKSLASH, self.dialect in HASH_COMMENTS
        return lex(text, deadline, backslash=backslash, hash_comments=hashes, partly=partly)


def _hides_query(text: str) -> bool:
    """True if a statement of which only the first word is understood names a table, or has the words of a query."""
    if ALTERS_TABLE.match(text):
        return True
    select = SELECTS.search(text)
    return bool(select and FROM.search(text, select.end())) or INSERTS.search(text) is not None


def _without_variables(tree: exp.Expr) -> None:
    """Take INTO out of a query that fills variables: what is left is a query as others are."""
    into = tree.args.get("into") if isinstance(tree, exp.Select) else None
    if into is not None and not (isinstance(into.this, exp.Table) and into.this.this.args.get("temporary")):
        tree.set("into", None)


def _without_temporary(statement: StatementLineage) -> StatementLineage:
    """What a statement does, but for what it writes into temporary tables."""
    hidden = {table.key for table in statement.temporary}
    return replace(
        statement,
        targets=tuple(t for t in statement.targets if t.key not in hidden),
        columns=tuple(c for c in statement.columns if c.target_table is None or c.target_table.key not in hidden),
    )


def _columns_in(target: TableName, columns: Sequence[ColumnLineage], made: Made) -> list[Output]:
    """The columns that a statement puts into one table."""
    for name, outputs in made:
        if name.key == target.key:
            return outputs
    written: dict[str, Output] = {}
    for column in columns:
        if column.target_table is not None and column.target_table.key == target.key:
            before = written.get(column.target.lower(), Output(column.target))
            sources = distinct((*before.sources, *column.sources))
            written[column.target.lower()] = Output(before.name, sources, is_star=column.target == "*")
    return list(written.values())
