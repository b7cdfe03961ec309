"""The part of a table that one read covers: of time, of a rising number, or after a token."""

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
                hint="the first time must be before the second",
            )

    def __bool__(self) -> bool:
        return self.start is not None or self.end is not None

    def __str__(self) -> str:
        start = self.start.isoformat() if self.start else "…"
        return f"{start} → {self.end.isoformat() if self.end else '…'}" if self else "everything"


@dataclass(frozen=True, slots=True)
class Range:
    """What a table with a SequenceCursor is read for: from `start` (inclusive) to `end` (exclusive).

    None on either side is unbounded; false when both are.
    """

    start: int | None = None
    end: int | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ConfigError(f"the range ends ({self.end}) before it starts ({self.start})")

    def __bool__(self) -> bool:
        return self.start is not None or self.end is not None

    def __str__(self) -> str:
        start = "…" if self.start is None else str(self.start)
        return f"{start} → {'…' if self.end is None else self.end}" if self else "everything"


@dataclass(frozen=True, slots=True)
class After:
    """What a table with a TokenCursor is read for: what came after this token; None is everything."""

    token: str | None = None

    def __bool__(self) -> bool:
        return self.token is not None

    def __str__(self) -> str:
        return "everything" if self.token is None else f"after {self.token}"


AnyWindow = Window | Range | After
EVERYTHING = Window()
