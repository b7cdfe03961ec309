"""Typeform's API on a socket, as far as the integration uses it: bearer tokens, numbered pages, time filters."""

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from werkzeug import Request, Response

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
RETRY_AFTER_S = 1


def form(number: int) -> dict[str, Any]:
    """A form as the listing gives it."""
    id = f"form{number:03d}"
    return {
        "id": id,
        "type": "form",
        "title": f"Survey № {number}",
        "created_at": "2024-01-02T03:04:05Z",
        "last_updated_at": "2024-02-03T04:05:06.789Z",
        "settings": {"is_public": number % 2 == 0, "is_trial": False},
        "self": {"href": f"https://api.typeform.com/forms/{id}"},
        "theme": {"href": "https://api.typeform.com/themes/blue"},
        "_links": {"display": f"https://example.typeform.com/to/{id}"},
    }


def response(number: int) -> dict[str, Any]:
    """A response, submitted so many hours after noon; its id says nothing of its form, as Typeform's does not."""
    submitted_at = NOON + timedelta(hours=number)
    return {
        "landing_id": f"landing{number}",
        "token": f"response{number}",
        "response_id": f"response{number}",
        "landed_at": f"{submitted_at - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}",
        "submitted_at": f"{submitted_at:%Y-%m-%dT%H:%M:%SZ}",
        "metadata": {
            "user_agent": "Mozilla/5.0 (Macintosh)",
            "platform": "other",
            "referer": "https://example.typeform.com/to/x?email=ada@example.com",
            "network_id": "7aef2b1c",
            "browser": "default",
        },
        "hidden": {"email": "ada@example.com"},
        "calculated": {"score": number},
        "answers": [{"field": {"id": "q1", "type": "email"}, "type": "email", "email": "ada@example.com"}],
    }


@dataclass
class Asked:
    """A request that came, when, and the status that it was answered with."""

    url: str
    at: float
    status: int


@dataclass
class TypeformServer:
    """An account. `broken` forms answer 500, `gone` ones 404; every `busy_every`th request answers 429."""

    token: str
    forms: list[dict[str, Any]] = field(default_factory=list)
    responses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    busy_every: int = 0
    ignores_page: bool = False
    asked: list[Asked] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, number: int, responses: int = 0) -> str:
        """Add a form with so many responses, one an hour; its id."""
        made = form(number)
        self.forms.append(made)
        self.responses[made["id"]] = [response(hour) for hour in range(responses)]
        return str(made["id"])

    def answers(self, status: int) -> list[Asked]:
        """What was answered with this status."""
        return [asked for asked in self.asked if asked.status == status]

    def answer(self, request: Request) -> Response:
        """The answer to a request."""
        with self._lock:
            is_busy = self.busy_every and len(self.asked) % self.busy_every == self.busy_every - 1
            answer = self._too_many() if is_busy else self._answer(request)
            self.asked.append(Asked(request.full_path, time.monotonic(), answer.status_code))
        return answer

    def _answer(self, request: Request) -> Response:
        given = request.headers.get("Authorization", "")
        if given != f"Bearer {self.token}":  # says what it was given, which some APIs do
            return _refusal(401, "AUTHENTICATION_FAILED", f"Authentication credentials not found on {given}")
        match request.path.strip("/").split("/"):
            case ["forms"]:
                return self._page(self.forms, request, usual=10, largest=200)
            case ["forms", id, "responses"] if id in self.broken:
                # Retry-After: 0 has the client go through its retries without its usual backoff of half a minute
                return _refusal(500, "INTERNAL_SERVER_ERROR", "sorry", {"Retry-After": "0"})
            case ["forms", id, "responses"] if id in self.responses and id not in self.gone:
                return self._page(_between(self.responses[id], request), request, usual=25, largest=1000)
            case _:
                return _refusal(404, "FORM_NOT_FOUND", "Form not found")

    def _page(self, items: list[dict[str, Any]], request: Request, *, usual: int, largest: int) -> Response:
        size = int(request.args.get("page_size", usual))
        page = 1 if self.ignores_page else int(request.args.get("page", 1))
        if not 1 <= size <= largest:
            return _refusal(400, "VALIDATION_ERROR", f"page_size must be at most {largest}")
        body = {
            "total_items": len(items),
            "page_count": ceil(len(items) / size),
            "items": items[(page - 1) * size : page * size],
        }
        return Response(json.dumps(body), content_type="application/json")

    def _too_many(self) -> Response:
        return _refusal(429, "TOO_MANY_REQUESTS", "slow down", {"Retry-After": str(RETRY_AFTER_S)})


def _between(responses: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    """Newest first, those from `since` to `until`, both inclusive."""
    since, until = (_instant(request.args.get(name)) for name in ("since", "until"))
    return [
        each
        for each in sorted(responses, key=lambda each: each["submitted_at"], reverse=True)
        if (since is None or since <= _instant(each["submitted_at"]))
        and (until is None or _instant(each["submitted_at"]) <= until)
    ]


def _instant(text: str | None) -> datetime | None:
    """A time in UTC, to the second, as the API takes it."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) if text else None


def _refusal(status: int, code: str, description: str, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps({"code": code, "description": description})
    return Response(body, status, headers, content_type="application/json")
