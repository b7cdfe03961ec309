"""Where records wait between the source and the warehouse: newline-delimited JSON files, no connection open.

Worker threads add pages; each goes to the fast file whole when the guard passes it, else record by record.
What cannot be read at all is kept, with its column and the reason.
"""

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from filelock import FileLock, Timeout

from assets.warehouse import exact
from assets.warehouse.arrow import lines_of
from assets.warehouse.reader import SCOPE, ReadPlan
from integrations.sdk.page import Page
from integrations.sdk.reading import ArrowBatch, Batch, encode_value
from integrations.sdk.resolvers import ParentRow, Row, TableResolver

FILE_BYTES = 64 << 20
BUFFER_BYTES = 256 << 10
MAX_RECORD_SHOWN = 4000


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be a row: its text, and which column's value stands against it, and why."""

    record: str
    column: str
    value: str
    reason: str


class _LineFiles:
    """Lines appended to numbered files of about 64 MB. Not safe from several threads."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder, self._kind = folder, kind
        self._file: BinaryIO | None = None
        self._size = 0
        self.paths: list[Path] = []
        self.longest = 0

    def write(self, lines: bytes) -> None:
        if self._file is None:
            path = self._folder / f"{self._kind}-{len(self.paths)}.ndjson"
            self.paths.append(path)
            self._file = path.open("wb")
            self._size = 0
        self._file.write(lines + b"\n")
        self._size += len(lines) + 1
        if self._size >= FILE_BYTES:
            self.close()

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def replace(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)


class _Buffer:
    """What one thread has staged and not yet written: so that threads seldom meet at the lock."""

    __slots__ = ("fast", "longest", "records", "rejected", "size", "slow")

    def __init__(self) -> None:
        self.records = 0
        self.empty()

    def empty(self) -> None:
        self.fast: list[bytes] = []
        self.slow: list[bytes] = []
        self.rejected: list[Rejected] = []
        self.size = self.longest = 0


class Stage:
    """The staged records of one table in one sync."""

    def __init__(self, folder: Path, plan: ReadPlan) -> None:
        folder.mkdir(parents=True)
        self.folder, self.plan = folder, plan
        self.fast = _LineFiles(folder, "fast")
        self.exact = _LineFiles(folder, "exact")
        self.scopes: str | None = None  # SQL for the relation of scopes
        self.failed_scopes: list[int] = []  # read half: their rows are left out
        self.rejected: list[Rejected] = []
        self.line_bytes = 0
        self._lock = threading.Lock()
        self._local = threading.local()
        self._buffers: list[_Buffer] = []

    def add(self, batch: Batch, scope: int | None = None, parent: ParentRow | None = None, client: Any = None) -> int:
        """Stage one batch; the number of records in it. Safe from several threads."""
        page = Page(lines_of(batch.data), lines=True) if isinstance(batch, ArrowBatch) else batch
        count = len(page)
        if not count:
            return 0
        guard = self.plan.guard
        fast = b""
        if guard is not None:
            lines = page.joined()
            if guard.accepts(lines):
                fast = lines
        if fast and (scope is None or self._can_scope(fast)):
            longest = len(fast) if len(fast) < 1 << 20 else max(map(len, fast.split(b"\n")))
            self._write(_scoped(fast, scope), b"", [], count, longest)
        else:
            self._add_singly(page, scope, parent, client)
        return count

    def _can_scope(self, lines: bytes) -> bool:
        """An empty object has no place for a scope behind its brace."""
        return self.plan.has_required or (b"\n{}" not in lines and not lines.startswith(b"{}"))

    def _add_singly(self, page: Page, scope: int | None, parent: ParentRow | None, client: Any) -> None:
        """Stage record by record: each goes the fast way if it can, else the exact way, else is rejected."""
        fast: list[bytes] = []
        slow: list[bytes] = []
        rejected: list[Rejected] = []
        guard = self.plan.guard
        for record in page.joined().split(b"\n") if not page.lines else map(bytes, page.records):
            if guard is not None and record != b"{}" and guard.accepts(record):
                fast.append(record)
                continue
            row = self.rewrite(record, rejected, parent, client)
            if row is not None:
                slow.append(row)
        longest = max(map(len, chain_of(fast, slow)), default=0)
        self._write(_scoped(b"\n".join(fast), scope), _scoped(b"\n".join(slow), scope), rejected, len(page), longest)

    def rewrite(
        self, record: bytes, rejected: list[Rejected], parent: ParentRow | None = None, client: Any = None
    ) -> bytes | None:
        """The record as an exact line, or None when it has been added to `rejected` instead."""
        column = ""
        try:
            fields = exact.parse(record)
            if not isinstance(fields, dict):
                raise exact.Unreadable("the record is not an object", fields)
            values = self._python_values(record, parent, client) if self.plan.needs_python else {}
            row = {}
            for declared in self.plan.from_record:
                column = declared.name
                if column in values:
                    value = values[column]
                elif self.plan.hooks:
                    value = None
                else:
                    value = exact_value(fields, declared.origin.keys)  # type: ignore[union-attr]  # a Path
                staged = exact.stage(declared.type, value)
                if staged is None and declared.required:
                    what = "the primary key is null" if declared.primary_key else "null in a column that is not null"
                    raise exact.Unreadable(what, None)
                row[column] = staged
            return msgspec.json.encode(row)
        except exact.Unreadable as unreadable:
            shown = record[:MAX_RECORD_SHOWN].decode("utf-8", "replace")
            rejected.append(Rejected(shown, column, unreadable.value, unreadable.reason))
            return None

    def _python_values(self, record: bytes, parent: ParentRow | None, client: Any) -> dict[str, Any]:
        """What Python resolvers make of the record, as exact.parse would have read it."""
        item = msgspec.json.decode(record)
        hooks = self.plan.hooks
        if hooks is None:
            made = {c.name: c.origin.function(item) for c in self.plan.computed}  # type: ignore[union-attr]
        else:
            row = Row(self.plan.table, item, parent)
            hooks.pre_resource_resolve(client, row)
            for column in self.plan.from_record:
                if type(hooks).resolve_column is not _default_resolve_column:
                    hooks.resolve_column(client, row, column.name)
                if column.name not in row.values:
                    row.values[column.name] = default_value(column.origin, item)
            hooks.post_resource_resolve(client, row)
            made = row.values
        return {name: exact.parse(encode_value(value)) for name, value in made.items()}

    def _write(self, fast: bytes, slow: bytes, rejected: Iterable[Rejected], count: int, longest: int) -> None:
        """Keep the lines in this thread's own buffer; only a full one needs the lock."""
        buffer: _Buffer | None = getattr(self._local, "buffer", None)
        if buffer is None:
            buffer = self._local.buffer = _Buffer()
            self._buffers.append(buffer)
        if fast:
            buffer.fast.append(fast)
        if slow:
            buffer.slow.append(slow)
        buffer.rejected.extend(rejected)
        buffer.records += count
        buffer.size += len(fast) + len(slow)
        buffer.longest = max(buffer.longest, longest)
        if buffer.size >= BUFFER_BYTES:
            self._flush(buffer)

    def _flush(self, buffer: "_Buffer") -> None:
        with self._lock:
            if buffer.fast:
                self.fast.write(b"\n".join(buffer.fast))
            if buffer.slow:
                self.exact.write(b"\n".join(buffer.slow))
            self.rejected.extend(buffer.rejected)
            self.line_bytes = max(self.line_bytes, buffer.longest)
        buffer.empty()

    @property
    def records(self) -> int:
        """How many records have been added so far."""
        return sum(buffer.records for buffer in self._buffers)

    def close(self) -> None:
        """No more records come; the files are whole."""
        for buffer in self._buffers:
            self._flush(buffer)
        self.fast.close()
        self.exact.close()

    def files(self) -> Iterator[tuple[bool, list[str]]]:
        """The files of each kind that has any: (whether exact, paths)."""
        for is_exact, group in ((False, self.fast), (True, self.exact)):
            if group.paths:
                yield is_exact, [str(path) for path in group.paths]

    def reading(self) -> dict[str, Any]:
        """What a plan's `select` needs to know of this stage."""
        return {"scopes": self.scopes, "without": self.failed_scopes, "line_bytes": self.line_bytes}

    def discard(self) -> None:
        """Remove the files."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class StagingArea:
    """The folder of one run's stages, beside the warehouse; folders of runs that died are removed."""

    def __init__(self, root: Path, run_id: str) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._sweep(root)
        self.folder = root / run_id
        self.folder.mkdir(exist_ok=True)
        self._lock = FileLock(root / f"{run_id}.lock")
        self._lock.acquire(timeout=10)
        self._count = 0

    def stage(self, plan: ReadPlan) -> Stage:
        """A new, empty stage."""
        self._count += 1
        return Stage(self.folder / f"{self._count}-{plan.table.name}", plan)

    def close(self) -> None:
        """Remove everything of this run."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.release()
        with contextlib.suppress(OSError):
            Path(self._lock.lock_file).unlink()

    @staticmethod
    def _sweep(root: Path) -> None:
        for lock_file in root.glob("*.lock"):
            lock = FileLock(lock_file)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue  # that run is alive
            shutil.rmtree(lock_file.with_suffix(""), ignore_errors=True)
            lock.release()
            with contextlib.suppress(OSError):
                lock_file.unlink()


def chain_of(first: Sequence[bytes], second: Sequence[bytes]) -> Iterator[bytes]:
    """Both, one after the other."""
    yield from first
    yield from second


def exact_value(fields: dict[str, Any], keys: Sequence[str]) -> Any:
    """Follow keys into a parsed record; absent is null. Raises: exact.Unreadable for a value in the way."""
    value: Any = fields
    for key in keys:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise exact.Unreadable(f"`{key}` is looked for inside a value that is not an object", value)
        value = value.get(key)
    return value


def default_value(origin: Any, item: Any) -> Any:
    """A column's value where a resolver class does not set it: its declared origin, applied to the record."""
    function: Callable[[Any], Any] | None = getattr(origin, "function", None)
    if function:
        return function(item)
    value = item
    for key in origin.keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _scoped(lines: bytes, scope: int | None) -> bytes:
    """Put the scope's number first into every line; a line break occurs between records only."""
    if scope is None or not lines:
        return lines
    mark = f'{{"{SCOPE}":{scope},'.encode()
    if lines.startswith(b"{}") or b"\n{}" in lines:  # only exact lines without columns
        return b"\n".join(mark[:-1] + b"}" if line == b"{}" else mark + line[1:] for line in lines.split(b"\n"))
    return mark + lines[1:].replace(b"\n{", b"\n" + mark)


_default_resolve_column = TableResolver.resolve_column
