"""Reads a table's clients, or its parents' rows, concurrently: each is a scope of its own, with its own cursor."""

import queue
import threading
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from assets.authors import explained
from assets.clients import Clients
from assets.order import SyncOrder
from assets.table_run import TableRun
from assets.warehouse.cursors import Scope
from assets.warehouse.spooling import Spool, client_scopes
from assets.workers import PATIENCE_S, Workers
from integrations.sdk.counters import counting
from integrations.sdk.errors import HeadwaterError, WarehouseError
from integrations.sdk.page import SyncToken
from integrations.sdk.reading import read
from integrations.sdk.resolvers import ParentRow
from integrations.sdk.schema import Client
from integrations.sdk.validators import Validators, validating


class Readers:
    """The threads that read, and what they share."""

    def __init__(self, order: SyncOrder) -> None:
        self._order = order
        self._workers = Workers(order.concurrency)
        self._stopping = threading.Event()
        self._clients = Clients()
        self._client: Client = None
        self._handing_out: list[queue.SimpleQueue[None]] = []
        self._parents: list[threading.Thread] = []

    def start(self, client: Client) -> None:
        """Read with this client, and those that multiplexers make of it."""
        self._client = client

    def stop(self) -> None:
        """Read no further, and close the client."""
        self._stopping.set()
        for ahead in self._handing_out:
            ahead.put(None)  # one that waits for its turn sees that there will be none
        self._workers.close()
        for thread in self._parents:
            thread.join(PATIENCE_S)
        if hasattr(self._client, "close"):
            self._client.close()

    def read_clients(self, run: TableRun) -> None:
        """Read a top-level table with each of its clients; returns at once."""
        self._workers.submit(lambda: self._hand_out_clients(run))

    def read_parents(self, run: TableRun, spool: Spool, columns: Sequence[str]) -> None:
        """Read a relation once per parent's row, of which it is given these columns; returns at once."""
        thread = threading.Thread(
            target=self._hand_out_parents, args=(run, spool, columns), name=f"parents-{run.node.name}", daemon=True
        )
        self._parents.append(thread)
        thread.start()

    def _hand_out_clients(self, run: TableRun) -> None:
        try:
            with counting(run.counters):
                clients = self._clients.of(run.node, self._client)
        except BaseException as error:  # noqa: BLE001 - the boundary of an author's code, which may sys.exit()
            run.fail(self._explain(error, run, ""))
            run.closed()
            return
        scoped = len(clients) > 1 or any(clients)
        if scoped:
            run.stage.scopes = client_scopes(list(clients))
        run.expect(len(clients))
        for number, (client_id, client) in enumerate(clients.items()):
            run.opened()
            scope = Scope(number if scoped else None, (client_id, ""))
            self._workers.submit(partial(self._read, run, client, scope, None))
        run.closed()

    def _hand_out_parents(self, run: TableRun, spool: Spool, columns: Sequence[str]) -> None:
        """Hand out parents' rows, no more than a few ahead of the workers."""
        ahead: queue.SimpleQueue[None] = queue.SimpleQueue()  # a token for each row that may be handed out
        self._handing_out.append(ahead)
        for _ in range(2 * self._order.concurrency):
            ahead.put(None)
        assert run.node.parent is not None
        table = run.node.parent.name
        own_keys = bool(run.node.table.cursor) and not run.progress.shares_cursor
        keys = run.node.parent.table.primary_keys if own_keys else []
        wanted = list(dict.fromkeys([*columns, *keys]))
        run.expect(2)  # there may be any number of parents
        try:
            with counting(run.counters):
                clients = self._clients.of(run.node, self._client)
            for number, client_id, values in spool.rows(wanted):
                ahead.get()
                if self._stopping.is_set() or run.hopeless or run.is_full:
                    break
                key = msgspec.json.encode([values[key] for key in keys], enc_hook=str).decode() if keys else ""
                scope = Scope(number, (client_id or "", key))
                row = ParentRow(table, {column: values[column] for column in columns} if keys else values)
                run.opened()
                if (client_id or "") not in clients:
                    run.fail(self._client_is_gone(client_id or ""), scope)
                    run.closed()
                    ahead.put(None)
                    continue
                work = self._reading_of(run, clients[client_id or ""], scope, row, ahead)
                self._workers.submit(work)
        except BaseException as error:  # noqa: BLE001 - the boundary of an author's code, which may sys.exit()
            run.fail(self._explain(error, run, ""))
        finally:
            run.closed()

    def _reading_of(
        self, run: TableRun, client: Client, scope: Scope, parent: ParentRow, ahead: "queue.SimpleQueue[None]"
    ) -> Callable[[], None]:
        def work() -> None:
            try:
                self._read(run, client, scope, parent)
            finally:
                ahead.put(None)

        return work

    def _read(self, run: TableRun, client: Client, scope: Scope, parent: ParentRow | None) -> None:
        """Read one client, or one parent's relation, to its end; runs in a worker thread."""
        if self._stopping.is_set() or run.hopeless or run.is_full:
            run.closed()
            return
        order = self._order
        validators = Validators(run.progress.etags, run.plan.fingerprint)
        try:
            with counting(run.counters), validating(validators):
                for batch in read(run.node.table, client, parent, run.begin(scope)):
                    with run.adding():
                        if isinstance(batch, SyncToken):
                            scope.token = batch.token
                            continue
                        records = run.add_page(run.stage.add(batch, scope.number, parent, client), scope)
                    order.observer.progressed(run.node, records)
                    if run.is_full or run.is_given_up or self._stopping.is_set():
                        break
                    run.ask_for_checkpoint()
                if not run.is_given_up:
                    run.succeed(scope, validators)
        except BaseException as error:  # noqa: BLE001 - the boundary of an author's code, which may sys.exit()
            run.fail(self._explain(error, run, scope.key[0]), scope)
        finally:
            run.closed()

    def _explain(self, error: BaseException, run: TableRun, client_id: str) -> HeadwaterError:
        return explained(error, "its resolver", source=self._order.source, table=run.node.name, client=client_id)

    def _client_is_gone(self, client_id: str) -> HeadwaterError:
        return WarehouseError(
            f"rows of its parent were read with client {client_id!r}, which the multiplexer no longer gives",
            hint="sync the parent again",
        )
