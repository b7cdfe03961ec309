"""A table of the warehouse made to fit its declaration: created, widened, never emptied.

What differs is settled by the table's contract. `evolve` adds columns, widens integers and floats, and keeps
values of another type in a column of their own beside the old one; `freeze` refuses; the two `discard` ways
leave the table as it is. `migrate_mode: forced` replaces a column whose type has changed, and loses what it held.
"""

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import duckdb

from assets.warehouse import exact
from assets.warehouse.quoting import name, text
from assets.warehouse.reader import INTERNAL_COLUMNS, ReadPlan, Stamp
from assets.warehouse.staging import Stage
from integrations.sdk.errors import SchemaFrozen, WarehouseError
from integrations.sdk.schema import ParentColumn
from integrations.sdk.types import SCALARS, Kind

_INTEGERS = {type_.sql: (type_.low, type_.high) for type_ in SCALARS.values() if type_.kind is Kind.INTEGER}


@dataclass(frozen=True, slots=True)
class Change:
    """One change to a table: its column, what was done, from which type to which."""

    column: str
    what: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        if self.what == "variant":
            return f"column `{self.column}` added ({self.after}), for values that do not fit {self.before}"
        if self.what == "removed":
            return f"column `{self.column}` is no longer declared: kept ({self.before}), and null from now on"
        types = f"{self.before} → {self.after}" if self.before else self.after
        return f"column `{self.column}` {self.what} ({types})"


@dataclass(slots=True)
class Prepared:
    """A table ready to be loaded: which of a stage's columns go where, and what was changed."""

    target: str
    is_new: bool = False
    columns: dict[str, str] = field(default_factory=dict)  # the stage's column → the table's
    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def prepare(connection: duckdb.DuckDBPyConnection, stage: Stage, stamp: Stamp, *, forced: bool = False) -> Prepared:
    """Create the table, or make it fit; inside the caller's transaction. Raises: SchemaFrozen, WarehouseError."""
    plan = stage.plan
    _widen_with_parents(connection, stage)
    wanted = plan.create_columns(stage.widened, stage.variants)
    prepared = Prepared(f"{name(stamp.source)}.{name(plan.table.name)}")
    rows = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ?",
        [stamp.source, plan.table.name],
    ).fetchall()
    present: dict[str, str] = dict(rows)
    if not present:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name(stamp.source)}")
        columns = ", ".join(f"{name(column)} {type_}" for column, type_ in wanted.items())
        connection.execute(f"CREATE TABLE {prepared.target} ({columns})")
        prepared.is_new = True
        prepared.columns = {column: column for column in wanted}
        prepared.changes += _differing(stage)
    else:
        fitting = _Fitting(connection, stage, prepared, dict(present), wanted, forced=forced)
        for column in wanted:
            fitting.fit(column)
        prepared.changes += _coming_and_going(connection, stamp, plan.table.name, present, wanted)
    if prepared.is_new or any(change.what in ("added", "replaced") for change in prepared.changes):
        describe(connection, plan, prepared.target)
    prepared.notes += [str(change) for change in prepared.changes]
    return prepared


def _differing(stage: Stage) -> list[Change]:
    """What is not as declared in a table that is new, since the values of its first sync do not fit."""
    plan = stage.plan
    declared = {column.name: column.type.sql for column in plan.table.columns}
    widened = [Change(column, "widened", declared[column], type_) for column, type_ in stage.widened.items()]
    return widened + [Change(plan.variant_of(column), "variant", declared[column], "JSON") for column in stage.variants]


def _widen_with_parents(connection: duckdb.DuckDBPyConnection, stage: Stage) -> None:
    """Let the columns that repeat a parent's integers be as wide as those have become."""
    plan = stage.plan
    repeating = [
        (column, column.origin.name)
        for column in plan.table.columns
        if isinstance(column.origin, ParentColumn) and column.type.kind is Kind.INTEGER
    ]
    if not (repeating and stage.scopes and plan.contract == "evolve"):
        return
    ends = ", ".join(f"min({name(of)})::VARCHAR, max({name(of)})::VARCHAR" for _, of in repeating)
    found = connection.execute(f"SELECT {ends} FROM ({stage.scopes})").fetchall()[0]
    for position, (column, _) in enumerate(repeating):
        for end in found[2 * position : 2 * position + 2]:
            wider = exact.wider(column.type, end) if end is not None else None
            if wider is not None and not column.type.low <= int(end) <= column.type.high:
                stage.widened[column.name] = exact.widest(stage.widened.get(column.name), wider.sql)


def _coming_and_going(
    connection: duckdb.DuckDBPyConnection,
    stamp: Stamp,
    table: str,
    present: Mapping[str, str],
    wanted: Collection[str],
) -> list[Change]:
    """Columns that are no longer declared, or are again; each is said once, since nothing is done about it."""
    said: dict[str, list[str]] = dict(
        connection.execute(
            "SELECT column_name, list(change ORDER BY changed_at) FROM headwater.schema_changes "
            "WHERE source = ? AND table_name = ? GROUP BY ALL",
            [stamp.source, table],
        ).fetchall()
    )
    gone = {column for column, changes in said.items() if changes[-1] == "removed"}
    beside = {column for column, changes in said.items() if "variant" in changes}
    removed = sorted(present.keys() - set(wanted) - gone - beside)
    again = sorted(present.keys() & set(wanted) & gone)
    return [Change(column, "removed", present[column]) for column in removed] + [
        Change(column, "declared again", after=present[column]) for column in again
    ]


class _Fitting:
    """Makes a table that there is fit, column by column."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        stage: Stage,
        prepared: Prepared,
        present: dict[str, str],
        wanted: Mapping[str, str],
        *,
        forced: bool,
    ) -> None:
        self._connection, self._plan, self._prepared = connection, stage.plan, prepared
        self._present, self._wanted, self._forced = present, wanted, forced
        self._followed = getattr(stage.plan.table.cursor_column, "name", None)
        self._declared = stage.plan.create_columns()
        self._variants = {stage.plan.variant_of(column): column for column in stage.variants}

    def fit(self, column: str) -> None:
        """Find the place for one column's values, making it if the contract lets us."""
        had, type_ = self._present.get(column), self._wanted[column]
        keys, contract = self._plan.table.primary_keys, self._plan.contract
        place = column
        if had is not None and _holds(self._connection, had, type_):
            pass
        elif contract != "evolve" and column not in INTERNAL_COLUMNS:
            if had is None and contract != "freeze" and not self._is_indispensable(column):
                self._prepared.notes.append(
                    f"column `{column}` is not in the warehouse, and not added: the contract is {contract}"
                )
                return
            raise self._frozen(column, had, type_)
        elif had is None:
            of = self._variants.get(column)
            self._add(column, type_, "variant" if of else "added", self._declared[of] if of else "")
        elif _holds(self._connection, type_, had):
            self._widen(column, had, type_)
        elif column in keys or (column == self._followed and not self._forced):
            what = "a key" if column in keys else "what the cursor follows"
            raise WarehouseError(
                f"column `{column}` of {self._prepared.target} is {had} in the warehouse and {type_} in the "
                f"integration, and is {what}",
                hint="drop the table, and sync it again: it is then read from the beginning",
            )
        elif self._forced:
            self._alter(f"DROP COLUMN {name(column)}")
            self._add(column, type_, "replaced", had)
        else:
            place = self._place_beside(column, had, type_)
        self._prepared.columns[column] = place

    def _place_beside(self, column: str, had: str, type_: str) -> str:
        """The column beside one of another type: one that takes the values, else a new one."""
        stem = f"{column}__{_word(self._declared.get(column, type_))}"
        numbered = (f"{stem}_{number}" for number in itertools.count(2))
        place = next(each for each in itertools.chain([stem], numbered) if self._may_take(each, type_))
        there = self._present.get(place)
        if there is None:
            self._add(place, type_, "variant", had)
        elif not _holds(self._connection, there, type_):
            self._widen(place, there, type_)
        return place

    def _may_take(self, place: str, type_: str) -> bool:
        """Whether a column, that there is or not, is nobody else's and can be made to hold the type."""
        there = self._present.get(place)
        if place in self._wanted and place not in self._variants:
            return False  # an author's own column, of that name
        return there is None or _holds(self._connection, there, type_) or _holds(self._connection, type_, there)

    def _is_indispensable(self, column: str) -> bool:
        """Whether the table cannot be loaded without it."""
        cursor = self._plan.table.cursor_column
        return column in self._plan.table.primary_keys or (cursor is not None and column == cursor.name)

    def _frozen(self, column: str, had: str | None, type_: str) -> SchemaFrozen:
        what = f"is {had} in the warehouse and {type_} now" if had else "is new"
        return SchemaFrozen(
            f"column `{column}` of {self._prepared.target} {what}, and the table's contract is {self._plan.contract}",
            hint="change the declaration back, or set `contract: evolve` for the table in table_options",
        )

    def _add(self, column: str, type_: str, what: str, before: str) -> None:
        self._alter(f"ADD COLUMN {name(column)} {type_}")
        self._present[column] = type_
        self._prepared.changes.append(Change(column, what, before, type_))

    def _widen(self, column: str, had: str, type_: str) -> None:
        self._alter(f"ALTER COLUMN {name(column)} TYPE {type_}")
        self._present[column] = type_
        self._prepared.changes.append(Change(column, "widened", had, type_))

    def _alter(self, how: str) -> None:
        self._connection.execute(f"ALTER TABLE {self._prepared.target} {how}")


def _word(type_: str) -> str:
    """A type as part of a column's name."""
    return "".join(letter if letter.isalnum() else "_" for letter in type_.lower()).strip("_")


def _holds(connection: duckdb.DuckDBPyConnection, present: str, wanted: str) -> bool:
    """Whether a column of one type keeps every value of another as it is."""
    if present == wanted:
        return True
    if present in _INTEGERS and wanted in _INTEGERS:
        low, high = _INTEGERS[wanted]
        return _INTEGERS[present][0] <= low and high <= _INTEGERS[present][1]
    if (present, wanted) == ("DOUBLE", "FLOAT"):
        return True
    row = connection.execute(f"SELECT typeof(CAST(NULL AS {wanted}))").fetchone()
    return row is not None and row[0] == present  # DuckDB spells some types in its own way


def describe(connection: duckdb.DuckDBPyConnection, plan: ReadPlan, target: str) -> None:
    """Give the table and its columns their descriptions, as comments."""
    if plan.table.description:
        connection.execute(f"COMMENT ON TABLE {target} IS {text(plan.table.description)}")
    present = {row[0] for row in connection.execute(f"DESCRIBE {target}").fetchall()}
    for column in plan.table.columns:
        if column.description and column.name in present:
            connection.execute(f"COMMENT ON COLUMN {target}.{name(column.name)} IS {text(column.description)}")


def record(connection: duckdb.DuckDBPyConnection, stamp: Stamp, table: str, changes: list[Change]) -> None:
    """Write each change into the ledger; in one statement, since there may be thousands."""
    if not changes:
        return
    listed = [[getattr(change, each) for change in changes] for each in ("column", "what", "before", "after")]
    connection.execute(
        "INSERT INTO headwater.schema_changes SELECT ?, ?, ?, unnest(?), unnest(?), unnest(?), unnest(?), now()",
        [stamp.run_id, stamp.source, table, *listed],
    )
