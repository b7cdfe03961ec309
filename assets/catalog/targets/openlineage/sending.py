"""Where events go: appended to a file, or posted one by one."""

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
from pydantic import HttpUrl

from assets.catalog.targets.openlineage.events import Event
from integrations.sdk.auth import Auth
from integrations.sdk.errors import WarehouseError
from integrations.sdk.http import HttpClient
from integrations.sdk.pagination import Request


class Sender(AbstractContextManager["Sender"], Protocol):
    """Takes events, in order, for the length of a block."""

    def send(self, event: Event) -> None:
        """Take one."""

    def flush(self) -> None:
        """See that what was taken stays."""


class to_file(Sender):  # noqa: N801 - read as a function
    """Appends events to a file, one a line; a line that a crash has cut is removed first."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> "to_file":
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _mend(self._path)
            self._file: BinaryIO = self._path.open("ab")
        except OSError as error:
            raise self._failed(error) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def send(self, event: Event) -> None:
        """Append one."""
        try:
            self._file.write(msgspec.json.encode(event) + b"\n")
        except OSError as error:
            raise self._failed(error) from None

    def flush(self) -> None:
        """Write it to the disk."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> WarehouseError:
        return WarehouseError(f"events cannot be written to {self._path}: {error.strerror}")


class over_http(Sender):  # noqa: N801 - read as a function
    """Posts each event; one that comes twice is the same one, so that it is tried again."""

    def __init__(self, url: HttpUrl, endpoint: str, auth: Auth | None) -> None:
        self._client = HttpClient(url, auth=auth)
        self._endpoint = endpoint

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def send(self, event: Event) -> None:
        """Post one. Raises: LoginRefused, SourceError."""
        body = msgspec.json.encode(event)
        headers = {"Content-Type": "application/json"}
        request = Request("POST", self._endpoint, headers=headers, data=body, reads=True)
        self._client.request(request).raise_for_status()

    def flush(self) -> None:
        """Nothing is held."""


def _mend(path: Path) -> None:
    """Remove what is after the last line's end."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(end - 65536, 0)
            file.seek(start)
            if (at := file.read(end - start).rfind(b"\n")) >= 0:
                end = start + at + 1
                break
            end = start
        file.truncate(end)
