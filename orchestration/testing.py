"""The conformance suite: what every integration must do, in one line of its tests.

    TestAcme = conformance("integrations.acme", api, spec={"token": "secret-token-1234"})

`api` is the source as a function from request to answer (integrations/sdk/testing.py); it is really served,
and really synced, through the Dagster assets into DuckDB. pytest collects the class that comes back.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from assets.observing import Observer, TableOutcome
from assets.source import Source
from integrations.sdk.errors import HeadwaterError
from integrations.sdk.integration import Integration
from integrations.sdk.schema import Node
from integrations.sdk.testing import Answer, Api, Asked, Server, serving
from orchestration.config import load_config
from orchestration.home import open_instance
from orchestration.running import prepare_run
from orchestration.sources import load_sources, snapshot_path

SOURCE = "conformance"


class Outcomes(Observer):
    """Keeps every table's outcome."""

    def __init__(self) -> None:
        self.tables: dict[str, TableOutcome] = {}
        self.errors: list[HeadwaterError] = []

    def finished(self, outcome: TableOutcome) -> None:
        """Keep it."""
        self.tables[outcome.node.name] = outcome

    def failed(self, error: HeadwaterError) -> None:
        """Keep it."""
        self.errors.append(error)


class Project:
    """A project in a folder: a config file with one source, its warehouse, its Dagster home."""

    def __init__(self, folder: Path, module: str, spec: Mapping[str, Any], **settings: Any) -> None:
        self.folder = folder
        source = {
            "name": SOURCE,
            "path": module,
            "destinations": ["warehouse"],
            "deterministic_cq_id": True,
            "spec": dict(spec),
            **settings,
        }
        destination = {"name": "warehouse", "path": "duckdb", "spec": {"path": "warehouse.duckdb"}}
        documents = [{"kind": "source", "spec": source}, {"kind": "destination", "spec": destination}]
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "config.yaml"
        self.config.write_text(yaml.safe_dump_all(documents), encoding="utf-8")

    @property
    def home(self) -> Path:
        """Its Dagster home."""
        return self.folder / ".dagster"

    def source(self) -> Source:
        """The source, discovered first if its tables are to be."""
        config = load_config(self.config)
        (source,) = load_sources(config)
        if issubclass(source.integration, Integration) and source.integration.discovers() and not source.nodes:
            with source.connected() as (integration, client):
                found = integration.discover(client)
            snapshot_path(config, SOURCE).write_text(json.dumps(found), encoding="utf-8")
            (source,) = load_sources(config)
        return source

    def sync(self) -> Outcomes:
        """Sync everything; what became of each table."""
        outcomes = Outcomes()
        with open_instance(self.folder) as instance:
            prepare_run(self.source(), instance, outcomes)()
        return outcomes

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query over the warehouse."""
        with self.source().warehouse.session() as session:
            return session.query(sql)[1]

    def rows(self, node: Node) -> list[tuple[Any, ...]]:
        """A table's rows without what differs from sync to sync, in a stable order."""
        columns = ", ".join(f'"{column.name}"' for column in node.table.columns)
        return self.query(f'SELECT _cq_id, {columns} FROM "{SOURCE}"."{node.name}" ORDER BY ALL')


class Conformance:
    """The rules, one a test. `conformance` makes the subclass that pytest collects."""

    module: ClassVar[str]
    api: ClassVar[Api]
    spec: ClassVar[Mapping[str, Any]]
    url_key: ClassVar[str]
    may_be_empty: ClassVar[Sequence[str]]

    @classmethod
    def project(cls, folder: Path, server: Server) -> Project:
        """The integration, configured for that server."""
        return Project(folder, cls.module, {**cls.spec, cls.url_key: server.url})

    @pytest.fixture(scope="class")
    @classmethod
    def synced(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Outcomes]]:
        """The API as it is, synced once for all tests that only look at what came of it."""
        with serving(cls.api) as server:
            project = cls.project(tmp_path_factory.mktemp("synced"), server)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("DAGSTER_HOME", str(project.home))
                outcomes = project.sync()
            yield project, outcomes

    def test_every_table_is_synced(self, synced: tuple[Project, Outcomes]) -> None:
        """Every table is read without an error, and no record of the API is rejected."""
        _, outcomes = synced
        assert not outcomes.errors
        assert outcomes.tables, "the integration has no tables"
        for name, outcome in outcomes.tables.items():
            assert outcome.error is None, f"{name}: {outcome.error}"
            assert outcome.record.rejected == 0, f"{name} rejects records: its types do not fit"
            assert outcome.record.rows > 0, f"{name} has no rows: the API of the test should have some"

    def test_primary_keys_identify_rows(self, synced: tuple[Project, Outcomes]) -> None:
        """Every table has a primary key, and no two records share one."""
        for name, outcome in synced[1].tables.items():
            assert outcome.node.table.primary_keys, f"{name} has no primary key"
            assert outcome.record.duplicates == 0, f"{name}: records repeat a primary key"

    def test_every_column_has_values(self, synced: tuple[Project, Outcomes]) -> None:
        """No column is null in all rows: a misspelt field would be."""
        project, outcomes = synced
        empty = []
        for name, outcome in outcomes.tables.items():
            columns = [column.name for column in outcome.node.table.columns]
            counts = ", ".join(f'count("{column}")' for column in columns)
            (found,) = project.query(f'SELECT {counts} FROM "{SOURCE}"."{name}"')
            places = [f"{name}.{column}" for column, count in zip(columns, found, strict=True) if not count]
            empty += [place for place in places if place not in self.may_be_empty]
        assert not empty, f"null in every row: {', '.join(empty)}; check the path, or list it in may_be_empty"

    def test_a_second_sync_changes_nothing(
        self, synced: tuple[Project, Outcomes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Syncing twice gives the same rows as syncing once."""
        project, outcomes = synced
        monkeypatch.setenv("DAGSTER_HOME", str(project.home))
        nodes = [outcome.node for outcome in outcomes.tables.values()]
        first = [project.rows(node) for node in nodes]
        project.sync()
        assert [project.rows(node) for node in nodes] == first

    def test_too_many_requests_are_waited_for(
        self, synced: tuple[Project, Outcomes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A 429 is waited for as the source asks, and nothing is missing afterwards."""
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
        asked_before: set[tuple[str, str]] = set()

        def impatient(asked: Asked) -> Answer:
            key = asked.path, str(sorted(asked.query.items()))
            if key not in asked_before:
                asked_before.add(key)
                return Answer(429, json={}, headers={"Retry-After": "0"})
            return type(self).api(asked)

        with serving(impatient) as server:
            busy = self.project(tmp_path, server).sync().tables
        calm = synced[1].tables
        assert {name: outcome.record.rows for name, outcome in busy.items()} == {
            name: outcome.record.rows for name, outcome in calm.items()
        }
        assert sum(outcome.record.retries for outcome in busy.values()) > 0

    def test_no_secret_is_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """No secret of the spec is in the warehouse, in Dagster's storage or in the log."""
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
        refused = [False]

        def refusing(asked: Asked) -> Answer:
            return Answer(500, json={"echo": str(asked.headers)}) if refused[0] else type(self).api(asked)

        with serving(refusing) as server:
            project = self.project(tmp_path, server)
            secrets = _secrets_of(project.source())
            project.sync()
            monkeypatch.setattr("integrations.sdk.retrying.FIRST_WAIT_S", 0.001)
            refused[0] = True
            project.sync()
        files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "config.yaml"]
        for secret in secrets:
            assert secret not in caplog.text
            for path in files:
                assert secret.encode() not in path.read_bytes(), f"a secret is in {path.name}"


def conformance(
    module: str,
    api: Api,
    *,
    spec: Mapping[str, Any],
    url_key: str = "base_url",
    may_be_empty: Sequence[str] = (),
) -> type[Conformance]:
    """A test class for the integration of that module.

    The server's address goes into the spec under `url_key`. `may_be_empty` names columns, as `table.column`,
    for which the API has no value.
    """
    about = {"module": module, "spec": spec, "url_key": url_key, "may_be_empty": may_be_empty}
    return type("TestConformance", (Conformance,), {**about, "api": staticmethod(api)})


def _secrets_of(source: Source) -> list[str]:
    if isinstance(source.spec, dict):
        return [value for value in source.spec.values() if isinstance(value, str) and "://" not in value]
    values = [getattr(source.spec, name) for name in type(source.spec).model_fields]
    return [value.get_secret_value() for value in values if hasattr(value, "get_secret_value")]
