"""Cluvio from config.yaml to the catalog, over a socket."""

import logging
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, quote_plus

import dagster as dg
import pytest

import integrations.cluvio
from assets.translator import asset_keys
from integrations.cluvio import BASE_URL, CluvioIntegration
from integrations.sdk.errors import LoginRefused, ResolverFailed, SourceRefused
from orchestration.definitions import build_definitions
from tests.integrations import Project
from tests.integrations.cluvio.server import CluvioServer, dashboard

GROUP = "dashboard_group.default"
FIELDS = (
    "entity_type, databuilder_id, parent_databuilder_id, title, description, external_updated_at, native_type, product"
)
RESOURCES = f"SELECT source, {FIELDS} FROM catalog.resources ORDER BY databuilder_id"
EDGES = (
    "SELECT source, from_type, from_identifier ->> 'databuilder_id', to_type, to_identifier ->> 'databuilder_id' "
    "FROM catalog.lineage ORDER BY position"
)


def test_assets_follow_the_hierarchy(project: Project) -> None:
    """A group's dashboards are below it, and the lineage is below both; loading asks the source for nothing."""
    source = project.source
    expected = [dg.AssetKey(["cluvio", name]) for name in ("dashboard_group", "dashboard", "lineage")]
    assert asset_keys(source) == expected
    group, dashboards, lineage = expected
    graph = build_definitions([source]).resolve_asset_graph()
    assert {key: graph.get(key).parent_keys for key in expected} == {
        group: set(),
        dashboards: {group},
        lineage: {group, dashboards},
    }
    assert {graph.get(key).group_name for key in expected} == {"cluvio"}


def test_what_is_declared_is_in_the_catalog(cluvio: CluvioServer, project: Project) -> None:
    """One group, each dashboard in it with its facts, and an edge from each dashboard to the group."""
    cluvio.dashboards = [dashboard(1), dashboard(2, description=None, updated_at=None)]
    run = project.run()
    assert run.succeeded
    assert run.declared == {"dashboard_group": 1, "dashboard": 2, "lineage": 2}
    assert run.materialised == [["cluvio", name] for name in run.declared]
    first_at = datetime(2024, 3, 1, 8, tzinfo=UTC)
    about = "What was sold in region 1"
    assert project.query(RESOURCES) == [
        ("cluvio", "dashboard", "dashboard.1", GROUP, "Sales 1", about, first_at, "dashboard", "cluvio"),
        ("cluvio", "dashboard", "dashboard.2", GROUP, "Sales 2", None, None, "dashboard", "cluvio"),
        ("cluvio", "dashboard_group", GROUP, None, "Dashboards", None, None, None, None),
    ]
    internal = "internal_resource"
    assert project.query(EDGES) == [
        ("cluvio", internal, "dashboard.1", internal, GROUP),
        ("cluvio", internal, "dashboard.2", internal, GROUP),
    ]
    assert cluvio.asked == [("POST", "/users/sign_in"), ("GET", "/dashboards/")]


def test_a_second_run_replaces_the_first(cluvio: CluvioServer, project: Project) -> None:
    """What is declared again is there once; what is no longer declared is gone."""
    cluvio.dashboards = [dashboard(1), dashboard(2)]
    project.run()
    cluvio.dashboards = [dashboard(2), dashboard(3)]
    assert project.run().succeeded
    assert [row[2] for row in project.query(RESOURCES)] == ["dashboard.2", "dashboard.3", GROUP]
    assert [row[2] for row in project.query(EDGES)] == ["dashboard.2", "dashboard.3"]


def test_a_wrong_password_is_refused_and_changes_nothing(
    cluvio: CluvioServer, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says which source, and to check the credentials; the catalog keeps what it had."""
    cluvio.dashboards = [dashboard(1)]
    project.run()
    before = project.query(RESOURCES), project.query(EDGES)
    monkeypatch.setenv("CLUVIO_PASSWORD", "wrong password")
    run = project.run()
    assert not run.succeeded
    (error,) = run.refused
    assert isinstance(error, LoginRefused)
    assert error.exit_code == 3
    assert str(error).startswith("cluvio: the source refuses the credentials (401")
    assert "users/sign_in" in error.request
    assert "check the credentials" in error.hint
    assert run.materialised == []
    assert (project.query(RESOURCES), project.query(EDGES)) == before
    assert cluvio.asked[2:] == [("POST", "/users/sign_in")]  # not tried again: it would lock accounts


@pytest.mark.parametrize("status", [403, 404])
def test_a_refused_listing_changes_nothing(cluvio: CluvioServer, project: Project, status: int) -> None:
    """A listing that is refused is an error, and not an account without dashboards."""
    cluvio.dashboards = [dashboard(1)]
    project.run()
    before = project.query(RESOURCES), project.query(EDGES)
    cluvio.listing_status = status
    run = project.run()
    (error,) = run.refused
    assert isinstance(error, SourceRefused)
    assert (error.status, error.source) == (status, "cluvio")
    assert (project.query(RESOURCES), project.query(EDGES)) == before


def test_an_extraction_that_raises_half_way_stores_nothing(cluvio: CluvioServer, project: Project) -> None:
    """Resources that were declared before the mistake are not put into the catalog."""
    cluvio.dashboards = [dashboard(1), {"name": "has no id"}, dashboard(3)]
    run = project.run()
    assert not run.succeeded
    (error,) = run.refused
    assert isinstance(error, ResolverFailed)
    assert "KeyError: 'id'" in str(error)
    assert "Sales 1" not in project.written()


def test_an_extraction_that_raises_half_way_keeps_the_last_one(cluvio: CluvioServer, project: Project) -> None:
    """The catalog shows what the last whole extraction declared."""
    cluvio.dashboards = [dashboard(1), dashboard(2)]
    project.run()
    before = project.query(RESOURCES), project.query(EDGES)
    cluvio.dashboards = [dashboard(5), {"name": "has no id"}]
    assert not project.run().succeeded
    assert (project.query(RESOURCES), project.query(EDGES)) == before


@pytest.mark.parametrize("trouble", ["none", "password", "listing"])
def test_secrets_are_written_nowhere(
    cluvio: CluvioServer,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    trouble: str,
) -> None:
    """Neither password nor session token is in DuckDB, Dagster's home or any log, though the source says them back."""
    cluvio.dashboards = [dashboard(1)]
    secret = cluvio.password
    if trouble == "password":
        secret = "wrong/pass+word of mine"
        monkeypatch.setenv("CLUVIO_PASSWORD", secret)
    if trouble == "listing":
        cluvio.listing_status = 403
    with caplog.at_level(logging.DEBUG):
        run = project.run()
    assert run.succeeded == (trouble == "none")
    printed = capfd.readouterr()
    everything = "\n".join([project.written(), caplog.text, printed.out, printed.err])
    assert "dashboard_group" in project.written_by_dagster()
    forms = [
        form
        for text in (secret, cluvio.token)
        for form in (text, quote(text, safe=""), quote_plus(text), b64encode(text.encode()).decode().rstrip("="))
    ]
    assert [form for form in forms if form in everything] == []


def test_the_address_has_a_default() -> None:
    """Only an e-mail address and a password have to be given."""
    asked: list[str] = []

    class Network:
        def make_request(self, method: str, url: str, **options: object) -> object:
            asked.append(f"{method} {url}")
            raise InterruptedError

        def finalize(self, error: BaseException | None = None) -> None: ...

    credentials = {"email": "ada@example.com", "password": "secret"}
    with pytest.raises(InterruptedError):
        CluvioIntegration(credentials=credentials, network_call_strategy=Network()).start()
    assert asked == [f"POST {BASE_URL}/users/sign_in"]


def test_the_readme_names_every_setting() -> None:
    """Every key of the credentials is in the README, and so is every entity type."""
    readme = Path(str(integrations.cluvio.__file__)).with_name("README.md").read_text(encoding="utf-8")
    names = ("email", "password", "base_url", "dashboard_group", "dashboard", GROUP, BASE_URL)
    assert [name for name in names if f"`{name}`" not in readme] == []
