"""Servers and adapters for tests: real sockets on the loopback, and answers from a function or a list."""

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from integrations.sdk import HttpClient, Limits


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: CaseInsensitiveDict
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    def param(self, name: str) -> str | None:
        return self.query.get(name, [None])[0]


@dataclass(frozen=True)
class Reply:
    """An answer; a body that is not bytes is sent as JSON."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    @property
    def all_headers(self) -> dict[str, str]:
        return {"Content-Type": "application/json", **self.headers}


Answering = Callable[[Seen], Reply]


class Scripted(BaseAdapter):
    """A `requests` adapter that answers from a function, or from a list in order, and keeps what was asked."""

    def __init__(self, answers: Answering | list[Any]) -> None:
        super().__init__()
        self.answers = answers
        self.seen: list[Seen] = []
        self._lock = threading.Lock()

    def send(self, request: Any, **options: Any) -> requests.Response:
        seen = Seen(request.method, request.url, CaseInsensitiveDict(request.headers), request.body or b"")
        with self._lock:
            self.seen.append(seen)
            answer = self.answers(seen) if callable(self.answers) else self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        reply = answer if isinstance(answer, Reply) else Reply(answer)
        response = requests.Response()
        response.status_code, response.url, response.request = reply.status, request.url, request
        response.headers = CaseInsensitiveDict(reply.all_headers)
        response.raw = io.BytesIO(reply.content)
        return response

    def close(self) -> None:
        """Nothing is open."""


def scripted(answers: Answering | list[Any], **options: Any) -> tuple[HttpClient, Scripted]:
    """A client of `https://api.test/v1` that answers so, and whose back-off takes no time."""
    adapter = Scripted(answers)
    client = HttpClient("https://api.test/v1", adapter=adapter, **options)
    instantly(client)
    return client, adapter


def instantly(client: HttpClient) -> list[float]:
    """Let the client's back-off take no time; the list fills with the seconds it would have slept."""
    slept: list[float] = []
    client._shared = replace(client._shared, sleep=slept.append)
    return slept


@dataclass
class Site:
    """A running HTTP server and what has arrived at it."""

    url: str
    seen: list[Seen]


@contextmanager
def serving(answer: Answering, *, host: str = "127.0.0.1", tls: Any = None) -> Iterator[Site]:
    """A real HTTP/1.1 server, one thread per connection."""
    seen: list[Seen] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers: CaseInsensitiveDict = CaseInsensitiveDict(self.headers.items())
            request = Seen(self.command, self.path, headers, self.rfile.read(length))
            seen.append(request)
            reply = answer(request)
            self.send_response(reply.status)
            for name, value in ({"Content-Length": str(len(reply.content))} | reply.all_headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test's output clean."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, request: Any, client_address: Any) -> None:
            """The client went away, which some tests are about."""

    server = Server((host, 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield Site(f"{'https' if tls else 'http'}://{host}:{server.server_address[1]}", seen)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


Talk = Callable[[socket.socket, int], None]


@contextmanager
def talking(talk: Talk) -> Iterator[Site]:
    """A server below HTTP: `talk(connection, number)` is called per connection, after a request's header came."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[Seen] = []
    over = threading.Event()

    def serve(connection: socket.socket, number: int) -> None:
        with connection:
            try:
                head = b""
                while b"\r\n\r\n" not in head:
                    if not (some := connection.recv(65536)):
                        return
                    head += some
                method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
                seen.append(Seen(method, target, CaseInsensitiveDict()))
                talk(connection, number)
            except OSError:
                return  # the client went away, which some tests are about

    def accept() -> None:
        number = 0
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection, number), daemon=True).start()
            number += 1

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}", seen)
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2)


def whole(body: bytes, *headers: str) -> bytes:
    """A complete HTTP answer that closes the connection."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def records_of(pages: Any) -> list[Any]:
    """All records of all pages, decoded."""
    return [json.loads(bytes(record)) for page in pages for record in page.records]


def numbers(first: int, last: int) -> list[dict[str, int]]:
    """Records `{"id": n}` from first up to and including last."""
    return [{"id": number} for number in range(first, last + 1)]


QUICK = Limits(connect_s=2, read_s=2, page_s=60)
