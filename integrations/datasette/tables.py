"""Turns a snapshot into tables. Pure: no network, the same tables for the same snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.datasette.column_types import Conversion, compares_as_is, map_type
from integrations.datasette.cursors import CursorSpec, Incremental, Subject, incremental
from integrations.datasette.listing import OPTIONS, ByParent, KeyPaging, Listing
from integrations.datasette.naming import name_all
from integrations.datasette.routes import table_path
from integrations.datasette.snapshot import ColumnInfo, DatabaseInfo, ForeignKeyInfo, Snapshot, TableInfo
from integrations.sdk import BIGINT, TEXT, Column, Table
from integrations.sdk.errors import ConfigError
from integrations.sdk.names import first_repeated, nearest
from integrations.sdk.schema import Computed, Path

ROWID = "rowid"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """A table on its way: its final name, and those of its columns by their own."""

    database: DatabaseInfo
    info: TableInfo
    name: str
    columns: Mapping[str, str]

    def column(self, original: str) -> ColumnInfo:
        return next(column for column in self.info.columns if column.name.casefold() == original.casefold())

    def named(self, original: str) -> str:
        return self.columns[self.column(original).name]


@dataclass(frozen=True, slots=True)
class _Link:
    """A table that is listed once per row of another."""

    parent: str
    by: ByParent


def build_tables(
    snapshot: Snapshot,
    *,
    databases: Sequence[str] | None,
    by_parent: Mapping[str, str],
    page_size: int | str,
    cursors: Mapping[str, CursorSpec] | None = None,
) -> list[Table]:
    """The tables of these databases (all, by default), with those of `by_parent` below their parents.

    With several databases a table is called `<database>_<table>`. Raises: ConfigError.
    """
    chosen = _chosen(snapshot, databases)
    planned = _planned(chosen)
    links = _links(planned, by_parent)
    followed = _followed(planned, links, cursors or {})

    def build(table: _Planned) -> Table:
        link, growing = links.get(table.name), followed.get(table.name)
        return Table(
            table.name,
            columns=_columns(table),
            resolver=Listing(
                table_path(table.database.route, table.info.name),
                _paging(table.info),
                page_size,
                link.by if link else None,
                growing.followed if growing else None,
            ),
            cursor=growing.cursor if growing else None,
            relations=[build(planned[name]) for name, below in links.items() if below.parent == table.name],
            parent_columns=[link.by.parent_column] if link else None,
            description=table.info.description
            or f"The {table.info.kind} `{table.info.name}` of the database `{table.database.name}`.",
        )

    return [build(table) for name, table in planned.items() if name not in links]


def _chosen(snapshot: Snapshot, names: Sequence[str] | None) -> list[DatabaseInfo]:
    known = {database.name: database for database in snapshot.databases}
    for name in names or ():
        if name not in known:
            raise ConfigError(
                f"`databases` names `{name}`, which the snapshot of tables does not have",
                hint=f"{nearest(name, known)}; or run headwater discover",
            )
    return [database for name, database in known.items() if not names or name in names]


def _planned(databases: Sequence[DatabaseInfo]) -> dict[str, _Planned]:
    """All tables by their final names."""
    prefixed = len(databases) > 1
    wished = {
        (f"{database.name}_{table.name}" if prefixed else table.name, database.name, table.name): (database, table)
        for database in databases
        for table in database.tables
    }
    if repeated := first_repeated(wish for wish, _, _ in wished):
        raise ConfigError(
            f"two tables of different databases would both be called `{repeated}`",
            hint="make a source for each database: `databases: [one]`",
        )
    names = name_all([wish for wish, _, _ in wished])
    return {
        (name := names[wish]): _Planned(database=database, info=table, name=name, columns=_column_names(table))
        for (wish, _, _), (database, table) in wished.items()
    }


def _column_names(table: TableInfo) -> dict[str, str]:
    taken = [ROWID] if _has_hidden_rowid(table) else []
    return name_all([column.name for column in table.columns], taken)


def _has_hidden_rowid(table: TableInfo) -> bool:
    """Whether Datasette puts SQLite's own row number first: in a table without a key of its own."""
    own = {column.name.casefold() for column in table.columns}
    return table.kind == "table" and not table.primary_key and ROWID not in own


def _columns(table: _Planned) -> list[Column]:
    """The columns in the table's order, with those that belong to the key marked."""
    columns = []
    if _has_hidden_rowid(table.info):
        columns.append(Column(ROWID, BIGINT, primary_key=True, description="SQLite's own number of the row."))
    for info in table.info.columns:
        mapped = map_type(info.type)
        key = info.name in table.info.primary_key
        columns.append(
            Column(
                table.columns[info.name],
                mapped.type,
                _computed(info.name, mapped.conversion) if mapped.conversion else Path((info.name,)),
                primary_key=key,
                not_null=info.not_null and not key,
                description=info.description,
            )
        )
    return columns


def _computed(field: str, conversion: Conversion) -> Computed:
    def resolve(record: dict[str, Any]) -> Any:
        return conversion(record.get(field))

    return Computed(resolve)


def _paging(table: TableInfo) -> KeyPaging:
    if table.kind == "view":
        return KeyPaging(())
    if not table.primary_key:
        own = [column.name for column in table.columns if column.name.casefold() == ROWID]
        return KeyPaging((ROWID,), frozenset(own))  # a column called rowid hides SQLite's, and need not be unique
    keys = [column for column in table.columns if column.name in table.primary_key]
    return KeyPaging(table.primary_key, frozenset(key.name for key in keys if compares_as_is(key.type)))


def _followed(
    planned: Mapping[str, _Planned], links: Mapping[str, _Link], cursors: Mapping[str, CursorSpec]
) -> dict[str, Incremental]:
    """What makes tables incremental, by their names. Raises: ConfigError."""
    followed = {}
    for name, spec in cursors.items():
        if name not in planned:
            raise ConfigError(f"`cursors`: there is no table `{name}`", hint=nearest(name, planned))
        below = next((child for child, link in links.items() if link.parent == name), None)
        if below:
            raise ConfigError(
                f"`cursors`: `{name}` cannot be incremental, since `{below}` is listed by its rows (`by_parent`): "
                "it would be listed by the new ones only",
                hint="take one of the two out",
            )
        table, link = planned[name], links.get(name)
        hidden = {ROWID: ROWID} if _has_hidden_rowid(table.info) else {}
        subject = Subject(
            name=name,
            info=table.info,
            columns={**hidden, **{ours: own for own, ours in table.columns.items()}},
            key=_paging(table.info).keys,
            path=table_path(table.database.route, table.info.name),
            fixed=link.by.column if link else None,
        )
        followed[name] = incremental(subject, spec, ROWID, OPTIONS)
    return followed


def _links(planned: Mapping[str, _Planned], by_parent: Mapping[str, str]) -> dict[str, _Link]:
    links = {name: _link(planned, name, column) for name, column in by_parent.items()}
    for name in links:
        seen, above = {name}, links[name].parent
        while above in links:
            if above in seen:
                raise ConfigError(
                    f"`by_parent` goes in a circle: {' → '.join([*sorted(seen), above])}",
                    hint="take one of these tables out of it",
                )
            seen.add(above)
            above = links[above].parent
    return links


def _link(planned: Mapping[str, _Planned], name: str, column: str) -> _Link:
    """How a table is listed by its parent's rows. Raises: ConfigError when rows would be lost."""
    where = f"`by_parent: {{{name}: {column}}}`"
    if name not in planned:
        raise ConfigError(f"{where}: there is no table `{name}`", hint=nearest(name, planned))
    table = planned[name]
    key = _foreign_key(table, column, where)
    info = table.column(key.column)
    parent = next(
        (each for each in planned.values() if each.database == table.database and each.info.name == key.other_table),
        None,
    )
    if parent is None or parent is table:
        what = "is the table itself" if parent else "is not among this source's tables"
        raise ConfigError(f"{where}: `{key.other_table}`, to which the column refers, {what}", hint="take it out")
    if info.type is None:
        raise ConfigError(
            f"{where}: it is not known whether the column may be null, and rows with a null there would be lost",
            hint="allow SQL on the server when discovering, or take the table out of `by_parent`",
        )
    if not info.not_null and table.info.primary_key != (info.name,):
        raise ConfigError(
            f"{where}: the column may be null, and rows with a null there belong to no parent: they would be lost",
            hint="declare the column NOT NULL in SQLite, or take the table out of `by_parent`",
        )
    for side, each in (("the column", info), ("the column it refers to", parent.column(key.other_column))):
        if map_type(each.type).type not in (BIGINT, TEXT):
            raise ConfigError(
                f"{where}: {side} is declared {each.type or 'without a type'!s}; "
                "only integers and texts are found again by their value",
                hint="take the table out of `by_parent`",
            )
    return _Link(parent.name, ByParent(info.name, parent.named(key.other_column)))


def _foreign_key(table: _Planned, column: str, where: str) -> ForeignKeyInfo:
    keys = {table.named(key.column): key for key in table.info.foreign_keys}
    if column not in keys:
        known = [*table.columns.values()]
        what = "is not a foreign key" if column in known else "is not a column"
        hint = f"its foreign keys: {', '.join(keys)}" if keys else f"`{table.name}` has no foreign key"
        raise ConfigError(f"{where}: `{column}` of `{table.name}` {what}", hint=hint)
    return keys[column]
