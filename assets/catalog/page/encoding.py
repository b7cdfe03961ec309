"""Packs a catalog into the JSON that the page reads: every text once, and numbers in place of names.

Per field of an entry there is one array over all entries, in the order of their keys. A text is its index in
`strings`; a key is what it shares with the key before it, and the rest. `scripts/catalog.js` is the other side.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import msgspec

from assets.catalog.model import Catalog, Edge, Entry

TEXTS = (
    "source", "entity_type", "databuilder_id", "title", "description", "definition", "native_type", "type",
    "database", "schema", "group", "product", "sql",
)  # fmt: skip
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPES = {"<": "\\u003c", "\u2028": "\\u2028", "\u2029": "\\u2029"}


class Strings(dict[str, int]):
    """The number of each text of the catalog, which it gets when it is first asked for.

    The empty one is 0, so that a field without text is all zeros.
    """

    def __init__(self) -> None:
        super().__init__({"": 0})

    def __missing__(self, text: str) -> int:
        self[text] = number = len(self)
        return number


def encode(catalog: Catalog, title: str, generated_at: datetime) -> dict[str, Any]:
    """The catalog as values that JSON has.

    An edge to or from an entry that the catalog lacks is told among the unresolved ones.
    """
    strings = Strings()
    entries = [catalog.entries[key] for key in sorted(catalog.entries)]
    at = {entry.key: number for number, entry in enumerate(entries)}
    edges: list[Edge] = []
    lost: list[Edge] = []
    for edge in catalog.edges:
        (edges if edge.upstream in at and edge.downstream in at else lost).append(edge)
    return {
        "title": title,
        "generated_at": _seconds(generated_at),
        "keys": _front_coded([entry.key for entry in entries]),
        "entries": _entries(entries, at, strings),
        "edges": {
            "upstream": [at[edge.upstream] for edge in edges],
            "downstream": [at[edge.downstream] for edge in edges],
            "source": _field([strings[edge.source] for edge in edges]),
            "how": _field([strings[edge.how] for edge in edges]),
            "doubt": _field([0 if edge.confidence == 1 else round(1 - edge.confidence, 3) for edge in edges]),
        },
        "unresolved": [
            *([gap.source, _words(gap.upstream), _words(gap.downstream), gap.reason, list(gap.near)]
              for gap in catalog.unresolved),
            *([edge.source, [["key", edge.upstream]], [["key", edge.downstream]], _missing(edge, at), []]
              for edge in lost),
        ],
        "strings": list(strings),
    }  # fmt: skip


def to_json(values: Mapping[str, Any]) -> str:
    """JSON that may stand inside a script element: no `<`, and no line that only JavaScript sees.

    Half of a surrogate pair, which neither UTF-8 nor an address has, becomes the replacement character.
    """
    try:
        text = msgspec.json.encode(values).decode()
    except UnicodeEncodeError:
        text = _SURROGATE.sub("\ufffd", json.dumps(values, ensure_ascii=False, separators=(",", ":")))
    for unsafe, escape in _ESCAPES.items():
        text = text.replace(unsafe, escape)
    return text


def _entries(entries: Sequence[Entry], at: Mapping[str, int], strings: Strings) -> dict[str, Any]:
    texts: dict[str, list[Any]] = {
        name: list(map(strings.__getitem__, map(attrgetter(name), entries))) for name in TEXTS
    }
    numbers: dict[str, list[Any]] = {
        "parent": [at.get(entry.parent or "", -1) + 1 for entry in entries],
        "is_pk": [int(entry.is_pk) for entry in entries],
        "hidden": [int(entry.hidden) for entry in entries],
        "sort_order": [0 if entry.sort_order is None else _after_zero(entry.sort_order) for entry in entries],
        "rows": [0 if entry.rows is None else entry.rows + 1 for entry in entries],
        "updated_at": [0 if entry.updated_at is None else _seconds(entry.updated_at) for entry in entries],
        "owners": [[strings[owner] for owner in entry.owners] or 0 for entry in entries],
    }
    return {name: _field(values) for name, values in (texts | numbers).items()}


def _field(values: list[Any]) -> Any:
    """One field of all items: an array, or the places and the values where most of it is 0."""
    if values.count(0) * 2 < len(values):
        return values
    filled = [number for number, one in enumerate(values) if one]
    return {"at": filled, "is": [values[number] for number in filled]}


def _front_coded(keys: Sequence[str]) -> list[int | str]:
    """Each key as the number of UTF-16 units that it shares with the key before it, and the rest."""
    coded: list[int | str] = []
    before = ""
    for key in keys:
        shared = _shared(before, key)
        coded += [len(key[:shared].encode("utf-16-le", "surrogatepass")) // 2, key[shared:]]
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
