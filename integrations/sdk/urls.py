"""How values are written into a request's address, and how that address is shown to people."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import SecretStr

from integrations.sdk.auth import Credentials
from integrations.sdk.redact import MASK, redact


def described(method: str, url: str, credentials: Credentials) -> str:
    """The request for people: no credentials in it."""
    parts = urlsplit(url)
    given = parse_qsl(parts.query, keep_blank_values=True)
    query = [(key, MASK if key in credentials.params else value) for key, value in given]
    shown = urlencode(query, safe="*:,/") if query else ""
    host = parts.hostname or ""
    netloc = f"{host}:{parts.port}" if parts.port else host
    return redact(f"{method} {urlunsplit((parts.scheme, netloc, parts.path, shown, ''))}")


def query_pairs(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Query parameters as text; None is left out, a list repeats the key, times are RFC 3339 in UTC."""
    pairs: list[tuple[str, str]] = []
    for key, value in params.items():
        for item in value if isinstance(value, list | tuple) else (value,):
            if item is not None:
                pairs.append((key, query_text(item)))  # noqa: PERF401 - two loops in one read worse
    return pairs


def query_text(value: Any) -> str:
    """How a value is written in a query.

    >>> query_text(datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)), query_text(True)
    ('2024-01-02T03:04:05Z', 'true')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        instant = value.astimezone(UTC) if value.tzinfo else value
        return instant.replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return plain_text(value)


def plain_text(value: Any) -> str:
    """The value as text; a secret as what it is, since this goes to the source and nowhere else."""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
