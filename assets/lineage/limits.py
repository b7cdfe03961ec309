"""How long one query may take, and how deep it may nest."""

import time

DEFAULT_S = 5.0
FOR_PARSING = 0.5
"""The part of the time that is left which parsing one statement may take; the rest is for scanning it."""

FOR_COLUMNS = 0.7
"""The part of the time that is left which the columns of one statement may take."""

MAX_COLUMNS = 50_000
"""A query that gives out more columns gets none: joins of stars double them with every CTE."""

MAX_FIELDS = 20
"""How far `a.b.c.d…` is followed."""

MAX_DEPTH = 100
"""Deeper SQL is scanned, not parsed: sqlglot's compiled parser overflows the C stack, which no `except` catches."""

NODES_PER_S = 100_000
"""What the parser is allowed per second that is left; it makes two to three times as many."""

CHARACTERS_PER_S = 300_000
"""Text that is longer than this, by the time that is left, is scanned, not parsed."""


class TimeUp(Exception):
    """The time limit of a query has passed; what was found until then is kept."""


class Deadline:
    """The end of the time that one query has."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.end = time.monotonic() + limit_s

    @property
    def left_s(self) -> float:
        """Seconds that are left, never below 0."""
        return max(0.0, self.end - time.monotonic())

    def share(self, part: float) -> "Deadline":
        """A deadline for a first attempt, so that a part of the time is left for another."""
        return Deadline(self.left_s * part)

    def check(self) -> None:
        """Raises: TimeUp."""
        if time.monotonic() > self.end:
            raise TimeUp
