"""The part of a document that some of its operations need: for tests, which need no more."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from integrations.sdk.openapi.document import METHODS, Document, Operation
from integrations.sdk.openapi.files import FILES

LEFT = ("paths", "definitions", "components", "tags", FILES)  # of these, only what is referred to


def part_of(document: Document, operations: Sequence[Operation]) -> dict[str, Any]:
    """A document with these operations alone, and what they refer to. What it says of errors is left out."""
    content = document.content
    made = {key: value for key, value in content.items() if key not in LEFT}
    made["paths"] = {}
    for operation in operations:
        item = document.resolve(content["paths"][operation.path])
        own = {key: value for key, value in item.items() if key not in METHODS}
        kept = made["paths"].setdefault(operation.path, own)
        kept[operation.method.lower()] = _succeeding(document.resolve(item[operation.method.lower()]))
    schemes = content.get("components", {}).get("securitySchemes") if document.version != "2.0" else None
    if schemes:
        made["components"] = {"securitySchemes": schemes}
    waiting, seen = list(_references(made)), set[str]()
    while waiting:
        reference = waiting.pop()
        if reference not in seen:
            seen.add(reference)
            waiting += _references(_plant(made, content, reference))
    return made


def _succeeding(operation: Mapping[str, Any]) -> dict[str, Any]:
    """The operation, without its answers to failures and its examples."""
    answers = {status: each for status, each in operation["responses"].items() if str(status)[:1] not in "345"}
    return {**operation, "responses": answers}


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _plant(made: dict[str, Any], content: Any, reference: str) -> Any:
    """Copy what the reference leads to, at the same place; nothing where it leads nowhere."""
    keys = [part.replace("~1", "/").replace("~0", "~") for part in reference.removeprefix("#").strip("/").split("/")]
    holder, here = made, content
    for key in keys[:-1]:
        if not isinstance(here, Mapping) or key not in here:
            return None
        here = here[key]
        if not isinstance(holder.get(key), dict):
            holder[key] = {}
        holder = holder[key]
    if isinstance(here, Mapping) and keys[-1] in here:
        holder[keys[-1]] = here[keys[-1]]
        return here[keys[-1]]
    return None
