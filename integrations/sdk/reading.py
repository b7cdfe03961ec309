"""Runs a resolver, and turns whatever it yields into pages of JSON records or Arrow tables."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from itertools import islice
from typing import Any

import msgspec
from pydantic import BaseModel

from integrations.sdk.errors import DeclarationError
from integrations.sdk.page import Page
from integrations.sdk.resolvers import ParentRow, TableResolver
from integrations.sdk.schema import Client, Table
from integrations.sdk.window import EVERYTHING, Window

BATCH_RECORDS = 500


class ArrowBatch:
    """An Arrow table that a resolver yielded, for whoever can read it."""

    __slots__ = ("data",)

    def __init__(self, data: Any) -> None:
        self.data = data


Batch = Page | ArrowBatch


def read(table: Table, client: Client, parent: ParentRow | None, window: Window = EVERYTHING) -> Iterator[Batch]:
    """Run the table's resolver for one client, or one parent's row; yield what comes, page by page."""
    resolver = table.resolver
    if isinstance(resolver, TableResolver):
        yielded: Any = resolver.resolve(client, parent)
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
        if isinstance(item, Page) or hasattr(item, "__arrow_c_stream__"):
            if pending:
                yield _page(pending)
                pending = []
            yield item if isinstance(item, Page) else ArrowBatch(item)
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
        return next(iter(read(table, each, None)), None)
    return None


def encode_record(record: Any) -> bytes:
    """A record as JSON text: dicts, dataclasses, pydantic models, msgspec structs.

    Decimals keep all their digits; NaN and infinities, which JSON cannot say, become the texts `NaN`,
    `Infinity` and `-Infinity`, which a DOUBLE column reads back.
    """
    if not (isinstance(record, Mapping | BaseModel | msgspec.Struct) or is_dataclass(record)):
        raise DeclarationError(
            f"a resolver yielded {type(record).__name__}, which is not a record",
            hint="yield pages, dicts, dataclasses, pydantic models, lists of them, or Arrow tables",
        )
    text = _encoder.encode(record)
    if b"null" in text and isinstance(record, Mapping):
        odd = {key: _spell(value) for key, value in record.items() if _is_odd(value)}
        if odd:
            text = _encoder.encode({**record, **odd})
    return text


def encode_value(value: Any) -> bytes:
    """One value as JSON text, by the same rules."""
    return _encoder.encode(_spell(value) if _is_odd(value) else value)


def _is_odd(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _spell(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _encode_unknown(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


_encoder = msgspec.json.Encoder(enc_hook=_encode_unknown, decimal_format="number")


def _page(records: list[bytes]) -> Page:
    return Page(records, sum(map(len, records)), lines=True)
