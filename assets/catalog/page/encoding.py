"""Packs a catalog into the JSON that the page reads: every text once, and numbers in place of names.

Per field of an entry there is one array over all entries, in the order of their keys. A text is its index in
`strings`; a key is what it shares with the key before it, and the rest. `scripts/catalog.js` is the other side.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from assets.catalog.model import Catalog, Edge, Entry

TEXTS = (
    "source", "entity_type", "databuilder_id", "title", "description", "definition", "native_type", "type",
    "database", "schema", "group", "product", "sql",
)  # fmt: skip
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPES = {"<": "\\u003c", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_UNSAFE = re.compile("|".join(_ESCAPES))


class Strings:
    """All texts of the catalog, each once. The empty one is 0, so that a field without text is all zeros."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {"": 0}

    def at(self, text: str) -> int:
        """The number of a text, which it gets when it is first seen."""
        return self._at.setdefault(text, len(self._at))

    def all(self) -> list[str]:
        """The texts in the order of their numbers."""
        return list(self._at)


def encode(catalog: Catalog, title: str, generated_at: datetime) -> dict[str, Any]:
    """The catalog as values that JSON has.

    An edge to or from an entry that the catalog lacks is told among the unresolved ones.
    """
    strings = Strings()
    entries = [catalog.entries[key] for key in sorted(catalog.entries)]
    at = {entry.key: number for number, entry in enumerate(entries)}
    edges = [edge for edge in catalog.edges if edge.upstream in at and edge.downstream in at]
    lost = [edge for edge in catalog.edges if not (edge.upstream in at and edge.downstream in at)]
    return {
        "title": title,
        "generated_at": _seconds(generated_at),
        "keys": _front_coded([entry.key for entry in entries]),
        "entries": _entries(entries, at, strings),
        "edges": {
            "upstream": [at[edge.upstream] for edge in edges],
            "downstream": [at[edge.downstream] for edge in edges],
            "source": _field(edges, lambda edge: strings.at(edge.source)),
            "how": _field(edges, lambda edge: strings.at(edge.how)),
            "doubt": _field(edges, lambda edge: round(1 - edge.confidence, 3)),
        },
        "unresolved": [
            *([gap.source, _words(gap.upstream), _words(gap.downstream), gap.reason, list(gap.near)]
              for gap in catalog.unresolved),
            *([edge.source, [["key", edge.upstream]], [["key", edge.downstream]], _missing(edge, at), []]
              for edge in lost),
        ],
        "strings": strings.all(),
    }  # fmt: skip


def to_json(values: Mapping[str, Any]) -> str:
    """JSON that may stand inside a script element: no `<`, and no line that only JavaScript sees.

    Half of a surrogate pair, which neither UTF-8 nor an address has, becomes the replacement character.
    """
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = _UNSAFE.sub(lambda found: _ESCAPES[found[0]], text)
    return _SURROGATE.sub("\ufffd", text)


def _entries(entries: Sequence[Entry], at: Mapping[str, int], strings: Strings) -> dict[str, Any]:
    def text(name: str) -> Callable[[Entry], int]:
        return lambda entry: strings.at(getattr(entry, name))

    numbers: dict[str, Callable[[Entry], Any]] = {
        "parent": lambda entry: at.get(entry.parent or "", -1) + 1,
        "is_pk": lambda entry: int(entry.is_pk),
        "hidden": lambda entry: int(entry.hidden),
        "sort_order": lambda entry: 0 if entry.sort_order is None else _after_zero(entry.sort_order),
        "rows": lambda entry: 0 if entry.rows is None else entry.rows + 1,
        "updated_at": lambda entry: 0 if entry.updated_at is None else _seconds(entry.updated_at),
        "owners": lambda entry: [strings.at(owner) for owner in entry.owners] or 0,
    }
    return {name: _field(entries, value) for name, value in ({name: text(name) for name in TEXTS} | numbers).items()}


def _field(items: Sequence[Any], value: Callable[[Any], Any]) -> Any:
    """One field of all items: an array, or the places and the values where most of it is 0."""
    values = [value(item) for item in items]
    filled = [number for number, one in enumerate(values) if one != 0]
    return values if len(filled) * 2 > len(values) else {"at": filled, "is": [values[number] for number in filled]}


def _front_coded(keys: Sequence[str]) -> list[int | str]:
    """Each key as the number of UTF-16 units that it shares with the key before it, and the rest."""
    coded: list[int | str] = []
    before = ""
    for key in keys:
        shared = _shared(before, key)
        coded += [sum(1 + (character > "\uffff") for character in key[:shared]), key[shared:]]
        before = key
    return coded


def _shared(one: str, other: str) -> int:
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return length


def _words(end: Mapping[str, object]) -> list[list[str]]:
    """An end as its author wrote it: pairs of texts."""
    return [[str(name), value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)]
            for name, value in end.items() if value is not None]  # fmt: skip


def _missing(edge: Edge, at: Mapping[str, int]) -> str:
    ends: Iterable[str] = (name for name in ("upstream", "downstream") if getattr(edge, name) not in at)
    return f"The catalog has no entry for its {' and '.join(ends)} key"


def _after_zero(order: int) -> int:
    """A sort order that is never 0, which stands for none; order is kept."""
    return order + 1 if order >= 0 else order


def _seconds(time: datetime) -> int:
    """Since 1970. A time without a zone is UTC."""
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
