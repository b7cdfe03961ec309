"""A plugin written with CloudQuery's Python SDK as a source: what it sends is what the warehouse has."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integrations.sdk.errors import ConfigError
from orchestration.config import load_config
from orchestration.sources import load_sources
from orchestration.testing import SOURCE, Outcomes, Project
from tests.interop import plugin
from tests.interop.conftest import Started, failures, sample

pytestmark = pytest.mark.timeout(300)
Make = Callable[..., Project]
HEALTHY = ["flat", "parents", "children", "kinds", "events"]


def rows(project: Project, table: str, like: dict[str, Any]) -> list[dict[str, Any]]:
    """A table's rows in the order of their ids, with the columns of `like`."""
    listed = ", ".join(f'"{column}"' for column in like)
    found = project.query(f'SELECT {listed} FROM "{SOURCE}"."{table}" ORDER BY id')
    return [dict(zip(like, row, strict=True)) for row in found]


def as_sent(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the warehouse with its JSON as Python."""
    return {name: json.loads(value) if name in ("extra", "doc") and value else value for name, value in row.items()}


def test_every_value_arrives_as_it_was_sent(executable: str, project: Make) -> None:
    """Flat, nested and all types: equal to what the plugin has made, value by value."""
    made = project(executable, tables=HEALTHY)
    assert failures(made.sync()) == {}
    flat = plugin.flat_rows()
    assert [as_sent(row) for row in rows(made, "flat", flat[0])] == flat
    kinds = [plugin.arrived(row) for row in plugin.kind_rows()]
    assert [as_sent(row) for row in rows(made, "kinds", kinds[0])] == kinds
    assert len(made.query(f'SELECT DISTINCT parent_id FROM "{SOURCE}".children')) == plugin.PARENTS
    assert made.query(f'SELECT count(*) FROM "{SOURCE}".children') == [(plugin.PARENTS * plugin.CHILDREN,)]
    columns = made.query(f"SELECT DISTINCT _cq_source_name FROM {SOURCE}.flat WHERE _cq_id IS NOT NULL")
    assert columns == [(SOURCE,)]


def test_tables_are_discovered_with_keys_parents_and_columns(executable: str, project: Make) -> None:
    """The snapshot says all that the plugin says, and the tables are declared from it alone."""
    made = project(executable)
    nodes = {node.name: node for node in made.source().nodes}
    assert {name: node.parent and node.parent.name for name, node in nodes.items()} == {
        "flat": None, "parents": None, "children": "parents", "kinds": None, "events": None, "failing": None,
    }  # fmt: skip
    assert nodes["children"].table.primary_keys == ["id"]
    assert nodes["parents"].table.description == "Those above"
    types = {column.name: column.type.sql for column in nodes["kinds"].table.columns}
    assert types["u64"] == "UBIGINT"
    assert types["at"] == "TIMESTAMP WITH TIME ZONE"
    assert (types["doc"], types["uid"], types["raw"], types["day"]) == ("JSON", "UUID", "BLOB", "DATE")
    snapshot = json.loads((made.folder / f"{SOURCE}.tables.json").read_text(encoding="utf-8"))
    assert snapshot["plugin"] == {"name": "sample", "version": "v1.2.3"}


def test_its_own_schema_of_its_spec_holds_here(executable: str, project: Make) -> None:
    """Once it is known: a wrong spec is said without the plugin being started."""
    project(executable).source()
    with pytest.raises(ConfigError, match=r"`spec\.flat`: 'many' is not of type 'integer'"):
        load_sources(load_config(project(executable, spec={"flat": "many"}).config))


@pytest.mark.parametrize("spec", [{}, {"old_state": True}], ids=["checkpoints", "a state backend"])
def test_its_state_goes_on_where_it_ended(served: Started, project: Make, spec: dict[str, Any]) -> None:
    """Both ways that CloudQuery keeps state: on the stream, and written to a backend."""
    address, _ = served()

    def sync(events: int) -> Outcomes:
        return project(address, registry="grpc", tables=["events"], spec={**spec, "events": events}).sync()

    first, second, third = sync(120), sync(150), sync(150)
    made = [each.tables["events"].record for each in (first, second, third)]
    assert [record.rows for record in made] == [120, 30, 0]
    assert [record.mode for record in made] == ["full", "incremental", "incremental"]
    project_ = project(address, registry="grpc", tables=["events"])
    assert rows(project_, "events", {"id": 0, "seen_at": 0}) == plugin.event_rows(1, 150)
    assert project_.query("SELECT table_name, kind, parent_key, value FROM headwater.cursors") == [
        ("events", "source", "events", "150")
    ]


def test_a_table_that_fails_leaves_the_others_and_what_was_there(executable: str, project: Make) -> None:
    """Its error names it; the children of a broken listing are not taken for gone."""
    whole = project(executable, tables=["parents", "children", "failing"])
    outcomes = whole.sync()
    assert list(failures(outcomes)) == ["failing"]
    assert "no such luck" in failures(outcomes)["failing"]
    broken = project(executable, tables=["parents", "children"], spec={"parents": 3, "fail_parents": True})
    assert "the listing broke off" in failures(broken.sync())["parents"]
    assert broken.query(f'SELECT count(*) FROM "{SOURCE}".parents') == [(plugin.PARENTS,)]
    assert broken.query(f'SELECT count(*) FROM "{SOURCE}".children') == [(plugin.PARENTS * plugin.CHILDREN,)]


@pytest.fixture(scope="module")
def loaded(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project that has been synced once, to be copied: each start of the plugin takes seconds."""
    folder = tmp_path_factory.mktemp("loaded")
    made = Project(folder, sample(sdk, folder), {"flat": 100}, registry="local", tables=["flat"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(made.home))
        assert failures(made.sync()) == {}
    return folder


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"die_after": 2_000}, "the plugin has gone"),
        ({"hang_after": 2_000}, "the plugin has sent nothing for 3 s"),
        ({"refuse": "hunter22hunter22"}, "the plugin answers Init with UNKNOWN"),
        pytest.param({"garbage": "at odds"}, "at odds", marks=pytest.mark.slow),
    ],
    ids=["dies", "hangs", "refuses its spec", "says that it fails"],
)
def test_a_plugin_that_goes_wrong_is_named_and_loses_nothing(
    loaded: Path,
    executable: str,
    project: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spec: dict[str, Any],
    said: str,
) -> None:
    """What was committed stays; the error says what happened."""
    monkeypatch.setattr("integrations.sdk.cloudquery.client.SILENCE_S", 3.0)
    shutil.copytree(loaded, tmp_path, dirs_exist_ok=True)
    bad = project(executable, tables=["flat", "events"], spec=spec)
    failed = failures(bad.sync())
    assert said in failed["flat"]
    assert all(f"{SOURCE}.{table}:" in failed[table] for table in ("flat", "events"))
    assert "hunter22" not in failed["flat"]
    (left,) = bad.query(f"SELECT count(*) FROM {SOURCE}.flat")[0]
    assert left >= 100
