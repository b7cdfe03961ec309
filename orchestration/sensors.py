"""Sensors: is there anything new, are there new ranges, has a run failed, and is a relation behind its parent."""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assets.clients import Clients
from assets.destinations.asset import delivery_keys
from assets.partitions import CONTINUES_TAG, Part, fold_ranges, keyed, parts_of, time_keys
from assets.source import Source
from assets.translator import asset_keys, table_key
from integrations.sdk.cursor import SequenceCursor, TimeCursor
from integrations.sdk.errors import HeadwaterError, WarehouseError
from integrations.sdk.schema import Node
from orchestration.alerts import send, told
from orchestration.automation import sensor_status
from orchestration.jobs import job_name, name_of

log = logging.getLogger(__name__)
PATIENCE_S = 5.0
PROBED_TAG = "headwater/probed"
NOT_ENDED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


def sensors(sources: Sequence[Source]) -> list[dg.SensorDefinition]:
    """All sensors of these sources, and the one for failures."""
    made: list[dg.SensorDefinition] = [failure_sensor()]
    for source in sources:
        parts = parts_of(source)
        made += [probe_sensor(source, part) for part in parts if any(_latest(node) for node in part.nodes)]
        made += [range_sensor(source, part) for part in parts if isinstance(part.cursor, SequenceCursor)]
    keys = [key for source in sources for key in (*asset_keys(source), *delivery_keys(source))]
    if keys:
        made.append(
            dg.AutomationConditionSensorDefinition(
                "headwater_automation",
                target=dg.AssetSelection.assets(*keys),
                default_status=sensor_status(),
                description="Materialises a relation's windows when its parent's were materialised without it.",
            )
        )
    return made


def probe_sensor(source: Source, part: Part) -> dg.SensorDefinition:
    """Asks the source, in one cheap request per table and client, for its newest value; syncs what is behind."""

    def probe(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            requests = list(_requests(context.instance, source, part))
        except HeadwaterError as error:
            return dg.SkipReason(str(error.at(source=source.name)))
        if not requests:
            return dg.SkipReason("nothing is new")
        return dg.SensorResult(run_requests=requests)

    return dg.SensorDefinition(
        name=name_of(source, "probe", part),
        job_name=job_name(source, part),
        evaluation_fn=probe,
        minimum_interval_seconds=source.probe_every_s,
        default_status=sensor_status(),
        description=f"Asks {source.name} whether there is anything new, and syncs only what is.",
    )


def _requests(instance: dg.DagsterInstance, source: Source, part: Part) -> Iterator[dg.RunRequest]:
    """A run for each table that is behind: of its relations as well, and of no window that is not needed."""
    probed = [node for node in part.nodes if _latest(node)]
    saved = _saved(source, probed)
    clients = Clients()
    with source.connected() as (_, client):
        for node in probed:
            behind: list[tuple[Any, Any]] = []  # saved and latest, of each client
            for client_id, each in clients.of(node, client).items():
                newest = _latest(node)(each)
                latest = _comparable(part, newest)
                before = _comparable(part, saved[node.name].get((client_id, "")))
                if latest is not None and (before is None or latest > before):
                    behind.append((before, latest))
            if behind and not _is_under_way(instance, source, node):
                yield _request(instance, source, part, node, behind)


def _is_under_way(instance: dg.DagsterInstance, source: Source, node: Node) -> bool:
    """Whether a run that was asked for before has not ended yet; one that failed is asked for again."""
    asked = dg.RunsFilter(tags={PROBED_TAG: f"{source.name}.{node.name}"}, statuses=list(NOT_ENDED))
    return instance.get_runs_count(asked) > 0


def _request(
    instance: dg.DagsterInstance, source: Source, part: Part, node: Node, behind: Sequence[tuple[Any, Any]]
) -> dg.RunRequest:
    latest = max(newest for _, newest in behind)
    known = [before for before, _ in behind]
    tags = {"headwater/from": "probe", "headwater/source": source.slug, PROBED_TAG: f"{source.name}.{node.name}"}
    first = None if None in known else min(known)
    if first is not None:
        keys = _keys(instance, part, first, latest)
        if keys:
            tags |= {
                CONTINUES_TAG: "true",
                "dagster/asset_partition_range_start": keys[0],
                "dagster/asset_partition_range_end": keys[-1],
            }
    family = [each for each in part.nodes if each is node or node in each.ancestors()]
    return dg.RunRequest(
        asset_selection=[table_key(source.name, each.name) for each in family],
        tags=tags,
    )


def _keys(instance: dg.DagsterInstance, part: Part, first: Any, latest: Any) -> list[str]:
    """The partitions from the saved cursor to the newest value."""
    if isinstance(part.cursor, TimeCursor):
        return time_keys(part, first, latest)
    fold_ranges(instance, part, int(first), int(latest))
    width = part.cursor.width
    wanted = {f"{n}..{n + width - 1}" for n in (first // width * width, latest // width * width)}
    assert isinstance(part.partitions, dg.DynamicPartitionsDefinition)
    name = part.partitions.name or ""
    return [key for key in instance.get_dynamic_partitions(name) if key in wanted]


def _latest(node: Node) -> Any:
    return getattr(node.table.cursor, "latest", None)


def _comparable(part: Part, value: Any) -> Any:
    """A value of the cursor's column as it compares: a time in UTC, or an integer. None stays None."""
    if value is None:
        return None
    if isinstance(part.cursor, SequenceCursor):
        return int(value)
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _saved(source: Source, nodes: Sequence[Node]) -> dict[str, dict[tuple[str, str], str]]:
    """The saved cursors of these tables; a busy warehouse is not waited for long. Raises: WarehouseError."""
    if not source.warehouse.exists():
        return {node.name: {} for node in nodes}
    with source.warehouse.session(patience_s=PATIENCE_S) as session:
        return {node.name: session.saved_cursors(source.name, node.table) for node in nodes}


def range_sensor(source: Source, part: Part) -> dg.SensorDefinition:
    """Has Dagster know the ranges that the warehouse holds rows of; old ones are folded into wider ones."""

    def extend(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        owner = part.nodes[0]
        if not source.warehouse.exists():
            return dg.SkipReason("nothing is loaded yet")
        try:
            with source.warehouse.session(patience_s=PATIENCE_S) as session:
                counts = session.rows_by_window(source.name, owner, None)
        except WarehouseError as busy:
            return dg.SkipReason(str(busy))
        if not counts:
            return dg.SkipReason("the table is empty")
        numbers = [int(number) for number in counts]
        assert isinstance(part.cursor, SequenceCursor)
        new = fold_ranges(context.instance, part, min(numbers), max(numbers) + part.cursor.width - 1)
        return dg.SkipReason(f"{len(new):,} new ranges, of {len(keyed(part, counts)):,} with rows")

    return dg.SensorDefinition(
        name=f"{source.slug}_{part.suffix}_ranges",
        job_name=job_name(source, part),
        evaluation_fn=extend,
        minimum_interval_seconds=source.probe_every_s,
        default_status=sensor_status(),
        description=f"Extends the ranges of {source.name}.{part.nodes[0].name} as the table grows.",
    )


def failure_sensor() -> dg.SensorDefinition:
    """Says of each run that fails which tables failed, and why: in the log, and to HEADWATER_WEBHOOK."""

    @dg.run_failure_sensor(
        name="headwater_failures",
        default_status=sensor_status(),
        description="Writes a line for each failed run to the log, and to HEADWATER_WEBHOOK.",
    )
    def failures(context: dg.RunFailureSensorContext) -> None:
        events = context.get_step_failure_events()
        line = told(context.dagster_run, context.failure_event, events)
        log.error("run_failed %s", line.text)
        context.log.error(line.text)
        send(line)

    return failures
