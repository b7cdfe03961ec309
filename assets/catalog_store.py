"""The catalog's tables in the warehouse: resources and lineage as their integrations declared them."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from assets.warehouse.quoting import names, text
from assets.warehouse.session import Session
from integrations.sdk.errors import DeclarationError, WarehouseError
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


EDGES = {
    "position": "BIGINT",
    "from_type": "VARCHAR",
    "from_identifier": "VARCHAR",
    "to_type": "VARCHAR",
    "to_identifier": "VARCHAR",
}


def replace(
    session: Session, source: str, run_id: str, resources: Sequence[Resource], lineage: Sequence[DeclaredLineage]
) -> None:
    """Put what a source declares in the place of what it declared before, at once. Raises: WarehouseError."""
    about = f"{text(source)}, {text(run_id)}"
    columns = names(list(FIELDS))
    with tempfile.TemporaryDirectory(prefix="headwater-catalog-") as folder:
        declared = _lines(Path(folder) / "resources.ndjson", map(_plain, resources))
        edges = _lines(Path(folder) / "lineage.ndjson", map(_edge, range(len(lineage)), lineage))
        statements = [
            *CREATE,
            f"DELETE FROM catalog.resources WHERE source = {text(source)}",
            f"DELETE FROM catalog.lineage WHERE source = {text(source)}",
            f"INSERT INTO catalog.resources SELECT {about}, {columns}, now() FROM {_read(declared, FIELDS)}",
            f"INSERT INTO catalog.lineage SELECT {about}, position, from_type, from_identifier::JSON, to_type, "
            f"to_identifier::JSON, now() FROM {_read(edges, EDGES)}",
        ]
        try:
            session.execute_many(statements)
        except WarehouseError:
            _check_fields(resources)
            raise


def _check_fields(resources: Iterable[Resource]) -> None:
    """Name the resource that has a value of a wrong type: one that was set later is not checked when it is set.

    Raises: DeclarationError.
    """
    for resource in resources:
        try:
            Resource.model_validate(_plain(resource))
        except ValidationError as error:
            (field, *_), why = error.errors()[0]["loc"], error.errors()[0]["msg"]
            raise DeclarationError(f"the resource `{resource.databuilder_id}` has a wrong `{field}`: {why}") from None


def _plain(resource: Resource) -> dict[str, Any]:
    return resource.model_dump(mode="json", warnings=False)


def forget(session: Session, source: str) -> None:
    """Let go of what a source has declared."""
    tables = ("resources", "lineage")
    session.execute_many([*CREATE, *(f"DELETE FROM catalog.{each} WHERE source = {text(source)}" for each in tables)])


def _edge(position: int, edge: DeclaredLineage) -> dict[str, Any]:
    ends = edge.from_identifier, edge.to_identifier
    upstream, downstream = (end.model_dump_json(exclude_none=True) for end in ends)
    return {
        "position": position,
        "from_type": ends[0].type,
        "from_identifier": upstream,
        "to_type": ends[1].type,
        "to_identifier": downstream,
    }


def _lines(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    """The records as a file of JSON lines. Raises: WarehouseError for text that is none."""
    with path.open("wb") as file:
        for record in records:
            try:
                file.write(msgspec.json.encode(record) + b"\n")
            except UnicodeEncodeError:
                raise WarehouseError(
                    f"the resource `{record.get('databuilder_id')!r}` has half a surrogate pair in its text",
                    hint="clean the text in extract()",
                ) from None
    return path


def _read(path: Path, columns: dict[str, str]) -> str:
    listed = ", ".join(f"{text(column)}: {text(type_)}" for column, type_ in columns.items())
    return f"read_json({text(str(path))}, format='newline_delimited', columns={{{listed}}})"


def count_lineage(session: Session, source: str) -> int:
    """How many edges a source has declared."""
    session.execute_many(CREATE)
    (row,) = session.query(f"SELECT count(*) FROM catalog.lineage WHERE source = {text(source)}")[1]
    return int(row[0])
