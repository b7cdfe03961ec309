"""The real `cloudquery` with its own destinations and test source: our plugins under it, and its plugins under us.

Left out where its programs are not there; `make test-cloudquery` builds them, and CLOUDQUERY_BIN may name them.
"""

import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from assets.warehouse.ids import id_expression
from assets.warehouse.quoting import names
from integrations.sdk.cloudquery.processes import free_port
from integrations.sdk.types import Kind
from orchestration.cli.app import run
from orchestration.testing import SOURCE, Project
from tests.faults.rig import ROOT
from tests.interop import sample
from tests.interop.peers.cli import CommandLine, destination, source
from tests.interop.peers.install import NotInstalled, installed
from tests.interop.peers.values import Row, as_meant, made_by_sample, meant

pytestmark = pytest.mark.timeout(600)
SAMPLE = "tests.interop.sample"
ROWS, EVENTS = 3_000, 100
TABLES = {table.name: table for top in sample.Sample.tables for table in (top, *top.relations)}
HEALTHY = [name for name in TABLES if name != "failing"]
OF_THE_MOMENT = {Kind.TIME, Kind.TIMESTAMP, Kind.INTERVAL}
BACKEND = {"table_name": "state", "connection": "@@plugins.{}.connection"}


@pytest.fixture(scope="module")
def programs() -> Path:
    """The folder of CloudQuery's programs."""
    try:
        return installed()
    except NotInstalled as error:
        pytest.skip(f"left out: {error}")


@pytest.fixture
def cloudquery(programs: Path, tmp_path: Path) -> CommandLine:
    """The command line, in the test's folder."""
    return CommandLine(programs, tmp_path)


@pytest.fixture(scope="module")
def served(programs: Path) -> Iterator[str]:
    """The address of our sample, served as a user does it."""
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "orchestration.cli", "serve", SAMPLE, "--address", address]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "serving" in process.stdout.readline()
        yield address
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


class Place:
    """A destination of CloudQuery's, and what it has."""

    def __init__(self, cloudquery: CommandLine, kind: str) -> None:
        self.kind, self._path = kind, str(cloudquery.folder / f"{kind}.out")
        spec: dict[str, Any] = {"connection_string": self._path}
        settings = {}
        if kind == "file":
            spec = {"path": f"{self._path}/{{{{TABLE}}}}/{{{{UUID}}}}.parquet", "format": "parquet"}
            settings["write_mode"] = "append"
        self.document = destination(kind, cloudquery.program(kind), spec, **settings)

    def rows(self, table: str) -> list[Row]:
        """A table's rows."""
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self._path)) as file:
                file.row_factory = sqlite3.Row
                return [dict(row) for row in file.execute(f'SELECT * FROM "{table}"')]
        with duckdb.connect() if self.kind == "file" else duckdb.connect(self._path, read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            relation = f"read_parquet('{self._path}/{table}/*.parquet')" if self.kind == "file" else f'"{table}"'
            found = connection.execute(f"SELECT * FROM {relation}")
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def check(self, rows: int = ROWS, events: int = EVENTS, *, name: str = "ours") -> None:
        """Assert that it has what our sample has made, value by value, under its parents."""
        for table, records in made_by_sample(rows, events).items():
            assert meant(self.rows(table), TABLES[table]) == meant(records, TABLES[table]), table
        above = {str(row["_cq_id"]): row["id"] for row in self.rows("parents")}
        assert len(above) == sample.PARENTS
        assert all(above[str(row["_cq_parent_id"])] == row["parent_id"] for row in self.rows("children"))
        assert {row["_cq_source_name"] for row in self.rows("flat")} == {name}


@pytest.fixture
def place(cloudquery: CommandLine) -> Callable[[str], Place]:
    """Makes destinations."""
    return lambda kind: Place(cloudquery, kind)


def ours(address: str, *places: Place, registry: str = "grpc", **settings: Any) -> dict[str, Any]:
    """Our sample as a source."""
    about: dict[str, Any] = {"tables": HEALTHY, "spec": {"rows": ROWS, "events": EVENTS}, **settings}
    return source("ours", registry, address, destinations=[each.kind for each in places], **about)


def test_every_value_arrives_in_every_destination(
    cloudquery: CommandLine, served: str, place: Callable[[str], Place]
) -> None:
    """One sync into three of CloudQuery's destinations: what they have is what the integration has made."""
    places = [place("sqlite"), place("duckdb"), place("file")]
    ran = cloudquery.run("sync", ours(served, *places, deterministic_cq_id=True), *(each.document for each in places))
    assert ran.status == 0, ran.said
    assert ran.rows == {name: len(records) for name, records in made_by_sample(ROWS, EVENTS).items()}
    for each in places:
        each.check()
    ids = [{str(row["_cq_id"]) for row in each.rows("kinds")} for each in places]
    assert ids[0] == ids[1] == ids[2]


def test_it_is_started_by_the_command_line(cloudquery: CommandLine, place: Callable[[str], Place]) -> None:
    """`registry: local`: an executable of two lines, on the command line's own flags and socket."""
    executable = cloudquery.folder / "ours"
    executable.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" HEADWATER_SOURCE={SAMPLE} exec {sys.executable} -m orchestration.cli "$@"\n',
        encoding="utf-8",
    )
    executable.chmod(0o755)
    sqlite = place("sqlite")
    ran = cloudquery.run("sync", ours(str(executable), sqlite, registry="local"), sqlite.document)
    assert ran.status == 0, ran.said
    sqlite.check()


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
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
        sent.append(ran.rows["events"])
    assert sent == [EVENTS, 30, 0]
    made = made_by_sample(0, 130)["events"]
    assert meant(kept.rows("events"), TABLES["events"]) == meant(made, TABLES["events"])


def test_a_table_that_fails_is_counted_and_the_others_arrive(
    cloudquery: CommandLine, served: str, place: Callable[[str], Place]
) -> None:
    """The command line ends well, as with its own plugins, and its summary names the table."""
    sqlite = place("sqlite")
    ran = cloudquery.run("sync", ours(served, sqlite, tables=["*"]), sqlite.document)
    assert ran.status == 0, ran.said
    assert "Sync completed with errors" in ran.said
    assert ran.errors == {"failing": 1}
    sqlite.check()


def test_a_source_that_refuses_its_spec_ends_the_sync(
    cloudquery: CommandLine, served: str, place: Callable[[str], Place]
) -> None:
    """With our words, and without the secret."""
    sqlite = place("sqlite")
    ran = cloudquery.run("sync", ours(served, sqlite, spec={"rosw": 1, "token": "hunter22hunter22"}), sqlite.document)
    assert ran.status == 1
    assert "rosw" in ran.said
    assert "hunter22" not in ran.said


def test_tables_are_documented_by_the_command_line(
    cloudquery: CommandLine, served: str, place: Callable[[str], Place]
) -> None:
    """`tables`: names, keys, parents and types come through, in JSON as in Markdown."""
    sqlite, folder = place("sqlite"), cloudquery.folder / "docs"
    for form in ("json", "markdown"):
        flags = ("--format", form, "--output-dir", str(folder))
        ran = cloudquery.run("tables", ours(served, sqlite), sqlite.document, flags=flags)
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
    cloudquery: CommandLine, served: str, place: Callable[[str], Place]
) -> None:
    """`validate-config` takes what the integration takes, and says what is wrong with the rest."""
    sqlite = place("sqlite")
    assert cloudquery.run("validate-config", ours(served, sqlite), sqlite.document).status == 0
    for spec, said in (({"rosw": 1}, "rosw"), ({"rows": "many"}, "rows")):
        ran = cloudquery.run("validate-config", ours(served, sqlite, spec=spec), sqlite.document)
        assert ran.status == 1
        assert said in ran.said


def test_connections_are_tested(cloudquery: CommandLine, served: str, place: Callable[[str], Place]) -> None:
    """`test-connection` shows what the integration says of its source."""
    sqlite = place("sqlite")
    good = cloudquery.run("test-connection", ours(served, sqlite), sqlite.document)
    assert "LoginRefused" not in good.said
    assert Counter(good.said.split())["Success"] >= 1
    bad = cloudquery.run("test-connection", ours(served, sqlite, spec={"token": "hunter22hunter22"}), sqlite.document)
    assert bad.status == 1
    assert "LoginRefused" in bad.said
    assert "the token is refused" in bad.said
    assert "hunter22" not in bad.said


def test_tables_are_made_before_anything_is_read(
    cloudquery: CommandLine, served: str, place: Callable[[str], Place]
) -> None:
    """`migrate` makes every table with its keys, and a second time changes nothing."""
    duck = place("duckdb")
    for _ in range(2):
        ran = cloudquery.run("migrate", ours(served, duck, tables=["*"]), duck.document)
        assert ran.status == 0, ran.said
    assert {table: duck.rows(table) for table in TABLES} == {table: [] for table in TABLES}


def from_test_source(cloudquery: CommandLine, **settings: Any) -> Project:
    """CloudQuery's test source as one of ours, synced."""
    project = Project(cloudquery.folder, cloudquery.program("test"), registry="local", **settings)
    outcomes = project.sync()
    assert {name: outcome.error for name, outcome in outcomes.tables.items() if outcome.error} == {}
    return project


def test_rows_of_its_test_source_are_what_it_says(cloudquery: CommandLine) -> None:
    """Parents of several clients and their children; the ids that Go has made are those that we would make."""
    clients, rows, below = 3, 400, 5
    spec = {"num_clients": clients, "num_rows": rows, "num_sub_rows": below}
    project = from_test_source(cloudquery, spec=spec, tables=["test_some_table", "test_sub_table"])
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


def test_values_of_its_test_source_are_what_its_own_destination_has(
    cloudquery: CommandLine, place: Callable[[str], Place]
) -> None:
    """Every type, and lists of them, but for what holds the time of the sync, and intervals, which all write anew."""
    sqlite, name = place("sqlite"), "test_testdata_table"
    theirs = source("test", "local", cloudquery.program("test"), destinations=["sqlite"], tables=[name])
    ran = cloudquery.run("sync", theirs, sqlite.document)
    assert ran.status == 0, ran.said
    project = from_test_source(cloudquery, spec={}, tables=[name])
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
            each.check(rows, events, name=SOURCE)
