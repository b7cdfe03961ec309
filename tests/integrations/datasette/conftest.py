"""A real Datasette over a small SQLite file in which everything is odd."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestration.demo.server import serving

SCHEMA = """
CREATE TABLE types (
    id INTEGER PRIMARY KEY, i INT, big UNSIGNED BIG INT, r DOUBLE PRECISION, t VARCHAR(20), c CLOB, b BLOB,
    ts TIMESTAMP, dt DATETIME, d DATE, bo BOOLEAN, n NUMERIC, de DECIMAL(10, 2), j JSON, x, m MONEY
);
CREATE TABLE "Permits/2024 (new).csv" (
    "Permit No." TEXT PRIMARY KEY, "permit no" INTEGER, "select" TEXT, "a.b" TEXT, "größe" REAL, "quo""te" TEXT,
    "it's" TEXT, "_cq_id" TEXT, "A" TEXT, "a " TEXT
);
CREATE TABLE pairs (b INTEGER NOT NULL, a TEXT NOT NULL, v REAL, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE log (line TEXT, level INTEGER);
CREATE TABLE categories (code TEXT NOT NULL PRIMARY KEY, label TEXT);
CREATE TABLE goods (
    id INTEGER PRIMARY KEY,
    category TEXT NOT NULL REFERENCES categories,
    other TEXT REFERENCES categories (code),
    log_line INTEGER,
    "Sub Category" TEXT NOT NULL REFERENCES categories (code)
);
CREATE TABLE untyped (k PRIMARY KEY, v TEXT);
CREATE TABLE nullable (a TEXT, b INTEGER, PRIMARY KEY (a, b));
CREATE VIEW cheap AS SELECT id, category, id * 2 AS twice FROM goods;
CREATE VIEW broken AS SELECT lost FROM nowhere;
CREATE VIRTUAL TABLE search USING fts5(line);
CREATE TABLE empty (id INTEGER PRIMARY KEY);
"""
TYPES = [
    (
        *(1, 2**63 - 1, 2**53 + 1, 0.1, "naïve \"quoted\"\n'text' 😀", "NA", b"\xff\x00", "2024-02-29 12:00:00"),
        *("2024-02-29T12:00:00.123456+02:00", "1969-12-31", 1, 1.5, 12345678.91),
        *('{"a": 12345678901234567.89, "b": [1.10, null]}', 5, 1.25),
    ),
    (
        *(2, -(2**63), 0, float("inf"), "", "Infinity", b"plain", "2013-01-01T10:00:00Z"),
        *("2013-01-01 10:00:00", "0999-01-01", 0, 7, -1, "not JSON", "five", "many"),
    ),
    (3, 0, 1, float("-inf"), "{}", "null", b"", None, None, None, None, 1e300, 0, "[]", 0.5, None),
    (4, *[None] * 15),
]
CATEGORIES = ["", "a,b~c", "x/y&z=1", "ü +", "unused"]
PERMITS = [
    (f"№ {number}", number, "s", "dotted", number / 3, 'q"', "it's", "mine", "upper", "spaced") for number in range(7)
]


def fill(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SCHEMA)
        database.executemany(f"INSERT INTO types VALUES ({','.join('?' * 16)})", TYPES)
        database.executemany(f'INSERT INTO "Permits/2024 (new).csv" VALUES ({",".join("?" * 10)})', PERMITS)
        pairs = [(number % 5 - 2, f"{number // 5}, ~x", number / 7) for number in range(25)]
        database.executemany("INSERT INTO pairs VALUES (?, ?, ?)", pairs)
        database.executemany("INSERT INTO log VALUES (?, ?)", [("same", 1)] * 10 + [(None, None)])
        database.execute("DELETE FROM log WHERE rowid = 4")
        database.executemany("INSERT INTO categories VALUES (?, ?)", [(code, code.upper()) for code in CATEGORIES])
        goods = [(n, CATEGORIES[n % 4], None if n % 3 else "unused", n, CATEGORIES[(n + 1) % 4]) for n in range(50)]
        database.executemany("INSERT INTO goods VALUES (?, ?, ?, ?, ?)", goods)
        database.executemany("INSERT INTO untyped VALUES (?, ?)", [(n, str(n)) for n in range(8)])
        database.executemany("INSERT INTO nullable VALUES (?, ?)", [(None, n) for n in range(8)])
        database.commit()


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SQLite file; its name is odd too."""
    path = tmp_path_factory.mktemp("sqlite") / "odd name.v1.db"
    fill(path)
    return path


@pytest.fixture(scope="session")
def url(database: Path) -> Iterator[str]:
    """The address of a Datasette that serves it."""
    with serving(database) as address:
        yield address
