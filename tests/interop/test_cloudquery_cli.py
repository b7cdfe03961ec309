"""The real `cloudquery` with its own destinations and test source: our plugins under it, and its plugins under us.

`make test-cloudquery` builds its programs with Go where it can, and CLOUDQUERY_BIN may name them. Else its command line
is that of a Python package, and tests that need another of its programs are left out.
"""

import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.warehouse.ids import id_expression
from assets.warehouse.quoting import names
from integrations.sdk.cloudquery.processes import free_port
from integrations.sdk.types import Kind
from orchestration.cli.app import run
from orchestration.demo import nycflights
from orchestration.demo.server import serving
from orchestration.testing import SOURCE, Project
from tests.faults.rig import ROOT
from tests.interop import sample
from tests.interop.peers.cli import CommandLine, source
from tests.interop.peers.install import NotInstalled, Programs, programs
from tests.interop.peers.places import PLUGINS, MemDB, Place, memdb
from tests.interop.peers.values import as_meant, made_by_sample, meant

pytestmark = pytest.mark.timeout(600)
SAMPLE = "tests.interop.sample"
ROWS, EVENTS = 3_000, 100
TABLES = {table.name: table for top in sample.Sample.tables for table in (top, *top.relations)}
HEALTHY = [name for name in TABLES if name != "failing"]
OF_THE_MOMENT = {Kind.TIME, Kind.TIMESTAMP, Kind.INTERVAL}
BACKEND = {"table_name": "state", "connection": "@@plugins.{}.connection"}


@pytest.fixture(scope="module")
def there() -> Programs:
    """CloudQuery's programs."""
    try:
        return programs()
    except NotInstalled as error:
        pytest.skip(f"left out: {error}")


@pytest.fixture
def plugin(there: Programs) -> Callable[[str], str]:
    """Names one of its plugins' programs."""

    def path(name: str) -> str:
        try:
            return there.plugin(name)
        except NotInstalled as error:
            pytest.skip(f"left out: {error}")

    return path


@pytest.fixture
def cloudquery(there: Programs, tmp_path: Path) -> CommandLine:
    """The command line, in the test's folder."""
    return CommandLine(there.command_line, tmp_path)


@contextmanager
def serve(*arguments: str) -> Iterator[str]:
    """Serve a source as a user does it; yields its address."""
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "orchestration.cli", "serve", *arguments, "--address", address]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "serving" in process.stdout.readline()
        yield address
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.fixture(scope="module")
def served(there: Programs) -> Iterator[str]:
    """The address of our sample, served as a user does it."""
    with serve(SAMPLE) as address:
        yield address


@pytest.fixture(scope="module")
def anywhere(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A destination for tests that look at none of its rows."""
    with memdb(sdk) as address:
        yield MemDB(address, tmp_path_factory.mktemp("anywhere"))


@pytest.fixture
def kept(sdk: Path, tmp_path: Path) -> Iterator[Place]:
    """The destination that is always there."""
    with memdb(sdk) as address:
        yield MemDB(address, tmp_path)


@pytest.fixture
def places(there: Programs, kept: Place, tmp_path: Path) -> list[Place]:
    """All destinations that are there."""
    if isinstance(there.plugins, NotInstalled):
        return [kept]
    return [kept, *(kind(there.plugin(kind.kind), tmp_path) for kind in PLUGINS)]


@pytest.fixture
def place(request: pytest.FixtureRequest, plugin: Callable[[str], str], tmp_path: Path) -> Callable[[str], Place]:
    """Makes a destination of a kind."""
    kinds = {kind.kind: kind for kind in PLUGINS}

    def make(kind: str) -> Place:
        if kind == MemDB.kind:
            kept: Place = request.getfixturevalue("kept")
            return kept
        return kinds[kind](plugin(kind), tmp_path)

    return make


def check(place: Place, rows: int = ROWS, events: int = EVENTS, *, name: str = "ours") -> None:
    """Assert that it has what our sample has made, value by value, under its parents."""
    for table, records in made_by_sample(rows, events).items():
        assert meant(place.rows(table), TABLES[table]) == meant(records, TABLES[table]), table
    above = {str(row["_cq_id"]): row["id"] for row in place.rows("parents")}
    assert len(above) == sample.PARENTS
    assert all(above[str(row["_cq_parent_id"])] == row["parent_id"] for row in place.rows("children"))
    assert {row["_cq_source_name"] for row in place.rows("flat")} == {name}


def ours(address: str, *places: Place, registry: str = "grpc", **settings: Any) -> dict[str, Any]:
    """Our sample as a source."""
    about: dict[str, Any] = {"tables": HEALTHY, "spec": {"rows": ROWS, "events": EVENTS}, **settings}
    return source("ours", registry, address, destinations=[each.kind for each in places], **about)


def test_every_value_arrives_in_every_destination(cloudquery: CommandLine, served: str, places: list[Place]) -> None:
    """One sync into all destinations: what they have is what the integration has made, under the same ids."""
    ran = cloudquery.run("sync", ours(served, *places, deterministic_cq_id=True), *(each.document for each in places))
    assert ran.status == 0, ran.said
    assert ran.rows == sum(len(records) for records in made_by_sample(ROWS, EVENTS).values())
    for each in places:
        check(each)
    ids = [{str(row["_cq_id"]) for row in each.rows("kinds")} for each in places]
    assert all(each == ids[0] for each in ids)


@pytest.mark.slow
def test_all_flights_arrive_in_every_destination(cloudquery: CommandLine, places: list[Place]) -> None:
    """The demo's 367,687 rows, from a real Datasette by way of tables that were discovered, value by value."""
    database = nycflights.build(cloudquery.folder / nycflights.FILE_NAME)
    with serving(database) as url, closing(sqlite3.connect(database)) as file:
        project = Project(
            cloudquery.folder, "integrations.datasette", {"url": url, "by_parent": {"flights": "carrier"}}
        )
        tables = {node.name: node.table for node in project.source().nodes}
        with serve(SOURCE, "--config", str(project.config)) as address:
            flights = source("flights", "grpc", address, destinations=[each.kind for each in places])
            ran = cloudquery.run("sync", flights, *(each.document for each in places))
        assert ran.status == 0, ran.said
        assert ran.rows == sum(origin.rows for origin in nycflights.ORIGINS)
        file.row_factory = sqlite3.Row
        for name, table in tables.items():
            made = meant([dict(row) for row in file.execute(f"SELECT * FROM {name}")], table)
            for each in places:
                assert meant(each.rows(name), table) == made, (each.kind, name)


def test_it_is_started_by_the_command_line(cloudquery: CommandLine, kept: Place) -> None:
    """`registry: local`: an executable of two lines, on the command line's own flags and socket."""
    executable = cloudquery.folder / "ours"
    executable.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" HEADWATER_SOURCE={SAMPLE} exec {sys.executable} -m orchestration.cli "$@"\n',
        encoding="utf-8",
    )
    executable.chmod(0o755)
    ran = cloudquery.run("sync", ours(str(executable), kept, registry="local"), kept.document)
    assert ran.status == 0, ran.said
    check(kept)


@pytest.mark.parametrize("kind", ["memdb", "sqlite", "duckdb"])
def test_the_second_sync_goes_on_where_the_first_ended(
    cloudquery: CommandLine, served: str, place: Callable[[str], Place], kind: str
) -> None:
    """State is kept in a table of the destination; the rows that were there stay."""
    kept = place(kind)
    backend = {**BACKEND, "connection": BACKEND["connection"].format(kind)}
    sent = []
    for events in (EVENTS, 130, 130):
        spec = {"rows": 1, "events": events}
        ran = cloudquery.run(
            "sync", ours(served, kept, tables=["events"], spec=spec, backend_options=backend), kept.document
        )
        assert ran.status == 0, ran.said
        sent.append(ran.rows)
    assert sent == [EVENTS, 30, 0]
    made = made_by_sample(0, 130)["events"]
    assert meant(kept.rows("events"), TABLES["events"]) == meant(made, TABLES["events"])


def test_a_table_that_fails_is_counted_and_the_others_arrive(cloudquery: CommandLine, served: str, kept: Place) -> None:
    """The command line ends well, as with its own plugins, and its summary names the table, if it is new enough."""
    ran = cloudquery.run("sync", ours(served, kept, tables=["*"]), kept.document)
    assert ran.status == 0, ran.said
    assert ran.errors in (None, {"failing": 1})
    assert ("Sync completed with errors" in ran.said) == bool(ran.errors)
    check(kept)


def test_a_source_that_refuses_its_spec_ends_the_sync(cloudquery: CommandLine, served: str, anywhere: Place) -> None:
    """With our words, and without the secret."""
    ran = cloudquery.run(
        "sync", ours(served, anywhere, spec={"rosw": 1, "token": "hunter22hunter22"}), anywhere.document
    )
    assert ran.status == 1
    assert "rosw" in ran.said
    assert "hunter22" not in ran.said


def test_tables_are_documented_by_the_command_line(cloudquery: CommandLine, served: str, anywhere: Place) -> None:
    """`tables`: names, keys, parents and types come through, in JSON as in Markdown."""
    folder = cloudquery.folder / "docs"
    for form in ("json", "markdown"):
        flags = ("--format", form, "--output-dir", str(folder))
        ran = cloudquery.run("tables", ours(served, anywhere), anywhere.document, flags=flags)
        assert ran.status == 0, ran.said
    (listed,) = folder.rglob("__tables.json")
    described = {table["name"]: table for table in json.loads(listed.read_text(encoding="utf-8"))}
    assert described.keys() == TABLES.keys() - {"children"}
    assert [table["name"] for table in described["parents"]["relations"]] == ["children"]
    columns = {column["name"]: column for column in described["kinds"]["columns"]}
    assert columns.keys() == {"_cq_id", "_cq_parent_id", *(column.name for column in TABLES["kinds"].columns)}
    assert columns["id"]["is_primary_key"]
    types = {name: column["type"] for name, column in columns.items()}
    assert (types["doc"], types["uid"], types["exact"]) == ("json", "uuid", "decimal(18, 4)")
    assert "events.md" in {path.name for path in folder.rglob("*.md")}


def test_configurations_are_validated_by_the_schema_of_the_spec(
    cloudquery: CommandLine, served: str, anywhere: Place
) -> None:
    """`validate-config` takes what the integration takes, and says what is wrong with the rest."""
    assert cloudquery.run("validate-config", ours(served, anywhere), anywhere.document).status == 0
    for spec, said in (({"rosw": 1}, "rosw"), ({"rows": "many"}, "rows")):
        ran = cloudquery.run("validate-config", ours(served, anywhere, spec=spec), anywhere.document)
        assert ran.status == 1
        assert said in ran.said


def test_connections_are_tested(cloudquery: CommandLine, served: str, anywhere: Place) -> None:
    """`test-connection` shows what the integration says of its source."""
    good = cloudquery.run("test-connection", ours(served, anywhere), anywhere.document)
    assert "LoginRefused" not in good.said
    assert Counter(good.said.split())["Success"] >= 1
    bad = cloudquery.run(
        "test-connection", ours(served, anywhere, spec={"token": "hunter22hunter22"}), anywhere.document
    )
    assert bad.status == 1
    assert "LoginRefused" in bad.said
    assert "the token is refused" in bad.said
    assert "hunter22" not in bad.said


def test_tables_are_made_before_anything_is_read(cloudquery: CommandLine, served: str, places: list[Place]) -> None:
    """`migrate` makes every table with its keys, and a second time changes nothing."""
    made = [each for each in places if each.kind in ("memdb", "duckdb")]
    for _ in range(2):
        ran = cloudquery.run("migrate", ours(served, *made, tables=["*"]), *(each.document for each in made))
        assert ran.status == 0, ran.said
    for each in made:
        assert {table: each.rows(table) for table in TABLES} == {table: [] for table in TABLES}


def from_test_source(folder: Path, program: str, **settings: Any) -> Project:
    """CloudQuery's test source as one of ours, synced."""
    project = Project(folder, program, registry="local", **settings)
    outcomes = project.sync()
    assert {name: outcome.error for name, outcome in outcomes.tables.items() if outcome.error} == {}
    return project


def test_rows_of_its_test_source_are_what_it_says(plugin: Callable[[str], str], tmp_path: Path) -> None:
    """Parents of several clients and their children; the ids that Go has made are those that we would make."""
    clients, rows, below = 3, 400, 5
    spec = {"num_clients": clients, "num_rows": rows, "num_sub_rows": below}
    project = from_test_source(tmp_path, plugin("test"), spec=spec, tables=["test_some_table", "test_sub_table"])
    found = project.query(f"SELECT client_id, resource_id, column2 FROM {SOURCE}.test_some_table ORDER BY ALL")
    assert found == [
        (client, number + 1, f"test_column_data_{number % 3}")
        for client in range(1, clients + 1)
        for number in range(rows)
    ]
    found = project.query(
        f"SELECT parent_resource_id, sub_resource_id, data_column FROM {SOURCE}.test_sub_table ORDER BY ALL"
    )
    assert found == [(number + 1, sub, f"sub_data_{sub % 3}") for number in range(rows) for sub in range(below)]
    nodes = {node.name: node.table for node in project.source().nodes}
    for name in ("test_some_table", "test_sub_table"):
        keys = [column for column in nodes[name].columns if column.primary_key]
        other = f"_cq_id <> {id_expression(keys, deterministic=True)}"
        assert len(keys) == 2
        assert project.query(f"SELECT count(*) FROM {SOURCE}.{name} WHERE {other}") == [(0,)]
    under_another = f"""
        SELECT count(*) FROM {SOURCE}.test_sub_table sub
        LEFT JOIN {SOURCE}.test_some_table parent ON parent._cq_id = sub._cq_parent_id
        WHERE parent.resource_id IS DISTINCT FROM sub.parent_resource_id"""
    assert project.query(under_another) == [(0,)]


def test_rows_that_its_test_source_wants_deleted_are_gone(plugin: Callable[[str], str], tmp_path: Path) -> None:
    """Those that came before them in the stream, of both clients; the others stay."""
    spec = {"num_clients": 2, "num_rows": 5, "delete_records": [2, 4]}
    project = from_test_source(tmp_path, plugin("test"), spec=spec, tables=["test_some_table"])
    found = project.query(f"SELECT client_id, resource_id FROM {SOURCE}.test_some_table ORDER BY ALL")
    assert found == [(client, number) for client in (1, 2) for number in (1, 3, 5)]


def test_values_of_its_test_source_are_what_its_own_destination_has(
    cloudquery: CommandLine, plugin: Callable[[str], str], place: Callable[[str], Place]
) -> None:
    """Every type, and lists of them, but for what holds the time of the sync, and intervals, which all write anew."""
    sqlite, name = place("sqlite"), "test_testdata_table"
    theirs = source("test", "local", plugin("test"), destinations=["sqlite"], tables=[name])
    ran = cloudquery.run("sync", theirs, sqlite.document)
    assert ran.status == 0, ran.said
    project = from_test_source(cloudquery.folder, plugin("test"), spec={}, tables=[name])
    (table,) = (node.table for node in project.source().nodes if node.name == name)
    compared = [
        column
        for column in table.columns
        if not {leaf.kind for leaf in column.type.leaves()} & OF_THE_MOMENT and not column.name.startswith("interval")
    ]
    assert len(compared) == 45
    (kept,) = sqlite.rows(name)
    (ours,) = project.query(f"SELECT {names([column.name for column in compared])} FROM {SOURCE}.{name}")
    assert {column.name: as_meant(value, column.type) for column, value in zip(compared, ours, strict=True)} == {
        column.name: as_meant(kept[column.name], column.type) for column in compared
    }


def test_our_deliveries_are_what_its_destinations_have(
    cloudquery: CommandLine, place: Callable[[str], Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our warehouse writes to CloudQuery's destinations; what changes and what goes follows."""
    places = [place("sqlite"), place("duckdb"), place("file")]
    for rows, events, checked in ((ROWS, EVENTS, places), (ROWS - 500, 130, places[:2])):
        spec = {"rows": rows, "events": events}
        names = ["warehouse", *(each.kind for each in places)]
        project = Project(cloudquery.folder, SAMPLE, spec, tables=HEALTHY, destinations=names)
        more = yaml.safe_dump_all([each.document for each in places])
        project.config.write_text(f"{project.config.read_text(encoding='utf-8')}---\n{more}", encoding="utf-8")
        monkeypatch.setenv("HEADWATER_CONFIG", str(project.config))
        monkeypatch.setenv("HOME", str(cloudquery.folder))
        assert run(["sync"]) == 0
        for each in checked:
            check(each, rows, events, name=SOURCE)
