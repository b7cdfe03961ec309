"""Delivers a source's tables to one destination: what changed since it last acknowledged, and nothing twice.

    one short session: what is due? ─► Writer.migrate ─► one short session: begin, rows into a file of their own
        ─► Writer.write, delete_stale, commit (the warehouse is closed) ─► one short session: acknowledge

A table that fails leaves the others alone. A delivery that is not acknowledged comes again.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from assets.destinations.choosing import Due, Wanted, choose
from assets.destinations.model import SYNC_GROUP, DeliveredTable, Destination, Writer, Written, table_of
from assets.destinations.rows import TABLE, Rows
from assets.destinations.values import column_type
from assets.destinations.writers import connect
from assets.warehouse import deliveries
from assets.warehouse.duckdb import DuckDBWarehouse
from assets.warehouse.quoting import name, names, text
from assets.warehouse.session import Session
from integrations.sdk.errors import HeadwaterError, WarehouseError
from integrations.sdk.names import slug
from integrations.sdk.schema import Node

log = logging.getLogger(__name__)


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
    """What became of one table. `whole`: all of its rows were sent; `until` is the position that it has now."""

    node: Node
    rows: int = 0
    removed: int = 0
    seconds: float = 0.0
    whole: bool = False
    until: str | None = None
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
        yield from _Deliveries(order, area.file("delivery.duckdb"), stack).run()


class _Deliveries:
    def __init__(self, order: DeliveryOrder, file: Path, stack: ExitStack) -> None:
        self._order, self._file, self._stack = order, file, stack
        self._writer: Writer | None = None
        self._group = order.destination.group(datetime.now(UTC), order.run_id)
        # each group is given everything, as if it were a destination of its own
        self._receiver = " ".join(filter(None, (order.destination.name, self._group)))

    def run(self) -> Iterator[Delivery]:
        """One table after the other."""
        for node in self._order.nodes:
            began = time.monotonic()
            try:
                delivery = self._deliver(node)
            except HeadwaterError as error:
                self._give_up()
                delivery = Delivery(node=node, error=error.at(source=self._order.source, table=node.name))
            delivery = replace(delivery, seconds=round(time.monotonic() - began, 3))
            _log(self._order, delivery)
            yield delivery

    def _deliver(self, node: Node) -> Delivery:
        order = self._order
        writer = self._connected()
        with order.warehouse.session() as session:
            table, due = self._due(session, writer, node)
        if due is None:
            return Delivery(node=node)
        if writer.migrate(table, forced=order.destination.forced_migration) and not due.how.whole:
            due = _all_of_it(due)
        with order.warehouse.session() as session:
            deliveries.begin(session, self._receiver, order.source, node.name, due.before)
            self._export(session, table, due)
        began = time.monotonic()
        with Rows(self._file, order.warehouse.settings.memory_mib) as rows:
            written = writer.write(table, rows, due.how)
            if due.how.removes:
                written.removed = writer.delete_stale(table, rows, due.how)
            writer.commit()
        self._acknowledge(node, due, written, time.monotonic() - began)
        return Delivery(
            node=node,
            rows=written.rows,
            removed=written.removed,
            whole=due.how.whole,
            until=due.after.position,
            notes=written.notes,
        )

    def _due(self, session: Session, writer: Writer, node: Node) -> tuple[DeliveredTable, Due | None]:
        """The table as it is to be delivered, and what of it. Raises: WarehouseError when it is not there."""
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
        return table, choose(table, wanted, was, deliveries.since(session, order.source, node.name, was))

    def _export(self, session: Session, table: DeliveredTable, due: Due) -> None:
        """Copy the rows that are due into a file; of several with one key (`append`) the latest."""
        how = due.how
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
        session.export(f"SELECT {listed} {from_}{latest}", self._file, TABLE)

    def _acknowledge(self, node: Node, due: Due, written: Written, seconds: float) -> None:
        with self._order.warehouse.session() as session:
            deliveries.acknowledge(
                session,
                self._receiver,
                self._order.source,
                node.name,
                due.after,
                rows=written.rows,
                removed=written.removed,
                seconds=round(seconds, 3),
            )

    def _connected(self) -> Writer:
        if self._writer is None:
            self._writer = connect(self._order.destination)
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
