"""Cluvio's API on a socket, as far as the integration uses it: sign in, then list dashboards with the token."""

import json
from dataclasses import dataclass, field
from typing import Any

from werkzeug import Request, Response


def dashboard(id: int, **changes: Any) -> dict[str, Any]:
    """A dashboard as the listing gives it."""
    return {
        "id": id,
        "name": f"Sales {id}",
        "description": f"What was sold in region {id}",
        "updated_at": f"2024-03-0{id}T10:00:00+02:00",
        **changes,
    }


@dataclass
class CluvioServer:
    """An account with one user. `listing_status` is what the dashboards' listing answers with."""

    email: str
    password: str
    token: str = "session/token+of+the+day"
    dashboards: list[dict[str, Any]] = field(default_factory=list)
    listing_status: int = 200
    asked: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, request: Request) -> Response:
        """The answer to a request."""
        self.asked.append((request.method, request.path))
        match request.method, request.path:
            case "POST", "/users/sign_in":
                user = (request.get_json() or {}).get("user", {})
                if user == {"email": self.email, "password": self.password}:
                    return _json({"token": self.token})
                return _json({"error": f"wrong e-mail or password: {user}"}, 401)  # says what it was given
            case "GET", "/dashboards/":
                given = request.headers.get("token")
                if given != self.token:
                    return _json({"error": "sign in first"}, 401)
                if self.listing_status != 200:
                    return _json({"error": f"not for {given}"}, self.listing_status)
                return _json({"data": self.dashboards})
            case _:
                return _json({"error": "no such thing"}, 404)


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")
