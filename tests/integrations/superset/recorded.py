"""Answers of a real Superset 6.1.0, as `make test-real` records them, and what that Superset held by its database.

Tokens are not recorded, and requests neither. Of the answers, what the integration reads is kept, as it came.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests

from integrations.sdk.testing import Answer, Asked

FILE = Path(__file__).with_name("recorded.json")
LOGIN = "/api/v1/security/login"
TOKEN = "recorded.token-of/the+day"
USER, PASSWORD = "admin", "correct horse/battery+staple"
KEPT = ("count", "result")
HOME = "http://superset.example"


def key_of(asked: Asked) -> str:
    """What is asked for, without who asks."""
    return f"{asked.path}?{urlencode(sorted(asked.query.items()))}"


@dataclass
class Recorder:
    """Hands requests on to a real Superset, and keeps the answers to what only reads."""

    url: str
    answers: dict[str, Any] = field(default_factory=dict)

    def __call__(self, asked: Asked) -> Answer:
        headers = {name: value for name, value in asked.headers.items() if name in ("authorization", "content-type")}
        answer = requests.request(
            asked.method, f"{self.url}{asked.path}", params=asked.query, headers=headers, data=asked.body, timeout=60
        )
        if asked.path != LOGIN and answer.ok:
            self.answers[key_of(asked)] = {key: value for key, value in answer.json().items() if key in KEPT}
        return Answer(answer.status_code, body=answer.content)


@dataclass(frozen=True)
class Recording:
    """The answers, by request; the resources and edges that were true then; the connections' databases by name."""

    answers: Mapping[str, Any]
    resources: Mapping[str, Any]
    edges: list[list[str]]
    names: dict[str, str]

    def save(self) -> None:
        """Put it in the place of the last one."""
        with FILE.open("w", encoding="utf-8") as file:
            json.dump(vars(self), file, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def load(cls) -> "Recording":
        """The last one."""
        return cls(**json.loads(FILE.read_text(encoding="utf-8")))

    def __call__(self, asked: Asked) -> Answer:
        """The answer as it was recorded, to whoever has logged in."""
        if asked.path == LOGIN:
            who = json.loads(asked.body)
            if (who["username"], who["password"]) != (USER, PASSWORD):
                return Answer(401, json={"message": "Not authorized"})
            return Answer(json={"access_token": TOKEN})
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Answer(401, json={"msg": "Token has expired"})
        if key_of(asked) not in self.answers:
            return Answer(404, json={"message": f"not recorded: {key_of(asked)}"})
        return Answer(json=self.answers[key_of(asked)])
