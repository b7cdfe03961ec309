"""Columns: one for each property of a record, and what an author says otherwise."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from integrations.sdk.errors import DeclarationError
from integrations.sdk.names import check_name, nearest
from integrations.sdk.openapi.document import Document, Schema
from integrations.sdk.openapi.naming import first_sentence, singular, snake, unique
from integrations.sdk.openapi.shapes import properties_of, shape_of
from integrations.sdk.openapi.values import type_of
from integrations.sdk.page import EACH
from integrations.sdk.schema import Column, Path
from integrations.sdk.types import TEXT, ColumnType, Kind

KEYS = ("id", "_id", "uuid", "uid", "guid", "gid", "sid", "key", "slug")  # not `name`: it would merge namesakes
LONGEST = 400  # of a description
SIMPLE = (("string",), ("integer",))
# What a record may be inside of, as with JSON:API, Kubernetes, Contentful, and a graph's edges.
AROUND = ("attributes", "data", "node", "resource", "entity", "metadata", "meta", "sys", "record", "object")


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What a column is, against what the document makes of it; None leaves it as it is."""

    name: str | None = None
    type: ColumnType | None = None
    description: str | None = None
    primary_key: bool | None = None
    not_null: bool | None = None
    masked: bool | None = None
    drop: bool = False


DROP = Override(drop=True)

Overrides = Mapping[str, Override | ColumnType]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column to be: the record's key, `inside` the objects around it, and what the document says of it."""

    key: str
    inside: tuple[str, ...] = ()
    name: str
    type: ColumnType
    description: str = ""
    primary_key: bool = False
    not_null: bool = False
    masked: bool = False

    @property
    def path(self) -> tuple[str, ...]:
        """The keys that lead to it in the record."""
        return (*self.inside, self.key)

    @property
    def place(self) -> str:
        """The same, as one word."""
        return ".".join(self.path)

    def column(self) -> Column:
        """The column; its origin is the field's place in the record."""
        return Column(
            self.name,
            self.type,
            None if self.path == (self.name,) else Path(self.path),
            primary_key=self.primary_key,
            not_null=self.not_null,
            description=self.description,
            masked=self.masked,
        )


def fields_of(document: Document, record: Schema, table: str, settled: Collection[str] = ()) -> list[Field]:
    """The fields of a record, in the document's order, the primary key marked where one is recognised.

    Those that are `settled` may have a schema that cannot be read: what they are is said elsewhere.

    What is only written (`writeOnly`) is not read. A password is masked. No column is `not_null`: what a document
    requires, its API may leave out, and the row would be lost. Where all that a record is stands inside an object, as
    in JSON:API's `attributes`, its fields are those of that object.
    """
    properties = _without_settled(properties_of(document, shape_of(document, record)), settled)
    around = _around(document, properties, table)
    found: list[tuple[tuple[str, ...], str, Schema]] = []
    for key, schema in properties.items():
        if key in around:
            inner = _without_settled(properties_of(document, shape_of(document, schema)), settled, f"{key}.")
            found += [((key,), name, each) for name, each in inner.items()]
        else:
            found.append(((), key, schema))
    return _keyed_by_name(_fields(document, found), table)


def key_of_each(fields: Sequence[Field]) -> Field:
    """The field for the key that a record has in the object that holds it; the table's key where it has none."""
    names = [each.name for each in fields]
    return Field(
        key=EACH,
        name="key" if "key" not in names else "key_above",
        type=TEXT,
        description="Its key in the object that holds the records.",
        primary_key=not any(each.primary_key for each in fields),
    )


def field_at(document: Document, record: Schema, place: str) -> Field | None:
    """The field at a place such as `user.id`, called by all of its words; None where there is none."""
    *inside, key = place.split(".")
    schema = record
    for name in inside:
        schema = properties_of(document, shape_of(document, schema)).get(name)
    properties = properties_of(document, shape_of(document, schema))
    if key not in properties:
        return None
    (field,) = _fields(document, [(tuple(inside), key, properties[key])])
    return replace(field, name=snake("_".join(field.path)))


def keys_inside(document: Document, record: Schema) -> list[str]:
    """The places of keys in a record's objects: such as `user.id`, which may be its own, or another's."""
    found = []
    for name, schema in properties_of(document, shape_of(document, record)).items():
        inner = properties_of(document, shape_of(document, schema))
        found += [f"{name}.{key}" for key in inner if key in KEYS and _is_simple(document, inner[key])]
    return found


def _without_settled(properties: Mapping[str, Schema], settled: Collection[str], before: str = "") -> dict[str, Schema]:
    """The properties; nothing is said of those that are settled."""
    return {key: {} if f"{before}{key}" in settled else schema for key, schema in properties.items()}


def _around(document: Document, properties: Mapping[str, Schema], table: str) -> list[str]:
    """The objects that a record's fields are in: JSON:API's attributes; else the one with its key, and its like."""
    simple = [snake(key) for key, schema in properties.items() if _is_simple(document, schema)]
    if primary_key_of(simple, table):
        wanted: Sequence[str] = AROUND[:1] if "type" in properties else ()
    else:
        keyed = [place.partition(".")[0] for place in keys_inside(document, {"properties": properties})]
        wanted = AROUND if set(keyed).intersection(AROUND) else ()
    return [name for name in properties if name in wanted and shape_of(document, properties[name]).properties]


def _is_simple(document: Document, schema: Schema) -> bool:
    return shape_of(document, schema).types in SIMPLE


def _fields(document: Document, found: Sequence[tuple[tuple[str, ...], str, Schema]]) -> list[Field]:
    """The fields for properties, each with the objects that it is inside of."""
    shapes = {(*inside, key): shape_of(document, schema) for inside, key, schema in found if key}
    schemas = {(*inside, key): schema for inside, key, schema in found}
    paths = [path for path, shape in shapes.items() if not shape.write_only]
    usual = Counter(snake(path[-1]) for path in paths)
    names = unique(
        [snake(path[-1] if len(path) == 1 or usual[snake(path[-1])] == 1 else "_".join(path)) for path in paths]
    )
    return [
        Field(
            key=path[-1],
            inside=path[:-1],
            name=name,
            type=type_of(document, schemas[path], path[-1]),
            description=first_sentence(shapes[path].description, LONGEST),
            masked=shapes[path].format == "password",
        )
        for path, name in zip(paths, names, strict=True)
    ]


def _keyed_by_name(fields: Sequence[Field], table: str) -> list[Field]:
    """The fields, the one marked that is called as keys are."""
    simple = [each.name for each in fields if each.type.kind in (Kind.TEXT, Kind.INTEGER, Kind.UUID)]
    primary = primary_key_of(simple, table)
    return [replace(each, primary_key=each.name == primary) for each in fields]


def primary_key_of(names: Sequence[str], table: str) -> str | None:
    """The one of these names that tells records apart: `id`, or the table's own name with `_id`, or the like."""
    one = singular(table)
    own = [f"{word}{end}" for word in (one, one.rpartition("_")[2]) for end in ("_id", "_key", "_uuid", "_number")]
    return next((name for name in (*KEYS[:1], *own, *KEYS[1:]) if name in names), None)


def settled_by(overrides: Overrides) -> list[str]:
    """The fields whose schema does not matter any more: those with a type, and those that are dropped."""
    return [name for name, said in overrides.items() if isinstance(said, ColumnType) or said.type or said.drop]


def overridden(fields: Sequence[Field], overrides: Overrides, table: str) -> list[Field]:
    """The fields as the author wants them; overrides are by the document's name or the column's.

    Raises: DeclarationError for an override of a field that is not there.
    """
    known = [name for each in fields for name in (each.place, each.name)]
    for name in overrides:
        if name not in known:
            raise DeclarationError(
                f"table `{table}`: the document has no field `{name}` to override", hint=nearest(name, known)
            )
    made = []
    for each in fields:
        said = overrides.get(each.place, overrides.get(each.name, Override()))
        said = Override(type=said) if isinstance(said, ColumnType) else said
        if not said.drop:
            made.append(_with(each, said))
    return made


def keyed(fields: Sequence[Field], primary_key: Sequence[str], table: str) -> list[Field]:
    """The fields, with these as the primary key. Raises: DeclarationError for one that is not there."""
    known = [name for each in fields for name in (each.name, each.place)]
    for name in primary_key:
        if name not in known:
            raise DeclarationError(
                f"table `{table}` has no column `{name}` for its primary key", hint=nearest(name, known)
            )
    return [replace(each, primary_key=not {each.name, each.place}.isdisjoint(primary_key)) for each in fields]


def _with(field: Field, said: Override) -> Field:
    if said.name is not None:
        check_name("column", said.name)
    return replace(
        field,
        name=field.name if said.name is None else said.name,
        type=said.type or field.type,
        description=field.description if said.description is None else said.description,
        primary_key=field.primary_key if said.primary_key is None else said.primary_key,
        not_null=field.not_null if said.not_null is None else said.not_null,
        masked=field.masked if said.masked is None else said.masked,
    )
