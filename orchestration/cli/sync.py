"""`headwater sync`: sync sources or tables, and say what came of it."""

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stdout
from typing import Annotated, Any

import typer
from rich.text import Text

from orchestration.cli import output
from orchestration.cli.options import ConfigOption, DebugOption, JsonOption

INTERRUPTIONS = ("DagsterExecutionInterruptedError", "KeyboardInterrupt")
HEADER = (
    "table", "outcome", "rows", "rejected", "duplicates", "removed", "pages", "requests", "retries", "seconds", "rows/s"
)  # fmt: skip
STYLES = {"done": "green", "partial": "yellow", "failed": "red", "skipped": "yellow"}


def sync(
    targets: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE[.TABLE]]…", help="What to sync; everything by default.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only records from this time on (ISO 8601).")] = None,
    until: Annotated[str | None, typer.Option(help="Only records before this time (ISO 8601).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be synced; ask for nothing.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Sync sources, or single tables of them, into the warehouse."""
    from assets.tables import parse_window
    from orchestration.cli.targets import find_targets, load

    window = parse_window(since, until)
    loaded, sources = load(config)
    chosen = find_targets(sources, targets or [])
    if dry_run:
        _plan(chosen, window, as_json=json)
        return
    report = run_targets(chosen, loaded.folder, window=window, quiet=json)
    if json:
        output.print_json(as_document(report))
    else:
        print_summary(report)
    raise typer.Exit(exit_code(report))


def run_targets(chosen: Sequence[Any], folder: Any, *, window: Any, quiet: bool) -> Any:
    """Run each target's job; a report of what became of everything."""
    from orchestration.cli.progress import BarReport, PlainReport, Report
    from orchestration.home import open_instance
    from orchestration.running import prepare_run

    console = output.errors()
    report: Report
    with ExitStack() as stack:
        if quiet:
            report = Report()
            stack.enter_context(redirect_stdout(sys.stderr))  # what an integration prints is not the document
        elif console.is_terminal:
            report = stack.enter_context(BarReport(console))
        else:
            report = PlainReport(output.console())
        instance = stack.enter_context(open_instance(folder))
        began = time.monotonic()
        for target in chosen:
            if isinstance(report, BarReport):
                report.expect(target.source.name, _rows_last_time(target.source))
            _require_tables(target)
            known = report.failed_count()
            result = prepare_run(target.source, instance, report, assets=target.assets, window=window)()
            if not result.success:
                _explain_failure(report, target.source.name, result, is_known=report.failed_count() > known)
        report.seconds = time.monotonic() - began
    return report


def exit_code(report: Any) -> int:
    """0 when all is well; else 1, or the code that all failures share when nothing was committed."""
    from integrations.sdk.errors import TablesFailed

    failed = [outcome.error for outcome in report.outcomes if outcome.error]
    failed += report.failures
    if not failed:
        return 0
    committed = sum(outcome.record.outcome in ("done", "partial") for outcome in report.outcomes)
    return TablesFailed("", failed, committed=committed + len(report.declared)).exit_code


def print_summary(report: Any) -> None:
    """A table of what was synced, then every error."""
    if report.outcomes:
        records = [outcome.record for outcome in report.outcomes]
        rows = sum(record.rows for record in records)
        output.print_table(
            "Synced",
            HEADER,
            [
                [
                    f"{record.source}.{record.table_name}",
                    Text(record.outcome, style=STYLES.get(record.outcome, "")),
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
            footer=[
                f"{len(records)} table{'s' if len(records) > 1 else ''}",
                "",
                f"{rows:,}",
                output.shown(sum(record.rejected for record in records) or None),
                output.shown(sum(record.duplicates for record in records) or None),
                output.shown(sum(record.removed for record in records) or None),
                f"{sum(record.pages for record in records):,}",
                f"{sum(record.requests for record in records):,}",
                output.shown(sum(record.retries for record in records) or None),
                f"{report.seconds:,.2f}",
                "",
            ],
        )
    if report.declared:
        output.print_table("Declared for the catalog", ["source", "entity type", "rows"], report.declared)
    notes = [(o.record, note) for o in report.outcomes for note in o.record.notes]
    for record, note in notes:
        output.console().print(f"note: {record.source}.{record.table_name}: {note}", markup=False)
    for skipped in report.skipped:
        output.console().print(f"note: {skipped}", markup=False)
    rejected = sum(outcome.record.rejected for outcome in report.outcomes)
    if rejected:
        output.console().print(f"{rejected:,} records could not be read: see headwater.rejected_rows in the warehouse")
    for error in [*(outcome.error for outcome in report.outcomes if outcome.error), *report.failures]:
        output.print_error(error)


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
        "declared": [{"source": s, "entity_type": t, "count": c} for s, t, c in report.declared],
        "skipped": report.skipped,
        "errors": [output.error_document(error) for error in report.failures],
    }


def _ledger_columns() -> Sequence[str]:
    from assets.warehouse.ledger import COLUMNS

    return COLUMNS


def _plan(chosen: Sequence[Any], window: Any, *, as_json: bool) -> None:
    plan = [
        {
            "source": target.source.name,
            "table": node.name,
            "parent": node.parent.name if node.parent else None,
            "write_mode": target.source.write_mode,
            "window": str(window),
            "warehouse": str(target.source.warehouse.path),
        }
        for target in chosen
        for node in target.source.nodes
        if target.assets is None or node.name in target.assets
    ]
    if as_json:
        output.print_json({"plan": plan})
    else:
        header = ["source", "table", "parent", "write_mode", "window", "warehouse"]
        output.print_table("Would sync", header, [[row[name] for name in header] for row in plan])


def _rows_last_time(source: Any) -> dict[str, int]:
    if not source.warehouse.exists():
        return {}
    with source.warehouse.session() as session:
        known: dict[str, int] = session.rows_last_time(source.name)
        return known


def _require_tables(target: Any) -> None:
    from integrations.sdk.errors import ConfigError
    from orchestration.sources import needs_discovery

    if not target.source.nodes and not target.source.entity_types and not needs_discovery(target.source):
        raise ConfigError(f"`{target.source.name}` has neither tables nor resources: there is nothing to sync")
    if needs_discovery(target.source):
        raise ConfigError(
            f"the tables of `{target.source.name}` are not known yet",
            hint=f"run: headwater discover {target.source.name}",
        )


def _explain_failure(report: Any, source: str, result: Any, *, is_known: bool) -> None:
    """End here when the user has stopped the run; keep what Dagster says of a failure outside of all tables."""
    from integrations.sdk.errors import HeadwaterError

    found = [getattr(event.event_specific_data, "error", None) for event in result.all_events if event.is_failure]
    errors = [error for error in found if error]
    if any(name in error.to_string() for error in errors for name in INTERRUPTIONS):
        raise KeyboardInterrupt
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
