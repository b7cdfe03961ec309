"""Resolvers as classes, in CloudQuery's words and order, and the row they work on.

The order for each record: `resolve` yields it, `pre_resource_resolve`, each column in turn
(`resolve_column`), `post_resource_resolve`; then its row goes to the warehouse.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from integrations.sdk.errors import DeclarationError, UnknownColumn
from integrations.sdk.names import nearest

if TYPE_CHECKING:
    from integrations.sdk.schema import Table


class Row:
    """One row in the making; what CloudQuery calls a resource.

    `item` is the record as the resolver yielded it, `parent` the parent's row or None.
    """

    __slots__ = ("item", "parent", "table", "values")

    def __init__(self, table: "Table", item: Any, parent: "ParentRow | None") -> None:
        self.table, self.item, self.parent = table, item, parent
        self.values: dict[str, Any] = {}

    def set(self, column: str, value: Any) -> None:
        """Give a column its value. Raises: DeclarationError when the table has no such column."""
        if self.table.column(column) is None:
            raise DeclarationError(
                f"table `{self.table.name}` has no column `{column}`",
                hint=nearest(column, [known.name for known in self.table.columns]),
            )
        self.values[column] = value

    def get(self, column: str) -> Any:
        """The value so far, None before it was set."""
        return self.values.get(column)


class ParentRow(Mapping[str, Any]):
    """The parent's row, as it stands in the warehouse: `form["id"]`. Also `form.item["id"]`, as in CloudQuery."""

    __slots__ = ("_values", "table_name")

    def __init__(self, table_name: str, values: Mapping[str, Any]) -> None:
        self.table_name, self._values = table_name, values

    @property
    def item(self) -> Mapping[str, Any]:
        """The row itself, for resolvers written for CloudQuery."""
        return self

    def __getitem__(self, column: str) -> Any:
        try:
            return self._values[column]
        except KeyError:
            raise UnknownColumn(
                f"the parent `{self.table_name}` gives no column `{column}`",
                hint=nearest(column, self._values),
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"ParentRow({self.table_name}, {len(self._values)} columns)"


class TableResolver:
    """Fetches a table's records. Only `resolve` has to be written."""

    def resolve(self, client: Any, parent_resource: ParentRow | None) -> Iterator[Any]:
        """Yield pages, records (dicts, dataclasses, pydantic models), lists of them, or Arrow tables.

        Called once per client for a top-level table, once per parent's row for a relation. An override that
        takes a third argument is given the window, too.
        """
        raise DeclarationError(f"{type(self).__name__} does not implement resolve(client, parent_resource)")

    def multiplex(self, client: Any) -> Sequence[Any]:
        """The clients to read a top-level table with; by default the one that there is."""
        return [client]

    def pre_resource_resolve(self, client: Any, resource: Row) -> None:
        """Called before a row's columns are resolved."""

    def resolve_column(self, client: Any, resource: Row, column_name: str) -> None:
        """Give one column its value; by default from its declared origin."""

    def post_resource_resolve(self, client: Any, resource: Row) -> None:
        """Called after a row's columns are resolved."""

    @property
    def takes_window(self) -> bool:
        """Whether `resolve` is written with a third argument, for the window."""
        return len(inspect.signature(self.resolve).parameters) > len(("client", "parent_resource"))

    @property
    def has_hooks(self) -> bool:
        """Whether any of the three per-row methods is overridden, so that each row needs Python."""
        own = type(self)
        return any(
            getattr(own, name) is not getattr(TableResolver, name)
            for name in ("pre_resource_resolve", "resolve_column", "post_resource_resolve")
        )
