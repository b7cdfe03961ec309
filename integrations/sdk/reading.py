"""Runs a resolver, and turns whatever it yields into pages of JSON records or Arrow tables."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python

from integrations.sdk.cursor import SequenceCursor, TokenCursor
from integrations.sdk.errors import DeclarationError
from integrations.sdk.page import Page, SyncToken
from integrations.sdk.resolvers import ParentRow, TableResolver
from integrations.sdk.schema import Client, Table
from integrations.sdk.window import EVERYTHING, After, AnyWindow, Range

BATCH_RECORDS = 500


class ArrowBatch:
    """An Arrow table that a resolver yielded, for whoever can read it."""

    __slots__ = ("data",)

    def __init__(self, data: Any) -> None:
        self.data = data


Batch = Page | ArrowBatch


def read(
    table: Table, client: Client, parent: ParentRow | None, window: AnyWindow = EVERYTHING
) -> Iterator[Batch | SyncToken]:
    """Run the table's resolver for one client, or one parent's row; yield what comes, page by page.

    A SyncToken comes behind the records that it covers.
    """
    resolver = table.resolver
    if isinstance(resolver, TableResolver):
        given = (client, parent, window) if resolver.takes_window else (client, parent)
        yielded: Any = resolver.resolve(*given)
    else:
        yielded = resolver(client, parent, window)
    if yielded is None:
        return
    if not isinstance(yielded, Iterable) or isinstance(yielded, Mapping | str | bytes):
        raise DeclarationError(
            f"the resolver of `{table.name}` gave {type(yielded).__name__} instead of yielding records",
            hint="write it as a generator: `yield from client.pages(…)`",
        )
    pending: list[bytes] = []
    for item in yielded:
        if isinstance(item, Page | SyncToken) or hasattr(item, "__arrow_c_stream__"):
            if pending:
                yield _page(pending)
                pending = []
            yield item if isinstance(item, Page | SyncToken) else ArrowBatch(item)
            if isinstance(item, Page) and item.sync_token is not None:
                yield SyncToken(item.sync_token)
            continue
        for record in item if isinstance(item, list | tuple) else (item,):
            pending.append(encode_record(record))
            if len(pending) >= BATCH_RECORDS:
                yield _page(pending)
                pending = []
    if pending:
        yield _page(pending)


def first_records(table: Table, client: Client) -> Batch | None:
    """The first page of a top-level table, by its first client; None when there is none."""
    for each in islice(table.clients(client), 1):
        batches = (batch for batch in read(table, each, None, no_window(table)) if not isinstance(batch, SyncToken))
        return next(batches, None)
    return None


def no_window(table: Table) -> AnyWindow:
    """Everything, in the shape that the table's resolver is given."""
    if isinstance(table.cursor, SequenceCursor):
        return Range()
    return After() if isinstance(table.cursor, TokenCursor) else EVERYTHING


def encode_record(record: Any) -> bytes:
    """A record as JSON text: dicts, dataclasses, pydantic models, msgspec structs.

    Decimals keep all their digits; NaN and infinities, which JSON cannot say, become the texts `NaN`,
    `Infinity` and `-Infinity`, which a DOUBLE column reads back.
    """
    known = isinstance(record, Mapping | BaseModel | msgspec.Struct) or is_dataclass(record)
    if not known or isinstance(record, type):
        raise DeclarationError(
            f"a resolver yielded {type(record).__name__}, which is not a record",
            hint="yield pages, dicts, dataclasses, pydantic models, lists of them, or Arrow tables",
        )
    try:
        text = _encoder.encode(record)
    except UnicodeEncodeError:  # a lone surrogate, which JSON can escape and UTF-8 cannot encode
        plain = msgspec.to_builtins(_mended(record), enc_hook=_encode_unknown, str_keys=True)
        return json.dumps(plain).encode("ascii")
    except (TypeError, RecursionError) as error:
        raise DeclarationError(
            f"a resolver yielded a record that cannot be written as JSON: {error}",
            hint="make its values text, numbers, times, lists or dicts",
        ) from None
    if (b"null" in text or b"NaN" in text or b"Infinity" in text) and _has_odd(record):
        return _encoder.encode(_mended(record))
    return text


def encode_value(value: Any) -> bytes:
    """One value as JSON text, by the same rules."""
    return _encoder.encode(_mended(value) if _has_odd(value) else value)


def _has_odd(value: Any) -> bool:
    """Whether JSON has no spelling for a number in it; records of a class count as if they had one."""
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, Mapping):
        return any(map(_has_odd, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return any(map(_has_odd, value))
    if isinstance(value, Decimal):
        return not value.is_finite()
    return isinstance(value, BaseModel | msgspec.Struct) or is_dataclass(value)


def _mended(value: Any) -> Any:
    """The value in dicts and lists, with numbers that JSON cannot say spelled as text."""
    if isinstance(value, float | Decimal):
        return _spell(value) if _has_odd(value) else value
    if isinstance(value, Mapping):
        return {key: _mended(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_mended(item) for item in value]
    if isinstance(value, BaseModel):
        return _mended(value.model_dump())
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _mended(getattr(value, field.name)) for field in fields(value)}
    return _mended(msgspec.structs.asdict(value)) if isinstance(value, msgspec.Struct) else value


def _spell(value: float | Decimal) -> str:
    if isinstance(value, Decimal):
        return "NaN" if value.is_nan() else "Infinity" if value > 0 else "-Infinity"
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _encode_unknown(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, Mapping):
        return dict(value)
    try:
        plain = to_jsonable_python(value)  # paths, URLs and other types that pydantic knows
    except PydanticSerializationError:
        plain = value
    if type(plain) is type(value):
        raise TypeError(f"{type(value).__name__} is not a type that it knows")
    return plain


_encoder = msgspec.json.Encoder(enc_hook=_encode_unknown, decimal_format="number")


def _page(records: list[bytes]) -> Page:
    return Page(records, sum(map(len, records)), lines=True)
