"""Where a SecodaIntegration's declarations go, and how its requests are made; both can be put in.

The two protocols are those of the `secodadk` package (0.0.6); `finalize` may take the exception that ended
the extraction, so that a failed one is not taken for a small one.
"""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from integrations.sdk.auth import Credentials, basic
from integrations.sdk.errors import DeclarationError
from integrations.sdk.http import HttpClient
from integrations.sdk.lineage import DeclaredLineage
from integrations.sdk.pagination import Request
from integrations.sdk.redact import register_secret
from integrations.sdk.resource import Resource
from integrations.sdk.transport import Response


class IngestStrategy(Protocol):
    """Takes what is declared."""

    def declare_resource(self, resource: Resource) -> None:
        """Take one resource."""

    def declare_lineage(self, lineage: DeclaredLineage) -> None:
        """Take one edge."""

    def finalize(self, error: BaseException | None = None) -> None:
        """The extraction is over; `error` is what ended it early."""


class NetworkStrategy(Protocol):
    """Makes requests."""

    def make_request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        data: Any,
        json: Any,
        verify: bool | str,
        follow_redirects: bool,
        auth: Any,
    ) -> Any:
        """The response, whatever its status."""

    def finalize(self, error: BaseException | None = None) -> None:
        """The extraction is over."""


class InMemoryIngest:
    """Keeps what is declared, in order, for whoever runs the integration."""

    def __init__(self) -> None:
        self.resources: list[Resource] = []
        self.lineage: list[DeclaredLineage] = []
        self.error: BaseException | None = None

    def declare_resource(self, resource: Resource) -> None:
        """Keep one resource."""
        self.resources.append(resource)

    def declare_lineage(self, lineage: DeclaredLineage) -> None:
        """Keep one edge."""
        self.lineage.append(lineage)

    def finalize(self, error: BaseException | None = None) -> None:
        """Remember whether the extraction failed."""
        self.error = error


class HttpNetwork:
    """Makes requests with one HttpClient per origin: retries, limits and redaction come with it."""

    def __init__(self, *, parallel_requests: int | None = None, requests_per_second: float | None = None) -> None:
        self._clients: dict[str, HttpClient] = {}
        self._limits = {"parallel_requests": parallel_requests, "requests_per_second": requests_per_second}

    def make_request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        json: Any = None,
        verify: bool | str = True,
        follow_redirects: bool = False,
        auth: Any = None,
    ) -> Response:
        """The response, whatever its status; statuses that pass are tried again first."""
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}"
        client = self._clients.get(base) or self._clients.setdefault(base, self._client(base))
        request = Request(method, url, dict(params or {}), dict(headers or {}), json, data)
        return client.request(
            request, follow_redirects=follow_redirects, verify=verify, credentials=basic_credentials(auth)
        )

    def _client(self, base: str) -> HttpClient:
        client = HttpClient(base)
        client.limit(**self._limits)  # type: ignore[arg-type]  # each has its own type
        return client

    def finalize(self, error: BaseException | None = None) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()


def basic_credentials(auth: Any) -> Credentials | None:
    """Credentials from what `secodadk` takes: httpx's BasicAuth, or a (user, password) pair."""
    if auth is None:
        return None
    if isinstance(auth, tuple) and len(auth) == 2:
        return basic(*auth)
    header = getattr(auth, "_auth_header", None)  # httpx.BasicAuth, without needing httpx
    if not isinstance(header, str):
        raise DeclarationError(f"auth= takes no {type(auth).__name__}", hint="pass (user, password)")
    encoded = header.removeprefix("Basic ")
    register_secret(encoded)
    register_secret(b64decode(encoded).partition(b":")[2])
    return Credentials(headers={"Authorization": header})
