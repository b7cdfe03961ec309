"""An integration with ten thousand windows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, HttpUrl

from integrations.sdk import BIGINT, TIMESTAMP, Column, HttpClient, Integration, Page, Table, TimeCursor, Window

HOURS = 10_000
START = datetime(2024, 1, 1, tzinfo=UTC)
CURSOR = TimeCursor("at", window="hour", start=START, end=START + timedelta(hours=HOURS))


class Spec(BaseModel, extra="forbid"):
    """What a user fills in."""

    base_url: HttpUrl


def list_readings(client: HttpClient, parent: Any, window: Window) -> Iterator[Page]:
    """Yield the readings of the window."""
    yield from client.pages("/readings", params={"since": window.start, "until": window.end})


READINGS = Table(
    "readings", [Column("id", BIGINT, primary_key=True), Column("at", TIMESTAMP)], list_readings, cursor=CURSOR
)


class Hourly(Integration):
    """Readings, hour by hour."""

    spec = Spec
    tables = (READINGS,)

    def connect(self, spec: Spec) -> HttpClient:
        """A client for the API."""
        return HttpClient(spec.base_url)
