"""What DuckDB spells for PostgreSQL's binary COPY is the value that PostgreSQL reads from the value's text."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.destinations.binary_copy import HEADER, TRAILER, field, row
from assets.destinations.values import column_type
from integrations.sdk import types as t
from integrations.sdk.schema import Column, Table
from integrations.sdk.types import ColumnType
from tests.destinations.places import Deliverer, Place, fine
from tests.engine.helpers import ID, Syncer, gives

INTEGERS = ["0", "1", "-1", "9999", "10000", "-10000", "32767", "-32768", None]
BIGINTS = [*INTEGERS, str(2**63 - 1), str(-(2**63)), "1000000000000000000", "9999999999999999"]
HUGEINTS = [*BIGINTS, str(2**127 - 1), str(-(2**127)), "1" + 38 * "0", str(10**32), str(10**16)]
MOMENTS = [
    "1999-12-31 23:59:59.999999",
    "2000-01-01",
    "0001-01-01",
    "9999-12-31 23:59:59",
    "infinity",
    "-infinity",
    None,
]

# DuckDB's type, PostgreSQL's, and values that both read
CASES: list[tuple[str, str, Sequence[str | None]]] = [
    ("BOOLEAN", "boolean", ["true", "false", None]),
    ("TINYINT", "smallint", ["-128", "127", None]),
    ("SMALLINT", "integer", INTEGERS),
    ("INTEGER", "bigint", INTEGERS),
    ("BIGINT", "bigint", BIGINTS),
    ("BIGINT", "numeric(39,0)", BIGINTS),
    ("UBIGINT", "numeric(20,0)", ["0", str(2**64 - 1), None]),
    ("HUGEINT", "numeric(39,0)", HUGEINTS),
    ("UHUGEINT", "numeric(39,0)", ["0", str(2**128 - 1), None]),
    ("DECIMAL(38,0)", "numeric(38,0)", [38 * "9", "-" + 38 * "9", "0", None]),
    ("DECIMAL(38,38)", "numeric(38,38)", ["0." + 38 * "9", "-0." + 37 * "0" + "1", None]),
    ("DECIMAL(4,2)", "numeric(20,6)", ["-12.34", "0.05", None]),
    ("FLOAT", "double precision", ["0.5", "NaN", "-Infinity", None]),
    ("DOUBLE", "double precision", ["0.1", "-0", "1e308", "5e-324", "NaN", "Infinity", None]),
    ("VARCHAR", "text", ["", "NULL", "\\N", "tab\t line\n 🎈", None]),
    ("BLOB", "bytea", ["", "abc", None]),
    ("DATE", "date", ["2000-01-01", "1999-12-31", "0001-01-01", "infinity", "-infinity", None]),
    ("TIME", "time without time zone", ["00:00:00", "24:00:00", "23:59:59.999999", None]),
    ("TIMESTAMP", "timestamp without time zone", MOMENTS),
    ("TIMESTAMP WITH TIME ZONE", "timestamp with time zone", MOMENTS),
    ("INTERVAL", "interval", ["-14 months -3 days", "-27 hours", "1 year 25:00:00.000001", "-0.5 seconds", None]),
    ("UUID", "uuid", ["1b4e28ba-2fa1-11d2-883f-0016d3cca427", "ffffffff-ffff-ffff-ffff-ffffffffffff", None]),
    ("JSON", "jsonb", ['{"a": [1, "\\n"]}', "1", None]),
    ("BIGINT[]", "bigint[]", ["{1,NULL,-1}", "{}", "{NULL}", None]),
    ("DECIMAL(5,2)[]", "numeric(5,2)[]", ["{1.50,NULL}", None]),
    ("DATE[]", "date[]", ["{2024-02-29,infinity}", None]),
]


@pytest.fixture
def server(postgres: str) -> Iterator[Any]:
    import psycopg

    with psycopg.connect(postgres) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        yield connection
        connection.rollback()


def arrived(server: Any, sql: str, there: str, values: Sequence[str | None]) -> list[tuple[object, ...]]:
    """What PostgreSQL has of the values, and what it reads from their text; both as text."""
    with duckdb.connect() as ours:
        ours.execute("SET TimeZone = 'UTC'")
        ours.execute(f"CREATE TABLE v (n BIGINT, x {sql})")
        lists = [
            value and value.replace("{", "[").replace("}", "]") if sql.endswith("[]") else value for value in values
        ]
        ours.executemany(f"INSERT INTO v VALUES (?, CAST(? AS {sql}))", [*enumerate(lists)])
        type_ = column_type(ours.sql("SELECT x FROM v").types[0])
        fields = [field(t.BIGINT, "bigint", "n"), field(type_, there, "x")]
        sent = ours.execute(f"SELECT {row(fields)} FROM v").fetchall()
    server.execute(f"CREATE TEMPORARY TABLE v (n bigint, x {there}, wanted {there}) ON COMMIT DROP")
    with server.cursor() as cursor, cursor.copy("COPY v (n, x) FROM STDIN (FORMAT binary)") as copy:
        copy.write(HEADER + b"".join(each for (each,) in sent) + TRAILER)
    for n, value in enumerate(values):
        server.execute(f"UPDATE v SET wanted = %s::{there} WHERE n = %s", [value, n])
    found = server.execute("SELECT x::text, wanted::text FROM v ORDER BY n").fetchall()
    server.execute("DROP TABLE v")
    return found


@pytest.mark.parametrize(("sql", "there", "values"), CASES, ids=lambda case: case if isinstance(case, str) else "")
def test_each_type(server: Any, sql: str, there: str, values: Sequence[str | None]) -> None:
    """At the ends of what it can be, and null."""
    found = arrived(server, sql, there, values)
    assert len(found) == len(values)
    assert [x for x, _ in found] == [wanted for _, wanted in found]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.integers(1, 38))
def test_any_decimal(server: Any, data: st.DataObject, digits: int) -> None:
    """Of any size, with any number of digits behind the point."""
    scale = data.draw(st.integers(0, digits))
    unscaled = data.draw(st.lists(st.integers(1 - 10**digits, 10**digits - 1), min_size=1, max_size=5))
    values = []
    for number in unscaled:
        figures = str(abs(number)).zfill(scale + 1)
        values.append(
            ("-" if number < 0 else "") + figures[: len(figures) - scale] + "." + figures[len(figures) - scale :]
        )
    found = arrived(server, f"DECIMAL({digits},{scale})", f"numeric({digits},{scale})", values)
    assert [x for x, _ in found] == [wanted for _, wanted in found]


@pytest.mark.parametrize(
    ("sql", "there", "early"),
    [
        ("DATE", "date", "5877642-06-25 (BC)"),
        ("TIMESTAMP", "timestamp without time zone", "290309-12-22 (BC) 00:00:00"),
    ],
)
def test_what_is_too_early_is_refused(server: Any, sql: str, there: str, early: str) -> None:
    """By the server, which has no such days: it does not come to be infinity."""
    import psycopg

    with pytest.raises(psycopg.errors.DatetimeFieldOverflow):
        arrived(server, sql, there, [early])


@pytest.mark.parametrize(
    ("wide", "narrow", "value"),
    [
        (t.BIGINT, t.SMALLINT, 1),
        (t.HUGEINT, t.SMALLINT, -3),
        (t.DOUBLE, t.FLOAT, 0.5),
        (t.DECIMAL(20, 6), t.DECIMAL(4, 2), "-1.25"),
        (t.HUGEINT, t.UBIGINT, 2**64 - 1),
    ],
)
def test_a_wider_column_is_written_as_it_is(
    postgres: str, syncer: Syncer, tmp_path: Path, wide: ColumnType, narrow: ColumnType, value: object
) -> None:
    """The format of a value is that of the column which is there, not of the one that we would make."""
    to = Deliverer(syncer, Place("postgres", tmp_path, postgres))
    for type_ in (wide, narrow):
        with to.syncer.warehouse.session() as session:
            session.query("DROP TABLE IF EXISTS src.items")
        fine(to.both(Table("items", [ID, Column("value", type_)], gives([{"id": 1, "value": value}]))))
    ((found,),) = to.place.query("SELECT value::float8 FROM {items}")
    assert found == float(str(value))


def test_a_database_of_another_encoding(postgres: str, tmp_path: Path) -> None:
    """Text is sent as UTF-8, and the server makes of it what it keeps."""
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
    to = Deliverer(
        Syncer(tmp_path / "warehouse.duckdb"), Place("postgres", tmp_path, postgres.replace("/postgres", "/latin"))
    )
    fine(to.both(Table("items", [ID, Column("name", t.TEXT)], gives([{"id": 1, "name": "café"}]))))
    assert to.place.rows("items", "name") == ["café"]
