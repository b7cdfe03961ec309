"""For tests of integrations: an API as a function from request to answer, really served on 127.0.0.1.

def api(request: Asked) -> Answer:
    if request.headers.get("authorization") != "Bearer secret":
        return Answer(401)
    return Answer(json={"items": [{"id": 1}]})

with serving(api) as server:
    HttpClient(server.url).get("/items")
"""

import json as json_module
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived; header names are lower-case, a repeated query key has its last value."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answers: a status, headers, and a body that is either JSON or bytes."""

    status: int = 200
    json: Any = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """The body as it is sent."""
        return self.body if self.body is not None else json_module.dumps(self.json).encode()


Api = Callable[[Asked], Answer]


@dataclass(slots=True)
class Server:
    """A running server: its address, and every request so far."""

    url: str
    requests: list[Asked] = field(default_factory=list)


@contextmanager
def serving(api: Api) -> Iterator[Server]:
    """Serve the API on a free port of 127.0.0.1 for the length of the block."""
    known = Server("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes, and the second would wait for the first's ACK

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            headers = {key.lower(): value for key, value in self.headers.items()}
            asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, self.rfile.read(length))
            known.requests.append(asked)
            answer = api(asked)
            content = answer.content()
            self.send_response(answer.status)
            for key, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - http.server's names

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing: tests look at `requests`."""

    class QuietServer(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is not an error here; anything else is shown."""
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    server = QuietServer(("127.0.0.1", 0), Handler)
    known.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
