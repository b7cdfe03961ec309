"""Any CloudQuery destination plugin: what it is sent, in which order, and what happens when it fails."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cloudquery.plugin_v3", reason="left out: needs cloudquery, from the extra cloudquery")

import pyarrow as pa

from assets.destinations.cloudquery import Spec
from assets.destinations.model import Destination
from assets.order import TableOptions
from integrations.sdk import types as t
from integrations.sdk.schema import Column, Table, flatten
from tests.destinations.places import Deliverer, Place, fine
from tests.destinations.plugin_server import Keeper, serving
from tests.destinations.tables import days, of_day
from tests.engine.helpers import ID, Account, Syncer, child_of, gives, ids, two_each
from tests.environments import interpreter
from tests.interop.peers.places import SDK, memdb

NAME = Column("name", t.TEXT)


class Plugin(Place):
    """A plugin that runs at an address."""

    @property
    def destination(self) -> Destination:
        spec = Spec.model_validate({"batch": 1})
        return Destination(name="plugin", path=self.address, registry="grpc", spec=spec, folder=self.folder)


@pytest.fixture(params=[False, True], ids=["Write", "WriteStream"])
def keeper(request: pytest.FixtureRequest) -> Keeper:
    """A plugin that acknowledges a stream's end, or each flush."""
    return Keeper(flushes=request.param)


@pytest.fixture
def to(keeper: Keeper, syncer: Syncer, tmp_path: Path) -> Iterator[Deliverer]:
    """Delivers to the plugin."""
    with serving(keeper) as address:
        yield Deliverer(syncer, Plugin("cloudquery", tmp_path, address))


def items(*records: dict[str, Any]) -> Table:
    return Table("items", [ID, NAME], gives([*records]))


def kept(keeper: Keeper, table: str = "items") -> list[Any]:
    return sorted((row["id"], row.get("name")) for row in keeper.rows[table].values())


def test_tables_rows_and_what_is_stale_are_sent_in_order(to: Deliverer, keeper: Keeper) -> None:
    """Init with the spec; migrate, inserts, delete, and the acknowledgement; each table's columns and key."""
    fine(to.both(items({"id": 1, "name": "a"}, {"id": 2, "name": "b"})))
    fine(to.both(items({"id": 2, "name": "B"})))
    assert kept(keeper) == [(2, "B")]
    assert json.loads(keeper.specs[0]) == {"batch": 1}
    once = ["migrate_table", "insert", "delete", *(["flush"] if keeper.flushes else [])]
    assert keeper.messages == once * 2
    schema = keeper.schemas["items"]
    assert schema.names[:5] == ["_cq_sync_time", "_cq_source_name", "_cq_id", "_cq_parent_id", "_cq_client_id"]
    assert schema.field("_cq_id").metadata[b"ARROW:extension:name"] == b"uuid"
    assert [f.name for f in schema if f.metadata[b"cq:extension:primary_key"] == b"true"] == ["id"]


def test_rows_that_stay_are_not_taken_for_stale(to: Deliverer, keeper: Keeper) -> None:
    """In a whole delivery rows of older syncs have the time of this one: CloudQuery tells by it what is stale."""
    good, other = Account("good", [ids(2)]), Account("other", [ids(2, 10)])
    table = Table("items", [ID], lambda client, above, window: iter(client.records), multiplex=lambda _: [good, other])
    fine(to.both(table))
    other.records = []
    good.records = [ids(1)]
    fine(to.both(table))
    assert [key for (key,) in keeper.rows["items"]] == to.syncer.rows("items")


def test_relations_and_increments(to: Deliverer, keeper: Keeper) -> None:
    """A relation names its parent; of an incremental table only what is new is sent."""
    fine(to.both(Table("items", [ID], gives(ids(2)), relations=[child_of("parts", two_each)])))
    assert keeper.schemas["parts"].metadata[b"cq:table_depends_on"] == b"items"
    assert len(keeper.rows["parts"]) == 4


def test_only_what_is_new_is_sent(to: Deliverer, keeper: Keeper) -> None:
    """And nothing is removed by it."""
    to.syncer.client = account = Account("", [of_day(1, 1, 2)])
    fine(to.both(days()))
    keeper.messages.clear()
    account.records = [of_day(2, 3)]
    (done,) = fine(to.both(days()))
    assert (done.rows, kept(keeper)) == (1, [(1, ""), (2, ""), (3, "")])
    assert "delete" not in keeper.messages


def test_long_rows_among_short_ones_fit_into_messages(to: Deliverer, keeper: Keeper) -> None:
    """A message is as small as its own rows ask for, not as the batch has them on average."""
    long = [{"id": n, "name": "x" * 1_500_000} for n in range(3)]
    fine(to.both(items(*long, *({"id": n, "name": "y"} for n in range(3, 3000)))))
    assert len(kept(keeper)) == 3000


def changing(*columns: Column, count: int = 1) -> Table:
    """A table whose rows are told apart by when they came, and which may have other columns later."""
    return Table("items", [ID, *columns], gives([{"id": 1, "name": "5"}] * count))


def test_what_a_forced_migration_drops_is_sent_again(to: Deliverer, keeper: Keeper) -> None:
    """With `append` only new rows are sent: but all, where the plugin has dropped the older ones, which it says not."""
    settings: dict[str, Any] = {"write_mode": "append", "forced_migration": True}
    appended = {"options": {"items": TableOptions(write_mode="append")}}
    fine(to.both(changing(Column("name", t.BIGINT)), sync=appended, **settings))
    to.syncer.sync(changing(Column("name", t.TEXT)), forced_migration=True, deterministic_ids=True, **appended)
    keeper.messages.clear()
    (done,) = fine(to.deliver(changing(Column("name", t.TEXT)), **settings))
    assert ("read" in keeper.messages, done.rows, done.notes) == (True, 2, [])
    assert [row["name"] for row in keeper.rows["items"].values()] == [None, "5"]


def test_a_column_that_is_added_drops_nothing(to: Deliverer, keeper: Keeper) -> None:
    """The plugin is asked, and no row is sent twice; nor is it asked where nothing has changed."""
    settings: dict[str, Any] = {"write_mode": "append", "forced_migration": True}
    fine(to.both(changing(), **settings))
    fine(to.both(changing(NAME), **settings))
    assert keeper.messages.count("read") == 1
    fine(to.both(changing(NAME), **settings))
    assert keeper.messages.count("read") == 1
    assert [row.get("name") for row in keeper.rows["items"].values()] == [None, "5", "5"]


def test_a_plugin_that_does_not_read_is_said(to: Deliverer, keeper: Keeper) -> None:
    """What has gone cannot be known then: the note tells how all is sent again."""
    settings: dict[str, Any] = {"write_mode": "append", "forced_migration": True}
    keeper.can_read = False
    fine(to.both(changing(), **settings))
    (done,) = fine(to.both(changing(NAME), **settings))
    assert done.rows == 1
    assert "delete the table's row in headwater.deliveries" in done.notes[0]


@pytest.mark.parametrize("after", [0, pytest.param(1, marks=pytest.mark.slow), 3])
def test_a_plugin_that_fails_is_said_and_made_good(to: Deliverer, keeper: Keeper, after: int) -> None:
    """The position stays, the error has the plugin's words, and the next delivery brings everything."""
    table = items(*[{"id": n, "name": "x" * 1000} for n in range(20_000)])
    keeper.fail_after = after
    error = to.both(table)["items"].error
    assert "the disk is full" in str(error)
    keeper.fail_after = None
    fine(to.deliver(table))
    assert len(keeper.rows["items"]) == 20_000


def test_a_plugin_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its address."""
    from integrations.sdk.cloudquery.processes import Running

    monkeypatch.setattr(Running, "listens_within_s", 0.5)
    to = Deliverer(Syncer(tmp_path / "warehouse.duckdb"), Plugin("cloudquery", tmp_path, "127.0.0.1:1"))
    assert "no plugin listens at 127.0.0.1:1" in str(to.both(items({"id": 1}))["items"].error)


@pytest.fixture
def real(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deliverer]:
    """Delivers to the MemDB of CloudQuery's SDK, in a process of its own."""
    with memdb(interpreter(request, SDK.replace("==", "-"), [SDK, "duckdb"])) as address:
        yield Deliverer(Syncer(tmp_path / "warehouse.duckdb"), Plugin("cloudquery", tmp_path, address))


def test_cloudquerys_own_memdb_takes_what_we_write(real: Deliverer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its SDK reads every type that we send, and gives it back."""
    import grpc
    from cloudquery.plugin_v3 import plugin_pb2 as pb
    from cloudquery.plugin_v3 import plugin_pb2_grpc

    from integrations.sdk.cloudquery.tables import schema_of
    from integrations.sdk.cloudquery.wire import schema_bytes
    from tests.destinations.test_types import all_types

    monkeypatch.setattr(Spec, "model_dump", lambda self: {})
    table = all_types()
    fine(real.both(table, write_mode="append"))
    with grpc.insecure_channel(real.place.address) as channel:
        asked = schema_of(flatten([table])[0], {})
        answers = plugin_pb2_grpc.PluginStub(channel).Read(pb.Read.Request(table=schema_bytes(asked)))
        found = [row for answer in answers for row in pa.ipc.open_stream(answer.record).read_all().to_pylist()]
    assert sorted(row["id"] for row in found) == [1, 2]
    (row,) = [row for row in found if row["id"] == 1]
    assert (row["bigint"], row["hugeint"], row["boolean"]) == (-(2**63), str(2**127 - 1), True)
