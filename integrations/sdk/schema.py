"""What an author declares: tables, their columns, and where each column's value comes from."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

from integrations.sdk.cursor import Cursor, SequenceCursor, TimeCursor, check_cursor
from integrations.sdk.errors import DeclarationError
from integrations.sdk.names import check_name, first_repeated, nearest
from integrations.sdk.resolvers import TableResolver
from integrations.sdk.streams import Streamed
from integrations.sdk.types import ColumnType

Client = Any  # one connection to one account: an HttpClient, or what the integration's connect() makes
Multiplexer = Callable[[Client], Sequence[Client]]
ResolverFunction = Callable[[Client, Any, Any], Iterator[Any]]
Contract = Literal["evolve", "freeze", "discard_row", "discard_value"]
CONTRACTS: tuple[Contract, ...] = ("evolve", "freeze", "discard_row", "discard_value")


@dataclass(frozen=True, slots=True)
class Path:
    """The value found by following these keys into the record; absent is null."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParentColumn:
    """The value of a column of the parent's row."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value on every row."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Computed:
    """What a function makes of the record (a dict)."""

    function: Callable[[dict[str, Any]], Any]


Origin = Path | ParentColumn | Constant | Computed


def path(*keys: str) -> Path:
    """Take the value from inside the record: `path("user.login")`, or `path("user", "log.in")`.

    >>> path("user.login").keys
    ('user', 'login')
    """
    parts = tuple(keys[0].split(".")) if len(keys) == 1 else keys
    if not parts or not all(parts):
        raise DeclarationError(f"path{keys} leads nowhere", hint="write it as path('user.login')")
    return Path(parts)


def parent(column: str) -> ParentColumn:
    """Take the value from the parent's row."""
    return ParentColumn(column)


def constant(value: str | int | float | bool | None) -> Constant:
    """Give every row this value."""
    return Constant(value)


@dataclass(frozen=True, slots=True, init=False)
class Column:
    """A column: its name, its type, and its value's origin.

    The origin is the record's field of that name by default, or `path(…)`, `parent(…)`, `constant(…)`, or a
    function of the record. `masked` keeps its values out of previews (personal data, tokens).
    """

    name: str
    type: ColumnType
    origin: Origin
    _: KW_ONLY
    primary_key: bool
    not_null: bool
    unique: bool
    incremental_key: bool
    description: str
    masked: bool

    def __init__(
        self,
        name: str,
        type: ColumnType,
        origin: Origin | Callable[[dict[str, Any]], Any] | None = None,
        *,
        primary_key: bool = False,
        not_null: bool = False,
        unique: bool = False,
        incremental_key: bool = False,
        description: str = "",
        masked: bool = False,
    ) -> None:
        check_name("column", name)
        if not isinstance(type, ColumnType):
            raise DeclarationError(
                f"column `{name}`: {type!r} is not a column type",
                hint="use one of integrations.sdk.types, such as TEXT or LIST(BIGINT)",
            )
        if origin is None:
            origin = Path((name,))
        elif not isinstance(origin, Path | ParentColumn | Constant | Computed):
            if not callable(origin):
                raise DeclarationError(
                    f"column `{name}`: {origin!r} is not an origin",
                    hint='use path("a.b"), parent("id"), constant(1) or a function of the record',
                )
            if not _takes(origin, 1):
                raise DeclarationError(
                    f"column `{name}`: its function cannot be called with the record alone",
                    hint="write it as a function of one argument, the record (a dict)",
                )
            origin = Computed(origin)
        values = locals()
        for field in self.__dataclass_fields__:
            object.__setattr__(self, field, values[field])

    @property
    def required(self) -> bool:
        """Whether a row without a value here is not a row."""
        return self.primary_key or self.not_null


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Table:
    """A table: its columns, who fetches its records, and its dependent tables.

    `resolver` is a generator function `(client, parent, window)` or a TableResolver. `relations` are tables
    that are read once per row of this one. `multiplex` splits a top-level table over several clients.
    `parent_columns` narrows what a resolver is given of its parent; by default it is every column. `cursor`
    makes the table incremental. `contract` says what happens when records, or the declaration, no longer fit
    what is in the warehouse: evolve, freeze, discard_row or discard_value. `streamed` is for tables that have no
    resolver, since their source sends them all in one stream.
    """

    name: str
    columns: tuple[Column, ...]
    resolver: ResolverFunction | TableResolver
    _: KW_ONLY
    relations: tuple["Table", ...]
    multiplex: Multiplexer | None
    parent_columns: tuple[str, ...] | None
    cursor: Cursor | None
    contract: Contract
    title: str
    description: str
    streamed: Streamed | None

    def __init__(
        self,
        name: str,
        columns: Sequence[Column],
        resolver: ResolverFunction | TableResolver | type[TableResolver],
        *,
        relations: Sequence["Table"] = (),
        multiplex: Multiplexer | None = None,
        parent_columns: Sequence[str] | None = None,
        cursor: Cursor | None = None,
        contract: Contract = "evolve",
        title: str = "",
        description: str = "",
        streamed: Streamed | None = None,
    ) -> None:
        check_name("table", name)
        if isinstance(resolver, type):
            resolver = _instance_of(name, resolver)
        set_ = object.__setattr__
        set_(self, "name", name)
        set_(self, "columns", tuple(columns))
        set_(self, "resolver", resolver)
        set_(self, "relations", tuple(relations))
        set_(self, "multiplex", multiplex)
        set_(self, "parent_columns", None if parent_columns is None else tuple(parent_columns))
        set_(self, "cursor", cursor)
        set_(self, "contract", contract)
        set_(self, "title", title)
        set_(self, "description", description or ("" if streamed else inspect.cleandoc(_doc_of(resolver))))
        set_(self, "streamed", streamed)
        _check_columns(self)
        check_cursor(self)
        if contract not in CONTRACTS:
            raise DeclarationError(
                f"table `{name}`: {contract!r} is not a contract", hint=nearest(str(contract), CONTRACTS)
            )
        _check_resolver(self)
        _check_relations(self)

    @property
    def primary_keys(self) -> list[str]:
        """Names of the primary key's columns, in order of declaration."""
        return [column.name for column in self.columns if column.primary_key]

    def column(self, name: str) -> Column | None:
        """The column of that name, if there is one."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def cursor_column(self) -> Column | None:
        """The column that its cursor follows; None without a cursor, and for a TokenCursor."""
        cursor = self.cursor
        return self.column(cursor.column) if isinstance(cursor, TimeCursor | SequenceCursor) else None

    def clients(self, client: Client) -> Sequence[Client]:
        """The clients that this table is read with; what the resolver says comes after `multiplex`."""
        if self.multiplex:
            return self.multiplex(client)
        if isinstance(self.resolver, TableResolver):
            return self.resolver.multiplex(client)
        return [client]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A table in its tree: with its parent, and the relations that were kept."""

    table: Table
    parent: "Node | None" = None

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.name

    @property
    def windowed(self) -> "Node | None":
        """The nearest table, itself or above, whose cursor has windows: what its partitions follow."""
        for node in (self, *self.ancestors()):
            if isinstance(node.table.cursor, TimeCursor | SequenceCursor):
                return node
        return None

    def ancestors(self) -> list["Node"]:
        """Its parent, grandparent, and so on, nearest first."""
        found, node = [], self.parent
        while node:
            found.append(node)
            node = node.parent
        return found


def flatten(tables: Sequence[Table]) -> list[Node]:
    """All tables with their relations, parents before children, checked against each other.

    Raises: DeclarationError for a repeated name, a cycle, an unknown parent column.
    """
    nodes: list[Node] = []

    def walk(table: Table, parent: Node | None) -> None:
        if parent and table in (parent.table, *(node.table for node in parent.ancestors())):
            raise DeclarationError(f"table `{table.name}` is its own descendant", hint="take it out of its relations")
        node = Node(table, parent)
        nodes.append(node)
        _check_parent(node)
        _check_windows(node)
        for relation in table.relations:
            walk(relation, node)

    for table in tables:
        walk(table, None)
    if repeated := first_repeated(node.name for node in nodes):
        raise DeclarationError(
            f"two tables are called `{repeated}`", hint="table names are unique within an integration"
        )
    return nodes


def _doc_of(resolver: object) -> str:
    documented = resolver if inspect.isroutine(resolver) else type(resolver)
    doc = documented.__doc__ or ""
    return "" if documented is TableResolver or "lambda" in getattr(documented, "__name__", "") else doc


def _check_columns(table: Table) -> None:
    if not table.columns:
        raise DeclarationError(f"table `{table.name}` has no columns")
    for column in table.columns:
        if not isinstance(column, Column):
            raise DeclarationError(f"table `{table.name}`: {column!r} is not a Column")
    if repeated := first_repeated(column.name for column in table.columns):
        raise DeclarationError(f"table `{table.name}` has two columns called `{repeated}`")


def _check_resolver(table: Table) -> None:
    if isinstance(table.resolver, TableResolver):
        if type(table.resolver).resolve is TableResolver.resolve:
            raise DeclarationError(
                f"table `{table.name}`: {type(table.resolver).__name__} does not implement resolve",
                hint="write resolve(self, client, parent_resource)",
            )
        return
    if not callable(table.resolver):
        raise DeclarationError(
            f"table `{table.name}`: {table.resolver!r} is not a resolver",
            hint="write a generator function (client, parent, window), or a TableResolver",
        )
    if not _takes(table.resolver, 3):
        raise DeclarationError(
            f"table `{table.name}`: its resolver cannot be called with (client, parent, window)",
            hint="write it as a generator function of these three arguments",
        )


def _check_relations(table: Table) -> None:
    for relation in table.relations:
        if not isinstance(relation, Table):
            raise DeclarationError(f"table `{table.name}`: its relation {relation!r} is not a Table")
    if table.multiplex is not None and not (callable(table.multiplex) and _takes(table.multiplex, 1)):
        raise DeclarationError(
            f"table `{table.name}`: multiplex={table.multiplex!r} is not a function of the client",
            hint="write multiplex(client) that gives a list of clients",
        )


def _instance_of(table: str, resolver: type) -> Any:
    try:
        return resolver()
    except TypeError as error:
        raise DeclarationError(
            f"table `{table}`: its resolver {resolver.__name__} cannot be made: {error}",
            hint="pass an instance, or give it a constructor without arguments",
        ) from None


def _takes(function: Callable[..., Any], arguments: int) -> bool:
    """Whether the function can be called with so many arguments; yes when it does not tell, as `str`."""
    try:
        inspect.signature(function).bind(*range(arguments))
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _check_windows(node: Node) -> None:
    """A relation of a table with windows follows them: its own, if it has any, must be the same."""
    own, above = node.table.cursor, node.parent.windowed if node.parent else None
    if node.parent and own is not None:
        if own.per_parent and not node.parent.table.primary_keys:
            raise DeclarationError(
                f"table `{node.name}`: its cursor is kept by row of `{node.parent.name}`, which has no primary key",
                hint=f"give `{node.parent.name}` a primary key, or the cursor per_parent=False",
            )
        if getattr(own, "latest", None):
            raise DeclarationError(f"table `{node.name}`: `latest` is for top-level tables, and this is a relation")
    if above is None or own is None:
        return
    theirs = above.table.cursor
    same = isinstance(own, TimeCursor) and isinstance(theirs, TimeCursor) and own.windows == theirs.windows
    if not same:
        raise DeclarationError(
            f"table `{node.name}`: its cursor's windows are not those of `{above.name}`, which it is below",
            hint="give both the same window, start and end, or take its cursor away: it then follows its parent",
        )


def _check_parent(node: Node) -> None:
    table, parent_node = node.table, node.parent
    wanted = [column.origin.name for column in table.columns if isinstance(column.origin, ParentColumn)]
    wanted += table.parent_columns or ()
    if wanted and not parent_node:
        raise DeclarationError(
            f"table `{table.name}` takes `{wanted[0]}` from its parent, but has none",
            hint="put it into the relations of its parent",
        )
    if not parent_node:
        return
    known = [column.name for column in parent_node.table.columns]
    for name in wanted:
        if name not in known:
            raise DeclarationError(
                f"table `{table.name}`: its parent `{parent_node.name}` has no column `{name}`",
                hint=nearest(name, known),
            )
    if table.multiplex:
        raise DeclarationError(
            f"table `{table.name}` is a relation of `{parent_node.name}`: only top-level tables multiplex",
            hint="it is read with the client that read its parent's row",
        )
