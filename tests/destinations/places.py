"""Destinations to deliver to, each looked into with other means than those that it was written with."""

import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb

from assets.destinations.delivering import Delivery, DeliveryOrder, deliver
from assets.destinations.model import Destination
from assets.destinations.writers import spec_of
from integrations.sdk.schema import Table, flatten
from tests.engine.helpers import SOURCE, Syncer


@dataclass
class Place:
    """A destination, and what is in it."""

    kind: str
    folder: Path
    address: str = ""
    schema: str = field(default_factory=lambda: f"s{uuid.uuid4().hex[:10]}")

    @property
    def spec(self) -> dict[str, Any]:
        """As config.yaml would have it."""
        return {
            "sqlite": {"path": "reporting.sqlite"},
            "parquet": {"directory": "files"},
            "postgres": {"connection": self.address, "schema": self.schema},
        }[self.kind]

    @property
    def destination(self) -> Destination:
        spec = spec_of(self.kind).model_validate(self.spec)
        return Destination(name="reporting", path=self.kind, spec=spec, folder=self.folder)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows; `{t}` is the table `t`."""
        if self.kind == "sqlite":
            with sqlite3.connect(self.folder / "reporting.sqlite") as file:
                rows = file.execute(sql.replace("{", '"').replace("}", '"')).fetchall()
            file.close()
            return rows
        if self.kind == "parquet":
            files = self.folder / "files" / SOURCE
            sql = sql.replace("{", f"read_parquet('{files}/").replace("}", "/**/*.parquet', union_by_name=true)")
            with duckdb.connect() as connection:
                connection.execute("SET TimeZone = 'UTC'")
                return connection.execute(sql).fetchall()
        import psycopg

        with psycopg.connect(self.address) as connection:
            connection.execute("SET TIME ZONE 'UTC'")
            return list(connection.execute(sql.replace("{", f'"{self.schema}"."').replace("}", '"')).fetchall())

    def rows(self, table: str, columns: str = "id") -> list[Any]:
        """A table's rows in order; just the values when it is one column."""
        rows = sorted(self.query(f"SELECT {columns} FROM {{{table}}}"))
        return [row[0] for row in rows] if "," not in columns else rows


@dataclass
class Deliverer:
    """Syncs into a warehouse, and delivers from there to one place."""

    syncer: Syncer
    place: Place

    def order(self, *tables: Table, deterministic: bool = True, **settings: Any) -> DeliveryOrder:
        """`settings` are the destination's."""
        return DeliveryOrder(
            source=SOURCE,
            nodes=flatten(tables),
            destination=replace(self.place.destination, **settings),
            warehouse=self.syncer.warehouse,
            run_id=f"delivery-{self.syncer.runs}",
            deterministic_ids=deterministic,
        )

    def deliver(self, *tables: Table, **settings: Any) -> dict[str, Delivery]:
        """What became of each table. Nothing staged may be left."""
        done = {each.node.name: each for each in deliver(self.order(*tables, **settings))}
        assert list(self.syncer.staging.iterdir()) == []
        return done

    def both(self, *tables: Table, sync: dict[str, Any] | None = None, **settings: Any) -> dict[str, Delivery]:
        """Sync, then deliver."""
        self.syncer.sync(*tables, **({"deterministic_ids": True} | (sync or {})))
        return self.deliver(*tables, **settings)


def fine(deliveries: dict[str, Delivery]) -> Sequence[Delivery]:
    """The deliveries, none of which may have failed."""
    assert {name: str(each.error) for name, each in deliveries.items() if each.error} == {}
    return list(deliveries.values())
