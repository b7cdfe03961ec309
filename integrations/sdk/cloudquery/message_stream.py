"""A call that a plugin answers with a stream of messages, read by libcurl.

CloudQuery's Python plugins send each row in a message of its own, and grpcio's client wakes for each of them, which
takes a sixth of the plugin's own CPU time. Here what has come is taken up at intervals: a seventieth.
gRPC over HTTP/2: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

import struct
import threading
import time
from collections.abc import Iterator
from urllib.parse import unquote

import grpc
import pycurl

PREFIX = struct.Struct(">?I")  # whether it is compressed, and its length
INTERVAL_S = 0.05
PLENTY_BYTES = 64 << 10  # after that much at once there is more: it is not waited for
BUFFER_BYTES = 512 << 10
GONE = (pycurl.E_COULDNT_CONNECT, pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_RECV_ERROR, pycurl.E_SEND_ERROR)
SCHEMES = ("dns:///", "dns:", "ipv4:", "ipv6:")  # of gRPC's names, before host:port


class CallFailed(grpc.RpcError):
    """What grpcio raises for a call, with its `code()` and `details()`."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(f"{code.name}: {details}")
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        """The status that ended the call."""
        return self._code

    def details(self) -> str:
        """What is said of it."""
        return self._details


class FellSilent(CallFailed):
    """Nothing has come for longer than is waited for."""


class MessageStream:
    """The serialised messages of one call. Iterate it once; `cancel` may come from any thread."""

    def __init__(self, address: str, method: str, request: bytes, *, largest_bytes: int, silence_s: float) -> None:
        """`address` as grpcio takes it, `method` as "/package.Service/Method"."""
        self._largest_bytes, self._silence_s = largest_bytes, silence_s
        self._arrived = bytearray()
        self._fields: dict[str, str] = {}
        self._cancelled = threading.Event()
        self._curl = _prepared(address, method, PREFIX.pack(False, len(request)) + request)
        self._curl.setopt(pycurl.WRITEFUNCTION, self._arrived.extend)
        self._curl.setopt(pycurl.HEADERFUNCTION, self._keep_field)

    def cancel(self) -> None:
        """End the call; who iterates it sees it fail with CANCELLED."""
        self._cancelled.set()

    def __iter__(self) -> Iterator[bytes]:
        """Yield each message. Raises: CallFailed; FellSilent when nothing has come for `silence_s`.

        The time that is spent on a message is not counted, and nothing is read in it: the plugin has to wait.
        """
        multi = pycurl.CurlMulti()
        multi.add_handle(self._curl)
        try:
            heard_at, is_open = time.monotonic(), True
            while is_open:
                before = len(self._arrived)
                _, is_open = multi.perform()
                came = len(self._arrived) - before
                if came:
                    yield from self._messages()
                    heard_at = time.monotonic()
                elif time.monotonic() - heard_at > self._silence_s:
                    raise FellSilent(grpc.StatusCode.DEADLINE_EXCEEDED, f"silent for {self._silence_s:.0f} s")
                if is_open and self._cancelled.wait(0 if came >= PLENTY_BYTES else INTERVAL_S):
                    raise CallFailed(grpc.StatusCode.CANCELLED, "the call was cancelled")
            self._check_end(multi)
        finally:
            multi.close()
            self._curl.close()

    def _messages(self) -> Iterator[bytes]:
        """The whole messages of what has arrived; the beginning of one stays."""
        arrived, position = self._arrived, 0
        while position + PREFIX.size <= len(arrived):
            is_compressed, length = PREFIX.unpack_from(arrived, position)
            if is_compressed:
                raise CallFailed(grpc.StatusCode.INTERNAL, "a message is compressed, which was not asked for")
            if length > self._largest_bytes:
                raise CallFailed(
                    grpc.StatusCode.RESOURCE_EXHAUSTED, f"a message of {length:,} bytes; {self._largest_bytes:,} may be"
                )
            begin = position + PREFIX.size
            if begin + length > len(arrived):
                break
            position = begin + length
            yield bytes(arrived[begin:position])
        del arrived[:position]

    def _keep_field(self, line: bytes) -> None:
        """A line of the header, or of what follows the messages: there is the status."""
        name, _, value = line.decode("latin-1").partition(":")
        self._fields[name.strip().lower()] = value.strip()

    def _check_end(self, multi: pycurl.CurlMulti) -> None:
        """Raises: CallFailed, unless the call has ended well."""
        _, _, failed = multi.info_read()
        status = self._fields.get("grpc-status", "")
        if status.isdecimal():
            code = next((each for each in grpc.StatusCode if each.value[0] == int(status)), grpc.StatusCode.UNKNOWN)
            if code is not grpc.StatusCode.OK:
                raise CallFailed(code, unquote(self._fields.get("grpc-message", "")))
        for _, number, said in failed:
            raise CallFailed(grpc.StatusCode.UNAVAILABLE if number in GONE else grpc.StatusCode.INTERNAL, said)
        if not status:
            answer = self._curl.getinfo(pycurl.RESPONSE_CODE)
            raise CallFailed(grpc.StatusCode.UNKNOWN, f"it ended without a status (HTTP {answer})")
        if self._arrived:
            raise CallFailed(grpc.StatusCode.INTERNAL, "it ended within a message")


def _prepared(address: str, method: str, body: bytes) -> pycurl.Curl:
    """A request that is ready to be sent, past any proxy."""
    curl = pycurl.Curl()
    if address.startswith("unix:"):
        curl.setopt(pycurl.UNIX_SOCKET_PATH, address.removeprefix("unix:").removeprefix("//"))
        address = "localhost"
    for scheme in SCHEMES:
        address = address.removeprefix(scheme)
    curl.setopt(pycurl.URL, f"http://{address}{method}")
    curl.setopt(pycurl.NOPROXY, "*")
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE)
    curl.setopt(pycurl.HTTPHEADER, ["content-type: application/grpc", "te: trailers", "expect:", "accept:"])
    curl.setopt(pycurl.POSTFIELDS, body)
    curl.setopt(pycurl.BUFFERSIZE, BUFFER_BYTES)
    curl.setopt(pycurl.NOSIGNAL, 1)
    return curl
