"""Superset's listings as a function, as far as their paging goes: filters by id, a silent cap, no order to rely on."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from integrations.sdk.testing import Answer, Asked

LOGIN = "/api/v1/security/login"
USER, PASSWORD = "ada", "pass/word+with spaces"
FILTER = re.compile(r"\(col:id,opr:(gt|lt),value:(\d+)\)")
SIZE = re.compile(r"page_size:(-?\d+)")


@dataclass
class Listings:
    """Records by kind. `cap` is the most that a page holds; `meanwhile` is called after every listing."""

    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    cap: int = 100
    meanwhile: Callable[[], None] = lambda: None
    tokens: list[str] = field(default_factory=list)
    expired: set[str] = field(default_factory=set)
    make_token: Callable[[int], str] = lambda number: f"token-number-{number}"
    random: Random = field(default_factory=lambda: Random(1))

    def __call__(self, asked: Asked) -> Answer:
        """The answer to a request."""
        if asked.path == LOGIN:
            return self._log_in(json.loads(asked.body))
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens or token in self.expired:
            return Answer(401, json={"msg": "Token has expired"})
        kind = asked.path.removeprefix("/api/v1/").strip("/")
        if kind not in self.records:
            return Answer(404, json={"message": "Not found"})
        answer = self._listing(self.records[kind], asked.query.get("q", ""))
        self.meanwhile()
        return answer

    def _log_in(self, who: dict[str, Any]) -> Answer:
        if who != {"username": USER, "password": PASSWORD, "provider": "db", "refresh": False}:
            return Answer(401, json={"message": f"Not authorized: {who}"})  # says what it was given
        self.tokens.append(self.make_token(len(self.tokens)))
        return Answer(json={"access_token": self.tokens[-1]})

    def _listing(self, records: list[dict[str, Any]], query: str) -> Answer:
        found = list(records)
        for operator, value in FILTER.findall(query):
            bound = int(value)
            found = [each for each in found if (each["id"] > bound if operator == "gt" else each["id"] < bound)]
        self.random.shuffle(found)
        asked = SIZE.search(query)
        size = min(int(asked[1]) if asked else 20, self.cap)
        return Answer(json={"count": len(found), "result": found[:size] if size > 0 else found})
