"""What the source has: the truth that the warehouse is compared with. It changes between syncs, never in one."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from integrations.sdk.testing import Answer, Asked

BEGINNING = datetime(2024, 5, 1, tzinfo=UTC)
PAGE = 12


@dataclass(frozen=True, slots=True)
class Item:
    """A row of a table that is read by time."""

    id: int
    at: datetime
    text: str

    def record(self) -> dict[str, Any]:
        """It as the API gives it."""
        return {"id": self.id, "at": self.at.isoformat(), "text": self.text}


class World:
    """Tables that grow and change, and the API that gives them out page by page."""

    def __init__(self, random: Random, *, first: int = 60) -> None:
        self._random, self._seconds = random, 0
        self.events: dict[int, Item] = {}
        self.edits: dict[int, Item] = {}
        self.log: list[tuple[datetime, str]] = []
        self.editions: list[dict[int, int]] = []
        self.requests = 0
        self.first_asked_at: float | None = None
        self.page_s = 0.0
        self.before_answer: Callable[[Asked], Answer | None] = lambda asked: None
        self.grow(first)

    def grow(self, by: int, *, renew: bool = True) -> None:
        """Add so many rows to each table, some with one time, and change some that were there.

        `renew` gives the places a new edition: not while a listing of them may be half read, which nobody could
        put together.
        """
        random = self._random
        for table in (self.events, self.edits):
            changed = random.sample(sorted(table), min(len(table), by // 6))
            for id in [*changed, *range(len(table) + 1, len(table) + 1 + by)]:
                table[id] = Item(id, self._later(), f"{id} as of {self._seconds}")
        for _ in range(by):
            row = self._later(), f"line {random.randrange(5)}"
            self.log += [row] * random.choice((1, 1, 2))
        if not renew:
            return
        edition = len(self.editions)
        self.editions.append(dict.fromkeys(range(edition, edition + 2 * PAGE + random.randrange(PAGE)), edition))

    def asked(self) -> bool:
        """Whether anything was asked for since `forget_requests`."""
        return self.requests > 0

    def forget_requests(self) -> None:
        """Count from here."""
        self.requests, self.first_asked_at = 0, None

    def marks_of(self, event: int) -> dict[tuple[int, int], str]:
        """The relation's rows of one event, by key: fewer or more when the event has changed."""
        item = self.events[event]
        return {(event, number): f"{number} of {item.text}" for number in range(item.at.second % 3 + 1)}

    def all_marks(self) -> dict[tuple[int, int], str]:
        """The relation's rows of all events."""
        return {key: text for event in self.events for key, text in self.marks_of(event).items()}

    def log_counts(self) -> Counter[tuple[datetime, str]]:
        """How often each row of the log is there."""
        return Counter(self.log)

    def api(self, asked: Asked) -> Answer:
        """Answer a request."""
        if self.first_asked_at is None:
            self.first_asked_at = time.monotonic()
        self.requests += 1
        special = self.before_answer(asked)
        if special is not None:
            return special
        if self.page_s:
            time.sleep(self.page_s)
        if asked.path == "/places":
            return _page(asked, [{"id": id, "edition": edition} for id, edition in self.editions[-1].items()])
        if asked.path.endswith("/marks"):
            marks = self.marks_of(int(asked.path.split("/")[2]))
            return Answer(json={"items": [{"number": number, "text": text} for (_, number), text in marks.items()]})
        since = datetime.fromisoformat(asked.query["since"]) if "since" in asked.query else BEGINNING
        if asked.path == "/log":
            rows = [{"at": at.isoformat(), "text": text} for at, text in sorted(self.log) if at >= since]
            return _page(asked, rows)
        table = self.events if asked.path == "/events" else self.edits
        items = sorted((item for item in table.values() if item.at >= since), key=lambda item: (item.at, item.id))
        if asked.path == "/edits":
            items.reverse()
        return _page(asked, [item.record() for item in items])

    def _later(self) -> datetime:
        self._seconds += self._random.choice((0, 0, 1, 2))
        return BEGINNING + timedelta(seconds=self._seconds)


def _page(asked: Asked, rows: Sequence[dict[str, Any]]) -> Answer:
    number = int(asked.query["page"])
    pages = max(-(-len(rows) // PAGE), 1)
    return Answer(json={"items": list(rows[(number - 1) * PAGE : number * PAGE]), "pages": pages})
