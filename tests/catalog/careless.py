"""A source whose author was careless: it declares all that a catalog can be spoilt with, and one good dashboard."""

from integrations.sdk import (
    DeclaredLineage,
    ExternalColumn,
    ExternalTable,
    InternalResource,
    Resource,
    SecodaIntegration,
    TablesFromSQLQuery,
)

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)> \u202e\x00\x1b[31m=cmd|' /C calc'!A0"
HOSTILE_ID = "hostile <script>alert('id')</script> \x1b[31m"
LONG_SQL = "select count(*) from orders where id in (" + ", ".join(f"'{'x' * 500}{n}'" for n in range(2_000)) + ")"
NO_SQL = "Dear reader, this is not a query; SELECT FROM WHERE (((("
BOARD = InternalResource(databuilder_id="board")


class CarelessIntegration(SecodaIntegration):
    """Declares what nobody should."""

    def extract(self) -> None:
        """Declare it all."""
        self.declare_resource(Resource(entity_type="dashboard", databuilder_id="board", title="Board"))
        self.declare_misplaced()
        self.declare_resource(Resource(entity_type="dashboard", databuilder_id=HOSTILE_ID, title=HOSTILE))
        self.declare_edges()

    def declare_misplaced(self) -> None:
        """Parents that are not there, that go in circles, and one id for two things."""
        for type_, id_, parent in (
            ("table", "orphan", "nowhere"),
            ("column", "astray", "nowhere.either"),
            ("column", "lonely", None),
            ("dashboard_group", "hen", "egg"),
            ("dashboard_group", "egg", "hen"),
            ("dashboard_group", "itself", "itself"),
            ("dashboard", "twice", None),
            ("chart", "twice", None),
        ):
            self.declare_resource(
                Resource(entity_type=type_, databuilder_id=id_, parent_databuilder_id=parent, title=f"{type_} {id_}")
            )

    def declare_edges(self) -> None:
        """Ends that nobody knows, queries that are too long or none, and one good edge."""
        for upstream in (
            ExternalTable(schema="SHOP", table="Orders"),
            InternalResource(databuilder_id="unheard-of"),
            ExternalTable(schema="crm", table="people"),
            ExternalColumn(table="orders", column="totl"),
            TablesFromSQLQuery(sql=LONG_SQL),
            TablesFromSQLQuery(sql=NO_SQL),
        ):
            self.declare_lineage(DeclaredLineage(from_identifier=upstream, to_identifier=BOARD))
        gone = InternalResource(databuilder_id="gone")
        self.declare_lineage(DeclaredLineage(from_identifier=BOARD, to_identifier=gone))
