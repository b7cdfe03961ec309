"""Secoda: the catalog as the two JSONL files of its documented import, over REST.

Each upload is a sync for Secoda, which removes what a sync does not have. So an upload is the whole catalog,
what is kept for now included, unless the integration there has Automatic Staling disabled.
Not run against the live service.
Source: https://docs.secoda.co, "Import your Resources" and "API Documentation".
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import msgspec
from pydantic import Field, HttpUrl, SecretStr
from urllib3 import encode_multipart_formdata

from assets.catalog.items import Item, items_of
from assets.catalog.model import Catalog
from assets.catalog.publishing import Acknowledge, Change, TargetSpec
from integrations.sdk.auth import Bearer
from integrations.sdk.errors import ConfigError, HeadwaterError, PageUnreadable, SourceRefused
from integrations.sdk.http import HttpClient
from integrations.sdk.pagination import PageNumber, Request
from integrations.sdk.resource import ENTITY_PARENT

INTEGRATIONS = "integration/integrations/"
CATALOG = "resource/catalog/"
KIND = "custom"


class Spec(TargetSpec):
    """Which workspace, and which of its custom integrations."""

    WHERE = ("base_url", "integration", "integration_id")

    api_key: SecretStr = Field(description="An API key of the workspace; it has its creator's rights.")
    base_url: HttpUrl = Field(
        HttpUrl("https://api.secoda.co"),
        description="Where the API is; `https://<host>/api/v1` for a host of one's own.",
    )
    integration: str = Field("Headwater", description="The custom integration by name; it is made if there is none.")
    integration_id: str = Field("", description="The same by its id, which is then not looked for.")
    upload: Literal["everything", "changes"] = Field(
        "everything", description="changes only where the integration has Automatic Staling disabled."
    )
    batch_size: int = Field(1000, ge=1, description="Changes in an upload, of `changes`.")
    writes_per_minute: float = Field(30, gt=0, description="Secoda's limit.")
    resources_field: str = Field("resources_file", description="What the upload calls the file of resources.")
    lineage_field: str = Field("lineages_file", description="What the upload calls the file of edges.")
    entity_types: dict[str, str] = Field(
        {"endpoint": "database"}, description="What to call entity types that Secoda does not have."
    )


class Secoda:
    """One custom integration of a workspace."""

    def __init__(self, spec: Spec) -> None:
        self._spec, self._auth = spec, Bearer(spec.api_key)
        self._kept: Sequence[Item] = ()
        self._untold: Sequence[Change] = ()

    def keep(self, items: Sequence[Item]) -> None:
        """Upload these along with the catalog, or Secoda would remove them."""
        self._kept = items

    def publish(self, changes: Sequence[Change], catalog: Catalog, acknowledge: Acknowledge) -> Mapping[str, Any]:
        """Upload, and acknowledge what each upload told. Raises: LoginRefused, SourceError, ConfigError."""
        if not changes:
            return {"uploads": 0}
        with closing(self._client()) as client:
            writer = client.derive("writes")
            writer.limit(requests_per_second=self._spec.writes_per_minute / 60)
            integration = self._spec.integration_id or self._found(client) or self._made(writer)
            if self._spec.upload == "changes":
                uploads = self._upload_changes(writer, integration, changes, acknowledge)
            else:
                uploads = 1
                self._upload(writer, integration, [*items_of(catalog), *self._kept])
                acknowledge(changes)
        about = {"integration": integration, "uploads": uploads}
        removed = sum(change.action == "removed" for change in changes)
        if removed and not self._untold:
            about["removals"] = f"{removed:,} left out of the upload: Automatic Staling removes them, unless disabled"
        return about

    def verify(self, catalog: Catalog) -> Sequence[str]:
        """Compare the numbers of resources with those that Secoda shows, and name what it cannot be told."""
        types = Counter(self._type_of(entry.entity_type) for entry in catalog.entries.values())
        said = [
            f"{count:,} resources are of the type `{type_}`, which Secoda does not have: see entity_types"
            for type_, count in types.items()
            if type_ not in ENTITY_PARENT
        ]
        if self._untold:
            some = ", ".join(f"`{change.key}`" for change in self._untold[:3])
            said.append(
                f"{len(self._untold):,} removals are not told, since an upload of changes has none ({some}): "
                "upload everything once, with Automatic Staling"
            )
        try:
            said += self._too_few(types)
        except HeadwaterError as error:
            said.append(f"what Secoda holds cannot be read back: {error.what}")
        return said

    def _client(self) -> HttpClient:
        return HttpClient(self._spec.base_url, auth=self._auth)

    def _found(self, client: HttpClient) -> str | None:
        """The id of the custom integration of that name. Raises: ConfigError unless the name tells it."""
        ids = []
        for page in client.pages(
            INTEGRATIONS, params={"type": KIND}, records="results", paginate=PageNumber(pages="total_pages")
        ):
            for record in page.records:
                listed = msgspec.json.decode(record)
                if "name" not in listed:
                    raise ConfigError("Secoda's integrations come without names", hint="set integration_id")
                if listed["name"] == self._spec.integration:
                    ids.append(str(listed["id"]))
        if len(ids) > 1:
            raise ConfigError(
                f"Secoda has {len(ids)} integrations called `{self._spec.integration}`: {', '.join(ids)}",
                hint="set integration_id to one of them",
            )
        return ids[0] if ids else None

    def _made(self, writer: HttpClient) -> str:
        """The id of a new custom integration. Not tried twice, since a second one of that name would be of no use."""
        made = writer.post(INTEGRATIONS, json={"name": self._spec.integration, "type": KIND, "credentials": {}}).json()
        if not isinstance(made, dict) or "id" not in made:
            raise PageUnreadable("Secoda's answer to a new integration has no id", hint="set integration_id")
        return str(made["id"])

    def _upload_changes(
        self, writer: HttpClient, integration: str, changes: Sequence[Change], acknowledge: Acknowledge
    ) -> int:
        """Upload in batches; the number of uploads. What is to be removed stays in the outbox, and is named."""
        self._untold = [change for change in changes if change.action == "removed"]
        told = [change for change in changes if change.action != "removed"]
        batches = [told[at : at + self._spec.batch_size] for at in range(0, len(told), self._spec.batch_size)]
        for batch in batches:
            self._upload(writer, integration, batch)
            acknowledge(batch)
        return len(batches)

    def _upload(self, writer: HttpClient, integration: str, items: Sequence[Item | Change]) -> None:
        """Send both files. The same upload twice is one, so it is tried again. Raises: SourceError, LoginRefused."""
        resources = self._renamed(item.payload for item in items if item.kind == "resource")
        edges = (item.payload for item in items if item.kind == "edge")
        fields = {
            self._spec.resources_field: ("resources.jsonl", _lines(resources), "application/jsonl"),
            self._spec.lineage_field: ("lineage.jsonl", _lines(edges), "application/jsonl"),
        }
        body, content_type = encode_multipart_formdata(fields)
        path = f"{INTEGRATIONS}{quote(integration, safe='')}/import_jsonl_metadata/"
        headers = {"Content-Type": content_type}
        writer.request(Request("POST", path, headers=headers, data=body, reads=True)).raise_for_status()

    def _renamed(self, payloads: Iterable[bytes]) -> Iterator[bytes]:
        """The resources, with entity types that Secoda has."""
        for payload in payloads:
            document = msgspec.json.decode(payload)
            type_ = document.get("entity_type", "")
            yield (
                payload
                if self._type_of(type_) == type_
                else msgspec.json.encode(document | {"entity_type": self._type_of(type_)})
            )

    def _type_of(self, entity_type: str) -> str:
        return self._spec.entity_types.get(entity_type, entity_type)

    def _too_few(self, types: Mapping[str, int]) -> Iterator[str]:
        """Types of which the workspace has fewer than the catalog: an import is over some time after its upload."""
        with closing(self._client()) as client:
            for type_, wanted in types.items():
                if type_ not in ENTITY_PARENT:
                    continue
                chosen = json.dumps({"operator": "exact", "field": "type", "value": type_})
                answer = client.get(CATALOG, params={"filter": chosen}).json()
                shown = answer.get("count") if isinstance(answer, dict) else None
                if not isinstance(shown, int):
                    raise SourceRefused("its answer has no `count`")
                if shown < wanted:
                    yield f"Secoda shows {shown:,} of {wanted:,} {type_}s: the import may be still under way"


def connect(spec: Spec, folder: Path) -> Secoda:
    """The integration that the spec names. Asks nothing yet."""
    return Secoda(spec)


def _lines(payloads: Iterable[bytes]) -> bytes:
    return b"".join(payload + b"\n" for payload in payloads)
