"""What a real Superset answered, synced and published: as when it was recorded, every resource and edge is right."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from integrations.sdk.testing import serving
from orchestration.testing import conformance
from tests.integrations.superset.project import SupersetProject, score
from tests.integrations.superset.recorded import HOME, LOGIN, PASSWORD, USER, Recording, key_of
from tests.integrations.superset.warehouse import UNKNOWN

RECORDING = Recording.load()
TestSuperset = conformance(
    "integrations.superset",
    RECORDING,
    spec={"username": USER, "password": PASSWORD},
    may_be_empty=("superset_datasets.catalog",),
)


@dataclass(frozen=True)
class Synced:
    """A project that was synced and published, where its Superset was, and what it asked that one for."""

    project: SupersetProject
    url: str
    asked: set[str]


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synced]:
    """One for all tests that only look."""
    folder = tmp_path_factory.mktemp("project")
    with serving(RECORDING) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(folder / ".dagster"))
        made = SupersetProject(folder, server.url, username=USER, password=PASSWORD, names=RECORDING.names)
        assert made.headwater("sync") == 0
        assert made.headwater("publish") == 0
        yield Synced(made, server.url, {key_of(each) for each in server.requests if each.path != LOGIN})


def test_every_resource_is_published(synced: Synced) -> None:
    """Field by field as Superset's own database had it."""
    true = json.loads(json.dumps(RECORDING.resources).replace(HOME, synced.url))
    scores = score("resource", synced.project.resources(), true)
    assert scores.differences == ()
    assert (scores.precision, scores.recall) == (1.0, 1.0)
    assert scores.true > 200


def test_every_edge_is_published(synced: Synced) -> None:
    """Warehouse, dataset, chart, dashboard; what has no table, or one that nobody declares, is kept as written."""
    found, unknown = synced.project.edges()
    true = {(upstream, downstream) for upstream, downstream in RECORDING.edges}
    of_unknown = {edge for edge in true if edge[0].endswith(f".{UNKNOWN}")}
    assert found == true - of_unknown
    assert {dataset for _, dataset in of_unknown} < unknown
    assert len(unknown) == len(of_unknown) + 1


def test_the_columns_of_queries_have_edges_too(synced: Synced) -> None:
    """From the columns of the tables that a query reads to those of its dataset; none that its tables do not have."""
    tables, _ = synced.project.edges()
    columns = synced.project.column_edges()
    assert len(columns) > 20
    assert {tuple(end.rpartition(".")[0] for end in edge) for edge in columns} <= tables
    (join,) = [id_ for id_, about in synced.project.resources().items() if about["title"] == "join"]
    assert {edge for edge in columns if edge[1].startswith(f"{join}.")} == {
        ("shop_db.main.customers.name", f"{join}.name"),
        ("shop_db.main.orders.amount", f"{join}.revenue"),
    }


def test_what_is_hostile_is_text(synced: Synced) -> None:
    """A title with a script in it is in the page as text."""
    assert [each for each in synced.project.resources().values() if each["title"].startswith("<script>")]
    page = (synced.project.folder / "catalog" / "index.html").read_text(encoding="utf-8")
    assert "gone" in page
    assert "<script>alert(" not in page


def test_no_secret_is_recorded(synced: Synced) -> None:
    """Neither the recording nor what is published of it has the password; a recorded token would be one, too."""
    recorded = json.dumps([RECORDING.answers, RECORDING.resources])
    published = [path.read_text(encoding="utf-8") for path in (synced.project.folder / "catalog").iterdir()]
    for text in (recorded, *published):
        assert PASSWORD not in text
        assert "access_token" not in text
        assert "sqlalchemy_uri" not in text


def test_the_recording_is_of_the_requests_that_are_made(synced: Synced) -> None:
    """Nothing else is in it: it is recorded anew when the requests change."""
    assert synced.asked == set(RECORDING.answers)
