"""When DuckDB refuses a staged file: find the lines it cannot read, keep all the others.

Bulk first, and only then by halves: a refused file is split until the pieces are small, small pieces are
rewritten the exact way, and what is refused even so is one record, which goes to the rejected rows.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from assets.warehouse.reader import SCOPE
from assets.warehouse.staging import Rejected, Stage

SMALL_LINES = 256


def repair_stage(stage: Stage) -> bool:
    """Rewrite the stage's files so that DuckDB reads them all; whether anything changed."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return _Repair(stage, connection).run()


class _Repair:
    def __init__(self, stage: Stage, connection: duckdb.DuckDBPyConnection) -> None:
        self._stage, self._connection = stage, connection
        self._probe_file = stage.folder / "probe.ndjson"
        self._to_exact: list[bytes] = []
        self._changed = False

    def run(self) -> bool:
        stage = self._stage
        stage.fast.replace(self._kept(stage.fast.paths, exact=False))
        stage.exact.replace(self._kept(stage.exact.paths, exact=True))
        if self._to_exact:
            good = self._good(self._to_exact, exact=True)
            if good:
                path = stage.folder / "exact-repaired.ndjson"
                path.write_bytes(b"\n".join(good) + b"\n")
                stage.exact.replace([*stage.exact.paths, path])
        return self._changed

    def _kept(self, paths: Sequence[Path], *, exact: bool) -> list[Path]:
        kept = []
        for path in paths:
            if self._reads([path], exact=exact):
                kept.append(path)
                continue
            self._changed = True
            good = self._good(path.read_bytes().splitlines(), exact=exact)
            if good:
                path.write_bytes(b"\n".join(good) + b"\n")
                kept.append(path)
        return kept

    def _good(self, lines: list[bytes], *, exact: bool) -> list[bytes]:
        """The lines that DuckDB reads, in order; the others go the exact way, or to the rejected rows."""
        if not lines or self._reads_lines(lines, exact=exact):
            return lines
        if len(lines) > SMALL_LINES or (exact and len(lines) > 1):
            middle = len(lines) // 2
            return self._good(lines[:middle], exact=exact) + self._good(lines[middle:], exact=exact)
        if exact:
            self._reject(lines[0])
            return []
        good = []
        for line in lines:
            if self._reads_lines([line], exact=False):
                good.append(line)
            else:
                self._rewrite(line)
        return good

    def _rewrite(self, line: bytes) -> None:
        mark, record = _unscoped(line)
        row = self._stage.rewrite(record, self._stage.rejected)
        if row is not None:
            separator = b"" if row == b"{}" or not mark else b","
            self._to_exact.append(b"{" + mark + separator + row[1:] if mark else row)

    def _reject(self, line: bytes) -> None:
        _, record = _unscoped(line)
        reason = "the warehouse cannot read it"
        try:
            self._probe([self._probe_file], exact=True)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
        self._stage.rejected.append(Rejected(record[:4000].decode("utf-8", "replace"), "", "", reason))

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


def _unscoped(line: bytes) -> tuple[bytes, bytes]:
    """The scope's mark without its comma, empty when there is none, and the record itself."""
    prefix = f'{{"{SCOPE}":'.encode()
    if not line.startswith(prefix):
        return b"", line
    mark, comma, rest = line[1:].partition(b",")
    return (mark, b"{" + rest) if comma else (mark.rstrip(b"}"), b"{}")
