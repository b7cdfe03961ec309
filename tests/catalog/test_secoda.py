"""The target `secoda`, against a server that behaves as Secoda documents it (tests/catalog/secoda_api.py)."""

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from assets.catalog.model import Catalog, Edge, Entry, Unresolved
from assets.catalog.targets import TARGETS, connect, spec_of
from assets.catalog.targets.secoda import Secoda, Spec
from integrations.sdk.errors import ConfigError, LoginRefused, SourceRefused
from integrations.sdk.testing import Server, serving
from tests.catalog.secoda_api import KEY, Workspace
from tests.catalog.worlds import World, chain

FAST = 60_000.0  # writes a minute


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.sdk.retrying.FIRST_WAIT_S", 0.001)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def workspace() -> Workspace:
    return Workspace()


@pytest.fixture
def server(workspace: Workspace) -> Iterator[Server]:
    with serving(workspace) as served:
        yield served


def target(server: Server, **settings: Any) -> Secoda:
    spec = Spec(**{"api_key": KEY, "base_url": server.url, "writes_per_minute": FAST, **settings})
    made = connect("secoda", spec, Path())
    assert isinstance(made, Secoda)
    return made


def ids(catalog: Catalog) -> set[str]:
    return set(catalog.entries)


def test_it_is_a_target() -> None:
    """By the file alone; its key is a secret."""
    assert "secoda" in TARGETS
    assert spec_of("secoda") is Spec
    assert KEY not in repr(Spec(api_key=KEY))


def test_everything_goes_up_in_one_request(world: World, workspace: Workspace, server: Server) -> None:
    """Both files of the documented import, to an integration that is made at first and found by name later."""
    done = world.publish(target(server), chain(5))
    assert workspace.uploads == [(5, 4)]
    assert done.about == {"integration": "i-3", "uploads": 1}
    assert done.problems == []
    assert ids(chain(5)) == set(workspace.resources)
    world.publish(target(server), chain(6))
    assert [each["name"] for each in workspace.integrations].count("Headwater") == 1
    assert workspace.uploads == [(5, 4), (6, 5)]  # each upload is a sync: what is not in it would be removed
    assert world.left_over() == 0


def test_nothing_new_is_not_uploaded(world: World, workspace: Workspace, server: Server) -> None:
    """A second publication writes nothing."""
    world.publish(target(server), chain(5))
    writes = len(workspace.accepted)
    world.publish(target(server), chain(5))
    assert len(workspace.accepted) == writes


def test_what_is_gone_is_left_out(world: World, workspace: Workspace, server: Server) -> None:
    """Secoda removes it; what is held back or hidden is uploaded again, or Secoda would remove that, too."""
    world.publish(target(server), chain(8))
    done = world.publish(target(server), chain(6))
    assert done.about["removals"] == "4 left out of the upload: Automatic Staling removes them, unless disabled"
    assert set(workspace.resources) == ids(chain(6))
    renamed = replace(chain(1), entries=chain(1, title="new").entries)
    held = world.publish(target(server), renamed)
    assert held.plan.held_back
    assert set(workspace.resources) == ids(chain(6))
    assert len(workspace.edges) == 5
    assert workspace.resources["s/t0"]["title"] == "new"
    world.publish(target(server), replace(chain(5), entries=chain(5, title="x").entries), hidden=["s/t5"])
    assert set(workspace.resources) == ids(chain(6))


def test_changes_only(world: World, server: Server, workspace: Workspace) -> None:
    """Where staling is disabled, batches; a removal cannot be told so, is named, and stays to be told."""
    workspace.staling = False
    settings: dict[str, Any] = {"upload": "changes", "batch_size": 4}
    world.publish(target(server, **settings), chain(6))
    assert workspace.uploads == [(4, 0), (2, 2), (0, 3)]
    world.publish(target(server, **settings), chain(7))
    assert workspace.uploads[3:] == [(1, 1)]
    for _ in range(2):
        done = world.publish(target(server, **settings), chain(6))
        assert len(workspace.resources) == 7
        assert world.left_over() == 2
        (said,) = done.problems
        assert said.startswith("2 removals are not told")
        assert "`s/t5 → s/t6`, `s/t6`" in said
    workspace.staling = True
    assert world.publish(target(server), chain(6)).problems == []
    assert (set(workspace.resources), world.left_over()) == (ids(chain(6)), 0)


def test_a_500_half_way(world: World, workspace: Workspace, server: Server) -> None:
    """What was accepted stays acknowledged, the rest is to come, the error says which target and status."""
    workspace.staling = False
    workspace.failing = set(range(3, 30))
    settings: dict[str, Any] = {"upload": "changes", "batch_size": 4}
    with pytest.raises(SourceRefused) as caught:
        world.publish(target(server, **settings), chain(8))
    said = str(caught.value)
    assert said.startswith("catalog/there: the source answers 500")
    assert "8 of 15 changes are there; the next publication sends the rest" in said
    assert caught.value.status == 500
    assert world.left_over() == 7
    assert workspace.uploads == [(4, 0), (4, 0)]
    workspace.failing = set()
    world.publish(target(server, **settings), chain(8))
    assert workspace.uploads[2:] == [(0, 4), (0, 3)]  # nothing comes again
    assert world.left_over() == 0
    assert (len(workspace.resources), len(workspace.edges)) == (8, 7)


def test_a_500_that_passes(world: World, workspace: Workspace, server: Server) -> None:
    """An upload is tried again: the same one twice is one."""
    workspace.failing = {1, 2}
    assert world.publish(target(server), chain(3)).problems == []
    assert workspace.attempts == 3
    assert workspace.uploads == [(3, 2)]


def test_retry_after_is_waited_for(world: World, server: Server, workspace: Workspace) -> None:
    """Beyond Secoda's limit it asks for a pause, and gets it; nothing is lost or doubled by that."""
    workspace.staling, workspace._writes, workspace._window_s = False, 4, 1.0
    world.publish(target(server, upload="changes", batch_size=2), chain(7))
    assert len(workspace.refused) >= 1
    for refused in workspace.refused:
        assert all(not refused < at < refused + 1.0 for at in workspace.accepted)
    assert (len(workspace.resources), len(workspace.edges)) == (7, 6)
    assert workspace.uploads == [(2, 0), (2, 0), (2, 0), (1, 1), (0, 2), (0, 2), (0, 1)]


def test_writes_are_limited(world: World, server: Server, workspace: Workspace) -> None:
    """To so many a minute; reads are not."""
    world.publish(target(server, upload="changes", batch_size=2, writes_per_minute=120), chain(3))
    assert workspace.refused == []
    assert len(workspace.accepted) == 4  # the integration, and three uploads
    assert all(later - at > 0.95 for at, later in zip(workspace.accepted, workspace.accepted[2:], strict=False))


def test_the_default_limit_is_the_documented_one() -> None:
    """30 writes a minute."""
    assert Spec(api_key=KEY).writes_per_minute == 30


def test_a_wrong_key(world: World, server: Server) -> None:
    """It is refused, said so, and is not in the message."""
    wrong = "another-key-that-must-not-leak"
    with pytest.raises(LoginRefused) as caught:
        world.publish(target(server, api_key=wrong), chain(3))
    assert "catalog/there: the source refuses the credentials (401" in str(caught.value)
    assert "check the credentials in the catalog's spec" in str(caught.value)
    assert wrong not in str(caught.value)
    assert world.left_over() == 5


def test_the_key_is_nowhere_else(world: World, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Not in logs, not in what is told about a publication, not in the warehouse."""
    with caplog.at_level(logging.DEBUG):
        done = world.publish(target(server), chain(3))
    assert KEY not in caplog.text
    assert KEY not in repr(done)
    assert KEY.encode() not in world.warehouse.path.read_bytes()
    assert all(KEY not in repr((asked.path, asked.query, asked.body)) for asked in server.requests)


def test_field_names_are_settings(world: World, server: Server, workspace: Workspace) -> None:
    """They are documented nowhere: a workspace that wants others is served."""
    with pytest.raises(SourceRefused, match="400"):
        world.publish(target(server, resources_field="resources", lineage_field="lineage"), chain(2))
    (upload,) = [asked for asked in server.requests if asked.path.endswith("import_jsonl_metadata/")]
    assert b'name="resources"; filename="resources.jsonl"' in upload.body
    assert b'name="lineage"; filename="lineage.jsonl"' in upload.body


def test_an_integration_by_its_id(world: World, server: Server, workspace: Workspace) -> None:
    """It is not looked for."""
    world.publish(target(server, integration_id="i-1"), chain(2))
    assert server.requests[0].path == "/integration/integrations/i-1/import_jsonl_metadata/"


def test_two_integrations_of_one_name(world: World, server: Server, workspace: Workspace) -> None:
    """Which one is meant is asked, and nothing is uploaded."""
    workspace.integrations += [{"id": f"h-{n}", "name": "Headwater", "type": "custom"} for n in range(2)]
    with pytest.raises(ConfigError, match="2 integrations called `Headwater`: h-0, h-1"):
        world.publish(target(server), chain(2))
    assert workspace.uploads == []


def test_entity_types(world: World, server: Server, workspace: Workspace) -> None:
    """What Secoda has no word for is called something else, by a setting; others go as they are, and are named."""
    catalog = chain(1)
    for type_ in ("endpoint", "notebook"):
        entry = Entry(key=f"s/{type_}", source="s", entity_type=type_, databuilder_id=type_)
        catalog = replace(catalog, entries={**catalog.entries, entry.key: entry})
    done = world.publish(target(server), catalog)
    assert workspace.resources["s/endpoint"]["entity_type"] == "database"
    assert workspace.resources["s/notebook"]["entity_type"] == "notebook"
    assert done.problems == ["1 resources are of the type `notebook`, which Secoda does not have: see entity_types"]


def test_lineage_that_was_not_resolved(world: World, server: Server, workspace: Workspace) -> None:
    """It goes up as its author wrote it: Secoda may know the table."""
    sql = "select * from elsewhere.orders"
    loose = Unresolved(
        source="s",
        upstream={"type": "tables_from_query", "sql": sql},
        downstream={"type": "internal_resource", "databuilder_id": "t0"},
        reason="",
    )
    world.publish(target(server), replace(chain(1), unresolved=[loose, loose]))
    (edge,) = workspace.edges.values()
    assert edge["from_identifier"] == {"type": "tables_from_query", "sql": sql}
    assert edge["to_identifier"]["databuilder_id"] == "s/t0"


def test_too_few_there(world: World, server: Server, workspace: Workspace) -> None:
    """What Secoda shows is compared: its import runs after the upload."""
    world.publish(target(server), chain(3))
    workspace.resources.popitem()
    done = world.publish(target(server), chain(3))
    assert done.problems == ["Secoda shows 2 of 3 tables: the import may be still under way"]


def test_what_cannot_be_read_back(world: World, server: Server, workspace: Workspace) -> None:
    """It is said; the upload stands."""
    refuses = workspace.__call__
    with serving(
        lambda asked: refuses(asked) if "catalog" not in asked.path else refuses(dataclasses.replace(asked, path="/"))
    ) as s:
        done = world.publish(target(s), chain(3))
    assert done.problems[0].startswith("what Secoda holds cannot be read back: the source answers 404")
    assert world.left_over() == 0


def test_an_edge_is_uploaded_once(world: World, server: Server, workspace: Workspace) -> None:
    """Whatever was published before, no upload has one twice."""
    for count in (3, 9, 7, 12):
        world.publish(target(server), chain(count))
    edge = Edge(upstream="s/t0", downstream="s/t3", source="s")
    world.publish(target(server), replace(chain(12), edges=[*chain(12).edges, edge]))
    assert not workspace.repeated
    assert len(workspace.edges) == 12
