"""Small documents, in each of the three versions, that say the same."""

from collections.abc import Mapping
from typing import Any

from integrations.sdk.openapi import openapi_table

VERSIONS = ("2.0", "3.0", "3.1")

Schema = Mapping[str, Any]


def document(
    paths: Mapping[str, Any],
    schemas: Mapping[str, Any] | None = None,
    *,
    version: str = "3.1",
    security: Mapping[str, Any] | None = None,
    **top: Any,
) -> dict[str, Any]:
    """A document of the version, with these paths and definitions."""
    made: dict[str, Any] = {"info": {"title": "Shop", "version": "1"}, "paths": dict(paths), **top}
    if version == "2.0":
        return {"swagger": "2.0", "host": "api.example.com", **made, "definitions": schemas or {}} | (
            {"securityDefinitions": security} if security else {}
        )
    servers = [{"url": "https://api.example.com"}]
    components = {"schemas": schemas or {}, **({"securitySchemes": security} if security else {})}
    return {"openapi": f"{version}.0", "servers": servers, **made, "components": components}


def ref(name: str, version: str = "3.1") -> dict[str, str]:
    """A reference to a definition, where the version keeps them."""
    return {"$ref": f"#/definitions/{name}" if version == "2.0" else f"#/components/schemas/{name}"}


def answers(schema: Schema, version: str = "3.1", *, headers: tuple[str, ...] = ()) -> dict[str, Any]:
    """The responses of an operation that answers this."""
    named = {"headers": {name: {"schema": {"type": "string"}} for name in headers}} if headers else {}
    if version == "2.0":
        return {"200": {"description": "ok", "schema": schema, **named}}
    return {"200": {"description": "ok", "content": {"application/json": {"schema": schema}}, **named}}


def parameter(
    name: str, kind: str = "string", place: str = "query", version: str = "3.1", **said: Any
) -> dict[str, Any]:
    """A parameter; what is said of its values stands beside its name in 2.0."""
    own = {key: said.pop(key) for key in ("required", "description") if key in said}
    values = {"type": kind, **said}
    return {"name": name, "in": place, **own, **(values if version == "2.0" else {"schema": values})}


def listing(
    record: Schema,
    *parameters: dict[str, Any],
    key: str = "items",
    version: str = "3.1",
    beside: Mapping[str, Schema] | None = None,
    headers: tuple[str, ...] = (),
    **said: Any,
) -> dict[str, Any]:
    """A path whose GET answers a list of these records, below a key or, without one, itself."""
    records = {"type": "array", "items": record}
    schema = {"type": "object", "properties": {key: records, **(beside or {})}} if key else records
    return {"get": {"parameters": list(parameters), "responses": answers(schema, version, headers=headers), **said}}


def of(**properties: Any) -> dict[str, Any]:
    """An object with an id and these properties."""
    return {"type": "object", "properties": {"id": {"type": "integer"}, **properties}}


def columns(record: Schema, schemas: Mapping[str, Any] | None = None, version: str = "3.1") -> dict[str, str]:
    """The names and types of the columns for records of this schema."""
    table = openapi_table(document({"/things": listing(record, version=version)}, schemas, version=version), "/things")
    return {column.name: column.type.sql for column in table.columns}
