"""Windows and ranges as Dagster partitions: which tables share them, and which a run covers.

All tables of a source are one multi-asset; those whose cursors have the same windows, with their relations,
share a partitioning. A run for partitions reads their window and moves no cursor; a run without goes on from
the cursors, and says afterwards which partitions it has covered.
"""

import re
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from assets.source import Source
from assets.warehouse.ledger import SyncRecord
from integrations.sdk.cursor import SequenceCursor, TimeCursor
from integrations.sdk.errors import ConfigError
from integrations.sdk.schema import Node
from integrations.sdk.window import AnyWindow, Range, Window

CONTINUES_TAG = "headwater/continues"
"""On a run for partitions that goes on from the cursor all the same, as a probe sensor's does."""
MOST_SHOWN = 1_000  # an event takes Dagster two milliseconds to write
MOST_EMPTY = 100
FINE_RANGES = 1_000
FOLD = 100
WINDOWS = {"hour": "hourly", "day": "daily", "week": "weekly", "month": "monthly"}
RANGE_KEY = re.compile(r"(-?\d+)\.\.(-?\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Tables of one source that are partitioned alike; `suffix` tells their job from the others'."""

    source: Source
    nodes: Sequence[Node]
    suffix: str
    partitions: dg.TimeWindowPartitionsDefinition | dg.DynamicPartitionsDefinition
    cursor: TimeCursor | SequenceCursor

    def __contains__(self, table: str) -> bool:
        return any(node.name == table for node in self.nodes)


def parts_of(source: Source) -> list[Part]:
    """The partitioned parts of a source, in the order of their tables."""
    parts: list[Part] = []
    windowed: dict[object, list[Node]] = {}
    for node in source.nodes:
        owner = _owner(node)
        if owner is not None:
            cursor = owner.table.cursor
            key = cursor.windows if isinstance(cursor, TimeCursor) else owner.name
            windowed.setdefault(key, []).append(node)
    taken: set[str] = set()
    for nodes in windowed.values():
        owner = _owner(nodes[0])
        assert owner is not None
        cursor = owner.table.cursor
        assert isinstance(cursor, TimeCursor | SequenceCursor)
        suffix = WINDOWS[cursor.window] if isinstance(cursor, TimeCursor) else owner.name
        if suffix in taken:
            suffix = f"{suffix}_{owner.name}"
        taken.add(suffix)
        definition = time_windows(cursor) if isinstance(cursor, TimeCursor) else _ranges(source, owner)
        parts.append(Part(source=source, nodes=nodes, suffix=suffix, partitions=definition, cursor=cursor))
    return parts


def part_of(source: Source, tables: Collection[str]) -> Part | None:
    """The first part that has one of these tables; None when none is partitioned."""
    return next((part for part in parts_of(source) if any(node.name in tables for node in part.nodes)), None)


def _owner(node: Node) -> Node | None:
    """The topmost table whose windows a table has: all below it follow them."""
    above = [each for each in (node, *node.ancestors()) if each.windowed is each]
    return above[-1] if above else None


def time_windows(cursor: TimeCursor) -> dg.TimeWindowPartitionsDefinition:
    """The windows of a cursor, whole ones; the one that is still open is among them, unless the data has an end."""
    start = _floor(cursor.start, cursor.window)
    definitions: dict[str, type[Any]] = {
        "hour": dg.HourlyPartitionsDefinition,
        "day": dg.DailyPartitionsDefinition,
        "week": dg.WeeklyPartitionsDefinition,
        "month": dg.MonthlyPartitionsDefinition,
    }
    made: Any = definitions[cursor.window]
    settings = {"day_offset": 1} if cursor.window == "week" else {}  # weeks begin on Mondays
    limits = {"end_offset": 1} if cursor.end is None else {"end_date": _ceiling(cursor.end, cursor.window)}
    windows: dg.TimeWindowPartitionsDefinition = made(start_date=start, timezone="UTC", **limits, **settings)
    return windows


def _floor(moment: datetime, window: str) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    day = hour if window == "hour" else hour.replace(hour=0)
    if window == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if window == "month" else day


def _ceiling(moment: datetime, window: str) -> datetime:
    floor = _floor(moment, window)
    if floor == moment:
        return moment
    if window == "month":
        return _floor(floor + timedelta(days=31), window)
    return floor + {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}[window]


def range_name(source: Source, table: str) -> str:
    """What Dagster calls the ranges of a table."""
    return f"{source.name}.{table}"


def _ranges(source: Source, node: Node) -> dg.DynamicPartitionsDefinition:
    return dg.DynamicPartitionsDefinition(name=range_name(source, node.name))


def range_keys(width: int, first: int, last: int) -> list[str]:
    """The ranges from one number to another, oldest first: narrow where they are new, folded where they are old.

    There are never more than some 1,100 of each width, and each width is a hundred times the one before, so that
    even all 64-bit numbers stay below 10,000 keys.

    >>> range_keys(10, 0, 25)
    ['0..9', '10..19', '20..29']
    """
    keys: list[str] = []
    end = (last // width + 1) * width
    low = first // width * width
    while True:
        wider = width * FOLD
        fine_from = (end - FINE_RANGES * width) // wider * wider
        start = max(low, fine_from)
        keys[:0] = [f"{n}..{n + width - 1}" for n in range(start, end, width)]
        if start <= low:
            return keys
        end, width = start, wider
        low = low // width * width


def parse_range(key: str) -> Range:
    """The range that a partition's key names."""
    found = RANGE_KEY.fullmatch(key)
    if not found:
        raise ConfigError(f"`{key}` is not a range", hint="such as 10000..19999")
    return Range(int(found[1]), int(found[2]) + 1)


def asked_window(part: Part, context: dg.AssetExecutionContext) -> AnyWindow | None:
    """The window that a run's partitions ask for; None when it goes on from the cursor."""
    if not (context.has_partition_key or context.has_partition_key_range):
        return None
    if context.run.tags.get(CONTINUES_TAG):
        return None
    if isinstance(part.cursor, TimeCursor):
        window = context.partition_time_window
        return Window(window.start.astimezone(UTC), window.end.astimezone(UTC))
    ranges = [parse_range(key) for key in context.partition_keys]
    return Range(min(r.start for r in ranges if r.start is not None), max(r.end for r in ranges if r.end is not None))


def covered(
    part: Part, record: SyncRecord, counts: Mapping[str, int], shown: Collection[str]
) -> list[tuple[str, int | None]]:
    """The partitions that a run without partitions has covered, with their rows where they are known.

    Those with rows, from the window that the cursor was in before; the empty ones as well, unless they are
    `shown` as materialised already or there are very many. `counts` are rows by partition key.
    """
    if record.mode == "window":
        return []
    if isinstance(part.cursor, SequenceCursor):
        keys = sorted(counts, key=lambda key: parse_range(key).start or 0)
    else:
        since = datetime.fromisoformat(record.cursor_before) - part.cursor.lookback if record.cursor_before else None
        keys = time_keys(part, since, None)
    if sum(key not in counts for key in keys) > MOST_EMPTY and counts:
        keys = [key for key in keys if key in counts]
    new = [key for key in keys if key in counts or key not in shown]
    return [(key, counts.get(key, 0 if counts else None)) for key in new[-MOST_SHOWN:]]


def keyed(part: Part, by_window: Mapping[str, int]) -> dict[str, int]:
    """Rows by partition key, from rows by the beginning of their window or range."""
    if isinstance(part.cursor, SequenceCursor):
        width = part.cursor.width
        return {f"{first}..{int(first) + width - 1}": rows for first, rows in by_window.items()}
    assert isinstance(part.partitions, dg.TimeWindowPartitionsDefinition)
    spelled = part.partitions.fmt
    return {datetime.fromisoformat(begin).strftime(spelled): rows for begin, rows in by_window.items()}


def time_keys(part: Part, since: datetime | None, until: datetime | None) -> list[str]:
    """The keys of the windows that overlap a stretch of time."""
    assert isinstance(part.partitions, dg.TimeWindowPartitionsDefinition)
    last = part.partitions.get_last_partition_window()
    first = part.partitions.get_first_partition_window()
    if first is None or last is None:
        return []
    start = max(since, first.start) if since else first.start
    end = min(until, last.end) if until else last.end
    if start >= last.end or end <= first.start:
        return []
    keys: list[str] = list(part.partitions.get_partition_keys_in_range(_range(part.partitions, start, end)))
    return keys


def key_range(part: Part, since: datetime, until: datetime) -> dg.PartitionKeyRange:
    """The partitions that hold a stretch of time. Raises: ConfigError when it lies outside of them."""
    assert isinstance(part.partitions, dg.TimeWindowPartitionsDefinition)
    first, last = part.partitions.get_first_partition_window(), part.partitions.get_last_partition_window()
    assert first is not None
    assert last is not None
    if since < first.start or until > last.end:
        raise ConfigError(
            f"{since:%Y-%m-%d %H:%M} → {until:%Y-%m-%d %H:%M} lies outside the table's windows",
            hint=f"they go from {first.start:%Y-%m-%d %H:%M} to {last.end:%Y-%m-%d %H:%M}, UTC",
        )
    return _range(part.partitions, since, until)


def _range(partitions: dg.TimeWindowPartitionsDefinition, start: datetime, end: datetime) -> dg.PartitionKeyRange:
    first = partitions.get_partition_key_for_timestamp(start.timestamp())
    last = partitions.get_partition_key_for_timestamp(end.timestamp(), end_closed=True)
    return dg.PartitionKeyRange(first, last)


def fold_ranges(instance: dg.DagsterInstance, part: Part, first: int, last: int) -> list[str]:
    """Have the keys of a part's ranges reach from one number to another; the keys that are new.

    Old ranges are folded into wider ones; a wide one is materialised when all that it holds are.
    """
    assert isinstance(part.cursor, SequenceCursor)
    assert isinstance(part.partitions, dg.DynamicPartitionsDefinition)
    name = part.partitions.name
    assert name is not None
    known = set(instance.get_dynamic_partitions(name))
    starts = [start for key in known if (start := parse_range(key).start) is not None]
    wanted = range_keys(part.cursor.width, min([first, *starts]), last)
    gone = known - set(wanted)
    new = [key for key in wanted if key not in known]
    if gone:
        _carry_over(instance, part, new, gone)
    if new:
        instance.add_dynamic_partitions(name, new)
    for key in gone:
        instance.delete_dynamic_partition(name, key)
    return new


def _carry_over(instance: dg.DagsterInstance, part: Part, new: Iterable[str], gone: Iterable[str]) -> None:
    """Call a wide range materialised where every narrow one in it was."""
    folded = [(parse_range(key), key) for key in gone]
    for node in part.nodes:
        asset = dg.AssetKey([part.source.name, node.name])
        done = instance.get_materialized_partitions(asset)
        for key in new:
            wide = parse_range(key)
            inside = [old for narrow, old in folded if wide.start <= narrow.start < wide.end]  # type: ignore[operator]
            if inside and all(old in done for old in inside):
                instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=key))


@contextmanager
def backfills_allowed() -> Iterator[dg.BackfillPolicy]:
    """All partitions of a backfill in one run; the parameter is beta in Dagster 1.13, and says so at every use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        yield dg.BackfillPolicy.single_run()
