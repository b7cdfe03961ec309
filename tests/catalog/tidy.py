"""A source whose author was careful: one table with one column, for others to come from."""

from integrations.sdk import Resource, SecodaIntegration


class TidyIntegration(SecodaIntegration):
    """A small warehouse."""

    def extract(self) -> None:
        """Declare it."""
        self.declare_resource(
            Resource(entity_type="table", databuilder_id="orders", title="orders", database="db", schema="shop")
        )
        self.declare_resource(
            Resource(entity_type="column", databuilder_id="orders.id", parent_databuilder_id="orders", title="id")
        )
