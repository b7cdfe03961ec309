"""Where a request may go: same origin with credentials, other origins without, inner networks not at all."""

import ipaddress
import socket
from urllib.parse import urljoin, urlsplit

from integrations.sdk.errors import RequestForbidden

DEFAULT_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port. Raises: RequestForbidden for anything but http and https.

    >>> origin("https://API.example.com/v1")
    ('https', 'api.example.com', 443)
    """
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        raise RequestForbidden(f"{url!r} is not a URL") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise RequestForbidden(f"{url!r} is not an http or https URL", hint="report it to the source, or mend base_url")
    return parts.scheme, parts.hostname.lower(), port


def join(base: str, link: str) -> str:
    """The link's absolute URL. Raises: RequestForbidden when it is none."""
    try:
        return urljoin(base, link)
    except ValueError:
        raise RequestForbidden(f"{link!r} is not a URL", hint="report it to the source") from None


def check_redirect(start: str, target: str) -> None:
    """Raise RequestForbidden when a redirect leaves encryption, or the public network for an inner one."""
    scheme, host, _ = origin(start)
    to_scheme, to_host, to_port = origin(target)
    if scheme == "https" and to_scheme == "http":
        raise RequestForbidden(
            f"the source redirects from https to http ({to_host})", hint="set base_url to the right address"
        )
    if any(address.is_link_local for address in _addresses(to_host, to_port)):
        raise RequestForbidden(
            f"the source redirects to {to_host}, an address that only this machine's own network answers",
            hint="report it to the source",
        )
    if host != to_host and _is_inner(to_host, to_port) and not _is_inner(host, DEFAULT_PORTS[scheme]):
        raise RequestForbidden(
            f"the source redirects to {to_host}, an address of an inner network", hint="report it to the source"
        )


def _is_inner(host: str, port: int) -> bool:
    """Whether any address of the host is loopback, private or link-local."""
    return any(not address.is_global or address.is_multicast for address in _addresses(host, port))


def _addresses(host: str, port: int) -> set[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()  # the request itself will say that there is no such host
    return {ipaddress.ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found}
