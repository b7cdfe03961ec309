"""Projects whose publications are killed: what they declare, what their targets hold, and what must hold of both."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Protocol

import duckdb
import yaml

from assets import catalog_store
from assets.warehouse.duckdb import DuckDBWarehouse, WarehouseSettings
from integrations.sdk import DeclaredLineage, ExternalTable, InternalResource, Resource
from integrations.sdk.testing import Answer, Asked, serving
from orchestration.testing import SOURCE, Project
from tests.catalog.publisher import BEGUN, ENDED
from tests.catalog.secoda_api import KEY, Workspace
from tests.faults.rig import NEVER, ROOT, Driver, Sync

Edges = Counter[tuple[str, str]]


class Publisher(Driver):
    """The process that forks a child per `headwater publish`."""

    def __init__(self, folder: Path) -> None:
        self._count, self._folder = 0, folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.catalog.publisher"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._read()


@dataclass(slots=True)
class Declared:
    """What the source declares: tables with titles, edges between them, and edges from tables that nobody has."""

    random: Random
    removes: bool
    titles: dict[str, str] = field(default_factory=dict)
    edges: set[tuple[str, str]] = field(default_factory=set)
    made: int = 0

    def change(self) -> None:
        """Some more, some others; some fewer."""
        random = self.random
        for _ in range(random.randint(4, 12)):
            self.made += 1
            new = f"t{self.made}"
            self.titles[new] = f"Table {self.made}"
            above = random.sample(sorted(self.titles), min(2, len(self.titles)))
            self.edges |= {(each, new) for each in above if each != new}
            if random.random() < 0.2:
                self.edges.add((f"external/crm.people_{self.made}", new))
        for id_ in random.sample(sorted(self.titles), 2):
            self.titles[id_] += "!"
        if self.removes and len(self.titles) > 20:
            gone = random.choice(sorted(self.titles))
            del self.titles[gone]
            self.edges = {edge for edge in self.edges if gone not in edge}
            self.edges -= set(random.sample(sorted(self.edges), 2))

    def write(self, warehouse: Path) -> None:
        """Put it where an extraction puts it."""
        resources = [
            Resource(entity_type="table", databuilder_id=id_, title=title, database="db", schema="sch")
            for id_, title in self.titles.items()
        ]
        lineage = [
            DeclaredLineage(from_identifier=_end(upstream), to_identifier=_end(downstream))
            for upstream, downstream in sorted(self.edges)
        ]
        with DuckDBWarehouse(WarehouseSettings(path=warehouse)).session() as session:
            catalog_store.replace(session, SOURCE, "a run", resources, lineage)

    def truth(self) -> tuple[dict[str, str], Edges]:
        """Titles by key, and edges between keys, as a target should hold them."""
        titles = {f"{SOURCE}/{id_}": title for id_, title in self.titles.items()}
        return titles, Counter((_key(upstream), _key(downstream)) for upstream, downstream in self.edges)


class Held(Protocol):
    """A target's side."""

    spec: Mapping[str, Any]
    removes: bool

    def holds(self) -> tuple[dict[str, str], Edges]:
        """Titles by key, and how often each edge is there."""


class HeldBySecoda:
    """A workspace, told everything or changes."""

    def __init__(self, workspace: Workspace, url: str, **settings: Any) -> None:
        self.removes = workspace.staling
        self._workspace = workspace
        self.spec = {"api_key": KEY, "base_url": url, "writes_per_minute": 60_000, **settings}

    def holds(self) -> tuple[dict[str, str], Edges]:
        titles = {key: each["title"] for key, each in self._workspace.resources.items()}
        return titles, Counter(map(_ends_of, self._workspace.edges.values())) + Counter(
            _ends_of(json.loads(edge)) for edge in self._workspace.repeated
        )


class HeldInFiles:
    """The files of `local`."""

    removes = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.spec = {"directory": str(folder)}

    def holds(self) -> tuple[dict[str, str], Edges]:
        resources = self._lines("resources.jsonl")
        titles = {each["databuilder_id"]: each["title"] for each in resources}
        assert len(titles) == len(resources), "a resource is there twice"
        return titles, Counter(map(_ends_of, self._lines("lineage.jsonl")))

    def _lines(self, name: str) -> list[dict[str, Any]]:
        path = self._folder / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class HeldByConsumer:
    """A consumer of OpenLineage's events, which keeps the last of each dataset and job."""

    removes = True

    def __init__(self) -> None:
        self.spec: dict[str, Any] = {}
        self._datasets: dict[str, str] = {}
        self._jobs: dict[str, Edges] = {}

    def __call__(self, asked: Asked) -> Answer:
        if len(asked.body) != int(asked.headers["content-length"]):
            return Answer(400)
        event = json.loads(asked.body)
        if "dataset" in event:
            self._take(event["dataset"])
        elif "run" not in event:
            ends = [(_place(a), _place(b)) for a in event["inputs"] for b in event["outputs"]]
            self._jobs[event["job"]["name"]] = Counter(ends)
        return Answer(201, body=b"")

    def _take(self, dataset: dict[str, Any]) -> None:
        if "lifecycleStateChange" in dataset["facets"]:
            self._datasets.pop(_place(dataset), None)
        else:
            self._datasets[_place(dataset)] = dataset["facets"]["headwater_resource"]["title"]

    def holds(self) -> tuple[dict[str, str], Edges]:
        return dict(self._datasets), sum(list(self._jobs.values()), Counter())


@dataclass(slots=True)
class Rig:
    """A project with one catalog."""

    folder: Path
    name: str
    publisher: Driver
    held: Held
    declared: Declared
    project: Project
    through_dagster: bool = False
    length_s: float = 0.3
    reached: dict[str, int] = field(default_factory=dict)

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    def change(self) -> None:
        """Let the source declare something else."""
        self.declared.change()
        self.declared.write(self.warehouse)

    def start(self, fault: tuple[str, int, str, float] = NEVER) -> Sync:
        arguments = ["publish", self.name, "--config", str(self.project.config)]
        settings = {"tests.catalog.publisher.THROUGH_DAGSTER": self.through_dagster}
        return self.publisher.start(arguments, self.folder / ".dagster", fault=fault, settings=settings)

    def publish_cleanly(self) -> None:
        """It succeeds unaided; the target holds what is declared, once, and nothing is left to be told."""
        run = self.start()
        began_at = wait_for(run, BEGUN)
        self.length_s = wait_for(run, ENDED) - began_at
        assert run.wait() == 0, run.said
        self.reached = run.told["reached"]
        titles, edges = self.held.holds()
        wanted_titles, wanted_edges = self.declared.truth()
        assert titles == wanted_titles
        assert wanted_edges - edges == Counter(), "edges are lost"
        assert edges - wanted_edges == Counter(), "edges are there twice, or should not be"
        published, outbox = self.acknowledged()
        assert outbox == []
        assert len(published) == len(titles) + len(edges)

    def check(self) -> None:
        """What is crossed off is there, unless it is just being removed."""
        titles, edges = self.held.holds()
        published, outbox = self.acknowledged()
        leaving = {key for action, key in outbox if action == "removed"}
        for kind, key, payload in published:
            if key in leaving:
                continue
            if kind == "edge":
                assert edges[_ends_of(json.loads(payload))] == 1, f"{key} was acknowledged, and is not there once"
            else:
                assert key in titles, f"{key} was acknowledged, and is not there"

    def acknowledged(self) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
        """What is crossed off, and what is still to be told; in a copy, so that the next finds what the last left."""
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for file in self.folder.glob(f"{self.warehouse.name}*"):
            shutil.copy(file, copy)
        with duckdb.connect(str(copy / self.warehouse.name)) as connection:
            tables = {row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
            if "publications" not in tables:
                return [], []
            published = connection.execute("SELECT kind, key, payload FROM catalog.publications").fetchall()
            outbox = connection.execute("SELECT action, key FROM catalog.outbox").fetchall()
        assert len({(kind, key) for kind, key, _ in published}) == len(published), "a key is crossed off twice"
        return published, outbox


def was_under_way(run: Sync) -> bool:
    """Whether it was killed between the beginning and the end of its publication."""
    return run.status == -9 and BEGUN in run.said and ENDED not in run.said


def wait_for(run: Sync, words: str, within_s: float = 60.0) -> float:
    """When a command line said so, on the monotonic clock."""
    give_up = time.monotonic() + within_s
    while words not in run.said:
        assert time.monotonic() < give_up, run.said
        assert run.is_running(0.001) or words in run.said, run.said
    return time.monotonic()


@contextmanager
def new_rig(folder: Path, kind: str, publisher: Driver, seed: int) -> Iterator[Rig]:
    """A project in that folder that publishes to a target of that kind, for the length of the block."""
    if kind == "local":
        yield _rig(folder, kind, "local", publisher, HeldInFiles(folder / "catalog"), seed)
    elif kind == "openlineage":
        consumer = HeldByConsumer()
        with serving(consumer) as server:
            consumer.spec = {"url": server.url}
            yield _rig(folder, kind, "openlineage", publisher, consumer, seed)
    else:
        changes = {"upload": "changes", "batch_size": 5} if kind == "secoda_changes" else {}
        workspace = Workspace(staling=not changes, writes=1_000_000)
        with serving(workspace) as server:
            yield _rig(folder, kind, "secoda", publisher, HeldBySecoda(workspace, server.url, **changes), seed)


def _rig(folder: Path, name: str, path: str, publisher: Driver, held: Held, seed: int) -> Rig:
    project = Project(folder, "tests.catalog.tidy", {})
    document = {"kind": "catalog", "spec": {"name": name, "path": path, "spec": dict(held.spec)}}
    with project.config.open("a", encoding="utf-8") as file:
        file.write("---\n" + yaml.safe_dump(document))
    return Rig(folder, name, publisher, held, Declared(Random(seed), held.removes), project)


def _end(id_: str) -> Any:
    if id_.startswith("external/"):
        schema, _, table = id_.removeprefix("external/").partition(".")
        return ExternalTable(schema=schema, table=table)
    return InternalResource(databuilder_id=id_)


def _key(id_: str) -> str:
    return id_ if id_.startswith("external/") else f"{SOURCE}/{id_}"


def _ends_of(edge: Mapping[str, Any]) -> tuple[str, str]:
    """The keys of an edge in Secoda's shape."""
    upstream, downstream = (
        each["databuilder_id"] if "databuilder_id" in each else f"external/{each['schema']}.{each['table']}"
        for each in (edge["from_identifier"], edge["to_identifier"])
    )
    return upstream, downstream


def _place(dataset: Mapping[str, Any]) -> str:
    """The key of a dataset of an event."""
    return f"{dataset['namespace'].removeprefix('headwater://')}/{dataset['name']}"
