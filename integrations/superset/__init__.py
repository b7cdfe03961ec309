"""Apache Superset: databases, datasets, charts and dashboards, as tables and for the catalog, with their lineage."""

from typing import Literal

from pydantic import BaseModel, Field, HttpUrl, SecretStr

from integrations.sdk import HttpClient, Integration
from integrations.superset.catalog import edges_of, read, resources_of
from integrations.superset.login import SupersetLogin
from integrations.superset.tables.charts import CHARTS
from integrations.superset.tables.dashboard_charts import DASHBOARD_CHARTS
from integrations.superset.tables.dashboards import DASHBOARDS
from integrations.superset.tables.databases import DATABASES
from integrations.superset.tables.datasets import DATASETS


class Spec(BaseModel, extra="forbid"):
    """What a user fills in to connect. What is read is what that user may see."""

    base_url: HttpUrl
    username: str
    password: SecretStr
    provider: Literal["db", "ldap"] = Field("db", description="Who knows the password.")
    databases: dict[str, str] = Field(
        {}, description="By the name of a connection: what the catalog calls the database that it leads to."
    )


class Superset(Integration):
    """Apache Superset: databases, datasets, charts and dashboards."""

    spec = Spec
    tables = [DATABASES, DATASETS, CHARTS, DASHBOARDS, DASHBOARD_CHARTS]
    entity_types = ("database", "schema", "table", "column", "dashboard", "chart")

    def connect(self, spec: Spec) -> HttpClient:
        """Superset, as the user sees it."""
        return HttpClient(spec.base_url, auth=SupersetLogin(spec.username, spec.password, spec.provider))

    def extract(self) -> None:
        """Declare what the tables hold, and the way from a warehouse's tables to the dashboards."""
        spec = Spec.model_validate(self.credentials)
        client = self.connect(spec)
        try:
            found = read(client)
        finally:
            client.close()
        for resource in resources_of(found):
            self.declare_resource(resource)
        for edge in edges_of(found, spec.databases):
            self.declare_lineage(edge)
