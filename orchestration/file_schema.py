"""The config file's JSON schema, for editors: what CloudQuery's files may say, and what ours say besides."""

from typing import Any

from pydantic import BaseModel

from integrations.sdk.cloudquery.source import HUB
from orchestration.specs import CatalogSpec, DestinationSpec, SourceSpec, TransformerSpec

MODELS: dict[str, type[BaseModel]] = {
    "source": SourceSpec,
    "destination": DestinationSpec,
    "catalog": CatalogSpec,
    "transformer": TransformerSpec,
}
FROM_CLOUDQUERY: dict[str, dict[str, Any]] = {
    "source": {"docker_registry_auth_token": {"type": "string"}},
    "destination": {
        "docker_registry_auth_token": {"type": "string"},
        "send_sync_summary": {"type": "boolean"},
    },
}
"""Fields that are taken from its files and become something else; see orchestration/cloudquery_files.py."""

FILLED = {"type": "string", "pattern": r"\$\{[^}]+\}"}
"""A text with a placeholder, which may stand for anything."""

TAG = {"properties": {"version": {"type": "string", "pattern": r"^(v|\$\{)"}}, "required": ["version"]}
ON_THE_HUB = {"properties": {"registry": {"enum": [*HUB]}}, "required": ["registry"]}
UNSAID = {"enum": ["", None]}
LIKE_THE_HUB = {"properties": {"registry": UNSAID, "path": {"type": "string", "pattern": "/"}}, "required": ["path"]}
VERSIONED: dict[str, list[dict[str, Any]]] = {
    "source": [ON_THE_HUB, LIKE_THE_HUB],
    "destination": [ON_THE_HUB, LIKE_THE_HUB],
    "transformer": [ON_THE_HUB, {"properties": {"registry": UNSAID}}],
}
"""Which of a kind need a version: those of CloudQuery's Hub and GitHub, by name or by what their path looks like."""


def file_schema() -> dict[str, Any]:
    """The schema of one document of a config file."""
    definitions: dict[str, Any] = {}
    documents = []
    for kind, model in MODELS.items():
        spec = model.model_json_schema()
        definitions |= spec.pop("$defs", {})
        fields = spec["properties"] | FROM_CLOUDQUERY.get(kind, {})
        required = spec["required"]
        spec["properties"] = {name: _or(FILLED, each) for name, each in fields.items()}
        for name in fields.keys() - set(required):
            spec["properties"][name] = _or({"type": "null"}, spec["properties"][name])
        if kind in FROM_CLOUDQUERY:
            spec["properties"]["name"] = {"type": "string", "minLength": 1}  # one that is not plain is made plain
            spec["properties"]["registry"]["anyOf"].append({"const": ""})
        if kind in VERSIONED:
            spec |= {"if": {"anyOf": VERSIONED[kind]}, "then": TAG}
        definitions[kind] = spec
        documents.append(
            {
                "type": "object",
                "properties": {"kind": {"const": kind}, "spec": {"$ref": f"#/$defs/{kind}"}},
                "required": ["kind", "spec"],
                "additionalProperties": False,
            }
        )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A document of Headwater's config file",
        "oneOf": documents,
        "$defs": definitions,
    }


def _or(other: dict[str, Any], field: dict[str, Any]) -> dict[str, Any]:
    """A field that may be something else: a text that stands for it, or null, which says the same as leaving it out."""
    about = {key: value for key, value in field.items() if key in ("description", "default", "title")}
    rest = {key: value for key, value in field.items() if key not in about}
    return about | {"anyOf": [*rest.get("anyOf", [rest]), other]}
