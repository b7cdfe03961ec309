"""How a table's staged records become rows: SQL over DuckDB's JSON reader, compiled from the declaration.

Two kinds of staged files, one result. `fast`: the source's own bytes, which the guard has passed; nested
values are reached in SQL. `exact`: records rewritten value by value (exact.py), flat, by column name.
A staged line of a table that is read in several scopes (clients, parents' rows) begins with its scope's
number, which joins it to what all rows of that scope have in common.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from assets.warehouse import guard as guarding
from assets.warehouse.ids import id_expression
from assets.warehouse.quoting import name, names, text
from integrations.sdk.resolvers import TableResolver
from integrations.sdk.schema import Column, Computed, Constant, Contract, Node, ParentColumn, Path, Table
from integrations.sdk.streams import INTERNAL
from integrations.sdk.types import ColumnType, Kind

SCOPE = guarding.SCOPE
ORDER = "_cq_order"  # in an exact line: how many fast lines were staged before it
LINE = "_cq_line"
INTERNAL_COLUMNS: dict[str, str] = {
    "_cq_sync_time": "TIMESTAMP WITH TIME ZONE",
    "_cq_source_name": "VARCHAR",
    "_cq_id": "UUID",
    "_cq_parent_id": "UUID",
    "_cq_client_id": "VARCHAR",
}
"""What every table of the warehouse has besides its own columns, as in CloudQuery."""

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all rows of one sync have in common; `sync_time` is ISO 8601."""

    source: str
    sync_time: str
    deterministic_ids: bool
    run_id: str = ""


class ReadPlan:
    """The compiled form of one table. Made once per sync; has no connection and no state."""

    def __init__(self, node: Node, contract: Contract | None = None) -> None:
        self.table: Table = node.table
        self.contract: Contract = contract or node.table.contract
        self.parent_keys = node.parent.table.primary_keys if node.parent else []
        self.is_child = node.parent is not None
        columns = self.table.columns
        self.from_record = [c for c in columns if isinstance(c.origin, Path | Computed)]
        self.computed = [c for c in columns if isinstance(c.origin, Computed)]
        resolver = self.table.resolver
        self.hooks = resolver if isinstance(resolver, TableResolver) and resolver.has_hooks else None
        self.needs_python = bool(self.computed or self.hooks)
        self.staged = list(columns) if self.hooks else self.from_record  # hooks may set any column
        self.guard = self._make_guard()
        self.has_required = any(column.required for column in self.from_record)
        streamed = self.table.streamed
        self.brought = {column: INTERNAL[column] for column in streamed.brings} if streamed else {}

    def _make_guard(self) -> guarding.Guard | None:
        if self.needs_python or not self.from_record or not guarding.can_guard(self.from_record):
            return None
        return guarding.Guard(self.from_record)

    @cached_property
    def fingerprint(self) -> str:
        """Changes with what a page is read into: a page that was read before must then be read again."""
        return repr([(column.name, column.type.sql, str(column.origin)) for column in self.table.columns])

    @property
    def parent_columns(self) -> list[str]:
        """The parent's columns that rows of this table repeat."""
        return [c.origin.name for c in self.table.columns if isinstance(c.origin, ParentColumn)]

    def variant_of(self, column: str) -> str:
        """The column beside another for values that do not fit its type: as they came, as JSON."""
        variant = f"{column}__json"
        while self.table.column(variant):  # an author's own column, of that name
            variant += "_"
        return variant

    def create_columns(
        self, widened: Mapping[str, str] = MappingProxyType({}), variants: Collection[str] = ()
    ) -> dict[str, str]:
        """All columns of the warehouse's table, with their SQL types.

        `widened` are those that this sync's values need to be wider, `variants` those with values of another type.
        """
        declared = {column.name: widened.get(column.name, column.type.sql) for column in self.table.columns}
        return INTERNAL_COLUMNS | declared | {self.variant_of(column): "JSON" for column in sorted(variants)}

    def select(
        self,
        files: Sequence[str],
        stamp: Stamp,
        *,
        exact: bool,
        scopes: str | None = None,
        without: Sequence[int] = (),
        line_bytes: int = 0,
        ordered: bool = False,
        widened: Mapping[str, str] = MappingProxyType({}),
        variants: Collection[str] = (),
    ) -> str:
        """SQL for the rows in these files, in the order of `create_columns`.

        `scopes` is SQL for a relation of scopes, or None when there is just one, without parent or client.
        `without` lists scopes whose reading failed half way. `ordered` adds two columns behind the others,
        by which the rows of all files sort in the order that they were staged in.
        """
        inner = ", ".join(
            f"{self._expression(column, exact=exact, widened=widened)} AS {name(column.name)}"
            for column in self.table.columns
        )
        kept = [self.variant_of(column) for column in sorted(variants)]
        inner += "".join(f", {f'r.{name(c)}::JSON' if exact else 'NULL::JSON'} AS {name(c)}" for c in kept)
        keys = [column for column in self.table.columns if column.primary_key]
        scope = "s" if scopes else None
        given = {column: f"r.{column}" for column in self.brought}
        parent_id = given.get("_cq_parent_id", "s._cq_id" if scope and self.is_child else "NULL::UUID")
        client_id = given.get("_cq_client_id", "s._cq_client_id" if scope else "NULL::VARCHAR")
        own_id = id_expression(keys, deterministic=stamp.deterministic_ids)
        if "_cq_id" in given:
            inner, own_id = f"{inner}, r._cq_id AS given_id", f"coalesce(given_id, {own_id})"
        join = f" LEFT JOIN ({scopes}) s ON s.scope = r.{SCOPE}" if scopes else ""
        if without:
            join += f" WHERE r.{SCOPE} NOT IN ({', '.join(map(str, without))})"
        read = self._read_json(
            files, exact=exact, scoped=bool(scopes), line_bytes=line_bytes, widened=widened, variants=kept
        )
        order = ""
        if ordered:
            read = f"(SELECT *, row_number() OVER () AS {LINE} FROM {read})"
            inner += f", r.{ORDER}, r.{LINE}" if exact else f", r.{LINE} AS {ORDER}, 0 AS {LINE}"
            order = f", {ORDER}, {LINE}"
        return (
            f"SELECT {text(stamp.sync_time)}::TIMESTAMPTZ AS _cq_sync_time, "
            f"{text(stamp.source)} AS _cq_source_name, "
            f"{own_id} AS _cq_id, "
            f"_cq_parent_id, _cq_client_id, {names([*(c.name for c in self.table.columns), *kept])}{order} "
            f"FROM (SELECT {parent_id} AS _cq_parent_id, {client_id} AS _cq_client_id, {inner} "
            f"FROM {read} r{join})"
        )

    def probe(self, files: Sequence[str], *, exact: bool, scoped: bool, line_bytes: int) -> str:
        """SQL that reads every value that comes from the record, and nothing else."""
        columns = [f"{self._from_record(c, exact=exact)} AS {name(c.name)}" for c in self.from_record]
        if exact:
            columns += [f"{self._as_staged(c)} AS {name(c.name)}" for c in self.staged if c not in self.from_record]
        inner = ", ".join([*columns, f"r.{SCOPE}"] if scoped else columns) or "1"
        read = self._read_json(
            files, exact=exact, scoped=scoped, line_bytes=line_bytes, widened=self._as_wide_as_can_be()
        )
        return f"SELECT {inner} FROM {read} r"

    def _as_wide_as_can_be(self) -> dict[str, str]:
        """Types in which an exact file's integers can be read whatever this sync's values have widened them to."""
        return {c.name: "HUGEINT" for c in self.staged if c.type.kind is Kind.INTEGER and c.type.sql != "UHUGEINT"}

    def _expression(self, column: Column, *, exact: bool, widened: Mapping[str, str]) -> str:
        origin = column.origin
        if isinstance(origin, ParentColumn | Constant):
            constant = origin.value if isinstance(origin, Constant) else None
            value = "NULL" if constant is None else text(str(constant))
            given = f"s.{name(origin.name)}" if isinstance(origin, ParentColumn) else value
            given = f"CAST({given} AS {widened.get(column.name, column.type.sql)})"
            return f"coalesce({self._as_staged(column)}, {given})" if exact and self.hooks else given
        if exact and column.name in widened:
            return f"r.{name(column.name)}"
        return self._from_record(column, exact=exact)

    def _as_staged(self, column: Column) -> str:
        """A column of an exact file, as its own type."""
        read = f"r.{name(column.name)}"
        return read if _staged_sql(column.type) == column.type.sql else f"CAST({read} AS {column.type.sql})"

    def _from_record(self, column: Column, *, exact: bool) -> str:
        origin = column.origin
        if exact:
            return self._as_staged(column)
        assert isinstance(origin, Path)
        first, *rest = origin.keys
        reached = f"r.{name(first)}"
        for key in rest:
            reached = f"struct_extract({reached}, {text(key)})"
        return f"from_base64({reached})" if column.type.kind is Kind.BLOB else reached

    def _read_json(
        self,
        files: Sequence[str],
        *,
        exact: bool,
        scoped: bool,
        line_bytes: int,
        widened: Mapping[str, str] = MappingProxyType({}),
        variants: Sequence[str] = (),
    ) -> str:
        if exact:
            columns = {c.name: widened.get(c.name) or _staged_sql(c.type) for c in self.staged} | {ORDER: "BIGINT"}
            columns |= dict.fromkeys(variants, "VARCHAR")
        else:
            columns = {key: _reader_sql(branch) for key, branch in self._fast_tree().items()}
        columns |= {column: type_.sql for column, type_ in self.brought.items()}
        if scoped or not columns:
            columns[SCOPE] = "BIGINT"
        listed = ", ".join(f"{text(key)}: {text(type_)}" for key, type_ in columns.items())
        paths = ", ".join(map(text, files))
        size = f", maximum_object_size={line_bytes + MARKS_BYTES}" if line_bytes > DEFAULT_LINE_BYTES else ""
        return f"read_json([{paths}], format='newline_delimited', columns={{{listed}}}{size})"

    def _fast_tree(self) -> Tree:
        tree: Tree = {}
        for column in self.from_record:
            assert isinstance(column.origin, Path)
            *parents, leaf = column.origin.keys
            branch = tree
            for key in parents:
                branch = branch.setdefault(key, {})
            branch[leaf] = column.type
        return tree


DEFAULT_LINE_BYTES = 16_000_000
MARKS_BYTES = 256  # what a line has besides its record: scope, order, line break


def _reader_sql(branch: "Tree | ColumnType") -> str:
    """The type that the reader is given for a field of the source's record."""
    if isinstance(branch, ColumnType):
        return "VARCHAR" if branch.kind is Kind.BLOB else branch.sql
    return f"STRUCT({', '.join(f'{name(key)} {_reader_sql(inner)}' for key, inner in branch.items())})"


def _staged_sql(type_: ColumnType) -> str:
    """The type that the reader is given for a column of an exact file: JSON and blobs travel as text."""
    if type_.kind in (Kind.JSON, Kind.BLOB):
        return "VARCHAR"
    if type_.kind is Kind.LIST and type_.item:
        return f"{_staged_sql(type_.item)}[]"
    if type_.kind is Kind.MAP and type_.item:
        return f"MAP(VARCHAR, {_staged_sql(type_.item)})"
    if type_.kind is Kind.STRUCT:
        return f"STRUCT({', '.join(f'{name(n)} {_staged_sql(inner)}' for n, inner in type_.fields)})"
    return type_.sql
