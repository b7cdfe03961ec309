"""Asks a Datasette server for its databases, their tables and views, and the types of their columns."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from integrations.datasette.column_types import map_type
from integrations.datasette.following import Separator
from integrations.datasette.routes import database_path, table_path
from integrations.datasette.snapshot import ColumnInfo, DatabaseInfo, ForeignKeyInfo, Snapshot, TableInfo
from integrations.sdk import TIMESTAMP, HttpClient
from integrations.sdk.errors import ConfigError, PageUnreadable, SourceRefused
from integrations.sdk.names import nearest

log = logging.getLogger(__name__)

DATABASES = "/-/databases.json"
METADATA = "/-/metadata.json"
SEPARATORS_KNOWN: tuple[Separator, ...] = get_args(Separator)
OWN_DATABASES = ("_internal", "_memory")

# By table rather than all at once where one may fail: a view can refer to what is no longer there.
TABLE_TYPES = """
select m.name as "table", c.name as "column", c.type as "type", c."notnull" as "not_null"
from sqlite_master m join pragma_table_xinfo(m.name) c
where m.type = 'table' order by m.name, c.cid limit -1 offset :offset
"""
VIEW_TYPES = """
select name as "column", type as "type", 0 as "not_null"
from pragma_table_xinfo(:view) order by cid limit -1 offset :offset
"""

# What stands between day and time in a column's texts: enough of them to see whether it is always the same.
SEPARATORS = """
select distinct {number} as "number", substr(value, 11, 1) as "separator"
from (select {column} as value from {table} where typeof({column}) = 'text' limit 10000)
"""

Types = dict[str, tuple[str, bool]]  # by column: the declared type, and whether it is NOT NULL


def discover_databases(client: HttpClient, wanted: Sequence[str] | None = None) -> Snapshot:
    """Everything about these databases, by default all but Datasette's own, in a fixed order.

    Hidden tables (those behind full-text search, for instance) are left out, and so is what the credentials
    may not see. Raises: ConfigError for a database that is not there, LoginRefused, SourceError.
    """
    found = {each["name"]: each["route"] for each in _listed(client.get(DATABASES).json(), DATABASES)}
    for name in wanted or ():
        if name not in found:
            raise ConfigError(f"the server has no database `{name}`", hint=nearest(name, found))
    names = sorted(set(wanted) if wanted else set(found) - {*OWN_DATABASES})
    described = _descriptions(client)
    return Snapshot(databases=tuple(_database(client, name, found[name], described.get(name) or {}) for name in names))


def _listed(answer: Any, path: str) -> list[dict[str, Any]]:
    if not isinstance(answer, list) or not all(isinstance(each, dict) and "route" in each for each in answer):
        raise PageUnreadable(
            f"{path} is not a list of databases with their routes",
            hint="check `url`: it has to be a Datasette server, version 0.64 or a later 0.x",
        )
    return answer


def _descriptions(client: HttpClient) -> Mapping[str, Any]:
    """What the server's metadata says, by database; nothing when it keeps that to itself."""
    try:
        metadata = client.get(METADATA).json()
    except SourceRefused:
        return {}
    return (metadata.get("databases") or {}) if isinstance(metadata, dict) else {}


def _database(client: HttpClient, name: str, route: str, described: Mapping[str, Any]) -> DatabaseInfo:
    answer = client.get(f"{database_path(route)}.json").json()
    may_ask = bool(answer.get("allow_execute_sql"))
    if not may_ask:
        log.warning(
            "column_types_unknown database=%s reason=%s",
            name,
            "SQL may not be executed there, so that every column is JSON; its values stay as they are",
        )
    types = _table_types(client, route) if may_ask else {}
    keys = {table["name"]: table["primary_keys"] for table in answer["tables"]}
    about = described.get("tables") or {}
    tables = [
        _table(
            table,
            types.get(table["name"], {}),
            keys,
            about.get(table["name"]) or {},
            _separators(client, route, table["name"], types.get(table["name"], {})),
        )
        for table in answer["tables"]
        if not table["hidden"]
    ]
    for view in answer["views"]:
        columns = _view_columns(client, route, view["name"], may_ask, about.get(view["name"]) or {})
        if columns:
            description = _description(about.get(view["name"]) or {})
            tables.append(TableInfo(name=view["name"], kind="view", columns=columns, description=description))
    return DatabaseInfo(name=name, route=route, tables=tuple(sorted(tables, key=lambda table: table.name)))


def _table(
    table: Mapping[str, Any],
    types: Types,
    keys: Mapping[str, Sequence[str]],
    about: Mapping[str, Any],
    separators: Mapping[str, Separator],
) -> TableInfo:
    return TableInfo(
        name=table["name"],
        columns=tuple(_column(name, types, about, separators.get(name)) for name in table["columns"]),
        primary_key=tuple(table["primary_keys"]),
        foreign_keys=tuple(_foreign_keys(table["foreign_keys"]["outgoing"], keys)),
        description=_description(about),
    )


def _foreign_keys(outgoing: Sequence[Mapping[str, Any]], keys: Mapping[str, Sequence[str]]) -> Iterator[ForeignKeyInfo]:
    """The foreign keys by column; one that names no column refers to the other table's primary key."""
    for key in sorted(outgoing, key=lambda key: (key["column"], key["other_table"])):
        other = [key["other_column"]] if key["other_column"] else keys.get(key["other_table"], ())
        if len(other) == 1:
            yield ForeignKeyInfo(column=key["column"], other_table=key["other_table"], other_column=other[0])


def _view_columns(
    client: HttpClient, route: str, view: str, may_ask: bool, about: Mapping[str, Any]
) -> tuple[ColumnInfo, ...]:
    """A view's columns; none for a view that cannot be read, which is said in the log."""
    try:
        if may_ask:
            rows = _rows(client, route, VIEW_TYPES, {"view": view})
            types = {row["column"]: (row["type"], False) for row in rows}
            return tuple(_column(name, types, about) for name in types)
        answer = client.get(f"{table_path(route, view)}.json", params={"_size": 0, "_nofacet": 1, "_nocount": 1})
        return tuple(_column(name, {}, about) for name in answer.json()["columns"])
    except SourceRefused as refused:
        log.warning("view_left_out database=%s view=%s reason=%s", route, view, refused.what)
        return ()


def _table_types(client: HttpClient, route: str) -> dict[str, Types]:
    types: dict[str, Types] = {}
    for row in _rows(client, route, TABLE_TYPES, {}):
        types.setdefault(row["table"], {})[row["column"]] = (row["type"], bool(row["not_null"]))
    return types


def _separators(client: HttpClient, route: str, table: str, types: Types) -> dict[str, Separator]:
    """What stands between day and time in each TIMESTAMP column of a table, where it is one and the same.

    Nothing for a column that has no times yet, or several spellings, or for a table that takes too long.
    """
    columns = [name for name, (declared, _) in types.items() if map_type(declared).type is TIMESTAMP]
    if not columns:
        return {}
    asked = [
        SEPARATORS.format(number=number, column=_quoted(name), table=_quoted(table))
        for number, name in enumerate(columns)
    ]
    sql = f"select * from ({' union all '.join(asked)}) order by 1, 2 limit -1 offset :offset"
    found: dict[str, set[str]] = {}
    try:
        for row in _rows(client, route, sql, {}):
            found.setdefault(columns[row["number"]], set()).add(row["separator"])
    except SourceRefused as refused:
        log.warning("spelling_unknown database=%s table=%s reason=%s", route, table, refused.what)
        return {}
    known = {name: separators - {""} for name, separators in found.items()}  # a day alone is compared with both
    return {name: separator for name, each in known.items() for separator in SEPARATORS_KNOWN if each == {separator}}


def _quoted(name: str) -> str:
    """An SQL identifier."""
    return '"{}"'.format(name.replace('"', '""'))


def _rows(client: HttpClient, route: str, sql: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """A query's rows; the server cuts each answer at its `max_returned_rows`."""
    offset, truncated = 0, True
    while truncated:
        answer = client.get(
            f"{database_path(route)}.json", params={"sql": sql, "_shape": "objects", "offset": offset, **params}
        ).json()
        yield from answer["rows"]
        offset += len(answer["rows"])
        truncated = bool(answer.get("truncated")) and bool(answer["rows"])


def _column(name: str, types: Types, about: Mapping[str, Any], separator: Separator | None = None) -> ColumnInfo:
    type_, not_null = types.get(name, (None, False))
    description = str((about.get("columns") or {}).get(name) or "")
    return ColumnInfo(name=name, type=type_, not_null=not_null, separator=separator, description=description)


def _description(about: Mapping[str, Any]) -> str:
    return str(about.get("description") or about.get("title") or "")
