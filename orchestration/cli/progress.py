"""How a sync looks while it runs: a bar per table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.text import Text

from assets.observing import Observer, TableOutcome
from integrations.sdk.errors import HeadwaterError
from integrations.sdk.schema import Node
from orchestration.cli import output

MAX_BARS = 24
REFRESH_S = 0.1


class Report(Observer):
    """Remembers what became of everything, for the summary and the exit code."""

    def __init__(self) -> None:
        self.outcomes: list[TableOutcome] = []
        self.declared: list[tuple[str, str, int]] = []
        self.failures: list[HeadwaterError] = []
        self.delivered: list[Any] = []
        self.skipped: list[str] = []
        self.notes: list[str] = []
        self.seconds = 0.0

    def failed_count(self) -> int:
        """How many failures are known so far."""
        return len(self.failures) + sum(outcome.error is not None for outcome in self.outcomes)

    def finished(self, outcome: TableOutcome) -> None:
        """Remember a table's outcome."""
        self.outcomes.append(outcome)

    def extracted(self, source: str, entity_type: str, count: int, error: HeadwaterError | None) -> None:
        """Remember how many were declared, or the error."""
        if error:
            self.failures.append(error)
        else:
            self.declared.append((source, entity_type, count))

    def failed(self, error: HeadwaterError) -> None:
        """Remember what ended a whole run."""
        self.failures.append(error)

    def noted(self, note: str) -> None:
        """Remember it."""
        self.notes.append(note)


class PlainReport(Report):
    """A line for each table that is done."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def finished(self, outcome: TableOutcome) -> None:
        """Print a line."""
        super().finished(outcome)
        record = outcome.record
        self._console.print(
            f"{record.source}.{record.table_name}: {record.outcome}, {output.counted(record.rows, 'row')}, "
            f"{output.counted(record.pages, 'page')}, {record.seconds:.1f} s",
            markup=False,
        )

    def extracted(self, source: str, entity_type: str, count: int, error: HeadwaterError | None) -> None:
        """Print a line."""
        super().extracted(source, entity_type, count, error)
        if not error:
            self._console.print(f"{source}.{entity_type}: {count:,} declared", markup=False)


class BarReport(Report):
    """A progress bar for each table; how many rows it had last time is the bar's full length."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            _Rate(),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=False,
        )
        self._tasks: dict[Node, TaskID] = {}
        self._shown_at: dict[Node, float] = {}
        self._expected: Mapping[str, int] = {}
        self._source = ""

    def __enter__(self) -> "BarReport":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def expect(self, source: str, rows: Mapping[str, int]) -> None:
        """The source that is synced next, and how many rows its tables had last time."""
        self._source, self._expected = source, rows

    def started(self, node: Node) -> None:
        """Show a bar."""
        for other, task in list(self._tasks.items()):
            if len(self._tasks) >= MAX_BARS and self._progress.tasks and self._is_finished(task):
                self._progress.remove_task(task)
                del self._tasks[other]
        total = self._expected.get(node.name)
        self._tasks[node] = self._progress.add_task(f"{self._source}.{node.name}", total=total, note="")

    def progressed(self, node: Node, records: int) -> None:
        """Move the bar, not more often than it can be seen."""
        now = time.monotonic()
        if now - self._shown_at.get(node, 0.0) >= REFRESH_S:
            self._shown_at[node] = now
            self._progress.update(self._tasks[node], completed=records)

    def finished(self, outcome: TableOutcome) -> None:
        """Fill the bar, or say that it failed."""
        super().finished(outcome)
        task = self._tasks.get(outcome.node)
        if task is not None:
            rows = outcome.record.rows
            note = "[green]done[/]" if not outcome.error else f"[red]{outcome.record.outcome}[/]"
            self._progress.update(task, completed=rows, total=max(rows, 1) if not outcome.error else None, note=note)
            self._progress.stop_task(task)

    def _is_finished(self, task: TaskID) -> bool:
        return any(known.id == task and known.stop_time is not None for known in self._progress.tasks)


class _Rate(ProgressColumn):
    """Rows per second since the table was begun."""

    def render(self, task: Task) -> Text:
        """The rate, empty before the first row."""
        elapsed = task.elapsed or 0.0
        return Text(f"{task.completed / elapsed:,.0f} rows/s" if task.completed and elapsed else "", style="cyan")
