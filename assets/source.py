"""One configured use of an integration: everything that its assets and commands need to know of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from assets.authors import authors_code
from assets.destinations.model import Destination
from assets.order import TableOptions
from assets.warehouse.duckdb import DuckDBWarehouse
from integrations.sdk.http import HttpClient
from integrations.sdk.integration import Integration, SecodaIntegration, instantiate
from integrations.sdk.manifest import Manifest
from integrations.sdk.names import slug
from integrations.sdk.schema import Client, Node
from integrations.sdk.script_network import HttpNetwork
from integrations.sdk.strategies import IngestStrategy, InMemoryIngest, MaskedIngest, Masking

LINEAGE = "lineage"  # the last part of the key of what a source declares


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source of config.yaml, resolved: its integration's class, its spec, and the tables it covers."""

    name: str
    integration: type[SecodaIntegration]
    spec: BaseModel | dict[str, Any]
    warehouse: DuckDBWarehouse
    script: str = ""
    manifest: Manifest | None = None
    masking: Masking | None = None
    nodes: Sequence[Node] = ()
    entity_types: Sequence[str] = ()
    write_mode: str = "overwrite-delete-stale"
    deterministic_ids: bool = False
    concurrency: int = 16
    parallel_requests: int | None = None
    requests_per_second: float | None = None
    schedule: str | None = None
    schedule_timezone: str = "UTC"
    probe_every_s: int = 300
    options: Mapping[str, TableOptions] = field(default_factory=dict)
    forced_migration: bool = False
    destinations: Sequence[Destination] = ()
    description: str = ""
    owners: Sequence[str] = field(default=())

    @property
    def slug(self) -> str:
        """The name as Dagster's groups, jobs and ops may have it."""
        return slug(self.name)

    def instantiate(self, *, ingest_resources_strategy: IngestStrategy | None = None) -> SecodaIntegration:
        """The integration itself, with its credentials, held to its manifest's endpoints; its secrets masked."""
        credentials, ingest = _plain(self.spec), ingest_resources_strategy or InMemoryIngest()
        network = HttpNetwork(
            parallel_requests=self.parallel_requests,
            requests_per_second=self.requests_per_second,
            allowed=self.manifest.allowed(credentials) if self.manifest else None,
        )
        if self.masking:
            ingest = MaskedIngest(ingest, self.masking)
        return instantiate(self.integration, credentials, ingest, network)

    def connect(self) -> Client:
        """The client that tables are read with, under this source's limits."""
        integration = self.instantiate()
        assert isinstance(integration, Integration)
        with authors_code("connect()", self.name):
            client = integration.connect(self.spec)
        if isinstance(client, HttpClient):
            client.limit(parallel_requests=self.parallel_requests, requests_per_second=self.requests_per_second)
        return client

    @contextmanager
    def connected(self) -> Iterator[tuple[Integration, Client]]:
        """The integration and its client, closed at the end; errors inside name this source."""
        integration, client = self.instantiate(), self.connect()
        assert isinstance(integration, Integration)
        try:
            with authors_code("the integration", self.name):
                yield integration, client
        finally:
            if hasattr(client, "close"):
                client.close()

    def node(self, table: str) -> Node | None:
        """The table of that name, if the source covers it."""
        return next((node for node in self.nodes if node.name == table), None)


def _plain(spec: BaseModel | dict[str, Any]) -> dict[str, Any]:
    """The spec as the `credentials` dictionary of a SecodaIntegration: secrets in the clear."""
    if not isinstance(spec, BaseModel):
        return dict(spec)
    plain = {name: getattr(spec, name) for name in type(spec).model_fields}
    return {
        key: value.get_secret_value() if hasattr(value, "get_secret_value") else value for key, value in plain.items()
    }
