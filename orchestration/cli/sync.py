"""`headwater sync`: sync sources or tables, and say what came of it."""

import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, redirect_stdout
from typing import Annotated, Any

import typer
from rich.text import Text

from orchestration.cli import output
from orchestration.cli.options import ConfigOption, DebugOption, JsonOption

HEADER = (
    "table", "outcome", "mode", "rows", "rejected", "duplicates", "removed",
    "pages", "requests", "retries", "seconds", "rows/s",
)  # fmt: skip
STYLES = {"done": "green", "partial": "yellow", "failed": "red", "skipped": "yellow"}


def sync(
    targets: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE[.TABLE]]…", help="What to sync; everything by default.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only records from this time on (ISO 8601).")] = None,
    until: Annotated[str | None, typer.Option(help="Only records before this time (ISO 8601).")] = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Forget the cursors: read everything anew, remove what is gone.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be synced; ask for nothing.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Sync sources, or single tables of them, into the warehouse: incremental ones from their cursors on."""
    from assets.tables import parse_window
    from integrations.sdk.errors import ConfigError
    from orchestration.cli.targets import find_targets, load
    from orchestration.running import Asked

    window = parse_window(since, until, ("--since", "--until"))
    if full_refresh and window:
        raise ConfigError("--full-refresh reads everything: it goes with neither --since nor --until")
    asked = Asked(window=window, full_refresh=full_refresh)
    loaded, sources = load(config)
    chosen = find_targets(sources, targets or [])
    if dry_run:
        _plan(chosen, asked, as_json=json)
        return
    finish(run_targets(chosen, loaded.folder, asked=asked, quiet=json), as_json=json)


def finish(report: Any, *, as_json: bool) -> None:
    """Say what came of a run, and end with its exit code."""
    if as_json:
        output.print_json(as_document(report))
    else:
        print_summary(report)
    raise typer.Exit(exit_code(report))


def run_targets(chosen: Sequence[Any], folder: Any, *, asked: Any, quiet: bool) -> Any:
    """Run each target's job; a report of what became of everything. `asked` is a running.Asked."""
    from orchestration.cli.progress import BarReport, PlainReport, Report
    from orchestration.destinations import why_not_delivered
    from orchestration.home import open_instance
    from orchestration.running import prepare_run
    from orchestration.sources import why_not_synced

    console = output.errors()
    undelivered = why_not_delivered([target.source for target in chosen])
    for each in () if quiet else undelivered.values():
        output.print_error(each, label="warning")
    report: Report
    with ExitStack() as stack:
        if quiet:
            report = Report()
            stack.enter_context(redirect_stdout(sys.stderr))  # what an integration prints is not the document
        elif console.is_terminal:
            report = stack.enter_context(BarReport(console))
        else:
            report = PlainReport(output.console())
        report.failures += undelivered.values()
        instance = stack.enter_context(open_instance(folder))
        began = time.monotonic()
        for target in chosen:
            if isinstance(report, BarReport):
                report.expect(target.source.name, _rows_last_time(target.source))
            if problem := why_not_synced(target.source):
                report.failed(problem)
                continue
            known = report.failed_count()
            result = prepare_run(target.source, instance, report, assets=target.assets, asked=asked)()
            if not result.success:
                _explain_failure(report, target.source.name, result, is_known=report.failed_count() > known)
            report.delivered += _deliver(report, target.source, instance, without=undelivered)
        report.seconds = time.monotonic() - began
    return report


def _deliver(report: Any, source: Any, instance: Any, *, without: Collection[str]) -> Sequence[Any]:
    """Deliver the tables that were committed to further destinations, also when others failed."""
    from orchestration.deliveries import run_deliveries

    records = [outcome.record for outcome in report.outcomes if outcome.record.source == source.name]
    tables = [record.table_name for record in records if record.outcome in ("done", "partial")]
    return run_deliveries(source, instance, tables, without=without)


def exit_code(report: Any) -> int:
    """0 when all is well; else 1, or the code that all failures share when nothing was committed."""
    from integrations.sdk.errors import TablesFailed

    failed = [outcome.error for outcome in report.outcomes if outcome.error]
    failed += [*report.failures, *(each.error for each in report.delivered if each.error)]
    if not failed:
        return 0
    committed = sum(outcome.record.outcome in ("done", "partial") for outcome in report.outcomes)
    return TablesFailed("", failed, committed=committed + len(report.declared)).exit_code


def _totals(records: Sequence[Any], seconds: float) -> list[str]:
    """The last line of the summary: a cell for each column of `HEADER`."""

    def total(field: str) -> int:
        return sum(getattr(record, field) for record in records)

    return [
        output.counted(len(records), "table"),
        "",
        "",
        f"{total('rows'):,}",
        *(output.shown(total(field) or None) for field in ("rejected", "duplicates", "removed")),
        f"{total('pages'):,}",
        f"{total('requests'):,}",
        output.shown(total("retries") or None),
        f"{seconds:,.2f}",
        "",
    ]


def print_summary(report: Any) -> None:
    """A table of what was synced, then every error."""
    if report.outcomes:
        records = [outcome.record for outcome in report.outcomes]
        output.print_table(
            "Synced",
            HEADER,
            [
                [
                    f"{record.source}.{record.table_name}",
                    Text(record.outcome, style=STYLES.get(record.outcome, "")),
                    record.mode if record.mode != "full" else None,
                    record.rows,
                    record.rejected or None,
                    record.duplicates or None,
                    record.removed or None,
                    record.pages,
                    record.requests,
                    record.retries or None,
                    record.seconds,
                    round(record.rows_per_second) or None,
                ]
                for record in records
            ],
            footer=_totals(records, report.seconds),
            spare=["pages", "mode", "requests", "rows/s"],
        )
    if delivered := [each for each in report.delivered if not each.error]:
        header = ["table", "delivered to", "rows", "removed", "seconds"]
        rows_of = [[f"{d.source}.{d.table}", d.destination, d.rows, d.removed or None, d.seconds] for d in delivered]
        output.print_table("Delivered", header, rows_of)
    if report.declared:
        output.print_table("Declared for the catalog", ["source", "entity type", "rows"], report.declared)
    notes = [(o.record, note) for o in report.outcomes for note in o.record.notes]
    for record, note in notes:
        output.console().print(f"note: {record.source}.{record.table_name}: {note}", markup=False)
    for each in report.delivered:
        for note in each.notes:
            output.console().print(f"note: {each.destination}: {each.source}.{each.table}: {note}", markup=False)
    for note in [*report.notes, *report.skipped]:
        output.console().print(f"note: {note}", markup=False)
    rejected = sum(outcome.record.rejected for outcome in report.outcomes)
    if rejected:
        what = output.counted(rejected, "record")
        output.console().print(f"{what} could not be read: see headwater.rejected_rows in the warehouse")
    for error in [*(outcome.error for outcome in report.outcomes if outcome.error), *report.failures]:
        output.print_error(error)
    for error in _delivery_errors(report.delivered):
        output.print_error(error)


def _delivery_errors(delivered: Sequence[Any]) -> Iterator[Any]:
    """Each error once, with all tables that it has kept from being delivered."""
    from integrations.sdk.errors import WarehouseError

    tables: dict[tuple[str, str, str], list[str]] = {}
    for each in delivered:
        if each.error:
            table = f"{each.source}.{each.table}".rstrip(".")
            what = each.error.what.removeprefix(f"{table}: ")
            tables.setdefault((each.destination, what, each.error.hint), []).append(table)
    for (destination, what, hint), names in tables.items():
        yield WarehouseError(f"{destination}: {', '.join(names)}: {what}", hint=hint)


def as_document(report: Any) -> dict[str, Any]:
    """The report as JSON."""
    return {
        "tables": [
            {
                **{name: getattr(outcome.record, name) for name in _ledger_columns()},
                "total_rows": outcome.total_rows,
                "notes": outcome.record.notes,
                "error": output.error_document(outcome.error) if outcome.error else None,
            }
            for outcome in report.outcomes
        ],
        "delivered": [_delivered_document(each) for each in report.delivered],
        "declared": [{"source": s, "entity_type": t, "count": c} for s, t, c in report.declared],
        "notes": report.notes,
        "skipped": report.skipped,
        "errors": [output.error_document(error) for error in report.failures],
    }


def _delivered_document(delivered: Any) -> dict[str, Any]:
    numbers = {
        name: getattr(delivered, name) for name in ("destination", "source", "table", "rows", "removed", "seconds")
    }
    error = output.error_document(delivered.error) if delivered.error else None
    return {**numbers, "notes": list(delivered.notes), "error": error}


def _ledger_columns() -> Sequence[str]:
    from assets.warehouse.ledger import COLUMNS

    return COLUMNS


def _plan(chosen: Sequence[Any], asked: Any, *, as_json: bool) -> None:
    """Say what would be synced, and what cannot be; ends as the sync would, as far as that is known."""
    from integrations.sdk.errors import TablesFailed
    from orchestration.destinations import why_not_delivered
    from orchestration.sources import why_not_synced

    plan = [
        {
            "source": target.source.name,
            "table": node.name,
            "parent": node.parent.name if node.parent else None,
            "write_mode": _write_mode(target.source, node),
            "window": _would_read(target.source, node, asked),
            "warehouse": str(target.source.warehouse.path),
        }
        for target in chosen
        for node in target.source.nodes
        if target.assets is None or node.name in target.assets
    ]
    problems = [problem for target in chosen if (problem := why_not_synced(target.source))]
    problems += why_not_delivered([target.source for target in chosen]).values()
    if as_json:
        output.print_json({"plan": plan, "errors": [output.error_document(problem) for problem in problems]})
    else:
        header = ["source", "table", "parent", "write_mode", "window", "warehouse"]
        if plan:
            output.print_table("Would sync", header, [[row[name] for name in header] for row in plan])
        for problem in problems:
            output.print_error(problem)
    if problems:
        raise typer.Exit(TablesFailed("", problems, committed=len(plan)).exit_code)


def _write_mode(source: Any, node: Any) -> str:
    options = source.options.get(node.name)
    mode: str = (options and options.write_mode) or source.write_mode
    return mode


def _would_read(source: Any, node: Any, asked: Any) -> str:
    """What the next sync of a table would ask for: its window, or from which cursor on."""
    if asked.window or asked.full_refresh or not source.warehouse.exists():
        return str(asked.window)
    if node.table.cursor is None:
        return "parents that are new" if any(above.table.cursor for above in node.ancestors()) else str(asked.window)
    with source.warehouse.session() as session:
        saved = session.saved_cursors(source.name, node.table)
    values = sorted(saved.values(), key=lambda value: (len(value), value))  # numbers are of different lengths
    if not values:
        return "everything"
    return f"{values[0]} → …" if len(set(values)) == 1 else f"{len(values)} cursors, from {values[0]} → …"


def _rows_last_time(source: Any) -> dict[str, int]:
    if not source.warehouse.exists():
        return {}
    with source.warehouse.session() as session:
        known: dict[str, int] = session.history.rows_last_time(source.name)
        return known


def _explain_failure(report: Any, source: str, result: Any, *, is_known: bool) -> None:
    """End here when the user has stopped the run; keep what Dagster says of a failure outside of all tables."""
    from integrations.sdk.errors import HeadwaterError
    from orchestration.cli import stopping

    if stopping.has_come():
        raise KeyboardInterrupt
    found = [getattr(event.event_specific_data, "error", None) for event in result.all_events if event.is_failure]
    errors = [error for error in found if error]
    if not is_known:
        innermost = errors[0] if errors else None
        while innermost is not None and innermost.cause is not None:
            innermost = innermost.cause
        said = innermost.message.strip() if innermost else "Dagster does not say why"
        report.failed(HeadwaterError(f"the run failed: {said}").at(source=source))
    report.skipped += [
        f"{event.step_key} was skipped, since what it depends on failed"
        for event in result.all_events
        if event.event_type_value == "STEP_SKIPPED"
    ]
