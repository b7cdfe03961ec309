"""The catalog's tables in the warehouse: resources and lineage as their integrations declared them."""

import json
from collections.abc import Sequence

from assets.warehouse.duckdb import Session
from assets.warehouse.quoting import text
from integrations.sdk.lineage import DeclaredLineage
from integrations.sdk.resource import Resource

FIELDS = {
    "entity_type": "VARCHAR",
    "databuilder_id": "VARCHAR",
    "parent_databuilder_id": "VARCHAR",
    "title": "VARCHAR",
    "description": "VARCHAR",
    "definition": "VARCHAR",
    "external_updated_at": "TIMESTAMPTZ",
    "native_type": "VARCHAR",
    "owners": "VARCHAR[]",
    "sort_order": "BIGINT",
    "type": "VARCHAR",
    "is_pk": "BOOLEAN",
    "hidden": "BOOLEAN",
    "schema": "VARCHAR",
    "database": "VARCHAR",
    "group": "VARCHAR",
    "product": "VARCHAR",
}

CREATE = (
    "CREATE SCHEMA IF NOT EXISTS catalog",
    "CREATE TABLE IF NOT EXISTS catalog.resources (source VARCHAR, run_id VARCHAR, "
    + ", ".join(f'"{field}" {type_}' for field, type_ in FIELDS.items())
    + ", declared_at TIMESTAMPTZ)",
    "CREATE TABLE IF NOT EXISTS catalog.lineage (source VARCHAR, run_id VARCHAR, position BIGINT, "
    "from_type VARCHAR, from_identifier JSON, to_type VARCHAR, to_identifier JSON, declared_at TIMESTAMPTZ)",
    "COMMENT ON TABLE catalog.resources IS 'What integrations declared for the catalog, as declared'",
    "COMMENT ON TABLE catalog.lineage IS 'Lineage edges, upstream to downstream, as declared'",
)
"""Statements that make the tables, harmless when they are there."""


def replace(
    session: Session, source: str, run_id: str, resources: Sequence[Resource], lineage: Sequence[DeclaredLineage]
) -> None:
    """Put what a source declares in the place of what it declared before, in one transaction."""
    resource_rows = json.dumps([resource.model_dump(mode="json") for resource in resources])
    edges = json.dumps(
        [
            {
                "position": position,
                "from_type": edge.from_identifier.type,
                "from_identifier": json.dumps(edge.from_identifier.model_dump(mode="json", exclude_none=True)),
                "to_type": edge.to_identifier.type,
                "to_identifier": json.dumps(edge.to_identifier.model_dump(mode="json", exclude_none=True)),
            }
            for position, edge in enumerate(lineage)
        ]
    )
    columns = ", ".join(f'"{field}"' for field in FIELDS)
    shape = json.dumps([FIELDS])
    edge_shape = (
        '[{"position":"BIGINT","from_type":"VARCHAR","from_identifier":"VARCHAR","to_type":"VARCHAR",'
        '"to_identifier":"VARCHAR"}]'
    )
    about = f"{text(source)}, {text(run_id)}"
    session.execute_many(
        [
            *CREATE,
            f"DELETE FROM catalog.resources WHERE source = {text(source)}",
            f"DELETE FROM catalog.lineage WHERE source = {text(source)}",
            f"INSERT INTO catalog.resources SELECT {about}, {columns}, now() FROM "
            f"(SELECT unnest(from_json({text(resource_rows)}, {text(shape)}), recursive := true))",
            f"INSERT INTO catalog.lineage SELECT {about}, position, from_type, from_identifier::JSON, to_type, "
            f"to_identifier::JSON, now() FROM (SELECT unnest(from_json({text(edges)}, {text(edge_shape)}), "
            "recursive := true))",
        ]
    )


def count_lineage(session: Session, source: str) -> int:
    """How many edges a source has declared."""
    session.execute_many(CREATE)
    (row,) = session.query(f"SELECT count(*) FROM catalog.lineage WHERE source = {text(source)}")[1]
    return int(row[0])
