"""An integration of ours that other systems read: flat, nested, every type, incremental, failing; no network."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field, SecretStr

from integrations.sdk import types as t
from integrations.sdk.cursor import TimeCursor
from integrations.sdk.errors import LoginRefused
from integrations.sdk.integration import Integration
from integrations.sdk.schema import Column, Table, parent

START = datetime(2024, 1, 1, tzinfo=UTC)
PARENTS, CHILDREN = 30, 20


class SampleSpec(BaseModel, extra="forbid"):
    """What is to be made."""

    token: SecretStr = Field(SecretStr("right"), description="A token; anything but `right` is refused.")
    rows: int = Field(25_000, description="How many rows the flat table has.")
    events: int = Field(100, description="How many events there are by now.")
    long_kib: int = Field(0, description="How many KiB each row of the flat table has besides.")


class SampleClient:
    """Makes rows."""

    id = "account"

    def __init__(self, spec: SampleSpec) -> None:
        self.spec = spec

    def check(self) -> None:
        """Raises: LoginRefused."""
        if self.spec.token.get_secret_value() != "right":
            raise LoginRefused("the token is refused")


def flat(client: SampleClient, parent_row: Any, window: Any) -> Iterator[Any]:
    """Rows of the usual types."""
    client.check()
    more = {"note": "é" * (client.spec.long_kib << 9)} if client.spec.long_kib else {}
    page = 1 if more else 1000
    for first in range(0, client.spec.rows, page):
        yield [flat_row(number) | more for number in range(first, min(first + page, client.spec.rows))]


def flat_row(number: int) -> dict[str, Any]:
    """One of them."""
    return {
        "id": number,
        "amount": number / 7,
        "is_open": number % 3 == 0,
        "created_at": (START + timedelta(seconds=number, microseconds=number % 1000)).isoformat(),
        "name": f"name {number} ½",
        "note": None if number % 5 == 0 else 'a\n"b"',
        "extra": {"n": number, "tags": ["a", None]},
    }


def parents(client: SampleClient, parent_row: Any, window: Any) -> Iterator[Any]:
    """Rows with others below."""
    yield [{"id": number, "name": f"parent {number}"} for number in range(PARENTS)]


def children(client: SampleClient, parent_row: Any, window: Any) -> Iterator[Any]:
    """Rows of one parent."""
    yield [{"id": f"{parent_row['id']}-{number}"} for number in range(CHILDREN)]


def kinds(client: SampleClient, parent_row: Any, window: Any) -> Iterator[Any]:
    """Every type's bounds, and nulls."""
    yield [
        {"id": 1, "tiny": -128, "small": -(2**15), "whole": -(2**31), "big": -(2**63), "ubig": 2**64 - 1,
         "single": 0.5, "double": 1.7976931348623157e308, "exact": "12345678901234.5678", "words": "", "raw": "AP8=",
         "day": "0001-01-01", "at": "1970-01-01T00:00:00.000001Z", "doc": {"a": [1, None]}, "yes": True,
         "uid": "00000000-0000-0000-0000-000000000001", "items": [1, None, 3]},
        {"id": 2},
    ]  # fmt: skip


def events(client: SampleClient, parent_row: Any, window: Any) -> Iterator[Any]:
    """Rows since the window's start."""
    made = [(number, START + timedelta(minutes=number)) for number in range(1, client.spec.events + 1)]
    yield [
        {"id": number, "seen_at": at.isoformat()} for number, at in made if window.start is None or at > window.start
    ]


def failing(client: SampleClient, parent_row: Any, window: Any) -> Iterator[Any]:
    """One row, and an error."""
    yield [{"id": 1}]
    raise ValueError("no such luck")


KEY = Column("id", t.BIGINT, primary_key=True, description="Which it is.")
KINDS = {
    "tiny": t.TINYINT, "small": t.SMALLINT, "whole": t.INTEGER, "big": t.BIGINT, "ubig": t.UBIGINT,
    "single": t.FLOAT, "double": t.DOUBLE, "exact": t.DECIMAL(18, 4), "words": t.TEXT, "raw": t.BLOB, "day": t.DATE,
    "at": t.TIMESTAMP, "doc": t.JSON, "yes": t.BOOLEAN, "uid": t.UUID, "items": t.LIST(t.BIGINT),
}  # fmt: skip
FLAT = {
    "amount": t.DOUBLE, "is_open": t.BOOLEAN, "created_at": t.TIMESTAMP, "name": t.TEXT, "note": t.TEXT,
    "extra": t.JSON,
}  # fmt: skip


class Sample(Integration):
    """Made-up rows."""

    spec = SampleSpec
    tables = (
        Table("flat", [KEY, *(Column(name, type_) for name, type_ in FLAT.items())], flat),
        Table(
            "parents",
            [KEY, Column("name", t.TEXT)],
            parents,
            title="Parents",
            relations=[
                Table(
                    "children",
                    [Column("id", t.TEXT, primary_key=True), Column("parent_id", t.BIGINT, parent("id"))],
                    children,
                )
            ],
        ),
        Table("kinds", [KEY, *(Column(name, type_) for name, type_ in KINDS.items())], kinds),
        Table("events", [KEY, Column("seen_at", t.TIMESTAMP)], events, cursor=TimeCursor("seen_at", start=START)),
        Table("failing", [KEY], failing),
    )

    def connect(self, spec: SampleSpec) -> SampleClient:
        """A client that makes rows."""
        return SampleClient(spec)

    def test_connection(self, client: SampleClient) -> None:
        """See that the token is right."""
        client.check()
