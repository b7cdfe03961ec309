"""Delivers and kills itself: python -m tests.destinations.crash POINT NTH WRITE_MODE PLACE, in JSON."""

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from assets.destinations.delivering import _Deliveries
from assets.destinations.rows import Rows
from tests.destinations.places import Deliverer, Place
from tests.destinations.tables import days
from tests.engine.helpers import Syncer


def die_at(nth: int) -> Callable[[], None]:
    """A function that kills this process when it is called so many times."""
    calls = 0

    def reach() -> None:
        nonlocal calls
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return reach


def before(owner: Any, name: str, reach: Callable[[], None]) -> None:
    """Let the point be reached before a function is called."""
    real = getattr(owner, name)

    def reaching(*arguments: Any, **named: Any) -> Any:
        reach()
        return real(*arguments, **named)

    setattr(owner, name, reaching)


def within_stream(reach: Callable[[], None]) -> None:
    """Let the point be reached with each batch of rows that is taken."""
    import pyarrow

    real = Rows.arrow

    def arrow(self: Rows, columns: Any, batch_rows: int) -> Any:
        reader = real(self, columns, 1000)

        def batches() -> Iterator[Any]:
            for batch in reader:
                reach()
                yield batch

        return pyarrow.RecordBatchReader.from_batches(reader.schema, batches())

    Rows.arrow = arrow  # type: ignore[method-assign]
    values = Rows.values

    def reaching(self: Rows, expression: str) -> Iterator[list[Any]]:
        for some in values(self, expression):
            reach()
            yield some

    Rows.values = reaching  # type: ignore[method-assign]


def main() -> None:
    point, nth, write_mode, place = sys.argv[1], int(sys.argv[2]), sys.argv[3], Place(**json.loads(sys.argv[4]))
    place.folder = Path(place.folder)
    to = Deliverer(Syncer(place.folder / "warehouse.duckdb"), place)
    module = importlib.import_module(f"assets.destinations.writers.{place.kind}")
    writer = getattr(module, place.kind.capitalize())
    module.SWAPPED_ROWS = 1000  # of PostgreSQL: fewer are replaced in place
    reach = die_at(nth)
    if point == "rows":
        before(Rows, "copy", reach)
        within_stream(reach)
    elif point == "before commit":
        before(writer, "commit", reach)
    elif point == "within commit":
        before(*((module, "_move") if place.kind == "parquet" else (writer, "end")), reach)
    else:
        before(_Deliveries, "_acknowledge", reach)
    to.deliver(days(), write_mode=write_mode)


if __name__ == "__main__":
    main()
