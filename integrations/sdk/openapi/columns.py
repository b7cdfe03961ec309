"""Columns: one for each property of a record, and what an author says otherwise."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from integrations.sdk.errors import DeclarationError
from integrations.sdk.names import check_name, nearest
from integrations.sdk.openapi.document import Document, Schema
from integrations.sdk.openapi.naming import first_sentence, singular, snake, unique
from integrations.sdk.openapi.shapes import properties_of, shape_of
from integrations.sdk.openapi.values import type_of
from integrations.sdk.schema import Column, Path
from integrations.sdk.types import ColumnType

KEYS = ("id", "_id", "uuid", "uid", "guid", "gid", "sid", "key", "slug")  # not `name`: it would merge namesakes
LONGEST = 400  # of a description
SIMPLE = (("string",), ("integer",))


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
    """A column to be: the record's key, and what the document says of it."""

    key: str
    name: str
    type: ColumnType
    description: str = ""
    primary_key: bool = False
    not_null: bool = False
    masked: bool = False

    def column(self) -> Column:
        """The column; its origin is the record's key."""
        return Column(
            self.name,
            self.type,
            None if self.key == self.name else Path((self.key,)),
            primary_key=self.primary_key,
            not_null=self.not_null,
            description=self.description,
            masked=self.masked,
        )


def fields_of(document: Document, record: Schema, table: str, settled: Collection[str] = ()) -> list[Field]:
    """The fields of a record, in the document's order, the primary key marked where one is recognised.

    Those that are `settled` may have a schema that cannot be read: what they are is said elsewhere.

    What is only written (`writeOnly`) is not read. A password is masked. No column is `not_null`: what a document
    requires, its API may leave out, and the row would be lost.
    """
    shape = shape_of(document, record)
    properties = properties_of(document, shape)
    properties |= {key: {} for key in settled if key in properties}
    shapes = {key: shape_of(document, schema) for key, schema in properties.items() if key}
    keys = [key for key, each in shapes.items() if not each.write_only]
    names = unique([snake(key) for key in keys])
    found = [
        Field(
            key=key,
            name=name,
            type=type_of(document, properties[key], key),
            description=first_sentence(shapes[key].description, LONGEST),
            masked=shapes[key].format == "password",
        )
        for key, name in zip(keys, names, strict=True)
    ]
    simple = [each.name for each in found if shapes[each.key].types in SIMPLE]
    primary = primary_key_of(simple, table)
    return [replace(each, primary_key=each.name == primary) for each in found]


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
    known = [name for each in fields for name in (each.key, each.name)]
    for name in overrides:
        if name not in known:
            raise DeclarationError(
                f"table `{table}`: the document has no field `{name}` to override", hint=nearest(name, known)
            )
    made = []
    for each in fields:
        said = overrides.get(each.key, overrides.get(each.name, Override()))
        said = Override(type=said) if isinstance(said, ColumnType) else said
        if not said.drop:
            made.append(_with(each, said))
    return made


def keyed(fields: Sequence[Field], primary_key: Sequence[str], table: str) -> list[Field]:
    """The fields, with these as the primary key. Raises: DeclarationError for one that is not there."""
    known = [each.name for each in fields]
    for name in primary_key:
        if name not in known:
            raise DeclarationError(
                f"table `{table}` has no column `{name}` for its primary key", hint=nearest(name, known)
            )
    return [replace(each, primary_key=each.name in primary_key) for each in fields]


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
