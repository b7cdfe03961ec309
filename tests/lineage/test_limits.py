"""Whatever the text is: no exception, one answer, in time."""

import random
import re
import threading
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.lineage import DIALECTS, resolve

WORDS = [
    *re.findall(
        r"\S+",
        """SELECT FROM WHERE JOIN ON USING WITH AS INSERT INTO VALUES UPDATE SET DELETE MERGE WHEN MATCHED THEN CREATE
        TABLE VIEW PROCEDURE BEGIN END IF CASE ELSE UNION ALL ( ) , ; . * = + ' " ` [ ] { } {{ }} {% %} -- /* */ $$ #
        @ \\ a b.c 1 'x'""",
    ),
    "\n",
]
dialects = st.sampled_from([None, *DIALECTS])
scripts = st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)


@settings(deadline=None)
@given(st.one_of(scripts, st.text(max_size=200)), dialects)
def test_any_text_has_an_answer(sql: str, dialect: str | None) -> None:
    """Never an exception, always a status and a confidence."""
    found = resolve(sql, dialect=dialect)
    assert found.status in {"parsed", "partly", "fallback", "failed"}
    assert 0 <= found.confidence <= 1
    assert (found.confidence == 0) == (found.status == "failed")


@pytest.mark.parametrize("sql", [None, 5, b"SELECT 1", ["SELECT 1"]])
def test_what_is_no_text_fails(sql: Any) -> None:
    """Whatever is given in the place of SQL, there is an answer: that it is none."""
    found = resolve(sql)
    assert (found.status, found.confidence) == ("failed", 0.0)
    assert "SQL is text" in found.problems[0]


@pytest.mark.parametrize("arguments", [{"dialect": 5}, {"default_schema": 5}, {"time_limit_s": "long"}])
def test_arguments_of_the_wrong_type_have_an_answer(arguments: Any) -> None:
    """Nothing that `resolve` is given makes it raise."""
    assert resolve("SELECT a FROM t", **arguments).status in {"parsed", "failed"}


@pytest.mark.parametrize("schema", [{1: ["x"]}, {"t": None}, {"t": "a, b"}, {"t": [None]}, {"d": {"t": ["a"]}}, ["t"]])
def test_a_schema_that_is_none_is_left_out(schema: Any) -> None:
    """A schema that maps no tables to columns is a problem, and the query is read without it."""
    found = resolve("SELECT * FROM t", schema=schema)
    assert ([str(table) for table in found.sources], found.status) == (["t"], "parsed")
    assert "the schema is left out" in found.problems[0]


@settings(deadline=None)
@given(scripts, dialects)
def test_the_answer_is_always_the_same(sql: str, dialect: str | None) -> None:
    """Two readings of a text agree in everything, if neither runs out of time: the first may load all dialects."""
    first, second = (resolve(sql, dialect=dialect, time_limit_s=60) for _ in range(2))
    assert first == second


names = st.text("abcdefghij_", min_size=2, max_size=8).map(lambda name: f"t_{name}")


@settings(deadline=None)
@given(st.lists(names, min_size=1, max_size=6, unique=True), dialects)
def test_every_table_of_a_join_is_found(tables: list[str], dialect: str | None) -> None:
    """In every dialect a chain of joins reads its tables, in order."""
    sql = "SELECT 1 FROM " + " JOIN ".join(f"{table} {'ON 1 = 1' if n else ''}" for n, table in enumerate(tables))
    assert [str(table) for table in resolve(sql, dialect=dialect).sources] == tables


MANY = 20_000
HOSTILE = {
    "MySQL's comments": "/*!50000 " * MANY,
    "outputs": "DELETE t " + "OUTPUT (a) " * MANY,
    "files": "LOAD DATA INFILE " + "INFILE INTO " * MANY,
    "brackets": "SELECT " + "(" * MANY + "1" + ")" * MANY,
    "subqueries": "SELECT * FROM (" * MANY + "SELECT 1" + ")" * MANY,
    "tables in brackets": "SELECT * FROM " + "(" * MANY + "t" + ")" * MANY,
    "types in types": "CREATE TABLE t (a " + "ARRAY<" * MANY + "INT" + ">" * MANY + ")",
    "NOT NOT": "SELECT " + "NOT " * MANY + "a FROM t",
    "CASE CASE": "SELECT " + "CASE WHEN 1 THEN " * MANY + "1" + " END" * MANY,
    "dots": "SELECT a" + ".b" * MANY + " FROM t",
    "open quotes": "'" * MANY + '"' * MANY + "`" * (MANY + 1),
    "open comments": "/*" * MANY,
    "dollars": " ".join(f"$a{n}$" for n in range(MANY)),
    "stars of stars": "WITH c0 AS (SELECT * FROM t)"
    + "".join(f", c{n} AS (SELECT * FROM c{n - 1} a, c{n - 1} b)" for n in range(1, 60))
    + " SELECT * FROM c59",
    "BEGIN BEGIN": "BEGIN " * MANY,
    "noise": "".join(random.Random(7).choices("SELECT FROM ()[]{}'\"`;,.*/-#$@ab1 \n", k=10 * MANY)),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_answered_in_time(text: str) -> None:
    """Deep nesting overflows no stack, and nothing takes much longer than the limit."""
    start = time.monotonic()
    assert resolve(text, time_limit_s=1).status
    assert time.monotonic() - start < 10  # generous: the machine may be busy


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("SELECT " + ", ".join(f"c{n} AS column_{n}" for n in range(45_000)) + " FROM wide", "wide"),
        ("INSERT INTO t SELECT a FROM s;\n" * 33_000, "s"),
        ("SELECT a FROM s WHERE " + " AND ".join(f"a <> {n}" for n in range(80_000)), "s"),
    ],
    ids=["columns", "statements", "conditions"],
)
def test_a_megabyte_of_sql(text: str, source: str) -> None:
    """Long SQL is read, or at least what the time allows."""
    start = time.monotonic()
    found = resolve(text, time_limit_s=20)  # generous: the machine may be busy
    assert time.monotonic() - start < 60
    assert source in {str(table) for table in found.sources}


def test_when_the_time_is_up_the_tables_are_scanned() -> None:
    """A statement that takes too long to parse is read by its words; the status says so."""
    found = resolve("SELECT a FROM s WHERE " + " AND ".join(f"a <> {n}" for n in range(20_000)), time_limit_s=0.08)
    assert found.status in {"fallback", "failed"}
    assert found.problems


def test_threads_do_not_share_parsers() -> None:
    """Threads that resolve at the same time get their own answers."""
    wrong: list[str] = []

    def ask(number: int) -> None:
        for _ in range(50):
            found = resolve(f"SELECT a FROM t{number} JOIN u{number} USING (id)", dialect="postgres")
            if [str(table) for table in found.sources] != [f"t{number}", f"u{number}"]:
                wrong.append(str(found))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    "text", ["{{ " * 20_000, "GRANT SELECT " + "SELECT " * 40_000], ids=["open Jinja", "SELECT without FROM"]
)
def test_what_is_opened_and_never_closed_takes_linear_time(text: str) -> None:
    """No pattern goes through the rest of a text once for every beginning of what it looks for."""
    begun = time.process_time()
    resolve(text, time_limit_s=1)
    assert time.process_time() - begun < 5
