"""A folder of Parquet files: one file a window for tables with time windows, else one; each replaced at once.

`<directory>/<source>/<table>/_cq_window=2024-05-01/rows.parquet`, or `<table>/rows.parquet`. Only windows whose
rows have changed are written anew, and those whose rows came again in another: what the files hold is in
`_delivered.json` beside them. With `append` each delivery is a file of its own.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import duckdb
from pydantic import BaseModel, Field

from assets.destinations.migrating import compare, compare_keys, refusal
from assets.destinations.model import APPEND, SYNC_GROUP, DeliveredTable, How, Written
from assets.destinations.rows import TABLE, Rows
from assets.destinations.sql import wider_of
from assets.warehouse.quoting import name, text
from integrations.sdk.cursor import TimeCursor
from integrations.sdk.errors import WarehouseError
from integrations.sdk.types import ColumnType, Kind

MANIFEST, FILE, UNFINISHED = "_delivered.json", "rows.parquet", ".unfinished"
WINDOW, NO_WINDOW = "_cq_window", "__HIVE_DEFAULT_PARTITION__"
NO_WINDOWS = "''"
APPENDED, FROM_FILE, NONE_CAME = "after-", "_cq_file", "0"
FORMATS = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "week": "%Y-%m-%d", "month": "%Y-%m"}
SIGNED = wider_of(("TINYINT", "SMALLINT", "INTEGER", "BIGINT"))
UNSIGNED = wider_of(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"))


class Spec(BaseModel, extra="forbid"):
    """Where the files go."""

    directory: str = Field(min_length=1, description="The folder, relative to the config file.")
    compression: Literal["zstd", "snappy", "gzip", "lz4", "uncompressed"] = Field("zstd", description="Of the files.")


@dataclass
class _Delivered:
    """What a table's folder holds: its columns, and each file's fingerprint by its window (empty for the only one).

    `kept` are the windows whose file also has rows that were not among those that came. `keys` is None where a
    folder was written before they were noted.
    """

    columns: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    keys: list[str] | None = None


class Parquet:
    """Writes to one folder. DuckDB does the writing."""

    takes_whole = True

    def __init__(self, root: Path, compression: str) -> None:
        self._root, self._compression = root, compression
        self._folder = root
        self._delivered = _Delivered()
        self._gone: list[str] = []
        self._stale = 0
        self._finish: list[Callable[[], object]] = []

    def migrate(self, table: DeliveredTable, *, forced: bool, changed: bool) -> bool:
        """See that what the files hold goes with what comes; files are written anew where columns have changed."""
        self._folder = self._root / table.source / table.name
        self._gone, self._stale, self._finish = [], 0, []
        manifest = self._folder / MANIFEST
        is_there = manifest.exists()
        self._delivered = _Delivered(**json.loads(manifest.read_bytes())) if is_there else _Delivered()
        wanted = {column: _parquet_type(type_) for column, type_ in table.columns.items()}
        refused = [
            *compare(self._delivered.columns, wanted, _holds).refused,
            *filter(None, [compare_keys(self._keys(table), table.keys)]),
        ]
        if refused and not forced:
            raise refusal(table.name, refused)
        if refused:
            self._finish += [partial(_remove, path) for path in self._folder.rglob("*.parquet")]
            self._delivered = _Delivered()
        self._delivered.columns |= wanted
        self._delivered.keys = list(table.keys)
        return bool(refused) or not is_there

    def _keys(self, table: DeliveredTable) -> Sequence[str]:
        """The key that the files were written with."""
        if self._delivered.keys is not None:
            return self._delivered.keys
        return [] if self._appended() else table.keys

    def write(self, table: DeliveredTable, rows: Rows, how: How) -> Written:
        """Write what has changed beside what is there."""
        if how.write_mode == APPEND:
            stamp = "".join(letter for letter in how.after or "" if letter.isdigit())
            if rows.count:
                self._put(self._folder / f"{APPENDED}{stamp or 'nothing'}.parquet", rows, _selected(table))
            return Written(rows.count)
        if not rows.count:
            if not self._delivered.files and _window(table) == NO_WINDOWS:
                self._put(self._path(""), rows, _selected(table))  # so that a query finds the table, and its columns
            return Written()
        before, windows = dict(self._delivered.files), dict(_fingerprints(table, rows))
        changed = {window for window, fingerprint in windows.items() if before.get(window) != fingerprint}
        gone, kept = before.keys() - windows.keys(), set(self._delivered.kept)
        if not table.keys:
            self._stale = max(0, self._count_files(rows, before) - rows.count)
            self._finish += [partial(_remove, path) for path in self._appended()]
            for window in gone:
                self._drop(window)
        elif how.removes:
            self._gone = sorted(gone)
            changed |= kept - gone
        else:
            changed |= self._moved(table, rows, (gone | kept) - changed)
        for window in sorted(changed):
            self._write_window(table, rows, how, window, comes=window in windows)
        self._delivered.files |= windows
        return Written(sum(int(windows[window].partition(" ")[0]) for window in changed & windows.keys()))

    def _write_window(self, table: DeliveredTable, rows: Rows, how: How, window: str, *, comes: bool) -> None:
        """Write the rows of a window that came, and those of its file that do not go."""
        path = self._path(window)
        is_there = window in self._delivered.files and path.exists()
        others = _count_others(table, rows, path) if table.keys and is_there else 0
        keeps = bool(others) and not how.removes
        self._forget_kept(window)
        if keeps:
            self._delivered.kept.append(window)
            self._delivered.files[window] = NONE_CAME
        else:
            self._stale += others
        if not comes and not keeps:
            self._drop(window)
            return
        select = f"{_selected(table)} WHERE {_window(table)} = {text(window)}"
        self._put(path, rows, f"{select} UNION ALL BY NAME {_others(table, path)}" if keeps else select)

    def _moved(self, table: DeliveredTable, rows: Rows, windows: Iterable[str]) -> set[str]:
        """Which of these windows have a row in their file whose key came in another window.

        Those whose rows came again, and which keep no other, cannot.
        """
        files = {str(path): window for window in windows if (path := self._path(window)).exists()}
        if not files:
            return set()
        listed = ", ".join(text(path) for path in files)
        there = f"read_parquet([{listed}], filename={text(FROM_FILE)}, hive_partitioning=false, union_by_name=true)"
        found = rows.query(
            f"SELECT DISTINCT old.{FROM_FILE}, came.{WINDOW} FROM {there} old "
            f"JOIN ({_selected(table, f'{_window(table)} AS {WINDOW}')}) came ON {_same(table)}"
        )
        return {files[path] for path, window in found if files[path] != window}

    def _count_files(self, rows: Rows, windows: Iterable[str]) -> int:
        """How many rows are in the files of these windows, and in those that were appended."""
        paths = [path for path in (*map(self._path, windows), *self._appended()) if path.exists()]
        if not paths:
            return 0
        listed = ", ".join(text(str(path)) for path in paths)
        ((count,),) = rows.query(f"SELECT sum(num_rows) FROM parquet_file_metadata([{listed}])")
        return int(count)

    def _appended(self) -> list[Path]:
        return sorted(self._folder.glob(f"{APPENDED}*.parquet"))

    def _drop(self, window: str) -> None:
        """Forget a window, and let the commit remove its file."""
        path = self._path(window)
        del self._delivered.files[window]
        self._forget_kept(window)
        self._finish.append(partial(_remove, path.parent if window else path))

    def _forget_kept(self, window: str) -> None:
        if window in self._delivered.kept:
            self._delivered.kept.remove(window)

    def delete_stale(self, table: DeliveredTable, rows: Rows, how: How) -> int:
        """Remove the files of windows that have no rows any more; in the others, what is stale was left out."""
        for window in self._gone:
            path = self._path(window)
            if path.exists():
                self._stale += _count_others(table, rows, path)
            self._drop(window)
        return self._stale

    def commit(self) -> None:
        """Put each new file in the place of the old one, and say last what is there."""
        manifest = self._folder / MANIFEST
        try:
            for finish in self._finish:
                finish()
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = manifest.with_name(manifest.name + UNFINISHED)
            unfinished.write_text(json.dumps(asdict(self._delivered), indent=1), encoding="utf-8")
            os.replace(unfinished, manifest)
        except OSError as error:
            raise WarehouseError(f"the files in {self._folder} cannot be put in place: {error.strerror}") from None
        self._finish = []

    def rollback(self) -> None:
        """Leave the files as they are; what was written beside them is overwritten by the next delivery."""
        self._finish = []

    def close(self) -> None:
        """Nothing is open."""

    def _path(self, window: str) -> Path:
        return self._folder / f"{WINDOW}={window}" / FILE if window else self._folder / FILE

    def _put(self, path: Path, rows: Rows, select: str) -> None:
        """Write a file beside its place; the commit moves it there."""
        unfinished = path.with_name(path.name + UNFINISHED)
        try:
            unfinished.parent.mkdir(parents=True, exist_ok=True)
            rows.copy(select, unfinished, f"FORMAT parquet, COMPRESSION {self._compression}")
        except (OSError, duckdb.Error) as error:
            raise WarehouseError(f"{path} cannot be written: {' '.join(str(error).split())}") from None
        self._finish.append(partial(_move, unfinished, path))


def connect(spec: Spec, folder: Path) -> Parquet:
    """The folder that the spec names."""
    return Parquet(folder / Path(spec.directory).expanduser(), spec.compression)


def _window(table: DeliveredTable) -> str:
    """SQL for the window that a row is in, as a folder's name; empty text where a table has no time windows."""
    cursor, column = table.node.table.cursor, table.node.table.cursor_column
    if not isinstance(cursor, TimeCursor) or column is None or column.name not in table.columns:
        return NO_WINDOWS
    value = name(column.name)
    moment = f"{value} AT TIME ZONE 'UTC'" if column.type.kind is Kind.TIMESTAMP else f"CAST({value} AS TIMESTAMP)"
    named = f"strftime(date_trunc('{cursor.window}', {moment}), '{FORMATS[cursor.window]}')"
    return f"coalesce({named}, {text(NO_WINDOW)})"


def _fingerprints(table: DeliveredTable, rows: Rows) -> Iterator[tuple[str, str]]:
    """Each window, with its number of rows and a hash of which they are.

    Hashed twice, since DuckDB's hash of several values is an exclusive or of theirs: what an even number of rows
    have in common, as their sync's time, would cancel out.
    """
    what = ", ".join(["_cq_id", "_cq_sync_time", *(name(key) for key in table.keys if key == SYNC_GROUP)])
    found = rows.query(
        f"SELECT {_window(table)}, count(*), bit_xor(hash(hash({what}))) FROM {TABLE} GROUP BY 1 ORDER BY 1"
    )
    for window, count, rows_hash in found:
        yield window, f"{count} {rows_hash} {table.digest}"


def _selected(table: DeliveredTable, *more: str) -> str:
    """SQL for all rows, as they are to be in a file, with more columns."""
    columns = [
        f"CAST({name(column)} AS {_parquet_type(type_)}) AS {name(column)}" for column, type_ in table.columns.items()
    ]
    return f"SELECT {', '.join([*columns, *more])} FROM {TABLE}"


def _others(table: DeliveredTable, path: Path) -> str:
    """SQL for the rows of a file whose key is not among those that came."""
    there = f"read_parquet({text(str(path))}, hive_partitioning=false)"
    return (
        f"SELECT old.* FROM {there} old WHERE NOT EXISTS (SELECT 1 FROM ({_selected(table)}) came WHERE {_same(table)})"
    )


def _same(table: DeliveredTable) -> str:
    """SQL for a row that came with the key of a row in a file."""
    return " AND ".join(f"came.{name(key)} IS NOT DISTINCT FROM old.{name(key)}" for key in table.keys)


def _count_others(table: DeliveredTable, rows: Rows, path: Path) -> int:
    ((count,),) = rows.query(f"SELECT count(*) FROM ({_others(table, path)})")
    return int(count)


def _parquet_type(type_: ColumnType) -> str:
    """The type in the file: Parquet has no integers of 128 bits, and its intervals have no microseconds."""
    if type_.kind is Kind.LIST and type_.item:
        return f"{_parquet_type(type_.item)}[]"
    if type_.kind is Kind.MAP and type_.item:
        return f"MAP(VARCHAR, {_parquet_type(type_.item)})"
    if type_.kind is Kind.STRUCT:
        return f"STRUCT({', '.join(f'{name(field)} {_parquet_type(inner)}' for field, inner in type_.fields)})"
    return "VARCHAR" if type_.sql in ("HUGEINT", "UHUGEINT", "INTERVAL") else type_.sql


def _holds(present: str, wanted: str) -> bool:
    """Whether a column of one type keeps every value of another as it is."""
    if (present, wanted) == ("DOUBLE", "FLOAT"):
        return True
    return wanted in SIGNED.get(present, ()) or wanted in UNSIGNED.get(present, ())


def _move(unfinished: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.replace(unfinished, path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
