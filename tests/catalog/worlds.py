"""What tests of targets share: a warehouse, catalogs of any size, and a publication as `headwater publish` does it."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import duckdb

from assets.catalog.model import Catalog, Edge, Entry
from assets.catalog.publishing import Plan, Published, Target, plan_for, publish
from assets.warehouse.duckdb import DuckDBWarehouse, WarehouseSettings
from assets.warehouse.session import Session

NAME = "there"


def outbox_of(session: Session) -> int:
    """How many changes are not acknowledged yet."""
    return int(session.query("SELECT count(*) FROM catalog.outbox")[1][0][0])


class World:
    """A warehouse, from which a catalog is published to a target.

    It is open as long as there is a world: to open it takes DuckDB 30 ms of CPU each time.
    """

    def __init__(self, folder: Path) -> None:
        self.warehouse = DuckDBWarehouse(WarehouseSettings(path=folder / "warehouse.duckdb"))
        folder.mkdir(exist_ok=True)
        self._open = duckdb.connect(str(self.warehouse.path))

    def plan(self, catalog: Catalog, hidden: Sequence[str] = (), threshold: float = 0.75) -> Plan:
        with self.warehouse.session() as session:
            return plan_for(session, NAME, catalog, filtered=lambda key: key in hidden, threshold=threshold)

    def publish(
        self, target: Target, catalog: Catalog, hidden: Sequence[str] = (), threshold: float = 0.75
    ) -> Published:
        return publish(self.warehouse, NAME, target, catalog, self.plan(catalog, hidden, threshold))

    def left_over(self) -> int:
        with self.warehouse.session() as session:
            return outbox_of(session)


def chain(count: int, *, source: str = "s", title: str = "", first: int = 0) -> Catalog:
    """Tables, each made of the one before."""
    entries = {}
    for number in range(first, first + count):
        key = f"{source}/t{number}"
        entries[key] = Entry(
            key=key,
            source=source,
            entity_type="table",
            databuilder_id=f"t{number}",
            title=title or f"t{number}",
            database="db",
            schema="sch",
        )
    keys = list(entries)
    edges = [Edge(upstream=a, downstream=b, source=source) for a, b in pairwise(keys)]
    return Catalog(entries=entries, edges=edges)
