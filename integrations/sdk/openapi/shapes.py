"""What a schema amounts to: references followed, `allOf` merged, null taken out, alternatives side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from integrations.sdk.openapi.document import Document, Schema

KINDS = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A schema, flat. `types` are what a value may be, null left out; none means anything.

    `alternatives` are those of `oneOf` and `anyOf`; `properties` and `items` are schemas, not yet shapes.
    """

    types: tuple[str, ...] = ()
    format: str = ""
    properties: Mapping[str, Schema] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    items: Schema | None = None
    alternatives: tuple["Shape", ...] = ()
    enum: tuple[Any, ...] = ()
    description: str = ""
    write_only: bool = False
    keywords: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_object(self) -> bool:
        """Whether it is an object whose properties are known, by itself or in each of its alternatives."""
        if self.properties:
            return True
        return bool(self.alternatives) and all(each.is_object for each in self.alternatives)

    @property
    def is_list(self) -> bool:
        """Whether it is a list and nothing else."""
        return self.types == ("array",) and self.items is not None


def shape_of(document: Document, schema: Schema, above: tuple[int, ...] = ()) -> Shape:
    """What the schema amounts to. A schema that contains itself adds nothing to itself."""
    found, said = document.follow(schema)
    key = id(found)
    if not isinstance(found, Mapping) or key in above:  # True and False are schemas, too
        return Shape(description=said)
    shape, parts = _own(found), Shape()
    for part in found.get("allOf") or ():
        parts = _merged(parts, shape_of(document, part, (*above, key)))
    shape = replace(_merged(shape, parts), properties={**parts.properties, **shape.properties})
    for choices in (found.get("oneOf"), found.get("anyOf"), _listed_choices(found)):
        shape = _chosen(shape, [shape_of(document, each, (*above, key)) for each in _beside_null(document, choices)])
    return replace(shape, description=said) if said else shape


def properties_of(document: Document, shape: Shape) -> dict[str, Schema]:
    """All properties that an object may have, whichever alternative it is; where two differ, the value is anything."""
    found = dict(shape.properties)
    for alternative in shape.alternatives:
        for name, schema in properties_of(document, alternative).items():
            if name not in found:
                found[name] = schema
            elif not _alike(shape_of(document, found[name]), shape_of(document, schema)):
                found[name] = {"description": shape_of(document, found[name]).description}
    return found


def _own(schema: Mapping[str, Any]) -> Shape:
    """The schema's own words, without its parts and alternatives."""
    said = schema.get("type")
    types = [each for each in (said if isinstance(said, list) else [said]) if isinstance(each, str) and each != "null"]
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    enum = tuple(value for value in values if value is not None)
    if not types:
        types = sorted({KINDS.get(type(value), "object") for value in enum})
    properties, items = schema.get("properties"), schema.get("items")
    items = None if isinstance(items, list) else items
    if not types and properties:
        types = ["object"]
    if not types and items is not None:
        types = ["array"]
    encoding = "byte" if schema.get("contentEncoding") == "base64" else ""
    return Shape(
        types=tuple(types),
        format=str(schema.get("format") or encoding),
        properties=properties if isinstance(properties, Mapping) else {},
        required=frozenset(schema.get("required") or ()) if isinstance(schema.get("required"), list) else frozenset(),
        items=items if items is not None or types != ["array"] else {},
        enum=enum,
        description=str(schema.get("description") or ""),
        write_only=bool(schema.get("writeOnly")),
        keywords=schema,
    )


def _listed_choices(schema: Mapping[str, Any]) -> Any:
    """A list of items without a type: 2.0 has no `anyOf`, and there what is made from other schemas says it so."""
    return schema.get("items") if "type" not in schema else None


def _beside_null(document: Document, alternatives: Any) -> list[Schema]:
    """The alternatives, without those that are only null."""
    if not isinstance(alternatives, list):
        return []
    return [each for each in alternatives if not _is_null(document.resolve(each))]


def _is_null(schema: Schema) -> bool:
    return isinstance(schema, Mapping) and (schema.get("type") in ("null", ["null"]) or schema.get("enum") == [None])


def _merged(shape: Shape, part: Shape) -> Shape:
    """The shape, with what another adds to it; its own words count first."""
    return replace(
        shape,
        types=shape.types or part.types,
        format=shape.format or part.format,
        properties={
            **shape.properties,
            **{name: part.properties[name] for name in part.properties if name not in shape.properties},
        },
        required=shape.required | part.required,
        items=shape.items if shape.items is not None else part.items,
        alternatives=(*shape.alternatives, *part.alternatives),
        enum=shape.enum or part.enum,
        description=shape.description or part.description,
        write_only=shape.write_only or part.write_only,
        keywords={**part.keywords, **shape.keywords},
    )


def _chosen(shape: Shape, alternatives: list[Shape]) -> Shape:
    """The shape with its alternatives; one alone, or several that are the same kind of value, are merged into it."""
    if not alternatives:
        return shape
    first, *others = alternatives
    if not others or (
        not any(each.properties for each in alternatives) and all(_alike(first, each) for each in others)
    ):
        return _merged(shape, first if not others else replace(first, enum=(), description=""))
    return replace(shape, alternatives=(*shape.alternatives, *alternatives))


def _alike(one: Shape, other: Shape) -> bool:
    """Whether both are the same kind of value."""
    simple = not (one.alternatives or other.alternatives)
    return simple and (one.types, one.format, one.items) == (other.types, other.format, other.items)
