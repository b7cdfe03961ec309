"""Top-level tables, and the clients that they are read with."""

import threading
from typing import Any

import pytest

from integrations.sdk import types as t
from integrations.sdk.errors import LoginRefused, SourceRefused, SourceTimeout, WarehouseError
from integrations.sdk.resolvers import TableResolver
from integrations.sdk.schema import Column, Table
from tests.engine.helpers import ID, Account, Syncer, gives, ids, own_records, states


def multiplexed(accounts: Any, resolver: Any = own_records, columns: Any = (ID,)) -> Table:
    return Table("t", columns, resolver, multiplex=lambda client: accounts)


def test_clients_are_read_at_the_same_time(syncer: Syncer) -> None:
    """Four slow accounts take as long as one: each waits for all of the others."""
    together = threading.Barrier(4, timeout=10)

    def resolve(client: Account, parent: Any, window: Any) -> Any:
        together.wait()
        yield {"id": int(client.id)}

    outcomes = syncer.sync(multiplexed([Account(str(n)) for n in range(4)], resolve))
    assert states(outcomes) == {"t": "done"}
    assert syncer.rows("t", "id, _cq_client_id") == [(n, str(n)) for n in range(4)]


def test_no_more_are_read_at_once_than_the_source_allows(syncer: Syncer) -> None:
    """`concurrency` holds for clients, tables and parents together."""
    from tests.engine.helpers import Gauge

    gauge = Gauge()

    def resolve(client: Account, parent: Any, window: Any) -> Any:
        with gauge.enter():
            threading.Event().wait(0.005)
            yield {"id": int(client.id)}

    tables = [Table(f"t{n}", [ID], resolve, multiplex=lambda c: [Account(str(n)) for n in range(6)]) for n in range(4)]
    syncer.sync(*tables, concurrency=3)
    assert gauge.entered == 24
    assert gauge.most <= 3


def test_a_client_without_an_id_leaves_none_on_the_row(syncer: Syncer) -> None:
    """One connection, nothing to tell apart."""
    syncer.sync(Table("t", [ID], gives({"id": 1})))
    assert syncer.rows("t", "id, _cq_client_id, _cq_parent_id") == [(1, None, None)]


def test_cloudquerys_clients_have_their_id_as_a_method(syncer: Syncer) -> None:
    """Both spellings are read."""

    class Client:
        def id(self) -> str:
            return "by-method"

    syncer.sync(multiplexed([Client()], gives({"id": 1})))
    assert syncer.rows("t", "id, _cq_client_id") == [(1, "by-method")]


def test_a_resolver_class_multiplexes_itself(syncer: Syncer) -> None:
    """In CloudQuery's words."""

    class Resolver(TableResolver):
        def multiplex(self, client: Any) -> Any:
            return [Account("a", ids(1)), Account("b", ids(1, 1))]

        def resolve(self, client: Any, parent_resource: Any) -> Any:
            yield client.records

    syncer.sync(Table("t", [ID], Resolver))
    assert syncer.rows("t", "id, _cq_client_id") == [(0, "a"), (1, "b")]


@pytest.mark.parametrize(
    ("accounts", "said"),
    [
        ([], "gives no client"),
        ([Account("x"), Account("x")], "two clients with the id 'x'"),
        ([Account(), Account()], "two clients with the id ''"),
    ],
)
def test_a_multiplexer_that_makes_no_sense_fails_its_table_alone(syncer: Syncer, accounts: Any, said: str) -> None:
    """The error says what to do; the other tables are committed."""
    outcomes = syncer.sync(multiplexed(accounts), Table("u", [ID], gives({"id": 1})))
    assert states(outcomes) == {"t": "failed", "u": "done"}
    assert said in str(outcomes["t"].error)
    assert outcomes["t"].error
    assert outcomes["t"].error.table == "t"


@pytest.mark.parametrize("error", [RuntimeError("boom"), SystemExit("boom")])
def test_a_multiplexer_that_raises_fails_its_table_alone(syncer: Syncer, error: BaseException) -> None:
    """Also by sys.exit(), which is no Exception."""

    def raise_it(client: Any) -> Any:
        raise error

    outcomes = syncer.sync(Table("t", [ID], own_records, multiplex=raise_it), Table("u", [ID], gives({"id": 1})))
    assert states(outcomes) == {"t": "failed", "u": "done"}
    assert f"{type(error).__name__}: boom" in str(outcomes["t"].error)


def test_a_failed_client_leaves_the_others_rows(syncer: Syncer) -> None:
    """The table is partial: what is gone is removed for the client that was read, the other's rows stay."""
    syncer.sync(multiplexed([Account("a", [{"id": 1}, {"id": 5}]), Account("b", [{"id": 2}])]))
    half = [{"id": n} for n in range(100, 1700)]  # more than a batch
    outcome = syncer.sync(
        multiplexed([Account("a", [{"id": 1}]), Account("b", [*half, SourceRefused("403", status=403)])])
    )["t"]
    assert outcome.record.outcome == "partial"
    assert syncer.rows("t") == [1, 2]
    assert "1 of 2 reads failed: 403" in str(outcome.error)
    assert outcome.error
    assert outcome.error.status == 403
    assert outcome.record.removed == 1
    assert outcome.total_rows == 2
    assert syncer.query("SELECT outcome, error IS NULL FROM headwater.syncs ORDER BY ALL") == [
        ("done", True),
        ("partial", False),
    ]


def test_a_resolver_that_fails_half_way_leaves_a_single_clients_table_as_it_was(syncer: Syncer) -> None:
    """Old rows stay, new ones do not show, and the ledger says failed."""
    syncer.sync(Table("t", [ID], gives(*ids(3))))
    outcome = syncer.sync(Table("t", [ID], gives(*ids(2000, 10), ValueError("odd"))))["t"]
    assert outcome.record.outcome == "failed"
    assert syncer.rows("t") == [0, 1, 2]
    assert "its resolver raised ValueError: odd" in str(outcome.error)
    assert syncer.query("SELECT outcome, rows FROM headwater.syncs ORDER BY ALL") == [("done", 3), ("failed", 0)]


@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt(), GeneratorExit()])
def test_a_resolver_that_exits_does_not_pass_for_one_that_is_done(syncer: Syncer, error: BaseException) -> None:
    """sys.exit() in an integration ends its table, not the pool, and removes no row."""
    syncer.sync(Table("t", [ID], gives(*ids(3))))
    tables = [Table("t", [ID], gives({"id": 1}, error)), *(Table(f"u{n}", [ID], gives({"id": n})) for n in range(5))]
    outcomes = syncer.sync(*tables, concurrency=1)
    assert states(outcomes) == {"t": "failed"} | {f"u{n}": "done" for n in range(5)}
    assert syncer.rows("t") == [0, 1, 2]


@pytest.mark.parametrize(
    ("resolver", "said"),
    [
        (lambda client, parent, window: {"id": 1}, "gave dict instead of yielding"),
        (lambda client, parent, window: 5, "gave int instead of yielding"),
        (gives(5), "which is not a record"),
        (gives([[{"id": 1}]]), "which is not a record"),
    ],
)
def test_what_is_no_record_is_a_mistake_in_the_integration(syncer: Syncer, resolver: Any, said: str) -> None:
    """It is said which, and nothing is loaded."""
    outcome = syncer.sync(Table("t", [ID], resolver))["t"]
    assert outcome.record.outcome == "failed"
    assert said in str(outcome.error)


def test_a_resolver_may_yield_nothing(syncer: Syncer) -> None:
    """None, an empty generator, empty lists: the table is there, and empty."""
    outcomes = syncer.sync(
        Table("t", [ID], lambda client, parent, window: None),
        Table("u", [ID], gives()),
        Table("v", [ID], gives([], [])),
    )
    assert states(outcomes) == {"t": "done", "u": "done", "v": "done"}
    assert [syncer.rows(table) for table in "tuv"] == [[], [], []]


class TestHopelessErrors:
    def test_stop_what_is_left_of_the_table(self, syncer: Syncer) -> None:
        """After a refused login no further client is asked."""
        asked = []

        def resolve(client: Account, parent: Any, window: Any) -> Any:
            asked.append(client.id)
            raise LoginRefused("401")
            yield

        outcome = syncer.sync(multiplexed([Account(str(n)) for n in range(50)], resolve), concurrency=1)["t"]
        assert outcome.record.outcome == "failed"
        assert len(asked) == 1
        assert outcome.error
        assert outcome.error.exit_code == 3

    def test_a_source_that_is_gone_is_asked_three_times(self, syncer: Syncer) -> None:
        """In a row: one answer in between, and it is not gone."""
        asked = []

        def resolve(client: Account, parent: Any, window: Any) -> Any:
            asked.append(client.id)
            if int(client.id) % 3 == 2 and int(client.id) < 9:
                yield {"id": int(client.id)}
            else:
                raise SourceTimeout("no answer")

        outcome = syncer.sync(multiplexed([Account(str(n)) for n in range(50)], resolve), concurrency=1)["t"]
        assert asked == [str(n) for n in range(12)]
        assert outcome.record.outcome == "partial"
        assert syncer.rows("t") == [2, 5, 8]

    def test_a_refused_client_is_no_reason_to_stop(self, syncer: Syncer) -> None:
        """403 for one account says nothing of the next."""
        accounts = [Account(str(n), [SourceRefused("403")] if n < 10 else [{"id": n}]) for n in range(20)]
        syncer.sync(multiplexed(accounts), concurrency=1)
        assert syncer.rows("t") == list(range(10, 20))


def test_a_connection_that_cannot_be_made_fails_the_sync(syncer: Syncer) -> None:
    """Nothing can be read; nothing staged is left."""

    def refuse() -> Any:
        raise LoginRefused("401")

    with pytest.raises(LoginRefused):
        syncer.sync(Table("t", [ID], gives()), connect=refuse)
    assert list(syncer.staging.iterdir()) == []


def test_a_table_that_the_warehouse_refuses_fails_alone(syncer: Syncer) -> None:
    """A type clash of one table is not the others' affair."""
    syncer.sync(Table("t", [ID, Column("v", t.TEXT)], gives({"id": 1})))
    clash = Table("t", [ID, Column("v", t.BIGINT)], gives({"id": 1}), contract="freeze")
    outcomes = syncer.sync(clash, Table("u", [ID], gives({"id": 1})))
    assert states(outcomes) == {"t": "failed", "u": "done"}
    assert isinstance(outcomes["t"].error, WarehouseError)
    assert syncer.rows("t", "id, v") == [(1, None)]
