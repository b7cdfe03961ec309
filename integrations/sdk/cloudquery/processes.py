"""Where a plugin runs: a server that is there, an executable that we start, or an image in a container."""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import grpc

from integrations.sdk.cloudquery.logs import LogLine, PluginLog, ending
from integrations.sdk.errors import ConfigError, SourceUnreachable

MAX_MESSAGE = 200 << 20  # as CloudQuery's command line has it
MESSAGE_OPTIONS = (("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE))
STARTS_WITHIN_S = 60.0
STOPS_WITHIN_S = 5.0
LONGEST_LINE, READ_BYTES, WAKES_EVERY_MS = 1 << 20, 64 << 10, 500
QUIET_S, HEARD_WITHIN_S = 0.1, 5.0
PORT = 7777
QUESTION = "/cloudquery.discovery.v1.Discovery/GetVersions"
GUARD = "read -r line; kill -s TERM -- -$1; sleep 5; kill -s KILL -- -$1"
FLAGS = ("--log-level", "info", "--log-format", "json", "--no-sentry")


class Running:
    """A server at an address, which is not ours to start or to stop."""

    reaches_us_at = "127.0.0.1"
    listens_within_s = 10.0

    def __init__(self, address: str) -> None:
        self.address = address
        self.log = PluginLog()  # empty where we do not see its output

    def wait(self, channel: grpc.Channel) -> None:
        """Until it answers. Raises: SourceUnreachable, with what it has written."""
        ask = channel.unary_unary(QUESTION)
        give_up = time.monotonic() + self.listens_within_s
        while (left := give_up - time.monotonic()) > 0 and not self.has_ended():
            try:
                ask(b"", timeout=min(left, 1.0), wait_for_ready=True)
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                    continue
            return
        what = "the plugin has ended before it listened" if self.has_ended() else f"no plugin listens at {self.address}"
        raise SourceUnreachable(what, hint=self.last_words() or "start it, or correct `path`")

    def has_ended(self, within_s: float = 0.0) -> bool:
        """Whether we know that it does not run any more, or learn it in so many seconds."""
        return False

    def last_words(self) -> str:
        """What it has written last."""
        return ""

    def logged_errors(self) -> Sequence[LogLine]:
        """The errors that it has logged, up to now."""
        return ()

    def stop(self) -> None:
        """Stop what we have started."""


class Started(Running):
    """A process of ours: its output is read, and it ends with us: a guard sees to that when we are killed."""

    listens_within_s = STARTS_WITHIN_S

    def __init__(self, address: str, command: Sequence[str]) -> None:
        super().__init__(address)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what the user's config names
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise ConfigError(f"the plugin {command[0]} cannot be started: {error.strerror}") from None
        # our end of the pipe closes when we are gone, whatever has ended us
        self._guard = subprocess.Popen(  # noqa: S603 - of ours
            ["/bin/sh", "-c", GUARD, "sh", str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._is_hearing = self._is_stopped = False
        self._reader = threading.Thread(target=self._read, name="plugin-output", daemon=True)
        self._reader.start()

    def has_ended(self, within_s: float = 0.0) -> bool:
        """Whether the process has exited, or does so in a moment."""
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def last_words(self) -> str:
        """The last lines of its output, and how it has ended."""
        status = self._process.poll()
        if status is not None:
            self._reader.join(1)
        ended = [ending(status)] if status is not None else []
        return "; ".join([*ended, *filter(None, [self.log.last_words()])])

    def logged_errors(self) -> Sequence[LogLine]:
        """The errors that it has logged; what it wrote before this was asked is heard first."""
        asked_at = time.monotonic()
        while (now := time.monotonic()) < asked_at + HEARD_WITHIN_S:
            if self._is_heard() and now - max(asked_at, self.log.heard_at) > QUIET_S:
                break
            time.sleep(QUIET_S / 10)
        return self.log.errors()

    def stop(self) -> None:
        """SIGTERM to it and all that it has started, then SIGKILL."""
        for number, patience_s in ((signal.SIGTERM, STOPS_WITHIN_S), (signal.SIGKILL, STOPS_WITHIN_S)):
            if self.has_ended():
                break
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(patience_s)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self._process.wait()
        with self._guard:
            self._guard.kill()
        self._is_stopped = True
        self._reader.join()
        self._output.close()

    def _read(self) -> None:
        """To the end of its output; or to its own end, since what it has started may have our pipe, and stay."""
        rest, came = b"", b"begin"
        while came:
            if not self._has_come(WAKES_EVERY_MS):
                if self._is_stopped:
                    return
                continue
            self._is_hearing = True  # before it is out of the pipe
            came = os.read(self._output.fileno(), READ_BYTES)
            *lines, rest = (rest + came).split(b"\n")
            if len(rest) > LONGEST_LINE or not came:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self.log.add(line.decode("utf-8", "replace"))
            self._is_hearing = False

    def _is_heard(self) -> bool:
        """Whether nothing that it has written is still on its way to us."""
        return not self._reader.is_alive() or not (self._has_come(0) or self._is_hearing)

    def _has_come(self, within_ms: int) -> bool:
        """Whether its output can be read, or has ended."""
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        return bool(poll.poll(within_ms))

    @property
    def _output(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout


class Local(Started):
    """An executable, served at a Unix socket as CloudQuery does it; or at a port, where it knows no sockets."""

    def __init__(self, path: Path) -> None:
        self._socket = Path(tempfile.mkdtemp(prefix="headwater-plugin-")) / "plugin.sock"
        listen = ["--network", "unix", "--address", str(self._socket)]
        try:
            super().__init__(f"unix:{self._socket}", [*_command(path), "serve", *FLAGS, *listen])
        except ConfigError:
            self._remove_socket()
            raise

    def has_socket(self) -> bool:
        """Wait for its socket; False when it has ended instead. Raises: SourceUnreachable, when there is neither."""
        give_up = time.monotonic() + STARTS_WITHIN_S
        while not self._socket.exists():
            if self.has_ended():
                return False
            if time.monotonic() > give_up:
                what = f"the plugin runs, but does not listen within {STARTS_WITHIN_S:.0f} s"
                raise SourceUnreachable(what, hint=self.last_words())
            time.sleep(0.02)
        return True

    def stop(self) -> None:
        """Stop it, and remove its socket."""
        super().stop()
        self._remove_socket()

    def _remove_socket(self) -> None:
        shutil.rmtree(self._socket.parent, ignore_errors=True)


def check_local(path: Path) -> None:
    """See that there is an executable. Raises: ConfigError."""
    if not path.is_file():
        raise ConfigError(f"there is no plugin {path}", hint="`path` is an executable, relative to the config file")
    if path.suffix != ".py" and not os.access(path, os.X_OK):
        raise ConfigError(f"the plugin {path} is not executable", hint=f"chmod +x {path}")


def start_local(path: Path) -> Running:
    """Start an executable. CloudQuery's Python plugins ignore `--network`, and end at once: those get a port.

    Raises: ConfigError, SourceUnreachable.
    """
    check_local(path)
    running = Local(path)
    try:
        if running.has_socket():
            return running
    except BaseException:
        running.stop()
        raise
    running.stop()
    address = f"127.0.0.1:{free_port()}"
    return Started(address, [*_command(path), "serve", *FLAGS, "--address", address])


def _command(path: Path) -> list[str]:
    return [sys.executable, str(path)] if path.suffix == ".py" else [str(path)]


def check_docker(executable: str = "docker") -> None:
    """See that images can be run. Raises: ConfigError."""
    if shutil.which(executable) is None:
        raise ConfigError(f"`registry: docker` needs the program `{executable}`", hint="install it, or use grpc")


def start_docker(image: str, *, executable: str = "docker") -> Running:
    """Run an image, its port open to this machine alone. Raises: ConfigError, without Docker."""
    check_docker(executable)
    port = free_port()
    return Container(f"127.0.0.1:{port}", docker_command(image, port, executable=executable))


def docker_command(image: str, port: int, *, executable: str = "docker") -> list[str]:
    """The command line that runs an image as a plugin, as CloudQuery's own."""
    return [
        executable,
        "run",
        "--rm",
        "--init",
        "--add-host=host.docker.internal:host-gateway",
        f"--publish=127.0.0.1:{port}:{PORT}",
        image,
        "serve",
        *FLAGS,
        "--network",
        "tcp",
        "--address",
        f"0.0.0.0:{PORT}",
    ]


class Container(Started):
    """A container, which reaches us by Docker's name for this machine."""

    reaches_us_at = "host.docker.internal"


def free_port() -> int:
    """A port that nothing listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
