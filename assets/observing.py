"""Who is told how a sync is getting on: a progress bar, plain lines, or nobody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assets.warehouse.ledger import SyncRecord
from integrations.sdk.errors import HeadwaterError
from integrations.sdk.schema import Node


@dataclass(frozen=True, slots=True)
class TableOutcome:
    """What became of one table. `error` is set unless the outcome is done; `preview` is text, masked.

    `by_window` is how many rows the table has, by the beginning of their window (or of their range, as text).
    """

    node: Node
    record: SyncRecord
    total_rows: int = 0
    preview: Sequence[Sequence[str | None]] = ()
    error: HeadwaterError | None = None
    by_window: Mapping[str, int] = field(default_factory=dict)


class Observer:
    """Told of each step; does nothing with it. Called from several threads, so it must be quick and safe."""

    def started(self, node: Node) -> None:
        """A table is begun."""

    def progressed(self, node: Node, records: int) -> None:
        """So many records of the table have been read so far."""

    def finished(self, outcome: TableOutcome) -> None:
        """A table is committed, failed or skipped."""

    def failed(self, error: HeadwaterError) -> None:
        """A whole run has failed, outside of any table."""

    def extracted(self, source: str, entity_type: str, count: int, error: HeadwaterError | None) -> None:
        """So many resources of a type (or lineage edges) were declared, or the extraction failed."""

    def noted(self, note: str) -> None:
        """Something about a source that its user should know."""
