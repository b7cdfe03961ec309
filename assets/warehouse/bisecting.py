"""When DuckDB refuses a staged file: find the lines it cannot read, keep all the others.

Bulk first, and only then by halves: a refused file is split until the pieces are small, small pieces are
rewritten the exact way, and what is refused even so is one record, which goes to the rejected rows.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

import duckdb
import msgspec

from assets.warehouse.exact import MAX_SHOWN
from assets.warehouse.lines import ordered
from assets.warehouse.reader import ORDER, SCOPE
from assets.warehouse.staging import MAX_RECORD_SHOWN, Rejected, Stage

SMALL_LINES = 256
WHERE_IT_SAYS = re.compile(r'^.*? in file ".*?", in (?:line|record/value) \d+: ', re.DOTALL)


def repair_stage(stage: Stage) -> bool:
    """Rewrite the stage's files so that DuckDB reads them all; whether anything changed.

    Between deletions lines have their place: they are left where they are.
    """
    if stage.has_deletions:
        return False
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return _Repair(stage, connection).run()


class _Repair:
    def __init__(self, stage: Stage, connection: duckdb.DuckDBPyConnection) -> None:
        self._stage, self._connection = stage, connection
        self._probe_file = stage.folder / "probe.ndjson"
        self._gone: list[int] = []  # fast lines that are no longer there, counted from 1
        self._to_exact: list[bytes] = []
        self._changed = False

    def run(self) -> bool:
        stage = self._stage
        stage.fast.replace(self._kept(stage.fast.paths, exact=False))
        if self._gone:
            self._reorder(stage.exact.paths)
        stage.exact.replace(self._kept(stage.exact.paths, exact=True))
        if self._to_exact:
            good = self._good(self._to_exact, exact=True)
            if good:
                path = stage.folder / "exact-repaired.ndjson"
                path.write_bytes(b"\n".join(good) + b"\n")
                stage.exact.replace([*stage.exact.paths, path])
        return self._changed

    def _kept(self, paths: Sequence[Path], *, exact: bool) -> list[Path]:
        kept, before = [], 0
        for path in paths:
            lines = path.read_bytes().removesuffix(b"\n").split(b"\n")
            if self._reads([path], exact=exact):
                kept.append(path)
            else:
                self._changed = True
                good = self._good(lines, exact=exact, before=before)
                if good:
                    path.write_bytes(b"\n".join(good) + b"\n")
                    kept.append(path)
            before += len(lines)
        return kept

    def _reorder(self, paths: Sequence[Path]) -> None:
        """Count only the fast lines that are still there as coming before an exact one."""
        for path in paths:
            lines = []
            for line in path.read_bytes().removesuffix(b"\n").split(b"\n"):
                row, after = _unordered(line)
                lines.append(ordered(row, after - bisect_right(self._gone, after)))
            path.write_bytes(b"\n".join(lines) + b"\n")

    def _good(self, lines: list[bytes], *, exact: bool, before: int = 0) -> list[bytes]:
        """The lines that DuckDB reads, in order; the others go the exact way, or to the rejected rows.

        `before` is how many lines there are in front of these.
        """
        if not lines or self._reads_lines(lines, exact=exact):
            return lines
        if len(lines) > SMALL_LINES or (exact and len(lines) > 1):
            middle = len(lines) // 2
            first = self._good(lines[:middle], exact=exact, before=before)
            return first + self._good(lines[middle:], exact=exact, before=before + middle)
        if exact:
            self._reject(lines[0])
            return []
        good = []
        for position, line in enumerate(lines, start=before + 1):
            if self._reads_lines([line], exact=False):
                good.append(line)
            else:
                self._rewrite(line, after=position - 1 - len(self._gone))
                self._gone.append(position)
        return good

    def _rewrite(self, line: bytes, after: int) -> None:
        stage = self._stage
        mark, record = _unscoped(line) if stage.scopes else (b"", line)
        row = stage.rewrite(record, stage.rejected)
        if row is not None:
            separator = b"" if row == b"{}" or not mark else b","
            self._to_exact.append(ordered(b"{" + mark + separator + row[1:], after))
            stage.line_bytes = max(stage.line_bytes, len(row))

    def _reject(self, line: bytes) -> None:
        """Reject the record of an exact line, naming the first of its columns that DuckDB cannot read."""
        row, _ = _unordered(line)
        record = _unscoped(row)[1] if self._stage.scopes else row
        values = msgspec.json.decode(record)
        column, value, reason = "", "", "the warehouse cannot read it"
        for name in values:
            self._probe_file.write_bytes(msgspec.json.encode({name: values[name]}) + b"\n")
            try:
                self._probe([self._probe_file], exact=True)
            except duckdb.Error as error:
                column, value = name, str(values[name])[:MAX_SHOWN]
                reason = WHERE_IT_SAYS.sub("", str(error)).splitlines()[0]
                break
        shown = record[:MAX_RECORD_SHOWN].decode("utf-8", "replace")
        self._stage.rejected.append(Rejected(shown, column, value, reason))

    def _reads_lines(self, lines: list[bytes], *, exact: bool) -> bool:
        self._probe_file.write_bytes(b"\n".join(lines) + b"\n")
        return self._reads([self._probe_file], exact=exact)

    def _reads(self, paths: Sequence[Path], *, exact: bool) -> bool:
        try:
            self._probe(paths, exact=exact)
        except duckdb.Error:
            return False
        return True

    def _probe(self, paths: Sequence[Path], *, exact: bool) -> None:
        stage = self._stage
        select = stage.plan.probe(
            [str(path) for path in paths], exact=exact, scoped=bool(stage.scopes), line_bytes=stage.line_bytes
        )
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE probe AS {select}")


def _unordered(line: bytes) -> tuple[bytes, int]:
    """An exact line without its place among the fast ones, and that place."""
    row, _, after = line.rpartition(f'"{ORDER}":'.encode())
    return row.removesuffix(b",") + b"}", int(after.removesuffix(b"}"))


def _unscoped(line: bytes) -> tuple[bytes, bytes]:
    """The scope's mark without its comma, empty when there is none, and the record itself."""
    prefix = f'{{"{SCOPE}":'.encode()
    if not line.startswith(prefix):
        return b"", line
    mark, comma, rest = line[1:].partition(b",")
    return (mark, b"{" + rest) if comma else (mark.rstrip(b"}"), b"{}")
