"""A real Superset, seeded over REST, synced and published: every resource, edge and row as in its own database."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from pydantic import SecretStr

from integrations.sdk import HttpClient
from integrations.sdk.testing import serving
from integrations.superset.listing import PAGE, list_all
from integrations.superset.login import SupersetLogin
from tests.integrations.superset.project import SupersetProject, score
from tests.integrations.superset.recorded import HOME, PASSWORD, USER, Recorder, Recording
from tests.integrations.superset.warehouse import UNKNOWN
from tests.real.conftest import RECORD
from tests.real.environment import TOKEN_S, Superset
from tests.real.seed import CHARTS, CONNECTIONS, DASHBOARDS, HOSTILE, UNSHOWN, Rest, Seeded, seed
from tests.real.truth import Truth

pytestmark = pytest.mark.timeout(1800)
ROUNDS = 12


@dataclass(frozen=True)
class Synced:
    """A project that was synced and published, and what it should have found."""

    project: SupersetProject
    seeded: Seeded
    truth: Truth
    recorder: Recorder


@pytest.fixture(scope="module")
def synced(superset: Superset, folder: Path) -> Iterator[Synced]:
    """The seeded Superset, read through a recorder."""
    recorder = Recorder(superset.url)
    with serving(recorder) as server:
        project = SupersetProject(folder, server.url, username=USER, password=PASSWORD, names=CONNECTIONS)
        seeded = seed(superset.url, project.files)
        assert project.headwater("sync") == 0
        assert project.headwater("publish") == 0
        yield Synced(project, seeded, Truth(superset.database, server.url), recorder)


def test_every_resource_is_published(synced: Synced, said: list[str]) -> None:
    """Databases, schemas, datasets, columns, charts and dashboards, field by field; nothing else."""
    found, true = synced.project.resources(), synced.truth.resources()
    kinds = {fields["entity_type"]: 0 for fields in true.values()}
    assert set(kinds) == {"database", "schema", "table", "column", "chart", "dashboard"}
    for kind in kinds:
        ours, theirs = (
            {id_: fields for id_, fields in side.items() if fields["entity_type"] == kind} for side in (found, true)
        )
        scores = score(kind, ours, theirs)
        said.append(str(scores))
        assert scores.differences == ()
        assert (scores.precision, scores.recall) == (1.0, 1.0)
        kinds[kind] = scores.true
    assert kinds["chart"] == CHARTS + 1 > PAGE  # one deleted, one on no dashboard, one whose dataset is gone
    assert kinds["dashboard"] == DASHBOARDS - 1
    titles = {fields["title"] for fields in found.values()}
    assert {HOSTILE, UNSHOWN} <= titles
    assert "gone" not in titles


def test_every_edge_is_published(synced: Synced, said: list[str]) -> None:
    """Tables of the warehouses to datasets to charts to dashboards; a table that nobody knows is kept as written."""
    found, unknown = synced.project.edges()
    true = synced.truth.edges(CONNECTIONS, synced.seeded.reads)
    without_tables = {f"dataset.{id_}" for id_, tables in synced.seeded.reads.items() if not tables}
    unknown_true = {edge for edge in true if edge[0].endswith(f".main.{UNKNOWN}")}
    assert unknown == {dataset for _, dataset in unknown_true} | without_tables
    assert (len(unknown_true), len(without_tables)) == (2, 1)
    known = true - unknown_true
    scores = score("edge", dict.fromkeys(found, 1), dict.fromkeys(known, 1))
    said.append(f"{scores}   and {len(unknown)} datasets of a table that nobody declares, or of none")
    assert scores.differences == ()
    assert (scores.precision, scores.recall) == (1.0, 1.0)
    assert {upstream.split(".")[0] for upstream, _ in known} == {"shop_db", "ops_db", "dataset", "chart"}


ROWS = {
    "superset_databases": (
        "SELECT id, uuid, database_name, expose_in_sqllab, allow_dml, changed_on FROM dbs",
        "SELECT id, uuid, database_name, expose_in_sqllab, allow_dml, changed_on FROM superset.superset_databases",
    ),
    "superset_datasets": (
        "SELECT t.id, t.uuid, t.table_name, t.sql, t.schema, t.description, t.database_id, t.changed_on FROM tables t",
        "SELECT id, uuid, table_name, sql, schema, description, database_id, changed_on AT TIME ZONE 'UTC' "
        "FROM superset.superset_datasets",
    ),
    "superset_dataset_columns": (
        "SELECT table_id, id, uuid, column_name, verbose_name, type, expression, description, is_dttm, is_active, "
        "groupby, filterable FROM table_columns",
        "SELECT dataset_id, id, uuid, column_name, verbose_name, type, expression, description, is_dttm, is_active, "
        "groupby, filterable FROM superset.superset_dataset_columns",
    ),
    "superset_metrics": (
        "SELECT table_id, id, uuid, metric_name, verbose_name, metric_type, expression, description, d3format "
        "FROM sql_metrics",
        "SELECT dataset_id, id, uuid, metric_name, verbose_name, metric_type, expression, description, d3format "
        "FROM superset.superset_metrics",
    ),
    "superset_charts": (
        "SELECT id, uuid, slice_name, viz_type, datasource_id, datasource_type, description, params, certified_by, "
        "changed_on FROM slices",
        "SELECT id, uuid, slice_name, viz_type, datasource_id, datasource_type, description, params, certified_by, "
        "changed_on AT TIME ZONE 'UTC' FROM superset.superset_charts",
    ),
    "superset_dashboards": (
        "SELECT id, uuid, dashboard_title, slug, published, certified_by, changed_on FROM dashboards",
        "SELECT id, uuid, dashboard_title, slug, published, certified_by, changed_on AT TIME ZONE 'UTC' "
        "FROM superset.superset_dashboards",
    ),
    "superset_dashboard_charts": (
        "SELECT dashboard_id, slice_id FROM dashboard_slices",
        "SELECT dashboard_id, chart_id FROM superset.superset_dashboard_charts",
    ),
}


@pytest.mark.parametrize("table", ROWS)
def test_every_row_is_synced(synced: Synced, table: str, said: list[str]) -> None:
    """The rows of a table are those of Superset's own, value by value."""
    true, found = synced.truth.rows(ROWS[table][0]), synced.project.query(ROWS[table][1])
    assert sorted(map(plainly, found)) == sorted(map(plainly, true))
    assert true
    said.append(f"{table:<26} {len(true):>5,} rows, all equal")


def plainly(row: tuple[object, ...]) -> tuple[str, ...]:
    """A row's values as text: SQLite has no UUIDs, booleans and times."""
    return tuple(
        str(UUID(bytes=value)) if isinstance(value, bytes) else str(int(value) if isinstance(value, bool) else value)
        for value in row
    )


def test_what_has_not_changed_is_published_alike(synced: Synced) -> None:
    """A second sync finds the same, word by word: no time or order differs from read to read."""
    before = synced.project.resources(), synced.project.edges()
    assert synced.project.headwater("sync", "superset") == 0
    assert synced.project.headwater("publish") == 0
    assert (synced.project.resources(), synced.project.edges()) == before


def test_a_token_that_has_run_out_is_renewed(superset: Superset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 401 in the midst of a read is one more log-in, whatever the token says of its length."""
    monkeypatch.setattr("integrations.superset.login._lifetime_s", lambda token: 3600.0)
    client = HttpClient(superset.url, auth=SupersetLogin(USER, SecretStr(PASSWORD)))
    before = [each["id"] for page in list_all(client, "dashboard", ["id"]) for each in page]
    time.sleep(TOKEN_S + 1)
    assert [each["id"] for page in list_all(client, "dashboard", ["id"]) for each in page] == before
    client.close()


def test_a_wrong_password_is_refused(synced: Synced, superset: Superset, tmp_path: Path) -> None:
    """Exit code 3, as everywhere."""
    project = SupersetProject(tmp_path, superset.url, username=USER, password="not the password", names={})
    assert project.headwater("test-connection", "superset") == 3


def test_what_was_asked_is_recorded(synced: Synced) -> None:
    """With HEADWATER_REAL_RECORD=1: what the tests replay that run where Superset cannot be installed."""
    truth = synced.truth
    text = json.dumps(truth.resources()).replace(truth.url, HOME)
    edges = sorted(map(list, truth.edges(CONNECTIONS, synced.seeded.reads)))
    recording = Recording(synced.recorder.answers, json.loads(text), edges, CONNECTIONS)
    assert len(recording.answers) > 30
    if RECORD:
        recording.save()


def test_nothing_is_left_out_while_charts_come_and_go(synced: Synced, superset: Superset, said: list[str]) -> None:
    """Between any two requests a chart is deleted, edited or made: those that stay are read, all and once.

    Last of all, since it changes what was seeded.
    """
    rest, random = Rest(superset.url), Random(7)
    client = HttpClient(superset.url, auth=SupersetLogin(USER, SecretStr(PASSWORD)))
    deleted: set[int] = set()
    for _ in range(ROUNDS):
        before = {id_ for (id_,) in synced.truth.rows("SELECT id FROM slices")}
        read: list[int] = []
        get = client.get

        def get_and_change(path: str, *, params: object = None, get=get, before=before):  # type: ignore[no-untyped-def]
            answer = get(path, params=params)
            victim, edited = random.sample(sorted(before - deleted), 2)
            rest.send("DELETE", f"chart/{victim}")
            deleted.add(victim)
            rest.send("PUT", f"chart/{edited}", {"description": f"edited {random.random()}"})
            fields = {"viz_type": "pie", "datasource_id": 1, "datasource_type": "table"}
            for number in range(2):
                rest.make("chart", slice_name=f"New {number}", **fields)
            return answer

        client.get = get_and_change  # type: ignore[method-assign]
        for page in list_all(client, "chart", ["id"]):
            read += [each["id"] for each in page]
        client.get = get  # type: ignore[method-assign]
        assert len(read) == len(set(read))
        assert before - deleted <= set(read)
    client.close()
    said.append(
        f"charts deleted, edited and made while they were read: {ROUNDS} reads, {len(deleted)} deleted, none missing"
    )
