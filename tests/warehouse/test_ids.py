"""`_cq_id` and its companions are what CloudQuery makes them."""

import hashlib
import uuid
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.sdk import types as t
from integrations.sdk.schema import Column
from tests.warehouse.helpers import SOURCE, SYNC_TIME, Loader, fresh_loader
from tests.warehouse.values import texts


def python_id(values: dict[str, str]) -> uuid.UUID:
    """The formula of CloudQuery's Go SDK (schema/resource.go CalculateCQID, schema/arrow.go newUUID)."""
    digest = hashlib.sha256("".join(f"{name}{values[name]}" for name in sorted(values)).encode()).digest()
    return uuid.UUID(bytes=hashlib.sha1(b"\0" * 16 + digest).digest()[:16], version=5)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.integers(-(2**63), 2**63 - 1), texts, min_size=1, max_size=20))
def test_a_deterministic_id_is_the_hash_of_the_key(values: dict[int, str]) -> None:
    """By the names in order, then a version 5 UUID of the digest; the same the next time."""
    columns = [Column("z", t.BIGINT, primary_key=True), Column("a", t.TEXT, primary_key=True), Column("v", t.TEXT)]
    records = [{"z": z, "a": a, "v": "x"} for z, a in values.items()]
    with fresh_loader() as into:
        for _ in range(2):
            into.load(columns, records, deterministic=True)
            found = {(z, a): id_ for z, a, id_ in into.query("SELECT z, a, _cq_id FROM src.t")}
            assert found == {(z, a): python_id({"a": a, "z": str(z)}) for z, a in values.items()}


def test_keys_of_other_types_are_hashed_as_go_prints_them(into: Loader) -> None:
    """Times by the second, as RFC 3339; UUIDs in small letters."""
    columns = [Column("at", t.TIMESTAMP, primary_key=True), Column("id", t.UUID, primary_key=True)]
    key = uuid.UUID(int=0xABC)
    into.load(columns, [{"at": "2024-05-06T07:08:09.123456+02:00", "id": str(key).upper()}], deterministic=True)
    assert into.query("SELECT _cq_id FROM src.t") == [(python_id({"at": "2024-05-06T05:08:09Z", "id": str(key)}),)]


def test_ids_are_random_without_a_key_or_by_choice(into: Loader) -> None:
    """They are version 4, all different, and different the next time."""
    keyed, keyless = [Column("id", t.BIGINT, primary_key=True)], [Column("id", t.BIGINT)]
    records: list[Any] = [{"id": n} for n in range(50)]
    seen: set[uuid.UUID] = set()
    for columns, deterministic in ((keyed, False), (keyed, False), (keyless, True), (keyless, True)):
        table = "k" if columns is keyed else "n"
        into.load(columns, records, deterministic=deterministic, table=table)
        found = {id_ for (id_,) in into.query(f"SELECT _cq_id FROM src.{table}")}
        assert len(found) == 50
        assert all(id_.version == 4 for id_ in found)
        assert not found & seen
        seen |= found


def test_every_row_says_where_and_when_it_came_from(into: Loader) -> None:
    """Source, sync time in UTC, and the client when there are several."""
    into.load([Column("id", t.BIGINT)], [{"id": 1}, {"id": 2}], clients=["a", "it's b"], page_records=1)
    found = into.query("SELECT id, _cq_source_name, _cq_sync_time, _cq_client_id, _cq_parent_id FROM src.t ORDER BY id")
    at = datetime.fromisoformat(SYNC_TIME).astimezone(UTC)
    assert [(*row[:2], row[2].astimezone(UTC), *row[3:]) for row in found] == [
        (1, SOURCE, at, "a", None),
        (2, SOURCE, at, "it's b", None),
    ]
    order = (
        "SELECT column_name FROM duckdb_columns() WHERE table_name = 't' AND schema_name = 'src' ORDER BY column_index"
    )
    names = [name for (name,) in into.query(order)]
    assert names == ["_cq_sync_time", "_cq_source_name", "_cq_id", "_cq_parent_id", "_cq_client_id", "id"]
