"""The demo's three steps: a first sync, a second that asks for what is new, and a week that is read again.

Where a part is loaded already they would tell what is not so: one step reads everything anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from assets.partitions import key_range, part_of
from assets.source import Source
from assets.warehouse.ledger import SyncRecord
from orchestration.cli import output
from orchestration.cli.sync import exit_code, print_summary, run_targets
from orchestration.cli.targets import Target
from orchestration.demo import nycflights
from orchestration.demo.server import serving
from orchestration.running import Asked

NEW_FROM = datetime(2013, 12, 1, tzinfo=UTC)
WEEK = datetime(2013, 7, 1, tzinfo=UTC), datetime(2013, 7, 8, tzinfo=UTC)
READ_AGAIN = "flights"
UNTIL_DECEMBER = "until-december"
"""The folder, beside the database, of the one that ends with November; both files have the same name."""
SPELLED = "%Y-%m-%dT%H:%M:%SZ"  # as `time_hour` is in SQLite
HEADER = ("table", "asked for", "requests", "read", "before", "after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One of the demo's syncs: what is said of it, and what it asks for; `tables` is all for None.

    `is_long` is whether it is worth a progress bar.
    """

    title: str
    remark: str
    asked: Asked = field(default_factory=Asked)
    tables: tuple[str, ...] | None = None
    is_long: bool = False


def run_steps(source: Source, database: Path, folder: Path) -> int:
    """Serve what there was before December, sync it; then serve all, sync that, and read a week again.

    The exit code: that of the first step that fails.
    """
    before = database.parent / UNTIL_DECEMBER / database.name
    nycflights.build_until(before, database, NEW_FROM.strftime(SPELLED))
    with serving(before) as url:
        status = _run(_served(source, url), folder, 1, _first())
    if status:
        return status
    with serving(database) as url:
        served = _served(source, url)
        return _run(served, folder, 2, _second()) or _run(served, folder, 3, _third(served))


def run_anew(source: Source, database: Path, folder: Path) -> int:
    """Serve all, and read all of it, whatever is loaded; the exit code."""
    with serving(database) as url:
        return _run(_served(source, url), folder, 1, _anew())


def _first() -> Step:
    return Step(
        title="First sync: the first eleven months",
        remark="The database that Datasette serves ends with November.",
        is_long=True,
    )


def _anew() -> Step:
    return Step(
        title="Everything anew",
        remark="What is loaded is not whole, or old, or its last sync failed. As `headwater sync --full-refresh` does.",
        asked=Asked(full_refresh=True),
        is_long=True,
    )


def _second() -> Step:
    return Step(
        title="Second sync: December has come",
        remark="flights and weather go on from their newest hour; each airline has one of its own.",
    )


def _third(source: Source) -> Step:
    part = part_of(source, [READ_AGAIN])
    assert part is not None  # config.yaml gives the table windows
    begin, end = WEEK
    command = f"headwater backfill {READ_AGAIN} --from {begin:%Y-%m-%d} --to {end:%Y-%m-%d}"
    return Step(
        title="Backfill of a week",
        remark=f"As `{command}` does; no cursor moves.",
        asked=Asked(partitions=key_range(part, begin, end)),
        tables=(READ_AGAIN,),
    )


def _served(source: Source, url: str) -> Source:
    return replace(source, spec=source.spec.model_copy(update={"url": url}))  # type: ignore[union-attr]


def _run(source: Source, folder: Path, number: int, step: Step) -> int:
    """Run a step, and show what was asked for and what came of it; its exit code."""
    console = output.console()
    console.print(Text.assemble((f"{number}  {step.title}", "bold"), f"\n   {step.remark}"))
    quiet = not (step.is_long and output.errors().is_terminal)
    before = count_rows(source)
    report = run_targets([Target(source, step.tables)], folder, asked=step.asked, quiet=quiet)
    status = exit_code(report)
    if status:
        print_summary(report)
    else:
        _show([outcome.record for outcome in report.outcomes], before, count_rows(source), report.seconds)
    return status


def count_rows(source: Source) -> dict[str, int]:
    """How many rows of each table are in the warehouse; none for what was never loaded."""
    if not source.warehouse.exists():
        return {}
    with source.warehouse.session() as session:
        loaded = [node.name for node in source.nodes if session.has_table(source.name, node.name)]
        counts = [session.query(f'SELECT count(*) FROM "{source.name}"."{table}"')[1][0][0] for table in loaded]
    return dict(zip(loaded, counts, strict=True))


def in_order(tables: Iterable[str]) -> list[str]:
    """The tables by name, those that grow last."""
    return sorted(tables, key=lambda table: (table in nycflights.GROWING, table))


def _show(records: Sequence[SyncRecord], before: Mapping[str, int], after: Mapping[str, int], seconds: float) -> None:
    """What was asked for and read of each table, and how many rows it had before and has now."""
    by_table = {record.table_name: record for record in records}
    rows: list[list[Any]] = [
        [table, asked_for(record), record.requests, record.rows, before.get(table, 0), after.get(table, 0)]
        for table in in_order(by_table)
        for record in [by_table[table]]
    ]
    totals = [sum(row[position] for row in rows) for position in range(2, len(HEADER))]
    added = [_added(row[-1] - row[-2]) for row in [*rows, totals]]
    width = max(len(text) for text in ["added", *added])
    output.print_table(
        "",
        [*HEADER, f"{'added':>{width}}"],
        [[*row, f"{more:>{width}}"] for row, more in zip(rows, added, strict=False)],
        footer=[
            output.counted(len(rows), "table"),
            f"in {seconds:.1f} s",
            *map(output.shown, totals),
            f"{added[-1]:>{width}}",
        ],
    )


def asked_for(record: SyncRecord) -> str:
    """What of a table was asked for: `everything`, `from 2013-11-30 20:00`, `2013-07-01 to 2013-07-08`."""
    if record.window_start and record.window_end:
        return f"{_moment(record.window_start)} to {_moment(record.window_end)}"
    if record.cursor_before:
        return f"from {_moment(record.cursor_before)}"
    return "everything" if record.mode == "full" else "what is new"


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return f"{moment:%Y-%m-%d}" if moment.hour == moment.minute == 0 else f"{moment:%Y-%m-%d %H:%M}"


def _added(rows: int) -> str:
    return f"{rows:+,}" if rows else "0"
