"""The warehouse in a DuckDB file: opened under a lock, for as short as it takes, never during HTTP."""

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from assets.warehouse.ids import ID_MACRO
from assets.warehouse.quoting import text
from assets.warehouse.session import Session
from assets.warehouse.staging_area import StagingArea
from integrations.sdk.errors import ConfigError, WarehouseError

OPEN_RETRY_S = 0.2


@dataclass(frozen=True, slots=True)
class WarehouseSettings:
    """Where the warehouse is, and what it may use."""

    path: Path
    memory_mib: int = 256
    lock_timeout_s: float = 600.0
    open_timeout_s: float = 60.0


class DuckDBWarehouse:
    """One DuckDB file. Holds no connection between sessions."""

    def __init__(self, settings: WarehouseSettings) -> None:
        self.settings = settings
        self.path = settings.path
        if self.path.suffix in ("", ".") or self.path.is_dir():
            raise ConfigError(
                f"the warehouse path `{self.path}` is not a file name", hint="such as data/warehouse.duckdb"
            )

    def staging(self, run_id: str) -> StagingArea:
        """A place for one run's staged files, beside the warehouse."""
        self._make_folder()
        return StagingArea(self.path.with_name(f".{self.path.name}.staging"), run_id)

    @contextlib.contextmanager
    def session(self, *, patience_s: float | None = None) -> Iterator["Session"]:
        """The warehouse opened for writing, by one process at a time. Raises: WarehouseError.

        `patience_s` is for those who would rather come again later than wait.
        """
        self._make_folder()
        lock_timeout_s = self.settings.lock_timeout_s if patience_s is None else patience_s
        lock = FileLock(self.path.with_name(f".{self.path.name}.lock"))
        try:
            lock.acquire(timeout=lock_timeout_s)
        except Timeout:
            raise WarehouseError(
                f"the warehouse {self.path} has been held by another run for {lock_timeout_s:.0f} s",
                hint="wait for that run, or end it",
            ) from None
        try:
            connection = self._open(self.settings.open_timeout_s if patience_s is None else patience_s)
            try:
                yield Session(connection, self.settings.memory_mib)
            finally:
                connection.close()
        finally:
            lock.release()

    def exists(self) -> bool:
        """Whether anything has been loaded yet."""
        return self.path.exists()

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WarehouseError(
                f"the folder of the warehouse {self.path} cannot be made: {error.strerror}",
                hint="set another path in the destination's spec",
            ) from None

    def _open(self, timeout_s: float) -> duckdb.DuckDBPyConnection:
        """Open the file; a foreign program that has it open is waited for."""
        give_up = time.monotonic() + timeout_s
        while True:
            try:
                connection = duckdb.connect(str(self.path))
                break
            except duckdb.Error as error:
                locked = "lock" in str(error).lower()
                if not locked or time.monotonic() > give_up:
                    raise self._cannot_open(str(error), locked=locked) from None
                time.sleep(OPEN_RETRY_S)
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(f"SET temp_directory = {text(str(temporary))}")
        connection.execute(ID_MACRO)
        return connection

    def _cannot_open(self, said: str, *, locked: bool) -> WarehouseError:
        if locked:
            holder = re.search(r"held in (.*?)\.?(?: See|\n|$)", said)
            who = f" by {holder[1]}" if holder else ""
            return WarehouseError(
                f"the warehouse {self.path} is held open{who}",
                hint="close the program that has it open (a DuckDB shell, a notebook, a BI tool)",
            )
        return WarehouseError(
            f"the warehouse {self.path} cannot be opened: {said.splitlines()[0]}",
            hint="if a newer DuckDB wrote it, install that version; else set another path",
        )
