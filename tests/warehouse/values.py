"""Values of every column type, as JSON writes them and as Python reads them from DuckDB (hypothesis)."""

import base64
import json
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from integrations.sdk import types as t
from integrations.sdk.types import ColumnType, Kind

FLOAT32_MAX = 3.4028234663852886e38
SIMPLE_NAMES = ("a", "b", "street name", "Größe", "it's", "select", "🎈")
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20) | st.sampled_from(
    ["", "\0", "a\0b", "🎈", "\U0010ffff", "\\x41", "\\", '"', "'", "\u2028", "NULL", "null", "\ufeff", " ", "\r\n"]
)
dates = st.dates() | st.sampled_from([date.min, date.max, date(1970, 1, 1), date(1582, 10, 10), date(2024, 2, 29)])
moments = st.datetimes() | st.sampled_from(
    [datetime.min, datetime.max, datetime(1970, 1, 1), datetime(1900, 2, 28, 23)]
)
times = st.times() | st.sampled_from([time.min, time.max])


@dataclass(frozen=True)
class Written:
    """A value: its JSON text, and what DuckDB must give back for it."""

    text: str
    value: Any


def written(type_: ColumnType) -> st.SearchStrategy[Written]:
    """Values that the type can hold."""
    return _WRITERS[type_.kind](type_)


def columns_types() -> st.SearchStrategy[ColumnType]:
    """Every scalar type, decimals of every size, and what can be built of them."""
    scalars = st.sampled_from(list(t.SCALARS.values())) | decimals_types()
    return st.recursive(scalars, _nested, max_leaves=4)


def decimals_types() -> st.SearchStrategy[ColumnType]:
    sizes = st.tuples(st.integers(1, 38), st.integers(0, 38)).filter(lambda size: size[1] <= size[0])
    return sizes.map(lambda size: t.DECIMAL(*size))


def same(type_: ColumnType, found: Any, wanted: Any) -> bool:
    """Whether DuckDB's value is the one that the JSON text says; JSON is compared with all its digits."""
    if found is None or wanted is None:
        return found is wanted
    if type_.kind is Kind.JSON:
        return bool(json.loads(found, parse_float=Decimal, parse_int=Decimal) == wanted)
    if type_.kind is Kind.FLOAT:
        return bool(found == wanted) or (math.isnan(found) and math.isnan(wanted))
    if type_.kind is Kind.LIST:
        assert type_.item
        return len(found) == len(wanted) and all(same(type_.item, f, w) for f, w in zip(found, wanted, strict=True))
    if type_.kind is Kind.STRUCT:
        return found.keys() == wanted.keys() and all(same(i, found[n], wanted[n]) for n, i in type_.fields)
    if type_.kind is Kind.MAP:
        assert type_.item
        return found.keys() == wanted.keys() and all(same(type_.item, found[key], wanted[key]) for key in wanted)
    return type(found) is type(wanted) and bool(found == wanted)


def _nested(inner: st.SearchStrategy[ColumnType]) -> st.SearchStrategy[ColumnType]:
    structs = st.dictionaries(st.sampled_from(SIMPLE_NAMES), inner, min_size=1, max_size=3)
    return inner.map(t.LIST) | inner.map(t.MAP) | structs.map(lambda fields: t.STRUCT(**fields))


def quoted(value: str) -> st.SearchStrategy[str]:
    """A text as JSON, its characters escaped or not."""
    return st.booleans().map(lambda ascii_: json.dumps(value, ensure_ascii=ascii_))


def _as_text(text: str, value: Any) -> Written:
    return Written(json.dumps(text), value)


def _booleans(type_: ColumnType) -> st.SearchStrategy[Written]:
    return st.sampled_from([Written("true", True), Written("false", False)])


def _integers(type_: ColumnType) -> st.SearchStrategy[Written]:
    edges = [type_.low, type_.high, 0, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63, -(2**63), 2**64 - 1, 2**64]
    fitting = [edge for edge in edges if type_.low <= edge <= type_.high]
    numbers = st.integers(type_.low, type_.high) | st.sampled_from(fitting)
    spellings: list[Callable[[int], str]] = [str, lambda n: f"{n}.0", lambda n: f"{n}e0", lambda n: f'"{n}"']
    return st.builds(lambda n, spell: Written(spell(n), n), numbers, st.sampled_from([str, str, *spellings]))


def _floats(type_: ColumnType) -> st.SearchStrategy[Written]:
    if type_.sql == "FLOAT":
        edges = [FLOAT32_MAX, -FLOAT32_MAX, 1.401298464324817e-45, 1.1754943508222875e-38, 0.10000000149011612]
        numbers = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.sampled_from(edges)
        return numbers.map(lambda n: Written(repr(n), struct.unpack("f", struct.pack("f", n))[0]))
    edges = [1.7976931348623157e308, -1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, 0.1, 1e22, 1e23]
    numbers = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(edges)
    digits = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=20)
    odd = [Written(f'"{name}"', float(name)) for name in ("NaN", "Infinity", "-Infinity")]
    return (
        numbers.map(lambda n: Written(repr(n), n))
        | digits.map(lambda d: Written(str(d), float(str(d))))
        | st.sampled_from(odd)
    )


def _decimals(type_: ColumnType) -> st.SearchStrategy[Written]:
    most = 10**type_.digits - 1
    units = st.integers(-most, most) | st.sampled_from([most, -most, 0, 1])
    values = units.map(lambda unit: Decimal(f"{unit}e-{type_.scale}"))
    short = st.integers(-min(most, 10**6), min(most, 10**6)).map(lambda unit: Decimal(f"{unit}e-{type_.scale}"))

    def spell(value: Decimal, way: int) -> Written:
        plain = f"{value:f}"
        trimmed = plain.rstrip("0").rstrip(".") if "." in plain else plain
        texts = (plain, f'"{plain}"', trimmed, f"{value:e}")
        return Written(texts[way], value)

    return st.builds(spell, values | short, st.integers(0, 3))


def _texts(type_: ColumnType) -> st.SearchStrategy[Written]:
    return texts.flatmap(lambda value: quoted(value).map(lambda text: Written(text, value)))


def _blobs(type_: ColumnType) -> st.SearchStrategy[Written]:
    return st.binary(max_size=30).map(lambda raw: _as_text(base64.b64encode(raw).decode(), raw))


def _timestamps(type_: ColumnType) -> st.SearchStrategy[Written]:
    def spell(moment: datetime, minutes: int, way: int) -> Written:
        try:
            local = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))
        except OverflowError:
            local = moment.replace(tzinfo=UTC)
        spellings = (
            local.isoformat(),
            local.isoformat(" "),
            moment.isoformat() + "Z",
            moment.isoformat(),
            local.isoformat(timespec="microseconds"),
        )
        return _as_text(spellings[way], moment.replace(tzinfo=UTC))

    return st.builds(spell, moments, st.integers(-14 * 60, 14 * 60), st.integers(0, 4))


def _json_values() -> st.SearchStrategy[Written]:
    numbers = (
        st.integers().map(str)
        | st.integers(-(10**40), 10**40).map(str)
        | st.decimals(allow_nan=False, allow_infinity=False).map(str)
        | st.floats(allow_nan=False, allow_infinity=False).map(repr)
        | st.sampled_from(
            ["12345678901234567.89", "1.10", "1e400", "1e-400", "4.9e-324", "-0", "0.1", "1E+2", "1e-320"]
        )
    )
    scalars = (
        numbers.filter(lambda text: "sNaN" not in text).map(lambda text: Written(text, Decimal(text)))
        | st.sampled_from([Written("null", None), Written("true", True), Written("false", False)])
        | _texts(t.TEXT)
    )

    def lists(inner: st.SearchStrategy[Written]) -> st.SearchStrategy[Written]:
        return st.lists(inner, max_size=4).map(
            lambda items: Written(f"[{', '.join(item.text for item in items)}]", [item.value for item in items])
        )

    def objects(inner: st.SearchStrategy[Written]) -> st.SearchStrategy[Written]:
        return st.dictionaries(texts, inner, max_size=4).map(
            lambda items: Written(
                "{" + ",".join(f"{json.dumps(key)}: {item.text}" for key, item in items.items()) + "}",
                {key: item.value for key, item in items.items()},
            )
        )

    return st.recursive(scalars, lambda inner: lists(inner) | objects(inner), max_leaves=8)


def _optional(type_: ColumnType) -> st.SearchStrategy[Written]:
    return st.just(Written("null", None)) | written(type_)


def _lists(type_: ColumnType) -> st.SearchStrategy[Written]:
    assert type_.item
    return st.lists(_optional(type_.item), max_size=4).map(
        lambda items: Written(f"[{','.join(item.text for item in items)}]", [item.value for item in items])
    )


def _structs(type_: ColumnType) -> st.SearchStrategy[Written]:
    fields = {name: st.none() | _optional(inner) for name, inner in type_.fields}  # None: the key is absent

    def spell(items: dict[str, Written | None]) -> Written:
        inner = ", ".join(f"{json.dumps(key)}: {item.text}" for key, item in items.items() if item)
        return Written(f"{{{inner}}}", {key: item.value if item else None for key, item in items.items()})

    return st.fixed_dictionaries(fields).map(spell)


def _maps(type_: ColumnType) -> st.SearchStrategy[Written]:
    assert type_.item
    return st.dictionaries(texts, _optional(type_.item), max_size=4).map(
        lambda items: Written(
            "{" + ",".join(f"{json.dumps(key)}:{item.text}" for key, item in items.items()) + "}",
            {key: item.value for key, item in items.items()},
        )
    )


_WRITERS: dict[Kind, Callable[[ColumnType], st.SearchStrategy[Written]]] = {
    Kind.BOOLEAN: _booleans,
    Kind.INTEGER: _integers,
    Kind.FLOAT: _floats,
    Kind.DECIMAL: _decimals,
    Kind.TEXT: _texts,
    Kind.BLOB: _blobs,
    Kind.DATE: lambda type_: dates.map(lambda day: _as_text(day.isoformat(), day)),
    Kind.TIME: lambda type_: times.map(lambda moment: _as_text(moment.isoformat(), moment)),
    Kind.TIMESTAMP: _timestamps,
    Kind.LOCAL_TIMESTAMP: lambda type_: moments.map(lambda moment: _as_text(moment.isoformat(), moment)),
    Kind.INTERVAL: lambda type_: st.timedeltas(timedelta(days=-9999), timedelta(days=9999)).map(
        lambda delta: _as_text(f"{delta.days} days {delta.seconds} seconds {delta.microseconds} microseconds", delta)
    ),
    Kind.UUID: lambda type_: st.uuids().map(lambda value: _as_text(str(value), value)),
    Kind.JSON: lambda type_: _json_values(),
    Kind.LIST: _lists,
    Kind.STRUCT: _structs,
    Kind.MAP: _maps,
}
