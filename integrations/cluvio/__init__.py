"""Cluvio: dashboards for the catalog. A plain SecodaIntegration, as for the `secodadk` package: extract() only."""

from typing import Any

from integrations.sdk import DeclaredLineage, InternalResource, Resource, SecodaIntegration
from integrations.sdk.redact import register_secret

BASE_URL = "https://api.cluvio.com"
GROUP = InternalResource(databuilder_id="dashboard_group.default")


class CluvioIntegration(SecodaIntegration):
    """Cluvio: dashboards for the catalog."""

    def extract(self) -> None:
        """Declare one group, every dashboard in it, and an edge from each dashboard to the group.

        Raises: LoginRefused for a wrong e-mail address or password, SourceRefused for other refusals.
        Source: reference/secoda.md, section 4, which describes the example in Secoda's documentation.
        """
        base_url = self.credentials.get("base_url", BASE_URL).rstrip("/")
        headers = {"token": self.sign_in(base_url)}
        listing = self.http_get(f"{base_url}/dashboards/", headers=headers).raise_for_status().json()
        self.declare_resource(
            Resource(entity_type="dashboard_group", databuilder_id=GROUP.databuilder_id, title="Dashboards")
        )
        for dashboard in listing["data"]:
            self.declare_dashboard(dashboard)

    def sign_in(self, base_url: str) -> str:
        """Exchange e-mail address and password for a token."""
        user = {"email": self.credentials["email"], "password": self.credentials["password"]}
        answer = self.http_post(f"{base_url}/users/sign_in", json={"user": user})
        token: str = answer.raise_for_status().json()["token"]
        register_secret(token)
        return token

    def declare_dashboard(self, dashboard: dict[str, Any]) -> None:
        """Put one dashboard below the group, and its edge to the group into the lineage."""
        resource = Resource(
            entity_type="dashboard",
            databuilder_id=f"dashboard.{dashboard['id']}",
            parent_databuilder_id=GROUP.databuilder_id,
            title=dashboard["name"],
            description=dashboard.get("description"),
            external_updated_at=dashboard.get("updated_at"),
            native_type="dashboard",
            product="cluvio",
        )
        self.declare_resource(resource)
        self.declare_lineage(
            DeclaredLineage(
                from_identifier=InternalResource(databuilder_id=resource.databuilder_id), to_identifier=GROUP
            )
        )
