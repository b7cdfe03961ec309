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
from typing import Any

import msgspec

from assets.warehouse import exact
from assets.warehouse.arrow import lines_of
from assets.warehouse.deleting import Deletion
from assets.warehouse.line_files import LineFiles, naming_the_disk
from assets.warehouse.lines import mark_of, ordered, scoped
from assets.warehouse.reader import ReadPlan
from integrations.sdk.errors import HeadwaterError, SchemaFrozen
from integrations.sdk.page import Page
from integrations.sdk.reading import ArrowBatch, Batch, encode_value
from integrations.sdk.resolvers import ParentRow, Row, TableResolver
from integrations.sdk.schema import Column, Computed
from integrations.sdk.schema import Path as FieldPath
from integrations.sdk.types import JSON

BUFFER_BYTES = 256 << 10
MAX_RECORD_SHOWN = 4000
Files = list[tuple[bool, list[str]]]
"""Paths of staged files, of each kind that there is: whether they are exact."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be a row: its text, and which column's value stands against it, and why."""

    record: str
    column: str
    value: str
    reason: str


class _Buffer:
    """What one thread has staged and not yet written: so that threads seldom meet at the lock."""

    __slots__ = ("fast", "fast_lines", "longest", "records", "rejected", "size", "slow", "total")

    def __init__(self) -> None:
        self.records = self.total = 0
        self.empty()

    def empty(self) -> None:
        self.fast: list[bytes] = []
        self.slow: list[tuple[int, bytes]] = []  # each with how many of this buffer's fast lines came before it
        self.fast_lines = 0
        self.rejected: list[Rejected] = []
        self.size = self.longest = 0


class Stage:
    """The staged records of one table in one sync."""

    def __init__(self, folder: Path, plan: ReadPlan) -> None:
        with naming_the_disk(folder):
            folder.mkdir(parents=True)
        self.folder, self.plan = folder, plan
        self.fast = LineFiles(folder, "fast")
        self.exact = LineFiles(folder, "exact")
        self.scopes: str | None = None  # SQL for the relation of scopes
        self.failed_scopes: list[int] = []  # read half: their rows are left out
        self.empty_scopes: list[int] = []  # read to their end, without a record
        self.rejected: list[Rejected] = []
        self.discarded: list[Rejected] = []  # single values, by the contract discard_value
        self.variants: dict[str, int] = {}  # columns with values that do not fit, and how many
        self.widened: dict[str, str] = {}  # columns with values that need a wider integer
        self.line_bytes = 0
        self._fast_lines = 0  # since the last deletion
        self._deletions: list[tuple[int, int, Deletion]] = []  # each with how many files of a kind come before it
        self._discarded = False
        self._lock = threading.Lock()
        self._local = threading.local()
        self._buffers: list[_Buffer] = []

    def add(self, batch: Batch, scope: int | None = None, parent: ParentRow | None = None, client: Any = None) -> int:
        """Stage one batch; the number of records in it. Safe from several threads."""
        if isinstance(batch, ArrowBatch):
            return self._add_arrow(batch, scope, parent, client)
        return self._add_page(batch, scope, parent, client)

    def _add_arrow(self, batch: ArrowBatch, scope: int | None, parent: ParentRow | None, client: Any) -> int:
        """Stage the rows of a table: as they are where all are as declared, else as records."""
        columns = None if self.plan.needs_python else self.plan.staged
        lines, is_exact = lines_of(batch.data, columns, self.plan.brought)
        if not is_exact:
            return self._add_page(Page(lines, lines=True), scope, parent, client)
        exact_lines = [(0, scoped(line, scope)) for line in lines]
        self._write(b"", 0, exact_lines, [], len(lines), max(map(len, lines), default=0))
        return len(lines)

    def _add_page(self, page: Page, scope: int | None, parent: ParentRow | None, client: Any) -> int:
        count = len(page)
        if not count:
            return 0
        guard = self.plan.guard
        fast = b""
        if guard is not None:
            with contextlib.suppress(msgspec.DecodeError):  # of several lines, and not JSON
                joined = page.joined()
                if guard.accepts(joined, count):
                    fast = self._scoped_page(joined, scope, count)
        if fast:
            longest = len(fast) if len(fast) < 1 << 20 else max(map(len, fast.split(b"\n")))
            self._write(fast, count, [], [], count, longest)
        else:
            self._add_singly(page, scope, parent, client)
        return count

    def _scoped_page(self, lines: bytes, scope: int | None, count: int) -> bytes:
        """The lines with their scope in front; empty when not every line has a place for it."""
        if scope is None:
            return lines
        if not self.plan.has_required and (b"\n{}" in lines or lines.startswith(b"{}")):
            return b""
        marked = scoped(lines, scope)
        longer = len(mark_of(scope)) - 1
        return marked if lines[:1] == b"{" and len(marked) == len(lines) + count * longer else b""

    def _add_singly(self, page: Page, scope: int | None, parent: ParentRow | None, client: Any) -> None:
        """Stage record by record: each goes the fast way if it can, else the exact way, else is rejected."""
        fast: list[bytes] = []
        slow: list[tuple[int, bytes]] = []
        rejected: list[Rejected] = []
        guard = self.plan.guard
        longest = 0
        for raw in page.records:
            record = bytes(raw).strip()
            if guard is not None and record != b"{}" and guard.accepts(record):
                line = self._scoped_page(record, scope, 1)
                if line:
                    fast.append(line)
                    longest = max(longest, len(line))
                    continue
            row = self.rewrite(record, rejected, parent, client)
            if row is not None:
                slow.append((len(fast), scoped(row, scope)))
                longest = max(longest, len(row))
        self._write(b"\n".join(fast), len(fast), slow, rejected, len(page), longest)

    def rewrite(
        self, record: bytes, rejected: list[Rejected], parent: ParentRow | None = None, client: Any = None
    ) -> bytes | None:
        """The record as an exact line, or None when it has been added to `rejected` instead."""
        column = ""
        try:
            fields = exact.parse(record)
            if not isinstance(fields, dict):
                raise exact.Unreadable("the record is not an object", fields)
            values = self._guarded_python_values(record, parent, client) if self.plan.needs_python else {}
            row: dict[str, Any] = {}
            for declared in self.plan.staged:
                column, origin = declared.name, declared.origin
                value = values.get(column)
                try:
                    if column not in values and isinstance(origin, FieldPath):
                        value = exact_value(fields, origin.keys)
                    staged = exact.stage(declared.type, value)
                except exact.Unreadable as unfit:
                    staged = self._settle(declared, unfit, value if value is not None else unfit.raw, record, row)
                if staged is None and declared.required and isinstance(origin, FieldPath | Computed):
                    what = "the primary key is null" if declared.primary_key else "null in a column that is not null"
                    raise exact.Unreadable(what, None)
                row[column] = staged
            row |= {name: exact.stage(type_, fields.get(name)) for name, type_ in self.plan.brought.items()}
            return msgspec.json.encode(row)
        except exact.Unreadable as unreadable:
            value, reason = unreadable.value, unreadable.reason
        except RecursionError:
            value, reason = "", "nested too deeply"
        rejected.append(Rejected(record[:MAX_RECORD_SHOWN].decode("utf-8", "replace"), column, value, reason))
        return None

    def _settle(self, column: Column, unfit: exact.Unreadable, value: Any, record: bytes, row: dict[str, Any]) -> Any:
        """What becomes of a value that does not fit its column, by the contract. Raises: Unreadable, SchemaFrozen."""
        contract = self.plan.contract
        wider = exact.wider(column.type, value) if contract == "evolve" else None
        if contract == "freeze":
            raise SchemaFrozen(
                f"a value does not fit the column `{column.name}`: {unfit.reason} ({unfit.value})",
                hint="the table's contract is freeze: change the column's type, or the contract",
            )
        if contract == "discard_row" or (column.required and wider is None):
            raise unfit
        if contract == "discard_value":
            reason = f"only the value was discarded: {unfit.reason}"
            with self._lock:
                shown = record[:MAX_RECORD_SHOWN].decode("utf-8", "replace")
                self.discarded.append(Rejected(shown, column.name, unfit.value, reason))
            return None
        with self._lock:
            if wider is not None:
                self.widened[column.name] = exact.widest(self.widened.get(column.name), wider.sql)
                return exact.stage(wider, value)
            row[self.plan.variant_of(column.name)] = exact.stage(JSON, value)
            self.variants[column.name] = self.variants.get(column.name, 0) + 1
        return None

    def _guarded_python_values(self, record: bytes, parent: ParentRow | None, client: Any) -> dict[str, Any]:
        """The values; what an author's function raises stands against its record alone."""
        try:
            return self._python_values(record, parent, client)
        except (HeadwaterError, exact.Unreadable, RecursionError):
            raise
        except Exception as error:  # noqa: BLE001 - the boundary of an author's code
            raise exact.Unreadable(f"a function of the table raised {type(error).__name__}: {error}", None) from None

    def _python_values(self, record: bytes, parent: ParentRow | None, client: Any) -> dict[str, Any]:
        """What Python resolvers make of the record, as exact.parse would have read it.

        A value that they leave as the record has it is not among them: Python's floats do not keep its digits.
        """
        try:
            item, as_it_came = msgspec.json.decode(record), msgspec.json.decode(record)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise exact.Unreadable(f"not JSON: {error}", repr(record[:60])) from None
        hooks = self.plan.hooks
        made: dict[str, bytes] = {}
        if hooks is None:
            made = {c.name: encode_value(c.origin.function(item)) for c in self.plan.computed}  # type: ignore[union-attr]
        else:
            row = Row(self.plan.table, item, parent)
            hooks.pre_resource_resolve(client, row)
            for column in self.plan.table.columns:
                if type(hooks).resolve_column is not _default_resolve_column:
                    hooks.resolve_column(client, row, column.name)
                if column.name not in row.values and isinstance(column.origin, FieldPath | Computed):
                    row.values[column.name] = default_value(column.origin, item)
            hooks.post_resource_resolve(client, row)
            made = {name: encode_value(value) for name, value in row.values.items()}
            for column in self.plan.from_record:
                if isinstance(column.origin, FieldPath) and made.get(column.name) == encode_value(
                    default_value(column.origin, as_it_came)
                ):
                    del made[column.name]
        return {name: exact.parse(value) for name, value in made.items()}

    def _write(
        self,
        fast: bytes,
        fast_lines: int,
        slow: Iterable[tuple[int, bytes]],
        rejected: Iterable[Rejected],
        count: int,
        longest: int,
    ) -> None:
        """Keep the lines in this thread's own buffer; only a full one needs the lock."""
        buffer: _Buffer | None = getattr(self._local, "buffer", None)
        if buffer is None:
            buffer = self._local.buffer = _Buffer()
            self._buffers.append(buffer)
        if fast:
            buffer.fast.append(fast)
            buffer.size += len(fast)
        for after, line in slow:
            buffer.slow.append((buffer.fast_lines + after, line))
            buffer.size += len(line)
        buffer.fast_lines += fast_lines
        buffer.rejected.extend(rejected)
        buffer.records += count
        buffer.longest = max(buffer.longest, longest)
        if buffer.size >= BUFFER_BYTES:
            self._flush(buffer)

    def _flush(self, buffer: "_Buffer") -> None:
        with self._lock:
            if self._discarded:
                buffer.empty()
                return
            if buffer.slow:
                self.exact.write(b"\n".join(ordered(line, self._fast_lines + after) for after, line in buffer.slow))
            if buffer.fast:
                self.fast.write(b"\n".join(buffer.fast))
            self._fast_lines += buffer.fast_lines
            self.rejected.extend(buffer.rejected)
            buffer.total += buffer.size
            self.line_bytes = max(self.line_bytes, buffer.longest)
        buffer.empty()

    @property
    def records(self) -> int:
        """How many records have been added so far."""
        return sum(buffer.records for buffer in self._buffers)

    @property
    def size_bytes(self) -> int:
        """About how much has been staged so far."""
        return sum(buffer.total + buffer.size for buffer in self._buffers)

    def close(self) -> None:
        """No more records come; the files are whole."""
        for buffer in self._buffers:
            self._flush(buffer)
        self.fast.close()
        self.exact.close()

    def delete(self, deletion: Deletion) -> None:
        """Have rows deleted: of those staged so far, and of what earlier commits have brought."""
        self.close()
        self._fast_lines = 0
        self._deletions.append((len(self.fast.paths), len(self.exact.paths), deletion))

    @property
    def has_deletions(self) -> bool:
        """Whether rows are to be deleted."""
        return bool(self._deletions)

    def parts(self) -> Iterator[tuple[Files, Deletion | None]]:
        """The files that were staged between deletions, in order, each with the deletion that comes behind them."""
        fast = exact = 0
        for next_fast, next_exact, deletion in [*self._deletions, (None, None, None)]:
            groups = (False, self.fast.paths[fast:next_fast]), (True, self.exact.paths[exact:next_exact])
            yield [(is_exact, list(map(str, paths))) for is_exact, paths in groups if paths], deletion
            fast, exact = next_fast or 0, next_exact or 0

    def reading(self) -> dict[str, Any]:
        """What a plan's `select` needs to know of this stage."""
        return {
            "scopes": self.scopes,
            "without": self.failed_scopes,
            "line_bytes": self.line_bytes,
            "widened": self.widened,
            "variants": self.variants,
        }

    def discard(self) -> None:
        """Remove the files; what a thread still adds is not kept."""
        with self._lock:
            self._discarded = True
            self.fast.close()
            self.exact.close()
        shutil.rmtree(self.folder, ignore_errors=True)


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


_default_resolve_column = TableResolver.resolve_column
