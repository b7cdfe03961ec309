"""A source that moves while it is read: issues behind a real server, and a thread that changes them between pages."""

import base64
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from integrations.sdk.testing import Answer, Asked, serving

OPERATIONS = {"edit": 8, "insert": 1, "delete": 1}


@dataclass
class Issue:
    """A record; `version` counts its edits, so that an outdated row is told from a current one."""

    id: int
    updated_at: datetime
    version: int = 0

    def record(self) -> dict[str, Any]:
        return {"id": self.id, "updated_at": self.updated_at.isoformat(), "version": self.version}


@dataclass
class Issues:
    """The source: `GET /issues` filters by `since` and `until`, sorts, and cuts pages in every usual way.

    `order` is `updated_at`, `-updated_at` or `id`; ties are broken by id. Every page is one consistent look.
    """

    order: str = "updated_at"
    size: int = 50
    live: dict[int, Issue] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    between_pages: Callable[[], None] = lambda: None
    after_page: Callable[[], None] = lambda: None
    pages: int = 0
    url: str = ""

    @classmethod
    def of(cls, count: int, *, order: str = "updated_at", size: int = 50, each: timedelta | None = None) -> "Issues":
        """So many issues, last changed months ago: one every ten minutes, unless `each` says otherwise."""
        apart = timedelta(minutes=10) if each is None else each
        first = datetime.now(UTC) - timedelta(days=90)
        return cls(order, size, {n: Issue(n, first + n * apart) for n in range(1, count + 1)})

    def __call__(self, asked: Asked) -> Answer:
        self.between_pages()
        with self.lock:
            page = self._page({**asked.query})
            self.pages += 1
        self.after_page()
        return Answer(json=page)

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        size = min(int(query.get("size", self.size)), self.size)
        found = self._found(query)
        at = int(query.get("offset", (int(query.get("page", 1)) - 1) * size))
        cut = found[at : at + size]
        more = at + size < len(found)
        counted = "&".join(f"{key}={value}" for key, value in {**query, "offset": at + size}.items() if key != "page")
        last = f"{cut[-1].updated_at.isoformat()} {cut[-1].id}" if cut else ""
        token = base64.urlsafe_b64encode(last.encode()).decode() if more else None
        return {
            "items": [issue.record() for issue in cut],
            "total": len(found),
            "pages": -(-len(found) // size),
            "counting_link": f"?{counted}".replace("+", "%2B") if more else None,
            "following_link": f"?token={token}" + (f"&since={query['since']}" if "since" in query else "")
            if token
            else None,
            "token": token,
        }

    def _found(self, query: dict[str, str]) -> list[Issue]:
        """What is asked for, in order. Each query's times are read once: it is asked of thousands of issues."""
        found = list(self.live.values())
        if since := query.get("since"):
            start = datetime.fromisoformat(since)
            found = [issue for issue in found if issue.updated_at >= start]
        if until := query.get("until"):
            end = datetime.fromisoformat(until)
            found = [issue for issue in found if issue.updated_at < end]
        if after := query.get("after_id"):
            last = int(after)
            found = [issue for issue in found if issue.id > last]
        if after := query.get("after_time"):
            moment = datetime.fromisoformat(after)
            found = [issue for issue in found if issue.updated_at > moment]
        if token := query.get("token"):
            when, id = base64.urlsafe_b64decode(token).decode().split(" ")
            place = datetime.fromisoformat(when), int(id)
            found = [issue for issue in found if (issue.updated_at, issue.id) > place]
        found.sort(key=attrgetter("id"))
        if self.order != "id":  # ties stay in the order of their ids
            found.sort(key=attrgetter("updated_at"), reverse=self.order.startswith("-"))
        return found


class Mutator:
    """Changes issues at random, `per_page` changes for each page that is served, until `edits` edits are done.

    A thread of its own, at work while pages travel; a page is not served before the changes that are due are made,
    so that as many happen on a fast machine as on a slow one. `applied` counts by kind; `while_reading` is how
    many edits were there when the last page was served.
    """

    def __init__(
        self, issues: Issues, *, per_page: int, edits: int, seed: int = 1, operations: Sequence[str] = tuple(OPERATIONS)
    ) -> None:
        self._issues, self._per_page, self._edits = issues, per_page, edits
        self._operations = list(operations)
        self._random = random.Random(seed)
        self._due = 0
        self._changed = threading.Condition()
        self._ended = False
        self.applied = dict.fromkeys(OPERATIONS, 0)
        self.while_reading = 0

    @contextmanager
    def running(self) -> Iterator["Mutator"]:
        thread = threading.Thread(target=self._work, name="mutator")
        self._issues.between_pages, self._issues.after_page = self._settle, self._owe
        thread.start()
        try:
            yield self
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
            thread.join()
            self._issues.between_pages = self._issues.after_page = lambda: None

    @property
    def is_done(self) -> bool:
        return self.applied["edit"] >= self._edits

    def _owe(self) -> None:
        with self._changed:
            self._due = 0 if self.is_done else self._per_page
            self._changed.notify_all()

    def _settle(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._due == 0, timeout=30)
            self.while_reading = self.applied["edit"]

    def _work(self) -> None:
        weights = [OPERATIONS[operation] for operation in self._operations]
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._due or self._ended)
                if self._ended:
                    return
            if not self.is_done:
                (operation,) = self._random.choices(self._operations, weights)
                with self._issues.lock:
                    self._apply(operation)
                self.applied[operation] += 1
            with self._changed:
                self._due = 0 if self.is_done else self._due - 1
                self._changed.notify_all()

    def _apply(self, operation: str) -> None:
        live, now = self._issues.live, datetime.now(UTC)
        if operation == "insert":
            id = max(live) + 1
            live[id] = Issue(id, now)
            return
        id = self._random.choice(list(live))
        if operation == "delete":
            del live[id]
        else:
            live[id] = Issue(id, now, live[id].version + 1)


@contextmanager
def served(issues: Issues) -> Iterator[Issues]:
    with serving(issues) as server:
        issues.url = server.url
        yield issues
