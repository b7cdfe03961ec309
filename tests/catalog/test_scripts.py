"""A script's catalog over several publications: what is kept, forgotten, elsewhere, not found."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from integrations.sdk.testing import Answer, serving
from orchestration.cli.app import run

SCRIPT = """
from pathlib import Path

from secodadk import (
    DeclaredLineage, ExternalTable, InternalResource, Resource, SecodaIntegration, TablesFromSQLQuery,
)


class Script(SecodaIntegration):
    entity_types = ["table", "column", "dashboard"]

    def extract(self):
        for kind, id, parent in eval(Path(__file__).with_name("declared").read_text()):
            about = {"title": id.split(".")[-1], "parent_databuilder_id": parent}
            self.declare_resource(Resource(entity_type=kind, databuilder_id=id, **about))
        for upstream, downstream in eval(Path(__file__).with_name("edges").read_text()):
            edge = DeclaredLineage(from_identifier=self.end(upstream), to_identifier=self.end(downstream))
            self.declare_lineage(edge)

    def end(self, said):
        if isinstance(said, dict):
            return ExternalTable(**said)
        return TablesFromSQLQuery(sql=said) if " " in said else InternalResource(databuilder_id=said)
"""
ODD = """
    def odd(self):
        made = Resource(entity_type="column", databuilder_id="odd", parent_databuilder_id="t")
        made.sort_order = "first"
        return made
"""
LOCAL = {"name": "local", "path": "local"}
Document = Callable[..., Any]


class Scripted:
    """A project with one script, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "script.py").write_text(SCRIPT)

    def configure(self, *catalogs: dict[str, Any], name: str = "s", **source: Any) -> None:
        """Write the config file."""
        source = {"name": name, "registry": "secoda", "path": "script.py", "destinations": ["warehouse"], **source}
        documents = [("source", source), ("destination", {"name": "warehouse", "path": "duckdb"})]
        documents += [("catalog", catalog) for catalog in catalogs or [LOCAL]]
        listed = [{"kind": kind, "spec": spec} for kind, spec in documents]
        (self.folder / "config.yaml").write_text(yaml.safe_dump_all(listed))

    def declare(self, *resources: tuple[str, str, str | None], edges: list[Any] | None = None) -> None:
        """Declare these, and sync."""
        (self.folder / "declared").write_text(repr(resources))
        (self.folder / "edges").write_text(repr(edges or []))
        assert run(["sync"]) == 0

    def resources(self) -> set[str]:
        """The ids in the published file."""
        published = (self.folder / "data" / "catalog" / "resources.jsonl").read_text().splitlines()
        return {json.loads(line)["databuilder_id"] for line in published}


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """The warehouse is held open: to open it takes DuckDB 30 ms of CPU each time."""
    monkeypatch.setenv("HEADWATER_CONFIG", str(tmp_path / "config.yaml"))
    made = Scripted(tmp_path)
    made.configure()
    (tmp_path / "data").mkdir()
    with duckdb.connect(str(tmp_path / "data" / "warehouse.duckdb")):
        yield made


@pytest.fixture
def document(capsys: pytest.CaptureFixture[str]) -> Document:
    """What a command prints with --json."""

    def ask(*arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert run([*arguments, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return ask


def boards(count: int) -> list[tuple[str, str, str | None]]:
    return [("dashboard", f"d{number}", None) for number in range(count)]


def test_what_is_held_back_stays_in_the_files_and_on_the_page(scripted: Scripted, document: Document) -> None:
    """Most of a source would go at once: nothing of it goes, and the files are as the plan says."""
    scripted.declare(*boards(10))
    document("publish")
    scripted.declare(("dashboard", "d0", None), ("dashboard", "new", None))
    (published,) = document("publish")["catalogs"]
    assert "9 of 10 would be removed" in published["held_back"]["s"]
    assert scripted.resources() == {f"s/d{number}" for number in range(10)} | {"s/new"}
    assert "d7" in (scripted.folder / "data" / "catalog" / "index.html").read_text()
    (again,) = document("publish")["catalogs"]
    assert [each for each in again["problems"] if "were written" in each] == []


def test_what_a_renamed_source_declared_is_named_and_can_be_forgotten(scripted: Scripted, document: Document) -> None:
    """It stays until --forget names it; a source that is configured cannot be forgotten."""
    scripted.declare(*boards(3))
    document("publish")
    scripted.configure(name="s2")
    scripted.declare(*boards(3))
    (published,) = document("publish")["catalogs"]
    (problem,) = published["problems"]
    assert problem.startswith("`s` is no source of the config file; what it declared is still there")
    assert len(scripted.resources()) == 6
    assert "is a source of the config file" in document("publish", "--forget", "s2", code=2)["error"]["message"]
    (dry,) = document("publish", "--forget", "s", "--dry-run")["catalogs"]
    assert dry["changes"]["resource"]["removed"] == 3
    (forgotten,) = document("publish", "--forget", "s")["catalogs"]
    assert (forgotten["changes"]["resource"]["removed"], forgotten["problems"]) == (3, [])
    assert scripted.resources() == {"s2/d0", "s2/d1", "s2/d2"}
    (after,) = document("publish")["catalogs"]
    assert after["problems"] == []


def test_at_another_address_nothing_is_there_yet(scripted: Scripted, document: Document) -> None:
    """All of it is published there; back at the first, there is nothing to do."""
    scripted.declare(*boards(2))
    document("publish")
    scripted.configure({**LOCAL, "spec": {"directory": "elsewhere"}})
    (moved,) = document("publish")["catalogs"]
    assert moved["changes"]["resource"]["created"] == 2
    assert (scripted.folder / "elsewhere" / "resources.jsonl").exists()
    scripted.configure({**LOCAL, "spec": {"title": "Another heading"}})
    (back,) = document("publish")["catalogs"]
    assert back["changes"]["resource"] == {"created": 0, "changed": 0, "removed": 0}


@pytest.mark.parametrize(("status", "code"), [(401, 3), (400, 4)])
def test_a_target_that_fails_leaves_the_others_alone(
    scripted: Scripted, document: Document, capsys: pytest.CaptureFixture[str], status: int, code: int
) -> None:
    """They are published to, before and after it; the error has its kind, status and hint; the code is 1."""
    with serving(lambda asked: Answer(status, json={})) as server:
        refusing = {"name": "away", "path": "openlineage", "spec": {"url": server.url}}
        after = {**LOCAL, "name": "after", "spec": {"directory": "after"}}
        scripted.configure(LOCAL, refusing, after)
        scripted.declare(*boards(2), ("table", "t", None))
        capsys.readouterr()
        assert run(["publish"]) == 1
        printed = capsys.readouterr()
        first, second, third = document("publish", code=1)["catalogs"]
        assert document("publish", "away", code=code)["catalogs"][0]["error"]["status"] == status
    assert "Published to local" in printed.out
    assert "Published to after" in printed.out
    assert "error: catalog/away" in printed.err
    assert (first["error"], third["error"]) == (None, None)
    assert second["error"]["source"] == "catalog/away"
    assert second["error"]["hint"]
    assert (scripted.folder / "after" / "index.html").exists()


def test_what_is_not_found_is_in_the_warehouse(scripted: Scripted, document: Document) -> None:
    """Each end with its reason and what is near; a table of its own is not outside for a source."""
    scripted.declare(
        ("table", "orders", None),
        ("dashboard", "d", None),
        ("column", "c", "d"),
        edges=[({"table": "orders"}, "d"), ({"table": "ordrs"}, "d"), ("nope1", "nope2")],
    )
    (published,) = document("publish")["catalogs"]
    assert published["problems"] == ["`s/c` is a column of no table"]
    with duckdb.connect(str(scripted.folder / "data" / "warehouse.duckdb")) as connection:
        found = connection.execute(
            "SELECT source, upstream->>'type', downstream->>'databuilder_id', reason, near FROM catalog.unresolved"
        ).fetchall()
    assert found == [
        ("s", "external_table", "d", "only `s` itself has a table `orders`: it is not outside", []),
        ("s", "external_table", "d", "no table is called `ordrs`", ["s/orders"]),
        ("s", "internal_resource", "nope2", "s declares no `nope1`; s declares no `nope2`", []),
    ]


def test_what_a_script_leaves_out_is_said(scripted: Scripted, document: Document) -> None:
    """By the command that ran it: nothing at all, or a type that has no asset."""
    scripted.declare(*boards(1), ("chart", "c", None))
    assert "1 of entity type `chart`, which has no asset" in document("sync")["notes"][0]
    scripted.declare()
    assert document("sync")["notes"] == ["s declares nothing: what it declared before is kept"]
    (published,) = document("publish")["catalogs"]
    assert published["resources"] == 2


def test_a_query_gives_the_columns_of_what_is_made_of_it(scripted: Scripted, document: Document) -> None:
    """Where the table has columns of those names, and the tables that are read are in the catalog."""
    tables = {"orders": ["id", "customer", "total"], "customers": ["id", "name"], "report": ["id", "who", "spent", "x"]}
    resources: list[tuple[str, str, str | None]] = [("dashboard", "board", None)]
    for table, columns in tables.items():
        resources += [("table", table, None), *(("column", f"{table}.{each}", table) for each in columns)]
    joined = "orders o JOIN customers c ON c.id = o.customer"
    sql = f"SELECT o.id, c.name AS who, sum(o.total) AS SPENT FROM {joined} GROUP BY 1, 2"
    scripted.declare(*resources, edges=[(sql, "report"), (sql, "board")])
    (published,) = document("publish")["catalogs"]
    assert (published["problems"], published["unresolved"]) == ([], [])
    lines = (scripted.folder / "data" / "catalog" / "lineage.jsonl").read_text().splitlines()
    edges = {tuple(end["databuilder_id"] for end in json.loads(line).values()) for line in lines}
    assert edges == {
        ("s/orders", "s/report"), ("s/customers", "s/report"), ("s/orders", "s/board"), ("s/customers", "s/board"),
        ("s/orders.id", "s/report.id"), ("s/customers.name", "s/report.who"), ("s/orders.total", "s/report.spent"),
    }  # fmt: skip
    (again,) = document("publish", "--dry-run")["catalogs"]
    assert again["changes"]["edge"] == {"created": 0, "changed": 0, "removed": 0}


def test_a_resource_with_a_value_of_a_wrong_type_is_named(
    scripted: Scripted, document: Document, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that was set after it was made, which nobody checks; what was declared before is kept."""
    scripted.declare(("table", "t", None))
    script = scripted.folder / "script.py"
    script.write_text(SCRIPT.replace("for upstream", "self.declare_resource(self.odd())\n        for upstream") + ODD)
    assert run(["sync"]) == 2
    assert "the resource `odd` has a wrong `sort_order`" in capsys.readouterr().err
    document("publish")
    assert scripted.resources() == {"s/t"}


def test_a_credential_is_published_by_nobody_who_declares_it(scripted: Scripted, document: Document) -> None:
    """Without a manifest too: by what it is called; what is only long may be the name of something."""
    script = scripted.folder / "script.py"
    said = 'description=f"{self.credentials}"'
    script.write_text(SCRIPT.replace("**about))", f"{said}, **about))"))
    scripted.configure(spec={"api_token": "correct-horse-battery", "workspace": "a long name of something"})
    scripted.declare(("dashboard", "d", None))
    document("publish")
    for name in ("resources.jsonl", "index.html"):
        published = (scripted.folder / "data" / "catalog" / name).read_text()
        assert "a long name of something" in published
        assert "correct-horse" not in published


def test_an_extract_that_yields_is_said_to_do_nothing(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    """A generator's code is not run by being called: what was declared before would be kept in silence."""
    text = "from secodadk import SecodaIntegration\n\nclass Yielding(SecodaIntegration):\n    def extract(self):\n"
    (scripted.folder / "script.py").write_text(f"{text}        yield 1\n")
    assert run(["sync"]) == 2
    assert "extract() is a generator" in capsys.readouterr().err
