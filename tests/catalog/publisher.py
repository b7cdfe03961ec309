"""Runs `headwater publish` command lines that are killed: python -m tests.catalog.publisher, spoken to as tests.faults.

What is forked, and how, is tests/faults/driver.py; here are the points of a publication at which a kill may strike.
They count from the beginning of the publication itself, and the output says when it has begun and ended.
"""

import os
from collections.abc import Sequence
from typing import Any

from tests.faults import driver

FILLING = "inside the outbox's filling"
BEFORE_SENDING = "before sending"
AFTER_SENDING = "after sending, before acknowledging"
CROSSING_OFF = "inside crossing off"
AFTER_CROSSING_OFF = "after crossing off"
CLOSING = "while closing"
POINTS = (FILLING, BEFORE_SENDING, AFTER_SENDING, CROSSING_OFF, AFTER_CROSSING_OFF, CLOSING)

THROUGH_DAGSTER = True  # a setting: hundreds of publications need not each be a run in Dagster's history
BEGUN, ENDED = "publication begun", "publication ended"
LOADED = (
    "assets.catalog.asset",
    "assets.catalog.page",
    "assets.catalog.resolve",
    "assets.catalog.targets.local",
    "assets.catalog.targets.openlineage",
    "assets.catalog.targets.secoda",
    "orchestration.catalogs",
    "orchestration.cli.app",
    "orchestration.cli.progress",
    "orchestration.cli.publish",
    "orchestration.cli.targets",
    "orchestration.home",
    "orchestration.running",
    "tests.catalog.publisher",
)


class Watched:
    """A DuckDB connection; its statements are a point while the outbox is written."""

    def __init__(self, connection: Any, points: "Points") -> None:
        self._connection, self._points = connection, points

    def execute(self, sql: str, *parameters: Any) -> Any:
        """Run a statement."""
        self._points.reach(self._points.writing)
        return self._connection.execute(sql, *parameters)

    def close(self) -> None:
        """Close the file."""
        with self._points.fault.during(CLOSING if self._points.under_way else ""):
            self._connection.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class Points:
    """Where a publication is."""

    def __init__(self, fault: driver.Fault) -> None:
        self.fault, self.under_way, self.writing = fault, False, ""

    def reach(self, point: str) -> None:
        """A point has been reached, if a publication is under way."""
        if self.under_way and point:
            self.fault.reach(point)

    def around(self, function: Any, before: str = "", inside: str = "", after: str = "") -> Any:
        """The function, with points before it, at each statement inside it, and after it."""

        def wrapped(*given: Any, **named: Any) -> Any:
            self.reach(before)
            self.writing = inside
            try:
                answer = function(*given, **named)
            finally:
                self.writing = ""
            self.reach(after)
            return answer

        return wrapped

    def whole(self, function: Any) -> Any:
        """A publication, said to begin and to end."""

        def wrapped(*given: Any, **named: Any) -> Any:
            os.write(1, f"{BEGUN}\n".encode())
            self.under_way = True
            try:
                return function(*given, **named)
            finally:
                self.under_way = False
                os.write(1, f"{ENDED}\n".encode())

        return wrapped


def publish_directly(target: Any, prepared: Any) -> tuple[dict[str, Any], Sequence[str]]:
    """What the catalog's asset does, without Dagster around it."""
    from assets.catalog import asset

    done = asset.publish_now(target, prepared.catalog, prepared.plan)
    return {}, [*prepared.problems, *done.problems]


def install(fault: driver.Fault) -> None:
    """Wrap the product's functions, so that the fault learns of each point."""
    from assets.catalog import asset, publishing
    from assets.catalog.targets import local
    from assets.catalog.targets.openlineage.sending import over_http
    from assets.catalog.targets.secoda import Secoda
    from assets.warehouse.duckdb import DuckDBWarehouse
    from orchestration import catalogs

    if not THROUGH_DAGSTER:
        of_catalogs: Any = catalogs
        of_catalogs.run_publication = publish_directly
    points = Points(fault)
    modules: Any = (asset, publishing, local)
    classes: Any = (Secoda, over_http, DuckDBWarehouse)
    of_assets, of_publishing, of_local = modules
    secoda, http, warehouses = classes
    open_file = warehouses._open
    of_assets.publish = points.whole(of_assets.publish)
    of_publishing._fill_outbox = points.around(of_publishing._fill_outbox, inside=FILLING)
    of_publishing._cross_off = points.around(of_publishing._cross_off, inside=CROSSING_OFF, after=AFTER_CROSSING_OFF)
    of_local._write = points.around(of_local._write, before=BEFORE_SENDING, after=AFTER_SENDING)
    secoda._upload = points.around(secoda._upload, before=BEFORE_SENDING, after=AFTER_SENDING)
    http.send = points.around(http.send, before=BEFORE_SENDING, after=AFTER_SENDING)
    warehouses._open = lambda warehouse, *given: Watched(open_file(warehouse, *given), points)


if __name__ == "__main__":
    from tests.catalog import publisher  # the module that settings are set in

    driver.LOADED = publisher.LOADED
    driver.install = publisher.install
    driver.main()
