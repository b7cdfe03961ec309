"""A project that reads a Superset and the databases behind it, and publishes the catalog to files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from orchestration.cli.app import run
from tests.integrations.superset.warehouse import SCRIPT, UNKNOWN, make_databases

SOURCE = "superset"
WAREHOUSES = "warehouses/"
Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Scores:
    """How much of what was found is true, and how much of what is true was found; what differs."""

    kind: str
    found: int
    true: int
    right: int
    differences: tuple[str, ...]

    @property
    def precision(self) -> float:
        """Right ones among those found."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Right ones among the true."""
        return self.right / self.true if self.true else 1.0

    def __str__(self) -> str:
        return (
            f"{self.kind:<10} {self.true:>6,} at Superset {self.found:>6,} published   "
            f"precision {self.precision:.4f}   recall {self.recall:.4f}"
        )


class SupersetProject:
    """A folder with config.yaml, the databases, their script, and what is published."""

    def __init__(self, folder: Path, url: str, *, username: str, password: str, names: dict[str, str]) -> None:
        self.folder = folder
        self.files = make_databases(folder)
        (folder / "warehouses.py").write_text(SCRIPT, encoding="utf-8")
        paths = {name: str(path) for name, path in self.files.items()}
        who = {"username": username, "password": password}
        superset = {"base_url": url, **who, "databases": names}
        common = {"destinations": ["warehouse"], "deterministic_cq_id": True}
        sources: list[dict[str, Any]] = [
            {"name": SOURCE, "path": "integrations.superset", "spec": superset, **common},
            {
                "name": "warehouses",
                "registry": "secoda",
                "path": "warehouses.py",
                "spec": {"paths": paths, "without": UNKNOWN},
                "destinations": ["warehouse"],
            },
        ]
        documents = [{"kind": "source", "spec": each} for each in sources]
        documents += [
            {"kind": "destination", "spec": {"name": "warehouse", "spec": {"path": "data/warehouse.duckdb"}}},
            {"kind": "catalog", "spec": {"name": "local", "path": "local", "spec": {"directory": "catalog"}}},
        ]
        self.config = folder / "config.yaml"
        self.config.write_text(yaml.safe_dump_all(documents, allow_unicode=True), encoding="utf-8")

    def headwater(self, *words: str) -> int:
        """Run a command; its exit code."""
        return run([*words, "--config", str(self.config)])

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query over the warehouse; times are in UTC."""
        with duckdb.connect(str(self.folder / "data" / "warehouse.duckdb"), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()

    def published(self, file: str) -> list[dict[str, Any]]:
        """The lines of `resources` or `lineage`."""
        text = (self.folder / "catalog" / f"{file}.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def resources(self) -> dict[str, dict[str, Any]]:
        """What is published of Superset, by the integration's own ids; the address of its API left out."""
        found = {}
        for line in self.published("resources"):
            source, _, id_ = line["databuilder_id"].partition("/")
            if source == SOURCE and line["entity_type"] != "endpoint":
                line["parent_databuilder_id"] = line.get("parent_databuilder_id", "").removeprefix(f"{SOURCE}/")
                line["external_updated_at"] = _as_superset_writes(line.get("external_updated_at", ""))
                line.pop("databuilder_id")
                found[id_] = {key: value for key, value in line.items() if value}
        return found

    def column_edges(self) -> set[Edge]:
        """What is published of its lineage between columns, which comes of the queries."""
        columns = {id_ for id_, about in self.resources().items() if about["entity_type"] == "column"}
        return {edge for edge in self._edges()[0] if edge[1] in columns}

    def edges(self) -> tuple[set[Edge], set[str]]:
        """What is published of the rest: edges between resources; what is made of a table that nobody knows."""
        found, unknown = self._edges()
        return found - self.column_edges(), unknown

    def _edges(self) -> tuple[set[Edge], set[str]]:
        found: set[Edge] = set()
        unknown: set[str] = set()
        for line in self.published("lineage"):
            upstream, downstream = line["from_identifier"], line["to_identifier"]
            if not downstream.get("databuilder_id", "").startswith(f"{SOURCE}/"):
                continue
            made = downstream["databuilder_id"].removeprefix(f"{SOURCE}/")
            if upstream["type"] == "internal_resource":
                found.add((upstream["databuilder_id"].removeprefix(f"{SOURCE}/").removeprefix(WAREHOUSES), made))
            else:
                unknown.add(made)
        return found, unknown


def _as_superset_writes(at: str) -> str:
    """A time in UTC as SQLAlchemy puts it into SQLite."""
    return at.replace("T", " ").removesuffix("+00:00")


def score(kind: str, found: dict[str, Any], true: dict[str, Any]) -> Scores:
    """Compare two mappings: what is equal is right."""
    right = sum(key in true and true[key] == value for key, value in found.items())
    keys = [key for key in {**true, **found} if found.get(key) != true.get(key)]
    differences = tuple(f"{key}: {found.get(key)!r} is published, {true.get(key)!r} is true" for key in keys)
    return Scores(kind, len(found), len(true), right, differences)
