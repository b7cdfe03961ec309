"""Datasette: the tables and views of the SQLite databases that a Datasette server publishes."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field, HttpUrl, SecretStr

from integrations.datasette.cursors import CursorSpec
from integrations.datasette.discovery import DATABASES, discover_databases
from integrations.datasette.snapshot import Snapshot, read_snapshot
from integrations.datasette.tables import build_tables
from integrations.sdk import Bearer, HttpClient, Integration, Table
from integrations.sdk.errors import LoginRefused, SourceRefused


class Spec(BaseModel, extra="forbid"):
    """What a user fills in to connect."""

    url: HttpUrl = Field(description="The server's address, such as https://latest.datasette.io.")
    token: SecretStr | None = Field(None, description="An API token, sent as a bearer token.")
    databases: list[str] | None = Field(
        None, min_length=1, description="The databases to read; by default all but _internal and _memory."
    )
    by_parent: dict[str, str] = Field(
        {}, description="Tables to list once per row of another: {table: its foreign-key column to that other}."
    )
    cursors: dict[str, CursorSpec] = Field(
        {}, description="Tables that are incremental: {table: {column: the time or integer that grows, …}}."
    )
    page_size: int | None = Field(None, ge=1, description="Rows to ask for at a time; by default the server's most.")


class Datasette(Integration):
    """Datasette: the tables and views of the SQLite databases that a server publishes."""

    spec = Spec

    def connect(self, spec: Spec) -> HttpClient:
        """A client for the server, with the token if there is one."""
        return HttpClient(spec.url, auth=Bearer(spec.token) if spec.token else None)

    def test_connection(self, client: HttpClient) -> None:
        """Ask for the databases' names. Datasette answers 403 to a token that it does not know."""
        try:
            client.get(DATABASES)
        except SourceRefused as refused:
            if refused.status != 403:
                raise
            raise LoginRefused(
                "Datasette does not let these credentials in (403)",
                request=refused.request,
                status=403,
                hint="set a valid `token` in the source's spec",
            ) from None

    def discover(self, client: HttpClient) -> Mapping[str, Any]:
        """Ask for the databases, their tables, and the columns' declared types."""
        return discover_databases(client, self.credentials.get("databases")).plain()

    @classmethod
    def tables_from(cls, spec: Spec, snapshot: Mapping[str, Any]) -> Sequence[Table]:
        """One table for each table and view of the snapshot. Raises: ConfigError."""
        found: Snapshot = read_snapshot(snapshot)
        return build_tables(
            found,
            databases=spec.databases,
            by_parent=spec.by_parent,
            page_size=spec.page_size or "max",
            cursors=spec.cursors,
        )
