"""Measures deliveries: python -m tests.destinations.speed ROWS PLACE, in JSON. Nothing is fetched: rows are made."""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from integrations.sdk import types as t
from integrations.sdk.schema import Column, Table
from tests.destinations.places import Deliverer, Place, fine
from tests.engine.helpers import Syncer, gives

COLUMNS = [
    Column("id", t.BIGINT, primary_key=True),
    Column("category", t.TEXT),
    Column("name", t.TEXT),
    Column("amount", t.DOUBLE),
    Column("score", t.DOUBLE),
    Column("active", t.BOOLEAN),
    Column("quantity", t.BIGINT),
    Column("updated_at", t.TIMESTAMP),
    Column("meta", t.JSON),
    Column("tags", t.LIST(t.TEXT)),
]
META = '{"a": 1, "b": "b2", "c": {"d": 0.5, "e": [1, 2]}}'
VALUES = f"""i, 'category ' || i % 20, 'name of item ' || i, i * 0.25, i / 7, i % 2 = 0, nullif(i % 11, 0),
    TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_seconds(i), '{META}', ['a', 'b', 'c'][: i % 4]"""


def main() -> None:
    rows, place = int(sys.argv[1]), Place(**json.loads(sys.argv[2]))
    place.folder = Path(place.folder)
    to = Deliverer(Syncer(place.folder / "warehouse.duckdb"), place)
    table = Table("items", COLUMNS, gives([{"id": -1}]))
    to.syncer.sync(table)
    with to.syncer.warehouse.session() as session:
        own = "_cq_sync_time, _cq_source_name, uuid(), NULL, NULL"
        session.query(f"INSERT INTO src.items SELECT {own}, {VALUES} FROM src.items, range({rows}) r(i)")
        session.query("DELETE FROM src.items WHERE id = -1")
    measured: dict[str, Any] = {"first": timed(to, table, rows)}
    with to.syncer.warehouse.session() as session:
        session.query("UPDATE src.items SET _cq_sync_time = _cq_sync_time + INTERVAL 1 SECOND")
        session.query("UPDATE headwater.leases SET sync_time = sync_time + INTERVAL 1 SECOND")
    measured["again"] = timed(to, table, rows)
    measured["mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(measured))


def timed(to: Deliverer, table: Table, rows: int) -> dict[str, float]:
    """One delivery: rows a second by the clock, and by this process's own time."""
    began, cpu = time.monotonic(), time.process_time()
    (done,) = fine(to.deliver(table))
    assert done.rows == rows
    seconds, cpu_seconds = time.monotonic() - began, time.process_time() - cpu
    return {"rows_per_s": round(rows / seconds), "seconds": round(seconds, 1), "cpu_s": round(cpu_seconds, 1)}


if __name__ == "__main__":
    main()
