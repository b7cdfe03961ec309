"""Delivers a source's tables to one destination: what changed since it last acknowledged, and nothing twice.

    one short session, for several tables: what is due? begin, rows into a file of their own
        ─► for each, the warehouse closed: Writer.migrate, write, delete_stale, commit ─► one short session: acknowledge

A table that fails leaves the others alone. A delivery that is not acknowledged comes again.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from filelock import FileLock, Timeout

from assets.destinations.choosing import Due, Wanted, choose
from assets.destinations.model import SYNC_GROUP, DeliveredTable, Destination, How, Writer, table_of
from assets.destinations.rows import Outgoing
from assets.destinations.values import column_type
from assets.destinations.writers import connect
from assets.warehouse import deliveries
from assets.warehouse.duckdb import DuckDBWarehouse
from assets.warehouse.quoting import name, names, text
from assets.warehouse.session import Session
from assets.warehouse.staging_area import StagingArea
from integrations.sdk.errors import HeadwaterError, WarehouseError
from integrations.sdk.names import slug
from integrations.sdk.schema import Node

log = logging.getLogger(__name__)
ROWS_TOGETHER = 100_000
ACKNOWLEDGED_EVERY_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOrder:
    """What to deliver, and where to. `nodes` has parents before children; `write_modes` are single tables' own."""

    source: str
    nodes: Sequence[Node]
    destination: Destination
    warehouse: DuckDBWarehouse
    run_id: str
    write_modes: Mapping[str, str] = field(default_factory=dict)
    deterministic_ids: bool = False

    def write_mode_of(self, node: Node) -> str:
        """How a table is written."""
        return self.write_modes.get(node.name) or self.destination.write_mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of one table. `whole`: all of its rows were sent; `until` is the position that it has now.

    `preview`: some of the rows that were sent, as text, masked. `total`: how many rows the warehouse has up to there;
    None where the destination still has others that are to go.
    """

    node: Node
    rows: int = 0
    removed: int = 0
    seconds: float = 0.0
    whole: bool = False
    until: str | None = None
    total: int | None = None
    preview: Sequence[Sequence[str | None]] = ()
    notes: Sequence[str] = ()
    error: HeadwaterError | None = None


def deliver(order: DeliveryOrder) -> Iterator[Delivery]:
    """Deliver the tables; yield what became of each. Raises: WarehouseError when another run is at it for long."""
    path, settings = order.warehouse.path, order.warehouse.settings
    lock = FileLock(path.with_name(f".{path.name}.{slug(order.source)}__{slug(order.destination.name)}.lock"))
    with ExitStack() as stack:
        try:
            stack.enter_context(lock.acquire(timeout=settings.lock_timeout_s))
        except Timeout:
            raise WarehouseError(
                f"another run has been delivering to `{order.destination.name}` for {settings.lock_timeout_s:.0f} s",
                hint="wait for that run, or end it",
            ) from None
        area = order.warehouse.staging(f"{order.run_id}-{slug(order.source)}__{slug(order.destination.name)}")
        stack.callback(area.close)
        yield from _Deliveries(order, area, stack).run()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A table whose rows are in a file; `due` is None where nothing is to be done, or there is an `error`."""

    node: Node
    table: DeliveredTable | None = None
    due: Due | None = None
    total: int | None = None
    seconds: float = 0.0
    error: HeadwaterError | None = None


class _Deliveries:
    def __init__(self, order: DeliveryOrder, area: StagingArea, stack: ExitStack) -> None:
        self._order, self._area, self._stack = order, area, stack
        self._writer: Writer | None = None
        self._refused: HeadwaterError | None = None
        self._committed: dict[str, list[str]] = {}
        self._group = order.destination.group(datetime.now(UTC), order.run_id)
        # each group is given everything, as if it were a destination of its own
        self._receiver = " ".join(filter(None, (order.destination.name, self._group)))

    def run(self) -> Iterator[Delivery]:
        """What becomes of each table, in their order."""
        for delivery in self._all():
            _log(self._order, delivery)
            yield delivery

    def _all(self) -> Iterator[Delivery]:
        """Several tables at a time: to open the warehouse takes longer than to send a small one."""
        left = list(self._order.nodes)
        while left:
            with closing(self._outgoing("delivery.duckdb")) as outgoing:
                try:
                    tables = self._prepare(left, outgoing)
                except HeadwaterError as error:
                    yield from (self._failed(node, error) for node in left)
                    return
                yield from self._sent(tables, outgoing)
            del left[: len(tables)]

    def _prepare(self, nodes: Sequence[Node], outgoing: Outgoing) -> list[_Ready]:
        """See what is due of the next tables, and copy their rows, in one session: until these are many."""
        writer = self._connected()
        ready: list[_Ready] = []
        begun: list[str] = []
        rows = 0
        with self._order.warehouse.session() as session, outgoing.filled(session.connection) as export:
            for node in nodes:
                began = time.monotonic()
                try:
                    table, due, total = self._due(session, writer, node)
                    if due is not None:
                        rows += export(self._select(session, table, due.how), node.name)
                        begun += self._begun(node, due)
                    each = _Ready(node=node, table=table, due=due, total=total)
                except HeadwaterError as error:
                    each = _Ready(node=node, error=error)
                ready.append(replace(each, seconds=time.monotonic() - began))
                if rows >= ROWS_TOGETHER:
                    break
            session.execute_many(begun)
        return ready

    def _sent(self, tables: Sequence[_Ready], outgoing: Outgoing) -> Iterator[Delivery]:
        """Send one table after the other; what becomes of them is said when it is acknowledged."""
        sent: list[Delivery] = []
        acknowledged_at = time.monotonic()
        for ready in tables:
            sent.append(self._deliver(ready, outgoing))
            if ready is tables[-1] or time.monotonic() - acknowledged_at > ACKNOWLEDGED_EVERY_S:
                yield from self._acknowledge(sent)
                sent, acknowledged_at = [], time.monotonic()

    def _deliver(self, ready: _Ready, outgoing: Outgoing) -> Delivery:
        began = time.monotonic()
        try:
            delivery = self._send(ready, outgoing)
        except HeadwaterError as error:
            self._give_up()
            delivery = self._failed(ready.node, error)
        return replace(delivery, seconds=round(ready.seconds + time.monotonic() - began, 3))

    def _send(self, ready: _Ready, outgoing: Outgoing) -> Delivery:
        if ready.error:
            raise ready.error
        table, due = ready.table, ready.due
        if table is None or due is None:
            return Delivery(node=ready.node, total=ready.total)
        writer = self._connected()
        with ExitStack() as stack:
            forced = self._order.destination.forced_migration
            if writer.migrate(table, forced=forced, changed=due.changed):
                due, is_known = _all_of_it(due), due
                if due != is_known:
                    outgoing = stack.enter_context(closing(self._outgoing("whole.duckdb")))
                    self._copy_again(table, due, outgoing)
            began = time.monotonic()
            rows = stack.enter_context(outgoing.rows(table.name))
            preview = rows.preview(table.node.table, table.columns)
            written = writer.write(table, rows, due.how)
            if due.how.removes:
                written.removed = writer.delete_stale(table, rows, due.how)
            writer.commit()
        self._committed[table.name] = deliveries.acknowledge(
            self._receiver,
            self._order.source,
            table.name,
            due.after,
            rows=written.rows,
            removed=written.removed,
            seconds=round(time.monotonic() - began, 3),
        )
        return Delivery(
            node=ready.node,
            rows=written.rows,
            removed=written.removed,
            whole=due.how.whole,
            until=due.after.position,
            total=ready.total,
            preview=preview,
            notes=written.notes,
        )

    def _acknowledge(self, sent: Sequence[Delivery]) -> Sequence[Delivery]:
        """Write down what the destination has taken; what cannot be comes again, so that it has failed."""
        committed, self._committed = self._committed, {}
        if not committed:
            return sent
        try:
            with self._order.warehouse.session() as session:
                session.execute_many([each for statements in committed.values() for each in statements])
        except HeadwaterError as error:
            return [self._failed(each.node, error) if each.node.name in committed else each for each in sent]
        return sent

    def _due(self, session: Session, writer: Writer, node: Node) -> tuple[DeliveredTable, Due | None, int | None]:
        """The table as it is to be delivered, what of it, and how many rows it has then.

        Raises: WarehouseError when it is not there.
        """
        order, destination = self._order, self._order.destination
        if not session.has_table(order.source, node.name):
            raise WarehouseError("it has never been synced", hint=f"run: headwater sync {order.source}.{node.name}")
        columns = {c: column_type(type_) for c, type_ in session.column_types(order.source, node.name).items()}
        write_mode = order.write_mode_of(node)
        grouped = self._group is not None
        table = table_of(order.source, node, columns, write_mode, destination.pk_mode, grouped=grouped)
        was = deliveries.delivered(session, self._receiver, order.source, node.name)
        wanted = Wanted(
            write_mode=write_mode,
            forced=destination.forced_migration,
            takes_whole=writer.takes_whole,
            deterministic_ids=order.deterministic_ids,
        )
        since = deliveries.since(session, order.source, node.name, was)
        due = choose(table, wanted, was, since)
        removals_due = due.after.removals_due if due else was.removals_due
        return table, due, None if removals_due else deliveries.count(session, order.source, node.name, since.until)

    def _begun(self, node: Node, due: Due) -> list[str]:
        return deliveries.begin(self._receiver, self._order.source, node.name, due.before)

    def _copy_again(self, table: DeliveredTable, due: Due, outgoing: Outgoing) -> None:
        """Copy other rows than those that were due."""
        with self._order.warehouse.session() as session, outgoing.filled(session.connection) as export:
            session.execute_many(self._begun(table.node, due))
            export(self._select(session, table, due.how), table.name)

    def _select(self, session: Session, table: DeliveredTable, how: How) -> str:
        """SQL for the rows that are due; of several with one key (`append`) the latest."""
        limits = [f"_cq_sync_time > {text(how.after)}::TIMESTAMPTZ"] if how.after else []
        limits += [f"_cq_sync_time <= {text(how.until)}::TIMESTAMPTZ"] if how.until and not how.whole else []
        where = f" WHERE {' AND '.join(limits)}" if limits else ""
        from_ = f"FROM {name(table.source)}.{name(table.name)}{where}"
        latest = ""
        if table.keys:
            keys = names([key for key in table.keys if key != SYNC_GROUP])
            if session.query(f"SELECT 1 {from_} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1")[1]:
                latest = f" QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY _cq_sync_time DESC) = 1"
        group = f"{text(self._group or '')} AS {name(SYNC_GROUP)}"
        listed = ", ".join(group if column == SYNC_GROUP else name(column) for column in table.columns)
        return f"SELECT {listed} {from_}{latest}"

    def _failed(self, node: Node, error: HeadwaterError) -> Delivery:
        return Delivery(node=node, error=copy(error).at(source=self._order.source, table=node.name))

    def _outgoing(self, file: str) -> Outgoing:
        return Outgoing(self._area.file(file), self._order.warehouse.settings.memory_mib)

    def _connected(self) -> Writer:
        """The writer. One that cannot be had is not tried again for the next table."""
        if self._refused:
            raise self._refused
        if self._writer is None:
            try:
                self._writer = connect(self._order.destination)
            except HeadwaterError as error:
                self._refused = error
                raise
            self._stack.callback(self._close)
        return self._writer

    def _give_up(self) -> None:
        """Undo what was begun; a connection that cannot even do that is made anew for the next table."""
        if self._writer is not None:
            try:
                self._writer.rollback()
            except HeadwaterError:
                self._close()

    def _close(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()


def _all_of_it(due: Due) -> Due:
    """The same delivery, of all rows: the destination's table was not there, or had to be made anew."""
    how = replace(due.how, whole=due.how.write_mode != "append", after=None, repeats=False)
    return replace(due, how=how, before=replace(due.before, position=None))


def _log(order: DeliveryOrder, delivery: Delivery) -> None:
    log.info(
        "table_delivered destination=%s source=%s table=%s rows=%d removed=%d seconds=%.3f outcome=%s",
        order.destination.name,
        order.source,
        delivery.node.name,
        delivery.rows,
        delivery.removed,
        delivery.seconds,
        "failed" if delivery.error else "done",
    )
