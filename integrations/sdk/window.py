"""The part of a table that one read covers."""

from dataclasses import dataclass
from datetime import datetime

from integrations.sdk.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` (inclusive) to `end` (exclusive), in UTC; None on either side is unbounded.

    False when unbounded on both sides, so that `if window:` reads well.
    """

    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.start and self.end and self.start >= self.end:
            raise ConfigError(
                f"the window ends ({self.end.isoformat()}) before it starts ({self.start.isoformat()})",
                hint="--since must be before --until",
            )

    def __bool__(self) -> bool:
        return self.start is not None or self.end is not None

    def __str__(self) -> str:
        start = self.start.isoformat() if self.start else "…"
        return f"{start} → {self.end.isoformat() if self.end else '…'}" if self else "everything"


EVERYTHING = Window()
