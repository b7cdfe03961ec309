"""What to sync, and how: the order that a run gives to the engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from assets.observing import Observer
from assets.warehouse.duckdb import DuckDBWarehouse
from integrations.sdk.schema import Client, Contract, Node
from integrations.sdk.window import EVERYTHING, AnyWindow


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What a user sets for one table, where it differs from the destination or the declaration."""

    write_mode: str | None = None
    contract: Contract | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOrder:
    """What to sync, and how. `nodes` has parents before children; `limit` cuts every table (previews).

    `window` is a part that was asked for: its rows are merged, and no cursor moves. Without one, a table goes
    on from its cursor, unless `full_refresh` reads it anew from the beginning.
    """

    source: str
    nodes: Sequence[Node]
    connect: Callable[[], Client]
    warehouse: DuckDBWarehouse
    run_id: str
    root_run_id: str = ""
    write_mode: str = "overwrite-delete-stale"
    forced_migration: bool = False
    options: Mapping[str, TableOptions] = field(default_factory=dict)
    deterministic_ids: bool = False
    concurrency: int = 16
    window: AnyWindow = EVERYTHING
    only_windowed: bool = False  # whether the window is for tables with windows alone, as in a run for partitions
    full_refresh: bool = False
    rows_are_elsewhere: bool = False  # whether cursors count although their tables are not here
    limit: int | None = None
    observer: Observer = field(default_factory=Observer)

    def asked(self, node: Node) -> AnyWindow:
        """The part of a table that was asked for; everything when it goes on from its cursor."""
        return self.window if not self.only_windowed or node.windowed is not None else EVERYTHING

    def write_mode_of(self, node: Node) -> str:
        """How a table is written."""
        options = self.options.get(node.name)
        return (options and options.write_mode) or self.write_mode

    def contract_of(self, node: Node) -> Contract | None:
        """What the user has set for a table's contract, None where the declaration's holds."""
        options = self.options.get(node.name)
        return options.contract if options else None
