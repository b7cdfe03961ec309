"""Sample records: what a document says that an API may answer, the same for the same number."""

import base64
import uuid
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.sdk.errors import DeclarationError
from integrations.sdk.openapi.document import Document, Schema
from integrations.sdk.openapi.shapes import Shape, properties_of, shape_of
from integrations.sdk.openapi.values import type_of
from integrations.sdk.types import Kind

DEEPEST = 4
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
TEXTS = {
    "email": "person{n}@example.com",
    "uri": "https://example.com/{n}",
    "url": "https://example.com/{n}",
    "hostname": "host{n}.example.com",
    "ipv4": "192.0.2.{n}",
    "ipv6": "2001:db8::{n}",
    "time": "12:34:{n:02}Z",
}


class Sampler:
    """Makes records of a document's schemas; each field has a value, optional ones included."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def record(self, schema: Schema, number: int, place: str = "") -> dict[str, Any]:
        """The record with this number of the listing at this place. No two places share an `id`."""
        value = self.value(schema, number, place, place)
        return value if isinstance(value, dict) else {}

    def value(self, schema: Schema, number: int, name: str, place: str = "", depth: int = 0) -> Any:
        """A value that the schema allows; `name` is the field's."""
        try:
            shape = shape_of(self._document, schema)
        except DeclarationError:  # a reference that leads nowhere, inside a value that nobody looks into
            return {}
        if shape.alternatives and not shape.types and not shape.properties:
            chosen = shape.alternatives[number % len(shape.alternatives)]
            return self._of_shape(chosen, chosen.keywords, number, name, place, depth)
        return self._of_shape(shape, schema, number, name, place, depth)

    def _of_shape(self, shape: Shape, schema: Schema, number: int, name: str, place: str, depth: int) -> Any:
        if shape.enum:
            return shape.enum[number % len(shape.enum)]
        kind = shape.types[0] if shape.types else ("object" if shape.properties else "string")
        match kind:
            case "object":
                return self._object(shape, number, place, depth)
            case "array":
                return self._list(shape, number, name, depth)
            case "boolean":
                return number % 2 == 0
            case "integer":
                return _between(shape, _code(place) * 10 + number if _is_key(name) else number)
            case "number":
                return _between(shape, number + 0.25)
            case _:
                return self._text(shape, schema, number, name, place)

    def _object(self, shape: Shape, number: int, place: str, depth: int) -> dict[str, Any]:
        if shape.alternatives and depth == 0:
            chosen = shape.alternatives[number % len(shape.alternatives)]
            properties = {**shape.properties, **properties_of(self._document, chosen)}
        else:
            properties = dict(shape.properties)
        wanted = {name for name in properties if depth < DEEPEST or name in shape.required}
        made = {
            name: self.value(schema, number, name, place if depth == 0 else name, depth + 1)
            for name, schema in properties.items()
            if name in wanted and depth <= 2 * DEEPEST and not self._is_only_written(schema)
        }
        extra = shape.keywords.get("additionalProperties")
        if not properties and extra not in (None, False):
            made["key"] = self.value({} if extra is True else extra, number, "key", "", depth + 1)
        return made

    def _is_only_written(self, schema: Schema) -> bool:
        return isinstance(schema, Mapping) and "$ref" not in schema and bool(schema.get("writeOnly"))

    def _list(self, shape: Shape, number: int, name: str, depth: int) -> list[Any]:
        least = shape.keywords.get("minItems")
        count = 0 if depth > DEEPEST else max(1, least if isinstance(least, int) else 1)
        return [self.value(shape.items, number + each, name, "", depth + 1) for each in range(count)]

    def _text(self, shape: Shape, schema: Schema, number: int, name: str, place: str) -> str:
        moment = FIRST + timedelta(hours=number)
        match type_of(self._document, schema, name).kind:
            case Kind.TIMESTAMP:
                return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            case Kind.DATE:
                return (FIRST + timedelta(days=number)).date().isoformat()
            case Kind.INTERVAL:
                return f"PT{number + 1}H"
            case Kind.UUID:
                return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{place}/{name}/{number}"))
            case Kind.BLOB:
                return base64.b64encode(f"{name} {number}".encode()).decode()
            case Kind.INTEGER:
                return str(number)
        text = TEXTS.get(shape.format, "{name}-{n}")
        key = f"{name}-{_code(place)}" if place and _is_key(name) else name
        return _sized(text.format(name=key, n=number), shape.keywords, number)


def _is_key(name: str) -> bool:
    return name.lower().lstrip("_").endswith(("id", "key", "uid", "slug", "code"))


def _code(place: str) -> int:
    """A number for a listing's place, so that its keys are its own."""
    return zlib.crc32(place.encode()) % 1_000_000 if place else 0


def _between(shape: Shape, value: float) -> float:
    low, high = shape.keywords.get("minimum"), shape.keywords.get("maximum")
    if isinstance(low, int | float) and value < low:
        value = low + value if not isinstance(high, int | float) or low + value <= high else low
    if isinstance(high, int | float) and value > high:
        value = high
    return value


def _sized(text: str, keywords: Mapping[str, Any], number: int) -> str:
    """The text, as short and as long as it has to be; its number stays."""
    least, most = keywords.get("minLength"), keywords.get("maxLength")
    if isinstance(least, int) and len(text) < least:
        text = text.rjust(least, "x")
    return text[-most:] if isinstance(most, int) and most > 0 and len(text) > most else text
