"""What a plugin says of its tables, as plain JSON: kept beside the config file, and declared from it alone."""

from collections.abc import Iterator, Sequence
from typing import Any

from integrations.sdk import types as t
from integrations.sdk.errors import DeclarationError
from integrations.sdk.names import INTERNAL_PREFIX, NAME, slug
from integrations.sdk.schema import Column, Path, Table
from integrations.sdk.streams import INTERNAL, Streamed, arrives
from integrations.sdk.types import ColumnType, Kind

Description = dict[str, Any]


def declared(descriptions: Sequence[Description]) -> list[Table]:
    """The topmost tables of a snapshot, with their relations; a parent that is not there is none.

    Raises: DeclarationError.
    """
    names = {description["name"] for description in descriptions}
    below: dict[str, list[Description]] = {}
    for description in descriptions:
        above = description.get("parent", "")
        below.setdefault(above if above in names else "", []).append(description)

    def tables(parent: str, ancestors: tuple[str, ...], inherited: bool) -> Iterator[Table]:
        for each in below.get(parent, ()):
            if each["name"] in ancestors:
                raise DeclarationError(f"the plugin's table `{each['name']}` is its own ancestor")
            incremental = inherited or bool(each.get("incremental"))
            yield _declared(each, list(tables(each["name"], (*ancestors, each["name"]), incremental)), incremental)

    return list(tables("", (), inherited=False))


def _declared(description: Description, relations: Sequence[Table], incremental: bool) -> Table:
    own = [column for column in description["columns"] if not column["name"].startswith(INTERNAL_PREFIX)]
    hidden = set(str(description.get("sensitive_columns", "")).strip("[]").replace('"', "").split(","))
    return Table(
        _legal(description["name"]),
        [_column(column, masked=column["name"] in hidden) for column in own],
        arrives,
        relations=relations,
        title=description.get("title", ""),
        description=description.get("description", ""),
        streamed=Streamed(
            name=description["name"],
            incremental=incremental,
            brings=tuple(c["name"] for c in description["columns"] if c["name"] in INTERNAL),
        ),
    )


def _legal(name: str) -> str:
    return name if NAME.match(name) else slug(name)


def _column(column: Description, *, masked: bool) -> Column:
    name = column["name"]
    return Column(
        _legal(name),
        type_of(column["type"]),
        Path((name,)),
        primary_key=column.get("primary_key", False),
        not_null=column.get("not_null", False),
        unique=column.get("unique", False),
        incremental_key=column.get("incremental_key", False),
        masked=masked,
    )


def described(type_: ColumnType) -> Any:
    """A type as a snapshot keeps it: its name, or an object for one that is made of others."""
    if type_.kind is Kind.LIST and type_.item:
        return {"list": described(type_.item)}
    if type_.kind is Kind.MAP and type_.item:
        return {"map": described(type_.item)}
    if type_.kind is Kind.STRUCT:
        return {"struct": {name: described(inner) for name, inner in type_.fields}}
    if type_.kind is Kind.DECIMAL:
        return {"decimal": [type_.digits, type_.scale]}
    return next(name for name, scalar in t.SCALARS.items() if scalar == type_)


def type_of(description: Any) -> ColumnType:
    """The type that `described` has described. Raises: KeyError, ValueError for what it has not."""
    if isinstance(description, str):
        return t.SCALARS[description]
    ((kind, inner),) = description.items()
    if kind == "struct":
        return t.STRUCT(**{name: type_of(each) for name, each in inner.items()})
    return t.DECIMAL(*inner) if kind == "decimal" else {"list": t.LIST, "map": t.MAP}[kind](type_of(inner))
