"""What DataHub calls things: an URN is made of the source, the entity type and the id, and never changes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from datahub.emitter.mce_builder import make_schema_field_urn, make_user_urn
from datahub.metadata.urns import ChartUrn, ContainerUrn, DashboardUrn, DataPlatformUrn, DatasetUrn

KINDS = {
    **dict.fromkeys(("cluster", "database", "schema", "dashboard_group", "job_group", "collection"), "container"),
    "dashboard": "dashboard",
    "chart": "chart",
    "column": "field",
}
LONGEST = 512  # percent-encoded: DataHub refuses longer ones
KEPT = 30


def kind_of(entity_type: str) -> str:
    """What DataHub has for an entity type: a container, dashboard, chart or field; all else is a dataset."""
    return KINDS.get(entity_type, "dataset")


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How URNs are spelled; `platforms` says for a source what DataHub calls its platform."""

    env: str
    platforms: Mapping[str, str]

    def platform(self, source: str) -> str:
        """The URN of a source's platform."""
        return str(DataPlatformUrn(self.platforms.get(source, source)))

    def urn(self, entity_type: str, source: str, id_: str) -> str:
        """The URN of what is no column."""
        urn = self._spelled(entity_type, source, id_.replace("%", "%25")) if id_ else ""
        if urn and len(quote(urn, safe="")) <= LONGEST:
            return urn
        digest = hashlib.sha256(id_.encode()).hexdigest()[:16]
        return self._spelled(entity_type, source, f"{id_[:KEPT].replace('%', '%25')}~{digest}")

    def _spelled(self, entity_type: str, source: str, id_: str) -> str:
        kind, platform = kind_of(entity_type), self.platforms.get(source, source)
        if kind == "container":
            return str(ContainerUrn(hashlib.sha256(f"{source}/{id_}".encode()).hexdigest()[:32]))
        if kind == "chart":
            return str(ChartUrn(platform, id_))
        if kind == "dashboard":
            return str(DashboardUrn(platform, id_))
        return str(DatasetUrn(self.platforms.get(source, source), id_, self.env))


def field_urn(dataset: str, path: str) -> str:
    """The URN of a dataset's field."""
    return make_schema_field_urn(dataset, path)


def user_urn(owner: str) -> str:
    """The URN of an owner; one who is an URN already stays so."""
    return make_user_urn(owner)
