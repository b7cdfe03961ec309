"""The guard before DuckDB's JSON reader: decides which records the reader can be trusted with.

The reader is fast and not exact: it rounds 1.5 to 2 in a BIGINT, takes `true` for 1, and alters numbers that
a double cannot hold. A strict typed decode with msgspec, whose result is thrown away, costs a fraction of
the reader's own time, and lets through only what both understand the same way.
"""

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain
from typing import Annotated, Any
from uuid import UUID

import msgspec

from assets.warehouse.exact import INT64_HIGH, INT64_LOW, decimal_fits
from integrations.sdk.schema import Column, Path
from integrations.sdk.types import ColumnType, Kind

NULL = msgspec.Raw(b"null")
SCOPE = "_cq_scope"  # the field that staging.py puts first into a line
SAFE_DECIMAL_DIGITS = 15
NOT_RENAMABLE = re.compile(r'["\\\x00-\x1f]')  # what msgspec has in no name of a field
DURATION_NOT_ISO = r"^[^P-]"  # what DuckDB may read itself; ISO 8601 durations are for the exact way
SMALL_NUMBER = b"0e-000"  # the trace of a number so near 0 that a double holds fewer digits, or none
SMALL_NUMBER_ENDS = re.compile(rb"[0-9.][eE]-[0-9]{3,}(?=[\s,}\]]|$)")
LONG_DIGITS = 16  # a run of digits and points from which a number in JSON may be more than a double holds
DIGIT_RUN = b"0" * LONG_DIGITS
DIGITS_ALIKE = bytes(
    ord("0") if chr(byte) in "0123456789." else {0: ord(" "), ord("E"): ord("e")}.get(byte, byte) for byte in range(256)
)
NO_GUARD = frozenset({Kind.JSON, Kind.DECIMAL, Kind.BLOB})  # not checked when inside a list, struct or map


class Guard:
    """Accepts or refuses staged lines for one table's columns that come from the record."""

    def __init__(self, columns: Sequence[Column]) -> None:
        tree = _tree(columns)
        self._decoder = msgspec.json.Decoder(_struct(tree))
        leaves = dict(_leaves(tree))
        self._json = _getter([attribute for attribute, type_ in leaves.items() if type_.kind is Kind.JSON])
        self._decimals = [(a, type_) for a, type_ in leaves.items() if type_.kind is Kind.DECIMAL]
        self._required_json = [_reach(a) for a in _required(tree) if leaves[a].kind is Kind.JSON]

    def accepts(self, lines: bytes, count: int = 1) -> bool:
        """Whether these are `count` lines, each an object whose values the reader reads exactly."""
        try:
            rows = self._decoder.decode_lines(lines)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if len(rows) != count or (self._json and not self._json_is_safe(rows)):
            return False
        if any(get(row) == NULL for get in self._required_json for row in rows):
            return False
        return all(self._decimals_are_safe(rows, attribute, type_) for attribute, type_ in self._decimals)

    def _json_is_safe(self, rows: list[Any]) -> bool:
        """Whether no number in a JSON column is long enough to be altered, nor half a surrogate pair there."""
        assert self._json is not None
        text = b" ".join(self._json(rows))
        alike = text.translate(DIGITS_ALIKE)
        if DIGIT_RUN in alike:
            return False
        return not (b"-" in alike and SMALL_NUMBER in alike and SMALL_NUMBER_ENDS.search(text))

    def _decimals_are_safe(self, rows: list[Any], attribute: str, type_: ColumnType) -> bool:
        for number in map(_reach(attribute), rows):
            if number is not None and not (
                number.is_finite()
                and len(number.as_tuple().digits) <= SAFE_DECIMAL_DIGITS
                and -SAFE_DECIMAL_DIGITS <= number.adjusted() < SAFE_DECIMAL_DIGITS - type_.scale
                and decimal_fits(number, type_)
            ):
                return False
        return True


def can_guard(columns: Sequence[Column]) -> bool:
    """Whether the fast way can be trusted with these columns at all.

    Not when two of them read the same field as different types, or one reads inside another's field, or
    fields differ in case alone (DuckDB's names do not), or a type that needs a look is inside another, or a
    key is one that msgspec cannot name.
    """
    paths: dict[tuple[str, ...], ColumnType] = {}
    for column in columns:
        assert isinstance(column.origin, Path)
        if paths.setdefault(column.origin.keys, column.type) != column.type:
            return False
        inner = column.type.leaves()
        if inner != [column.type] and any(leaf.kind in NO_GUARD for leaf in inner):
            return False
        spelled = [*column.origin.keys, *_field_names(column.type)]
        if any(map(NOT_RENAMABLE.search, spelled)) or spelled[0].casefold() == SCOPE:
            return False
    for keys in paths:
        if any(keys[:length] in paths for length in range(1, len(keys))):
            return False
    folded = {tuple(key.casefold() for key in keys) for keys in paths}
    prefixes = {keys[:n] for keys in paths for n in range(1, len(keys) + 1)}
    folded_prefixes = {tuple(key.casefold() for key in prefix) for prefix in prefixes}
    return len(folded) == len(paths) and len(folded_prefixes) == len(prefixes)


def _field_names(type_: ColumnType) -> list[str]:
    """The names of all fields of all structs inside a type."""
    inner = [inner for _, inner in type_.fields] + ([type_.item] if type_.item else [])
    return [name for name, _ in type_.fields] + [name for each in inner for name in _field_names(each)]


class _Leaf:
    """A field that columns read: its type, and whether a row needs it."""

    __slots__ = ("required", "type")

    def __init__(self, type: ColumnType, required: bool) -> None:
        self.type, self.required = type, required


_Tree = dict[str, Any]


def _tree(columns: Sequence[Column]) -> _Tree:
    tree: _Tree = {}
    for column in columns:
        assert isinstance(column.origin, Path)
        *parents, leaf = column.origin.keys
        branch = tree
        for key in parents:
            branch = branch.setdefault(key, {})
        known = branch.get(leaf)
        branch[leaf] = _Leaf(column.type, column.required or (known is not None and known.required))
    return tree


def _struct(tree: _Tree) -> Any:
    """A msgspec struct; a key may be any text, so fields are f0, f1, … renamed to their keys."""
    required: list[Any] = []
    optional: list[Any] = []
    rename = {}
    for position, (key, branch) in enumerate(tree.items()):
        name = f"f{position}"
        rename[name] = key
        if isinstance(branch, dict):
            needed = any(leaf.required for leaf in _all_leaves(branch))
            (required if needed else optional).append(
                (name, _struct(branch)) if needed else (name, _struct(branch) | None, None)
            )
        elif branch.type.kind is Kind.JSON:
            (required if branch.required else optional).append(
                (name, msgspec.Raw) if branch.required else (name, msgspec.Raw, NULL)
            )
        elif branch.required:
            required.append((name, _strict(branch.type)))
        else:
            optional.append((name, _strict(branch.type) | None, None))
    return msgspec.defstruct("Record", [*required, *optional], rename=rename, gc=False)


def _all_leaves(tree: _Tree) -> list[_Leaf]:
    found: list[_Leaf] = []
    for branch in tree.values():
        found += _all_leaves(branch) if isinstance(branch, dict) else [branch]
    return found


def _leaves(tree: _Tree, way: str = "") -> list[tuple[str, ColumnType]]:
    """Attribute paths (`f0.f2`) and their types; inside an optional object they cannot be looked at."""
    found: list[tuple[str, ColumnType]] = []
    for position, branch in enumerate(tree.values()):
        if isinstance(branch, dict):
            found += _leaves(branch, f"{way}f{position}.")
        else:
            found.append((f"{way}f{position}", branch.type))
    return found


def _required(tree: _Tree, way: str = "") -> list[str]:
    """Attribute paths of the fields that a row needs."""
    found: list[str] = []
    for position, branch in enumerate(tree.values()):
        if isinstance(branch, dict):
            found += _required(branch, f"{way}f{position}.")
        elif branch.required:
            found.append(f"{way}f{position}")
    return found


def _reach(attribute: str) -> Callable[[Any], Any]:
    """A getter for an attribute path; None when an object on the way is absent."""
    if "." not in attribute:
        return operator.attrgetter(attribute)
    parts = attribute.split(".")

    def reach(row: Any) -> Any:
        for part in parts:
            row = getattr(row, part, None)
        return row

    return reach


def _getter(attributes: list[str]) -> Callable[[list[Any]], Iterable[Any]] | None:
    """What gives all raw JSON values of some rows; in C where the values are not nested."""
    if not attributes:
        return None
    if any("." in attribute for attribute in attributes):
        getters = [_reach(attribute) for attribute in attributes]
        return lambda rows: [get(row) or NULL for row in rows for get in getters]
    get = operator.attrgetter(*attributes)
    if len(attributes) == 1:
        return lambda rows: map(get, rows)
    return lambda rows: chain.from_iterable(map(get, rows))


def _strict(type_: ColumnType) -> Any:
    """The msgspec type that accepts exactly what the reader reads as it is."""
    simple: dict[Kind, Any] = {
        Kind.BOOLEAN: bool,
        Kind.FLOAT: float,
        Kind.DECIMAL: Decimal,
        Kind.TEXT: str,
        Kind.BLOB: bytes,  # base64
        Kind.DATE: date,
        Kind.TIME: Annotated[time, msgspec.Meta(tz=False)],
        Kind.TIMESTAMP: datetime,
        Kind.LOCAL_TIMESTAMP: Annotated[datetime, msgspec.Meta(tz=False)],
        Kind.INTERVAL: Annotated[str, msgspec.Meta(pattern=DURATION_NOT_ISO)],
        Kind.UUID: UUID,
    }
    if type_.kind in simple:
        return simple[type_.kind]
    if type_.kind is Kind.INTEGER:
        low, high = max(type_.low, INT64_LOW), min(type_.high, INT64_HIGH)
        return Annotated[int, msgspec.Meta(ge=low, le=high)]
    if type_.kind is Kind.STRUCT:
        return _struct({name: _Leaf(inner, required=False) for name, inner in type_.fields})
    assert type_.item is not None
    item: Any = _strict(type_.item) | None
    return list[item] if type_.kind is Kind.LIST else dict[str, item]
