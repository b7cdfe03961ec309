"""Where a plugin runs: a server that is there, an executable that we start, or an image in a container."""

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc

from integrations.sdk.errors import ConfigError, SourceUnreachable
from integrations.sdk.redact import redact

log = logging.getLogger(__name__)
MAX_MESSAGE = 200 << 20  # as CloudQuery's command line has it
MESSAGE_OPTIONS = (("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE))
STARTS_WITHIN_S = 60.0
STOPS_WITHIN_S = 5.0
LINES_KEPT = 5
PORT = 7777
QUESTION = "/cloudquery.discovery.v1.Discovery/GetVersions"
LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40}
GUARD = "read -r line; kill -s TERM -- -$1; sleep 5; kill -s KILL -- -$1"
FLAGS = ("--log-level", "info", "--log-format", "json", "--no-sentry")


class Running:
    """A server at an address, which is not ours to start or to stop."""

    reaches_us_at = "127.0.0.1"
    listens_within_s = 10.0

    def __init__(self, address: str) -> None:
        self.address = address

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
        what = "the plugin has ended" if self.has_ended() else f"no plugin listens at {self.address}"
        raise SourceUnreachable(what, hint=self.last_words() or "start it, or correct `path`")

    def has_ended(self) -> bool:
        """Whether we know that it does not run any more."""
        return False

    def last_words(self) -> str:
        """What it has written last."""
        return ""

    def stop(self) -> None:
        """Stop what we have started."""


class Started(Running):
    """A process of ours: its output is read, and it ends with us: a guard sees to that when we are killed."""

    listens_within_s = STARTS_WITHIN_S

    def __init__(self, address: str, command: Sequence[str]) -> None:
        super().__init__(address)
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what the user's config names
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
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
        self._reader = threading.Thread(target=self._read, name="plugin-output", daemon=True)
        self._reader.start()

    def has_ended(self) -> bool:
        """Whether the process has exited."""
        return self._process.poll() is not None

    def last_words(self) -> str:
        """The last lines of its output, and how it has ended."""
        status = self._process.poll()
        if status is not None:
            self._reader.join(1)
        ended = [f"it has ended with {status}"] if status is not None else []
        return redact("; ".join([*ended, *self._lines]))

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
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                level, text = _parsed(line.strip())
                self._lines.append(text)
                log.log(level, "plugin: %s", redact(text))


def _parsed(line: str) -> tuple[int, str]:
    """A line of a plugin's log: its level, and what it says."""
    try:
        entry: Any = json.loads(line)
        level = LEVELS.get(str(entry.pop("level", "info")), 20)
        said = entry.pop("message", None) or entry.pop("event", None) or ""
        rest = " ".join(f"{key}={value}" for key, value in entry.items() if key not in ("time", "timestamp"))
        return level, f"{said} {rest}".strip()
    except (ValueError, AttributeError):
        return logging.INFO, line


class Local(Started):
    """An executable, served at a Unix socket as CloudQuery does it; or at a port, where it knows no sockets."""

    def __init__(self, path: Path) -> None:
        self._folder = tempfile.mkdtemp(prefix="headwater-plugin-")
        socket_path = f"{self._folder}/plugin.sock"
        self._command = _command(path)
        super().__init__(
            f"unix:{socket_path}", [*self._command, "serve", *FLAGS, "--network", "unix", "--address", socket_path]
        )

    def stop(self) -> None:
        """Stop it, and remove its socket."""
        super().stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def check_local(path: Path) -> None:
    """See that there is an executable. Raises: ConfigError."""
    if not path.is_file():
        raise ConfigError(f"there is no plugin {path}", hint="`path` is an executable, relative to the config file")
    if path.suffix != ".py" and not os.access(path, os.X_OK):
        raise ConfigError(f"the plugin {path} is not executable", hint=f"chmod +x {path}")


def start_local(path: Path) -> Running:
    """Start an executable. CloudQuery's Python plugins ignore `--network`, and end at once: those get a port.

    Raises: ConfigError.
    """
    check_local(path)
    running = Local(path)
    give_up = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < give_up:
        if Path(running.address.removeprefix("unix:")).exists():
            return running
        if running.has_ended():
            running.stop()
            address = f"127.0.0.1:{free_port()}"
            return Started(address, [*_command(path), "serve", *FLAGS, "--address", address])
        time.sleep(0.02)
    return running


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
