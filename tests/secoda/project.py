"""A folder with a script, its manifest and a config.yaml that uses it, synced as a user's is."""

from pathlib import Path
from typing import Any

import yaml

from orchestration.config import load_config
from orchestration.home import open_instance
from orchestration.running import prepare_run
from orchestration.sources import load_sources
from tests.integrations import Project, Run

LOGIN_SCRIPT = """
import os

from secodadk import DeclaredLineage, InternalResource, Resource, SecodaIntegration

BASE = os.environ.get("BOARDS_URL", "")


class Boards(SecodaIntegration):
    def extract(self):
        base = self.credentials["base_url"]
        who = {"email": self.credentials["email"], "password": self.credentials["password"]}
        session = self.http_post(f"{base}/session", json={"user": who}, headers={"Accept": "application/json"})
        session.raise_for_status()
        common = dict(headers={"token": session.json()["token"]}, verify=True)
        self.declare_resource(Resource(entity_type="dashboard_group", databuilder_id="group.all", title="All"))
        for board in self.http_get(f"{base}/boards", **common).json()["data"]:
            board_id = f"dashboard.{board['id']}"
            self.declare_resource(
                Resource(
                    entity_type="dashboard",
                    databuilder_id=board_id,
                    parent_databuilder_id="group.all",
                    title=board["name"],
                    external_updated_at=board["changed"],
                    product="boards",
                )
            )
            self.declare_lineage(
                DeclaredLineage(
                    from_identifier=InternalResource(databuilder_id=board_id),
                    to_identifier=InternalResource(databuilder_id="group.all"),
                )
            )


if __name__ == "__main__":
    Boards(credentials={"email": os.environ["EMAIL"]}).start()
"""

LIBRARY_SCRIPT = """
import json

import filestore
from secodadk import DeclaredLineage, ExternalTable, InternalResource, Resource, SecodaIntegration


class Files(SecodaIntegration):
    def extract(self):
        store = filestore.connect(json.loads(self.credentials["json_file"]))
        for name in store.names(self.credentials["bucket"]):
            parts = name.split("/")
            kind = ("database", "schema", "table")[len(parts) - 1]
            place = dict(zip(("database", "schema"), parts))
            self.declare_resource(Resource(entity_type=kind, databuilder_id=name, title=parts[-1], **place))
            if kind != "table":
                continue
            self.declare_lineage(
                DeclaredLineage(
                    from_identifier=InternalResource(databuilder_id=name),
                    to_identifier=ExternalTable(database=parts[0], schema=parts[1], table=parts[2]),
                )
            )
            for place, column in enumerate(store.header(name)):
                self.declare_resource(
                    Resource(
                        entity_type="column",
                        databuilder_id=f"{name}#{column}",
                        parent_databuilder_id=name,
                        title=column,
                        sort_order=place,
                        table=parts[2],
                    )
                )
"""

FILESTORE = """
class Store:
    def names(self, bucket):
        return ["raw", "raw/sales", "raw/sales/orders"]

    def header(self, name):
        return ["id", "amount"]


def connect(key):
    assert key["account"] == "me"
    return Store()
"""


class ScriptProject(Project):
    """A project with one script; `folder` is the config file's."""

    def __init__(
        self,
        folder: Path,
        text: str,
        spec: dict[str, Any] | None = None,
        manifest: dict[str, Any] | None = None,
        name: str = "some_script.py",
    ) -> None:
        self.folder, self.home = folder, folder / "dagster"
        self.warehouse = folder / "data" / "warehouse.duckdb"
        folder.mkdir(parents=True, exist_ok=True)
        self.script = folder / name
        self.script.parent.mkdir(parents=True, exist_ok=True)
        self.script.write_text(text, encoding="utf-8")
        if manifest is not None:
            write_manifest(self.script, manifest)
        documents = [
            {
                "kind": "source",
                "spec": {
                    "name": "boards",
                    "registry": "secoda",
                    "path": name,
                    "destinations": ["warehouse"],
                    "spec": spec or {},
                },
            },
            {"kind": "destination", "spec": {"name": "warehouse", "spec": {"path": "data/warehouse.duckdb"}}},
        ]
        self.config = folder / "config.yaml"
        self.config.write_text(yaml.safe_dump_all(documents), encoding="utf-8")

    def sync(self) -> Run:
        seen = Run()
        (source,) = load_sources(load_config(self.config))
        with open_instance(self.folder) as instance:
            seen.succeeded = prepare_run(source, instance, seen)().success
        return seen


def write_manifest(script: Path, manifest: dict[str, Any]) -> Path:
    """The manifest beside a script, with what every manifest needs."""
    whole = {"name": "Boards", "version": "1.0", "endpoints": [], **manifest}
    path = script.with_name(f"{script.stem}.manifest.yaml")
    path.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
    return path
