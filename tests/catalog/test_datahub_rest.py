"""DataHub's REST API, spoken by DataHub's own client to a server that answers as a DataHub server is documented to."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("DATAHUB_TELEMETRY_ENABLED", "false")
pytest.importorskip("datahub", reason="left out: the extra `datahub` adds the package acryl-datahub")

from assets.catalog.targets.datahub import DataHub, Spec, connect
from integrations.sdk.errors import ConfigError, LoginRefused, SourceRefused, SourceUnreachable
from integrations.sdk.testing import Answer, Asked, Server, serving
from orchestration.config import validated
from tests.catalog.datahub_catalog import RICH, W, changed, without
from tests.catalog.worlds import World, chain

TOKEN = "a-personal-access-token"
ORDERS = "urn:li:dataset:(urn:li:dataPlatform:duckdb,db.shop.orders,PROD)"


class Gms:
    """A server that holds aspects; `faults` are what it answers first to requests that write."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.holds: dict[str, dict[str, Any]] = {}
        self.faults: list[Answer] = []
        self.writes = 0
        self.breaks_after: int | None = None

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/config":
            versions = {"acryldata/datahub": {"version": self.version}}
            return Answer(json={"noCode": "true", "versions": versions, "datahub": {"serverType": "prod"}})
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Answer(401, json={"message": "Unauthorized"})
        document = json.loads(asked.body)
        if asked.path.endswith("/batchGet"):
            found = [(each["urn"], self.holds.get(each["urn"], {}).get("status")) for each in document]
            return Answer(json=[{"urn": urn, "status": {"value": status}} for urn, status in found if status])
        if self.faults:
            return self.faults.pop(0)
        if self.breaks_after is not None and self.writes >= self.breaks_after:
            return Answer(500, json={"message": "the database is away"})
        self.writes += 1
        if asked.path == "/aspects" and asked.query == {"action": "ingestProposalBatch"}:
            assert document["async"] == "false"
            for proposal in document["proposals"]:
                assert proposal["changeType"] == "UPSERT"
                self._take(proposal["entityUrn"], proposal["aspectName"], json.loads(proposal["aspect"]["value"]))
            return Answer(json={"value": "success"})
        assert asked.path.startswith("/openapi/v3/entity/")
        assert asked.query == {"async": "false"}
        for entity in document:
            for name, aspect in entity.items():
                if name != "urn":
                    self._take(entity["urn"], name, aspect["value"])
        return Answer(json=document)

    def _take(self, urn: str, name: str, aspect: Any) -> None:
        self.holds.setdefault(urn, {})[name] = aspect


@pytest.fixture(params=["0.13.3", "1.2.0"], ids=["rest.li", "OpenAPI"])
def gms(request: pytest.FixtureRequest) -> Gms:
    return Gms(request.param)


@pytest.fixture
def server(gms: Gms) -> Iterator[Server]:
    with serving(gms) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def to(server: Server, folder: Path, **settings: Any) -> DataHub:
    return connect(Spec.model_validate({"sink": "rest", "server": server.url, "token": TOKEN, **settings}), folder)


def test_a_server_holds_what_the_file_would(world: World, gms: Gms, server: Server, tmp_path: Path) -> None:
    """The same aspects, whichever of its two APIs the server's version has; read back, and nothing the second time."""
    done = world.publish(to(server, tmp_path), RICH)
    assert done.problems == []
    other = tmp_path / "other"
    other.mkdir()
    World(other).publish(connect(Spec(), tmp_path), RICH)
    wanted: dict[str, dict[str, Any]] = {}
    for line in json.loads((tmp_path / "data" / "datahub.json").read_text()):
        wanted.setdefault(line["entityUrn"], {})[line["aspectName"]] = line["aspect"]["json"]
    assert gms.holds == wanted
    assert any(asked.path == "/aspects" for asked in server.requests) == (gms.version == "0.13.3")
    writes = gms.writes
    assert world.publish(to(server, tmp_path), RICH).about["entities"] == 0
    assert gms.writes == writes


def test_a_removal_is_soft(world: World, gms: Gms, server: Server, tmp_path: Path) -> None:
    """The entity stays, marked; and a server that has forgotten one is found out."""
    target = to(server, tmp_path)
    world.publish(target, RICH)
    less = without(RICH, f"{W}orders", f"{W}orders.id", f"{W}orders.total")
    assert world.publish(target, less).problems == []
    assert gms.holds[ORDERS]["status"] == {"removed": True}
    del gms.holds["urn:li:chart:(bi,c1)"]
    assert target.verify(less) == ["1 entities are not there: urn:li:chart:(bi,c1)"]


def test_429_and_500_are_waited_for(world: World, gms: Gms, server: Server, tmp_path: Path) -> None:
    """As long as the server says, and as often as the setting allows; nothing is lost."""
    gms.faults = [Answer(429, json={}, headers={"Retry-After": "1"}), Answer(500, json={"message": "busy"})]
    assert world.publish(to(server, tmp_path, retries=2), chain(3)).problems == []
    assert len(gms.holds) == 3


def test_a_server_that_breaks_half_way_gets_the_rest_later(
    world: World, gms: Gms, server: Server, tmp_path: Path
) -> None:
    """What it took does not come again, what it did not does, and the error says how far it came."""
    gms.breaks_after = 5
    with pytest.raises(SourceRefused) as caught:
        world.publish(to(server, tmp_path, retries=0), chain(350))
    assert caught.value.status == 500
    assert "the database is away" in caught.value.what
    left = world.left_over()
    assert 0 < left < 699
    assert f"{699 - left:,} of 699 changes are there" in caught.value.hint
    gms.breaks_after = None
    done = world.publish(to(server, tmp_path), chain(350))
    assert (done.problems, world.left_over(), len(done.plan.changes)) == ([], 0, left)
    upstreams = [len(each["upstreamLineage"]["upstreams"]) for each in gms.holds.values() if "upstreamLineage" in each]
    assert Counter(upstreams) == {1: 349}


def test_a_wrong_token_is_named_and_not_shown(world: World, server: Server, tmp_path: Path) -> None:
    """A refusal of the login is one, with what to do, and without the token."""
    settings = {"sink": "rest", "server": server.url, "token": "not-the-right-token"}
    spec = validated(Spec, settings, "catalog `datahub`, spec")
    with pytest.raises(LoginRefused) as caught:
        world.publish(connect(spec, tmp_path), chain(2))
    assert caught.value.status == 401
    assert "credentials" in caught.value.hint
    assert "not-the-right-token" not in str(caught.value) + repr(spec)
    assert world.left_over() == 3


def test_no_server_is_named(world: World, tmp_path: Path) -> None:
    """Where nothing answers, where something else than DataHub does, and where nobody may ask anything."""
    with serving(lambda asked: Answer(json={})) as other, pytest.raises(SourceRefused, match="frontend"):
        world.publish(to(other, tmp_path), chain(2))
    with serving(lambda asked: Answer(401)) as closed, pytest.raises(LoginRefused, match="authentication"):
        world.publish(to(closed, tmp_path), chain(2))
    with pytest.raises(SourceUnreachable, match="does not answer"):
        world.publish(to(other, tmp_path, retries=0), chain(2))


def test_what_cannot_be_read_back_is_said(world: World, gms: Gms, tmp_path: Path) -> None:
    """A server without that part of its API has been told nevertheless."""

    def without_reading(asked: Asked) -> Answer:
        return Answer(404) if asked.path.endswith("/batchGet") else gms(asked)

    with serving(without_reading) as server:
        (said,) = world.publish(to(server, tmp_path), chain(2)).problems
    assert said.startswith("what DataHub holds cannot be read back: DataHub at http://127.0.0.1")
    assert world.left_over() == 0


def test_only_a_changed_entity_is_sent(world: World, gms: Gms, server: Server, tmp_path: Path) -> None:
    """One table of many: one entity."""
    world.publish(to(server, tmp_path), RICH)
    gms.holds.clear()
    world.publish(to(server, tmp_path), changed(RICH, f"{W}orders", description="new"))
    assert list(gms.holds) == [ORDERS]


@pytest.mark.parametrize(
    ("spec", "said"), [({"sink": "rest"}, "needs a server"), ({"server": "http://x"}, "sink: rest")]
)
def test_a_spec_that_does_not_fit_is_refused(spec: dict[str, Any], said: str) -> None:
    """When the config is read."""
    with pytest.raises(ConfigError, match=said):
        validated(Spec, spec, "catalog `datahub`, spec")
