"""Incremental tables: what is refused, how bounds are spelled, and that windows lose no row."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.datasette import Datasette, Spec
from integrations.datasette.following import Times
from integrations.datasette.listing import Listing
from integrations.sdk import HttpClient, Page, Range, SequenceCursor, Table, TimeCursor, Window
from integrations.sdk.errors import ConfigError, PageUnreadable
from integrations.sdk.resolvers import ParentRow
from integrations.sdk.schema import flatten
from orchestration.demo.server import serving
from tests.integrations import Project
from tests.integrations.datasette.test_discovery import Answers
from tests.integrations.datasette.test_tables import Json, column, snapshot, table, tables_from

START = datetime(2024, 1, 1, tzinfo=UTC)
CARRIERS = table("carriers", column("code", not_null=True), column("seen", "TIMESTAMP"), primary_key=["code"])
FLIGHTS = table(
    "flights",
    column("carrier", not_null=True),
    column("Time Hour", "TIMESTAMP", not_null=True, separator="T"),
    column("number", "INTEGER"),
    column("seq", "INTEGER"),
    column("note"),
    column("price", "DECIMAL(10,2)"),
    column("anything", ""),
    column("unasked", None),
    column("day", "DATE"),
    primary_key=["carrier", "Time Hour", "number"],
    foreign_keys=[{"column": "carrier", "other_table": "carriers", "other_column": "code"}],
)
LATEST = table("latest", column("x", "TIMESTAMP"), kind="view")
LOG = table("log", column("line"))
FOUND = snapshot(nyc=[CARRIERS, FLIGHTS, LATEST, LOG])


def built(name: str, cursor: Json, **spec: Any) -> Table:
    tables = tables_from(FOUND, cursors={name: cursor}, **spec)
    return next(node.table for node in flatten(list(tables.values())) if node.name == name)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_time_column_gives_windows_and_an_integer_gives_ranges() -> None:
    """Names are those that `headwater tables` shows; what is not set is as in the SDK."""
    timed = built("flights", {"column": "time_hour", "window": "week", "start": date(2024, 1, 1), "end": "2024-02-01"})
    assert isinstance(timed.cursor, TimeCursor)
    assert timed.cursor.windows == ("week", START, at("2024-02-01"))
    plain = built("flights", {"column": "day", "lookback": "2 days"}).cursor
    assert isinstance(plain, TimeCursor)
    assert (plain.window, plain.lookback) == ("day", timedelta(days=2))
    numbered = built("flights", {"column": "number", "width": 50, "lookback": 3}).cursor
    assert isinstance(numbered, SequenceCursor)
    assert (numbered.width, numbered.lookback) == (50, 3)
    assert isinstance(built("log", {"column": "rowid"}).cursor, SequenceCursor)


def test_only_rows_that_come_oldest_first_are_called_ordered() -> None:
    """Datasette pages by the key: its first column is in order, the second where the first is a parent's."""

    def is_ordered(name: str, by: str, **spec: Any) -> bool:
        cursor = built(name, {"column": by}, **spec).cursor
        assert isinstance(cursor, TimeCursor | SequenceCursor)
        return cursor.ordered

    assert not is_ordered("flights", "time_hour")
    assert is_ordered("flights", "time_hour", by_parent={"flights": "carrier"})
    assert not is_ordered("flights", "number", by_parent={"flights": "carrier"})
    assert is_ordered("log", "rowid")


def test_the_newest_value_is_asked_for_where_it_tells_what_is_new() -> None:
    """A relation has a cursor for each parent's row, which one value says nothing about."""

    def latest(**spec: Any) -> Any:
        cursor = built("flights", {"column": "time_hour"}, **spec).cursor
        assert isinstance(cursor, TimeCursor)
        return cursor.latest

    assert latest(by_parent={"flights": "carrier"}) is None
    adapter = Answers(200, b'{"rows": [{"Time Hour": "2024-01-31T10:00:00Z"}]}')
    assert latest()(HttpClient("http://127.0.0.1:1", adapter=adapter)) == at("2024-01-31T10:00")
    query = dict(parse_qsl(urlsplit(str(adapter.asked[0].url)).query))
    assert (query["_sort_desc"], query["_size"]) == ("Time Hour", "1")
    assert latest()(HttpClient("http://127.0.0.1:1", adapter=Answers(200, b'{"rows": []}'))) is None
    with pytest.raises(PageUnreadable, match="tells nothing of what is new"):
        latest()(HttpClient("http://127.0.0.1:1", adapter=Answers(200, b'{"rows": [{"Time Hour": "soon"}]}')))


@pytest.mark.parametrize(
    ("name", "cursor", "problem", "hint"),
    [
        ("flihgts", {"column": "day"}, "there is no table `flihgts`", "did you mean `flights`?"),
        ("flights", {"column": "time_huor"}, "has no column `time_huor`", "did you mean `time_hour`?"),
        ("flights", {"column": "note"}, "declared TEXT; a cursor follows a time or an integer", "TIMESTAMP, DATE or"),
        ("flights", {"column": "price"}, "declared DECIMAL", "TIMESTAMP, DATE or"),
        ("flights", {"column": "anything"}, "declared without", "TIMESTAMP, DATE or"),
        ("flights", {"column": "unasked"}, "its type is not known", "allow SQL"),
        ("latest", {"column": "x"}, "it is a view, which has no key", "follow the table"),
        ("flights", {"column": "number", "window": "day"}, "an integer, which has no `window`", "width, lookback"),
        ("flights", {"column": "number", "start": "2024-01-01"}, "an integer, which has no `start`", "width, lookback"),
        ("flights", {"column": "number", "lookback": "2 days"}, "does not suit an integer", "so many before"),
        ("flights", {"column": "day", "width": 5}, "a time, which has no `width`", "window, start, end"),
        ("flights", {"column": "day", "lookback": 5}, "does not suit a time", "`2 days`"),
        ("flights", {"column": "day", "lookback": "-1 days"}, "cannot be negative", ""),
        ("flights", {"column": "day", "window": "hour"}, "windows of an hour need a start", "2024-01-01"),
        ("flights", {"column": "day", "start": "2024-02-01", "end": "2024-01-01"}, "end is not after its start", ""),
    ],
)
def test_a_table_that_cannot_be_followed_is_refused(name: str, cursor: Json, problem: str, hint: str) -> None:
    """By what the user has written, with the nearest right name."""
    with pytest.raises(ConfigError, match=problem) as refused:
        built(name, cursor)
    assert hint in refused.value.hint
    assert f"`{name}`" in refused.value.what or f"cursors: {{{name}: " in refused.value.what


def test_a_table_that_others_are_listed_by_is_not_incremental() -> None:
    """They would be listed by its new rows alone, and lose those of the others."""
    with pytest.raises(ConfigError, match="`carriers` cannot be incremental, since `flights` is listed by its rows"):
        built("carriers", {"column": "seen"}, by_parent={"flights": "carrier"})


@pytest.mark.parametrize(
    ("cursor", "problem"),
    [
        ({}, "column"),
        ({"column": "day", "colunm": "day"}, "colunm"),
        ({"column": "day", "window": "year"}, "window"),
        ({"column": "day", "start": 2024}, "write it as 2024-01-31"),
        ({"column": "day", "start": "last year"}, "write it as 2024-01-31"),
        ({"column": "number", "width": 0}, "width"),
    ],
)
def test_what_is_no_cursor_is_refused_by_its_key(cursor: Json, problem: str) -> None:
    """A number is no time, though it could be seconds since 1970."""
    with pytest.raises(ValueError, match=problem):
        Spec.model_validate({"url": "http://127.0.0.1:1", "cursors": {"flights": cursor}})


@pytest.mark.parametrize(
    ("separator", "start", "end", "bounds"),
    [
        ("T", "2024-01-01", "2024-01-02", ("2024-01-01", "2024-01-02")),
        ("T", "2024-01-01T10:30:00", "2024-01-02T00:01:00", ("2024-01-01T10:30", "2024-01-02T00:01")),
        (" ", "2024-01-01T10:30:59.9", "2024-01-01T10:30:59.95", ("2024-01-01 10:30", "2024-01-01 10:31")),
        (None, "2024-01-01T10:30:00", "2024-01-01T11:00:00", ("2024-01-01", "2024-01-02")),
        ("T", "0999-12-31T23:59:00", "9999-12-31T23:59:30", ("0999-12-31T23:59", None)),
    ],
)
def test_bounds_are_spelled_as_the_values_are(separator: Any, start: str, end: str, bounds: tuple[str, str]) -> None:
    """No further than to the minute, and rounded outwards; whole days where the spelling is not known."""
    assert Times(separator).bounds(Window(at(start), at(end))) == bounds


SPELLINGS = ("{day}{separator}{time}{zone}", "{day}{separator}{minute}{zone}", "{day}")
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda moment: moment.replace(tzinfo=UTC))


@given(
    moment=moments,
    start=moments,
    end=moments,
    separator=st.sampled_from(["T", " "]),
    zone=st.sampled_from(["", "Z", "+00:00"]),
    spelling=st.sampled_from(SPELLINGS),
    is_known=st.booleans(),
    near=st.booleans(),
)
def test_no_spelling_loses_a_row(
    moment: datetime,
    start: datetime,
    end: datetime,
    separator: Any,
    zone: str,
    spelling: str,
    is_known: bool,
    near: bool,
) -> None:
    """A time in the window is between the bounds, as texts are compared, whatever its precision and zone mark."""
    if spelling == SPELLINGS[2]:
        moment = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    elif spelling == SPELLINGS[1]:
        moment = moment.replace(second=0, microsecond=0)
    if near:
        start, end = moment, moment + timedelta(microseconds=1)
    if not start <= moment < end:
        return
    day, _, time = moment.replace(tzinfo=None).isoformat().partition("T")
    text = spelling.format(day=day, separator=separator, time=time, minute=time[:5], zone=zone)
    times = Times(separator if is_known else None)
    lower, upper = times.bounds(Window(start, end))
    assert isinstance(lower, str)
    assert lower <= text
    assert upper is None or (isinstance(upper, str) and text < upper)
    assert times.checked(text) == text


@pytest.mark.parametrize(
    "text",
    ["2024-01-01T10:00:00+02:00", "2024-01-01 10:00:00Z", "20240101T100000Z", "2024-01-01T10", "2024-W01-1"],
)
def test_a_time_that_sorts_elsewhere_is_refused(text: str) -> None:
    """SQLite compares texts: another zone, or another spelling, would be left out by a window without a word."""
    with pytest.raises(PageUnreadable, match="not spelled as the others are"):
        Times("T").checked(text)


def test_what_is_no_time_is_left_to_the_warehouse() -> None:
    """It is rejected there, with its record."""
    assert [Times("T").checked(value) for value in ("", "n/a", 5, 1.5, None)] == [None] * 5


def listed(rows: list[Json], window: Any, **more: Any) -> tuple[list[Page], list[dict[str, str]]]:
    """The pages that a listing gives of these rows for a window, and the filters that it asked with."""
    cursor = {"column": more.pop("by", "time_hour")}
    resolver = built("flights", cursor, by_parent={"flights": "carrier"}).resolver
    assert isinstance(resolver, Listing)
    adapter = Answers(200, json.dumps({"rows": rows, "next": None, "truncated": False}).encode())
    parent = ParentRow("carriers", {"code": "UA"})
    pages = list(resolver.resolve(HttpClient("http://127.0.0.1:1", adapter=adapter), parent, window))
    asked = [dict(parse_qsl(urlsplit(str(request.url)).query)) for request in adapter.asked]
    return pages, [{key: value for key, value in each.items() if "__" in key} for each in asked]


def test_the_window_becomes_filters() -> None:
    """By SQLite's own name, beside the parent's; without a window there is none."""
    _, asked = listed([], Window(at("2024-01-01T10:00"), at("2024-01-02")))
    assert asked == [{"carrier__exact": "UA", "Time Hour__gte": "2024-01-01T10:00", "Time Hour__lt": "2024-01-02"}]
    assert listed([], Window())[1] == [{"carrier__exact": "UA"}]
    assert listed([], Range(5, 8), by="number")[1] == [{"carrier__exact": "UA", "number__gte": "5", "number__lt": "8"}]


def test_rows_without_a_value_come_with_whatever_goes_on_to_the_newest() -> None:
    """No comparison finds them. They lie in no window that has an end."""
    assert listed([], Range(5), by="seq")[1] == [
        {"carrier__exact": "UA", "seq__gte": "5"},
        {"carrier__exact": "UA", "seq__isnull": "1"},
    ]
    assert len(listed([], Range(5, 8), by="seq")[1]) == 1
    assert len(listed([], Window(START))[1]) == 1, "the column is NOT NULL"
    assert len(listed([], Range(5), by="number")[1]) == 1, "the column is of the key"


@pytest.mark.parametrize("time", ["2023-12-31T23:59:00Z", "2024-01-02T00:00:00Z"])
def test_a_row_that_was_not_asked_for_is_refused(time: str) -> None:
    """The server did not compare as we do: then it may have left rows out as well."""
    with pytest.raises(PageUnreadable, match="which was not asked for"):
        listed([{"Time Hour": time}], Window(START, at("2024-01-02")))


def test_rows_in_another_order_are_refused_where_the_order_is_relied_on() -> None:
    """A server's metadata may sort a table; a read that is cut short would then skip rows."""
    rows = [{"Time Hour": f"2024-01-01T{hour}:00:00Z"} for hour in ("10", "12", "11")]
    with pytest.raises(PageUnreadable, match="do not come in their key's order"):
        listed(rows, Window())


SCHEMA = """
CREATE TABLE zulu (id INTEGER PRIMARY KEY, at TIMESTAMP NOT NULL);
CREATE TABLE spaced (id INTEGER PRIMARY KEY, at DATETIME NOT NULL);
CREATE TABLE mixed (id INTEGER PRIMARY KEY, at TIMESTAMP NOT NULL);
CREATE TABLE days (id INTEGER PRIMARY KEY, at DATE NOT NULL);
CREATE TABLE some (id INTEGER PRIMARY KEY, at TIMESTAMP);
CREATE TABLE log (line TEXT);
CREATE TABLE shops (code TEXT NOT NULL PRIMARY KEY);
CREATE TABLE visits (
    shop TEXT NOT NULL REFERENCES shops, at TIMESTAMP NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (shop, at, n)
) WITHOUT ROWID;
CREATE TABLE later (id INTEGER PRIMARY KEY, at TIMESTAMP);
"""
TIMED = ("zulu", "spaced", "mixed", "days", "some", "visits")
CURSORS = {
    **{name: {"column": "at", "start": "2024-01-01", "end": "2024-01-11"} for name in TIMED},
    "log": {"column": "rowid", "width": 10},
}
BY_PARENT = {"visits": "shop"}
ROWS = 20  # every six hours, the windows' edges included


def fill(path: Path, first: int, last: int) -> None:
    """Rows from one number to another: one for each quarter of a day, in every spelling."""
    with closing(sqlite3.connect(path)) as database:
        if first == 0:
            database.executescript(SCHEMA)
            database.executemany("INSERT INTO shops VALUES (?)", [("a",), ("b",), ("none",)])
        for n in range(first, last):
            moment = (START + timedelta(hours=6 * n)).replace(tzinfo=None)
            zulu, spaced = f"{moment.isoformat()}Z", str(moment)
            mixed = [zulu, spaced, f"{moment.isoformat()}.5", f"{moment:%Y-%m-%d %H:%M}"][n % 4]
            database.execute("INSERT INTO zulu VALUES (?, ?)", (n, zulu))
            database.execute("INSERT INTO spaced VALUES (?, ?)", (n, spaced))
            database.execute("INSERT INTO mixed VALUES (?, ?)", (n, mixed))
            database.execute("INSERT INTO days VALUES (?, ?)", (n, spaced[:10]))
            database.execute("INSERT INTO some VALUES (?, ?)", (n, None if n % 5 == 4 else zulu))
            database.execute("INSERT INTO log VALUES (?)", (f"line {n}",))
            database.execute("INSERT INTO visits VALUES (?, ?, ?)", ("ab"[n % 2], zulu, n))
        database.commit()


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What the server has first, and what it has later; two files of one name."""
    first, later = (tmp_path_factory.mktemp(name) / "growing.db" for name in ("first", "later"))
    fill(first, 0, ROWS)
    fill(later, 0, ROWS)
    fill(later, ROWS, 2 * ROWS)
    return first, later


@pytest.fixture(scope="module")
def urls(databases: tuple[Path, Path]) -> Iterator[tuple[str, str]]:
    """The addresses of two servers, one for each."""
    with serving(databases[0]) as first, serving(databases[1]) as later:
        yield first, later


def project(folder: Path, url: str, **spec: Any) -> Project:
    made = Project(
        folder, "datasette", {"url": url, "cursors": CURSORS, "by_parent": BY_PARENT, "page_size": 7, **spec}
    )
    found = Datasette(credentials={}).discover(HttpClient(url))
    (folder / "datasette.tables.json").write_text(json.dumps(found), encoding="utf-8")
    return made


def test_spellings_are_found_out(urls: tuple[str, str]) -> None:
    """Where all values agree; a day alone says nothing, and neither does an empty column."""
    (found,) = Datasette(credentials={}).discover(HttpClient(urls[0]))["databases"]
    separators = {
        each["name"]: column.get("separator")
        for each in found["tables"]
        for column in each["columns"]
        if column["name"] == "at"
    }
    known = {"zulu": "T", "spaced": " ", "some": "T", "visits": "T"}
    assert separators == {**dict.fromkeys(["mixed", "days", "later"]), **known}


def test_a_second_sync_asks_for_what_is_new_and_has_every_row(tmp_path: Path, urls: tuple[str, str]) -> None:
    """Whatever the spelling. What was newest comes again; so do rows without a time, and a day of a mixed column."""
    assert project(tmp_path, urls[0]).run().succeeded
    synced = project(tmp_path, urls[1])
    run = synced.run()
    assert run.succeeded
    read = {name: run.tables[name].record.rows for name in (*TIMED, "log")}
    more = {"zulu": 1, "spaced": 1, "mixed": 4, "days": 4, "some": 1 + 4, "visits": 2, "log": 1}
    assert read == {name: ROWS + again for name, again in more.items()}
    for name in (*TIMED, "log"):
        assert synced.query(f"SELECT count(*) FROM datasette.{name}") == [(2 * ROWS,)], name
        assert run.tables[name].record.mode == "incremental"
    again = synced.run()
    assert again.tables["zulu"].record.rows == 1
    assert synced.query("SELECT DISTINCT table_name FROM headwater.rejected_rows") == []


def test_a_window_is_read_again_and_nothing_else(tmp_path: Path, urls: tuple[str, str]) -> None:
    """Its first moment is in it, its last is not; what was lost in the warehouse is there again."""
    synced = project(tmp_path, urls[1])
    synced.run()
    before = {
        name: synced.query(f"SELECT * EXCLUDE (_cq_sync_time) FROM datasette.{name} ORDER BY ALL") for name in TIMED
    }
    run = synced.run(Window(at("2024-01-03"), at("2024-01-04")))
    assert {name: run.tables[name].record.rows for name in TIMED} == {**dict.fromkeys(TIMED, 4), "some": 3}
    after = {
        name: synced.query(f"SELECT * EXCLUDE (_cq_sync_time) FROM datasette.{name} ORDER BY ALL") for name in TIMED
    }
    assert after == before
    times = synced.query(
        'SELECT min("at"), max("at") FROM datasette.zulu '
        "WHERE _cq_sync_time = (SELECT max(_cq_sync_time) FROM datasette.zulu)"
    )
    assert times == [(at("2024-01-03"), at("2024-01-03T18:00"))]


@pytest.mark.parametrize("name", TIMED)
def test_windows_side_by_side_give_each_row_once(tmp_path: Path, urls: tuple[str, str], name: str) -> None:
    """Nothing is lost at an edge, and nothing comes twice."""
    source = project(tmp_path, urls[1]).source
    listing = next(node.table.resolver for node in source.nodes if node.name == name)
    assert isinstance(listing, Listing)
    parents = [ParentRow("shops", {"code": code}) for code in "ab"] if listing.by_parent else [None]
    client = HttpClient(urls[1])
    days = [Window(START + timedelta(days=day), START + timedelta(days=day + 1)) for day in range(10)]
    rows = [
        bytes(record)
        for parent in parents
        for window in days
        for page in listing.resolve(client, parent, window)
        for record in page.records
    ]
    client.close()
    assert len(rows) == len(set(rows)) == (ROWS * 2 if name != "some" else ROWS * 2 * 4 // 5)


def test_a_column_whose_spelling_has_changed_is_refused(tmp_path: Path, urls: tuple[str, str]) -> None:
    """The snapshot says T, the values have a space: bounds would leave out rows of their own day."""
    synced = project(tmp_path, urls[0])
    path = tmp_path / "datasette.tables.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    spaced = next(each for each in found["databases"][0]["tables"] if each["name"] == "spaced")
    spaced["columns"][1]["separator"] = "T"
    path.write_text(json.dumps(found), encoding="utf-8")
    run = synced.run()
    assert run.outcomes["spaced"] == "failed"
    assert "is not spelled as the others are" in str(run.tables["spaced"].error)
    assert "headwater discover" in run.tables["spaced"].error.hint  # type: ignore[union-attr]
