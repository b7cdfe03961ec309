"""The stream that libcurl reads: what a gRPC server sends arrives, and each way to end is told apart."""

import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from integrations.sdk.cloudquery.message_stream import CallFailed, FellSilent, MessageStream
from integrations.sdk.cloudquery.processes import free_port

METHOD = "/sample.Service/Stream"
LARGEST = 1 << 20
Answer = Callable[[bytes, grpc.ServicerContext], Iterator[bytes]]
Serve = Callable[..., str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts grpcio's own server with one method; gives its address."""
    servers: list[grpc.Server] = []

    def start(answer: Answer, *, unix: bool = False) -> str:
        handler = grpc.unary_stream_rpc_method_handler(answer)
        handlers = grpc.method_handlers_generic_handler("sample.Service", {"Stream": handler})
        server = grpc.server(ThreadPoolExecutor(2), handlers=[handlers])
        address = f"unix:{tmp_path}//socket" if unix else f"127.0.0.1:{free_port()}"
        server.add_insecure_port(address)
        server.start()
        servers.append(server)
        return address

    yield start
    for server in servers:
        server.stop(0).wait()


def read(address: str, request: bytes = b"", **settings: Any) -> list[bytes]:
    """All messages of the call."""
    return list(MessageStream(address, METHOD, request, **{"largest_bytes": LARGEST, "silence_s": 30.0, **settings}))


def failure(address: str, **settings: Any) -> CallFailed:
    """How the call fails."""
    with pytest.raises(CallFailed) as caught:
        read(address, **settings)
    return caught.value


@pytest.mark.parametrize(
    ("unix", "prefix"), [(False, ""), (False, "dns:///"), (False, "ipv4:"), (True, "unix:"), (True, "unix://")]
)
def test_messages_of_every_size_arrive_whole_and_in_order(serve: Serve, unix: bool, prefix: str) -> None:
    """None, smaller than a frame, larger than a window, and the request with them."""
    sizes = [0, 1, 5, 16_379, 16_384, 70_000, LARGEST, *[3] * 5_000]
    sent = [bytes([number % 251]) * size for number, size in enumerate(sizes)]

    def answer(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield request
        yield from sent

    address = prefix + serve(answer, unix=unix).removeprefix("unix:")
    assert read(address, b"\x00\xffwhat") == [b"\x00\xffwhat", *sent]


def test_no_message_is_an_answer_too(serve: Serve) -> None:
    """An empty stream that ends well."""
    assert read(serve(lambda request, context: iter(()))) == []


def test_a_failure_keeps_its_code_and_words(serve: Serve) -> None:
    """What came before it is there; the words are decoded."""

    def answer(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield b"first"
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you: 100 % größer\n再见")

    stream = iter(MessageStream(serve(answer), METHOD, b"", largest_bytes=LARGEST, silence_s=30.0))
    assert next(stream) == b"first"
    with pytest.raises(CallFailed) as caught:
        next(stream)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert caught.value.details() == "not you: 100 % größer\n再见"


def test_a_method_that_is_not_there_is_unimplemented(serve: Serve) -> None:
    """A status without a message."""
    address = serve(lambda request, context: iter(()))
    with pytest.raises(CallFailed) as caught:
        list(MessageStream(address, "/sample.Service/Other", b"", largest_bytes=LARGEST, silence_s=30.0))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_nobody_there_is_unavailable() -> None:
    """As grpcio says it."""
    assert failure(f"127.0.0.1:{free_port()}").code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", b"\0\0\0\4\0\0\0\0\0"],
    ids=["no", "HTTP/1", "half"],
)
def test_a_connection_that_breaks_off_is_no_end_of_the_messages(said: bytes) -> None:
    """Whatever came before: a stream is whole when its status says so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(said)

        threading.Thread(target=accept).start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        assert failure(address).code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL)


def test_a_message_that_is_too_large_is_refused(serve: Serve) -> None:
    """Before it is held in memory."""
    failed = failure(serve(lambda request, context: iter([b"x" * (LARGEST + 1)])))
    assert failed.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "1,048,577 bytes" in failed.details()


def test_silence_ends_the_call_at_both_ends(serve: Serve) -> None:
    """A plugin that hangs: the call is given up, and the plugin learns of it."""
    ended = threading.Event()

    def answer(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield b"first"
        context.add_callback(ended.set)
        ended.wait(30)

    assert isinstance(failure(serve(answer), silence_s=0.3), FellSilent)
    assert ended.wait(10)


def test_another_thread_may_cancel(serve: Serve) -> None:
    """At once, though nothing comes."""
    ended, waits = threading.Event(), threading.Event()

    def answer(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        context.add_callback(ended.set)
        waits.set()
        ended.wait(30)
        yield b"late"

    stream = MessageStream(serve(answer), METHOD, b"", largest_bytes=LARGEST, silence_s=30.0)
    threading.Thread(target=lambda: waits.wait(30) and stream.cancel()).start()
    with pytest.raises(CallFailed) as caught:
        list(stream)
    assert caught.value.code() is grpc.StatusCode.CANCELLED
    assert ended.wait(10)


def test_who_stops_reading_ends_the_call(serve: Serve) -> None:
    """A loop that is left: the plugin does not go on for nobody."""
    ended = threading.Event()

    def answer(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        context.add_callback(ended.set)
        while context.is_active():
            yield b"more"

    for _ in MessageStream(serve(answer), METHOD, b"", largest_bytes=LARGEST, silence_s=30.0):
        break
    assert ended.wait(10)


def test_a_plugin_waits_for_a_slow_reader(serve: Serve) -> None:
    """Back-pressure: what was not read is not taken into memory."""
    sent = 0

    def answer(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        nonlocal sent
        for _ in range(400):
            yield b"x" * (LARGEST // 2)
            sent += 1

    tracemalloc.start()
    try:
        stream = iter(MessageStream(serve(answer), METHOD, b"", largest_bytes=LARGEST, silence_s=30.0))
        next(stream)
        threading.Event().wait(1)
        held = sent
        assert sum(1 for _ in stream) == 399
        assert tracemalloc.get_traced_memory()[1] < 40 * LARGEST
    finally:
        tracemalloc.stop()
    assert held < 100


def test_a_proxy_of_the_environment_is_not_asked(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin is reached as grpcio reaches it: directly."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    assert read(serve(lambda request, context: iter([b"one"]))) == [b"one"]
