"""The exact way: one record at a time, value by value, refusing what does not fit instead of bending it.

The fast way (reader.py) hands DuckDB's JSON reader the source's own bytes. This way takes the records that
the fast way cannot be trusted with, and rewrites them so that the same reader reads each value exactly:
numbers beyond a double as text, a JSON column as text, a blob as escapes. Both ways end in the same columns.
"""

import base64
import json
import math
import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.sdk.page import Number
from integrations.sdk.types import BIGINT, HUGEINT, INTEGER, SMALLINT, ColumnType, Kind

INT64_LOW, INT64_HIGH = -(2**63), 2**63 - 1
FLOAT32_LIMIT = 3.4028235677973366e38  # from here a FLOAT would be rounded to infinity
NUMERIC = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
NOT_FINITE = ("nan", "inf", "infinity")
SURROGATE = re.compile("[\ud800-\udfff]")
MAX_SHOWN = 200
WIDER = (SMALLINT, INTEGER, BIGINT, HUGEINT)
MAX_EXPONENT = 400  # beyond every type's range; a number written so is not written out
ISO_DURATION = re.compile(
    r"(?P<sign>-?)P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d{1,6})?)S)?)?",
    re.ASCII,
)


class Unreadable(Exception):
    """A value that its column cannot hold; `value` is what came, shortened."""

    def __init__(self, reason: str, value: Any) -> None:
        super().__init__(reason)
        self.reason, self.raw = reason, value
        shown = value if isinstance(value, str) else _shown(value)
        self.value = SURROGATE.sub("\N{REPLACEMENT CHARACTER}", shown)[:MAX_SHOWN]


def parse(record: bytes) -> Any:
    """The record with its numbers as written. Raises: Unreadable."""
    text = record.decode("utf-8", "surrogateescape")  # a broken byte only matters in a column that reads it
    try:
        return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=Number)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}", repr(record[:60])) from None


def compact(value: Any) -> str:
    """JSON text without spaces, characters as they are, numbers as written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return f"{{{','.join(f'{_quote(key)}:{compact(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(compact, value))}]"
    return _quote(value)


def stage(type_: ColumnType, value: Any) -> Any:
    """The value as it is written into a staged file, null staying null. Raises: Unreadable."""
    return None if value is None else _STAGERS[type_.kind](type_, value)


def wider(type_: ColumnType, value: Any) -> ColumnType | None:
    """The smallest integer type that holds all of this one, and the value; None when there is none."""
    if type_.kind is not Kind.INTEGER:
        return None
    try:
        whole = int(_integer(HUGEINT, value))
    except Unreadable:
        return None
    fitting = (t for t in WIDER if t.low <= min(type_.low, whole) and max(type_.high, whole) <= t.high)
    return next(fitting, None)


def widest(one: str | None, other: str) -> str:
    """The wider of two of the types that `wider` gives."""
    order = [type_.sql for type_ in WIDER]
    return other if one is None else max(one, other, key=order.index)


def _shown(value: Any) -> str:
    try:
        return compact(value)
    except RecursionError:
        return "(nested too deeply to be shown)"


def _quote(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _boolean(type_: ColumnType, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and not isinstance(value, Number) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise Unreadable("not a boolean", value)


def _integer(type_: ColumnType, value: Any) -> int | str:
    number = _decimal_of(value)
    if number and abs(number.adjusted()) > MAX_EXPONENT:
        raise Unreadable(f"outside the range of {type_.sql}", value)
    if number.as_tuple().exponent != 0 and number != number.to_integral_value():
        raise Unreadable(f"not a whole number, {type_.sql} would round it", value)
    whole = int(number)
    if not type_.low <= whole <= type_.high:
        raise Unreadable(f"outside the range of {type_.sql}", value)
    return whole if INT64_LOW <= whole <= INT64_HIGH else str(whole)


def _float(type_: ColumnType, value: Any) -> float | str:
    if isinstance(value, str) and not isinstance(value, Number) and value in ("NaN", "Infinity", "-Infinity"):
        return value
    number = float(_decimal_of(value))
    limit = FLOAT32_LIMIT if type_.sql == "FLOAT" else math.inf
    if abs(number) >= limit:
        raise Unreadable(f"outside the range of {type_.sql}", value)
    return number


def _decimal(type_: ColumnType, value: Any) -> str:
    number = _decimal_of(value)
    if not decimal_fits(number, type_):
        raise Unreadable(f"does not fit {type_.sql} without rounding", value)
    return f"{number:f}"


def decimal_fits(number: Decimal, type_: ColumnType) -> bool:
    """Whether the type holds the number without rounding."""
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):  # NaN or infinite
        return False
    shift = exponent + type_.scale  # Decimal's own arithmetic would round to its context's 28 digits
    return not number or (len(digits) + shift <= type_.digits and (shift >= 0 or not any(digits[shift:])))


def _decimal_of(value: Any) -> Decimal:
    """The number that a JSON number or a numeric text says, every digit of it."""
    if not isinstance(value, str):
        raise Unreadable("not a number", value)
    if not NUMERIC.fullmatch(value):  # Decimal itself would also take 1_000, and digits of other scripts
        raise Unreadable(
            "not a finite number" if value.strip().lower().lstrip("+-") in NOT_FINITE else "not a number", value
        )
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        raise Unreadable("not a number", value) from None
    if not number.is_finite():
        raise Unreadable("not a finite number", value)
    return number


def _text(type_: ColumnType, value: Any) -> str:
    text = str(value) if isinstance(value, str) else compact(value)
    if SURROGATE.search(text):
        raise Unreadable("broken text: half a surrogate pair, or bytes that are not UTF-8", value)
    return text


def _blob(type_: ColumnType, value: Any) -> str:
    try:
        raw = base64.b64decode(_plain_text(value, "not base64"), validate=True)
    except ValueError:  # binascii.Error is one; characters beyond ASCII are another
        raise Unreadable("not base64", value) from None
    return "".join(f"\\x{byte:02X}" for byte in raw)


def _date(type_: ColumnType, value: Any) -> str:
    text = _plain_text(value, "not a date")
    try:
        if len(text) > 10:
            moment = datetime.fromisoformat(text)
            if moment.time() != time(0):
                raise Unreadable("a time of day, which a DATE would lose", value)
            return moment.date().isoformat()
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Unreadable("not a date (ISO 8601)", value) from None


def _time(type_: ColumnType, value: Any) -> str:
    try:
        moment = time.fromisoformat(_plain_text(value, "not a time of day"))
    except ValueError:
        raise Unreadable("not a time of day (ISO 8601)", value) from None
    if moment.tzinfo:
        raise Unreadable("a time zone, which a TIME would lose", value)
    return moment.isoformat()


def _moment(value: Any) -> datetime:
    if isinstance(value, Number):
        raise Unreadable("a number, not a time: a column resolver can say whether it is seconds or milliseconds", value)
    try:
        return datetime.fromisoformat(_plain_text(value, "not a time").replace("z", "Z"))  # RFC 3339 allows both
    except ValueError:
        raise Unreadable("not a time (ISO 8601)", value) from None


def _timestamp(type_: ColumnType, value: Any) -> str:
    moment = _moment(value)
    try:
        return (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
    except OverflowError:  # the year 0 or 10000 in UTC: beyond Python, and not beyond DuckDB
        return moment.isoformat()


def _local_timestamp(type_: ColumnType, value: Any) -> str:
    moment = _moment(value)
    if moment.tzinfo:
        raise Unreadable("a time zone, which LOCAL_TIMESTAMP would lose: declare TIMESTAMP", value)
    return moment.isoformat()


def _interval(type_: ColumnType, value: Any) -> str:
    text = _text(type_, _plain_text(value, "not an interval"))
    iso = ISO_DURATION.fullmatch(text)
    if not iso:
        return text  # in DuckDB's own words, which DuckDB checks
    amounts = iso.groupdict()
    sign = amounts.pop("sign")
    parts = [f"{sign}{amount} {unit}" for unit, amount in amounts.items() if amount]
    if not parts:
        raise Unreadable("not an interval", value)
    return " ".join(parts)


def _uuid(type_: ColumnType, value: Any) -> str:
    try:
        return str(uuid.UUID(_plain_text(value, "not a UUID")))
    except ValueError:
        raise Unreadable("not a UUID", value) from None


def _json(type_: ColumnType, value: Any) -> str:
    text = compact(value)
    if SURROGATE.search(text):
        raise Unreadable("broken text: half a surrogate pair, or bytes that are not UTF-8", value)
    for constant in ("NaN", "Infinity"):
        if constant in text and _has_constant(value):
            raise Unreadable(f"{constant} is not JSON", value)
    return text


def _has_constant(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_constant, value.values()))
    if isinstance(value, list):
        return any(map(_has_constant, value))
    return isinstance(value, Number) and value[-1:].isalpha()


def _list(type_: ColumnType, value: Any) -> list[Any]:
    assert type_.item is not None
    if not isinstance(value, list):
        raise Unreadable("not a list", value)
    return [stage(type_.item, item) for item in value]


def _struct(type_: ColumnType, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable("not an object", value)
    return {name: stage(inner, value.get(name)) for name, inner in type_.fields}


def _map(type_: ColumnType, value: Any) -> dict[str, Any]:
    assert type_.item is not None
    if not isinstance(value, dict):
        raise Unreadable("not an object", value)
    return {_text(type_, key): stage(type_.item, item) for key, item in value.items()}


def _plain_text(value: Any, otherwise: str) -> str:
    if isinstance(value, Number) or not isinstance(value, str):
        raise Unreadable(otherwise, value)
    return value


_STAGERS: dict[Kind, Callable[[ColumnType, Any], Any]] = {
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _integer,
    Kind.FLOAT: _float,
    Kind.DECIMAL: _decimal,
    Kind.TEXT: _text,
    Kind.BLOB: _blob,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _timestamp,
    Kind.LOCAL_TIMESTAMP: _local_timestamp,
    Kind.INTERVAL: _interval,
    Kind.UUID: _uuid,
    Kind.JSON: _json,
    Kind.LIST: _list,
    Kind.STRUCT: _struct,
    Kind.MAP: _map,
}
