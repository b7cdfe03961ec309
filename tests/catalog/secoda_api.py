"""Secoda's REST API as its documents describe it, for tests: integrations, the JSONL import, the catalog's listing.

An upload is a sync: with Automatic Staling, what it does not have is gone. Writes are limited, and a write too many
is answered 429 with Retry-After. Lists come in pages. Whether the live service agrees is not known.
"""

import email
import json
import time
from collections import Counter, deque
from email.message import Message
from typing import Any

from integrations.sdk import DeclaredLineage, Resource
from integrations.sdk.testing import Answer, Asked

KEY = "a-secoda-key-that-must-not-leak"
PAGE = 2
INTEGRATIONS = "/integration/integrations/"


class Workspace:
    """One workspace: a function from request to answer."""

    def __init__(self, *, staling: bool = True, writes: int = 1000, window_s: float = 60.0) -> None:
        self.staling, self._writes, self._window_s = staling, writes, window_s
        self.integrations: list[dict[str, Any]] = [
            {"id": f"i-{n}", "name": f"Other {n}", "type": "custom"} for n in range(3)
        ]
        self.resources: dict[str, dict[str, Any]] = {}
        self.edges: dict[str, dict[str, Any]] = {}
        self.repeated: Counter[str] = Counter()  # edges that one upload had more than once
        self.uploads: list[tuple[int, int]] = []
        self.refused: list[float] = []  # when a write too many came
        self.accepted: list[float] = []
        self.failing: set[int] = set()  # uploads, from 1, that are answered 500
        self.attempts = 0
        self._recent: deque[float] = deque()

    def __call__(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return Answer(401, json={"detail": "Invalid token."})
        if asked.method == "POST" and self._is_too_many():
            return Answer(429, json={"detail": "throttled"}, headers={"Retry-After": str(int(self._window_s) or 1)})
        if asked.path == INTEGRATIONS:
            return self._make(asked) if asked.method == "POST" else self._list(asked, self.integrations)
        if asked.path == "/resource/catalog/":
            wanted = json.loads(asked.query["filter"])
            assert (wanted["operator"], wanted["field"]) == ("exact", "type")
            return self._list(
                asked, [each for each in self.resources.values() if each["entity_type"] == wanted["value"]]
            )
        found = [
            each for each in self.integrations if asked.path == f"{INTEGRATIONS}{each['id']}/import_jsonl_metadata/"
        ]
        return self._import(asked) if found and asked.method == "POST" else Answer(404, json={"detail": "Not found."})

    def _is_too_many(self) -> bool:
        now = time.monotonic()
        while self._recent and now - self._recent[0] > self._window_s:
            self._recent.popleft()
        if len(self._recent) >= self._writes:
            self.refused.append(now)
            return True
        self._recent.append(now)
        self.accepted.append(now)
        return False

    def _list(self, asked: Asked, whole: list[dict[str, Any]]) -> Answer:
        page = int(asked.query.get("page", "1"))
        pages = max(-(-len(whole) // PAGE), 1)
        if page > pages:
            return Answer(404, json={"detail": "Invalid page."})
        envelope = {
            "links": {"next": None, "previous": None},
            "meta": {"page": page, "next_page": page + 1 if page < pages else None, "previous_page": None},
            "count": len(whole),
            "total_pages": pages,
        }
        return Answer(json=envelope | {"results": whole[(page - 1) * PAGE : page * PAGE]})

    def _make(self, asked: Asked) -> Answer:
        made = json.loads(asked.body)
        assert set(made) == {"name", "type", "credentials"}
        self.integrations.append({"id": f"i-{len(self.integrations)}", "name": made["name"], "type": made["type"]})
        return Answer(201, json=self.integrations[-1])

    def _import(self, asked: Asked) -> Answer:
        if len(asked.body) != int(asked.headers["content-length"]):
            return Answer(400)  # who sent it was killed
        self.attempts += 1
        if self.attempts in self.failing:
            return Answer(500, json={"detail": "Server error"})
        files = _parts(asked)
        if set(files) != {"resources_file", "lineages_file"}:
            return Answer(400, json={"detail": "no such file field"})
        resources = [json.loads(line) for line in files["resources_file"].splitlines()]
        edges = [json.loads(line) for line in files["lineages_file"].splitlines()]
        for resource in resources:
            assert None not in resource.values()
            Resource(**resource)
        for edge in edges:
            DeclaredLineage(**edge)
        keys = [json.dumps(each, sort_keys=True) for each in edges]
        self.repeated.update(key for key, count in Counter(keys).items() if count > 1)
        before = ({}, {}) if self.staling else (self.resources, self.edges)
        self.resources = before[0] | {each["databuilder_id"]: each for each in resources}
        self.edges = before[1] | dict(zip(keys, edges, strict=True))
        self.uploads.append((len(resources), len(edges)))
        return Answer(200, json={"status": "started"})


def _parts(asked: Asked) -> dict[str, str]:
    """The files of a multipart body, by field."""
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    whole = email.message_from_bytes(head + asked.body)
    found = {}
    for part in whole.get_payload():
        assert isinstance(part, Message)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found[str(part.get_param("name", header="content-disposition"))] = content.decode()
    return found
