"""Records on the wire: each message is an Arrow stream of its own, with the schema and one batch.

CloudQuery's Python plugins send one row a message, so the schema comes again with every row. Messages of one
schema differ only behind it: joined, they are one stream of many batches, which Arrow reads at once.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from integrations.sdk.cloudquery.tables import NAME_KEY, text_metadata
from integrations.sdk.cloudquery.types import EXTENSION_NAME, column_type, extension_of
from integrations.sdk.errors import SourceError
from integrations.sdk.streams import Rows
from integrations.sdk.types import Kind

CONTINUES = b"\xff\xff\xff\xff"
END = CONTINUES + b"\0\0\0\0"
HANDED_ON_BYTES = 4 << 20
HANDED_ON_S = 2.0
JOINED_AT_ONCE = 250  # messages: of more, the batches leave the processor's cache before they are joined
UNREADABLE = (pa.ArrowException, OSError, ValueError)  # what Arrow raises for bytes that are not what they should be
ONE_THREAD = pa.ipc.IpcReadOptions(use_threads=False)


class Incoming:
    """What has come of one table, in one schema, and has not been handed on."""

    def __init__(self, beginning: bytes) -> None:
        with pa.ipc.open_stream(beginning + END) as reader:
            self.schema: pa.Schema = reader.schema
        self.table = text_metadata(self.schema.metadata).get(NAME_KEY, "")
        if not self.table:
            raise ValueError(f"the schema does not name its table ({NAME_KEY})")
        self._beginning = beginning
        self._parts: list[bytes] = []
        self._tables: list[pa.Table] = []
        self._size = 0
        self._since = 0.0

    def add(self, part: bytes) -> bool:
        """Keep a message's batch; whether there is now enough to hand on. Raises: SourceError."""
        if not self._size:
            self._since = time.monotonic()
        self._parts.append(part)
        self._size += len(part)
        if len(self._parts) >= JOINED_AT_ONCE:
            self._join()
        return self._size >= HANDED_ON_BYTES or time.monotonic() - self._since >= HANDED_ON_S

    def take(self) -> Rows | None:
        """All that has come, as one Arrow table. Raises: SourceError."""
        if not self._size:
            return None
        self._join()
        with self._readable():
            table = plain(pa.concat_tables(self._tables).combine_chunks())
        self._tables, self._size = [], 0
        return Rows(self.table, table, table.num_rows)

    def _join(self) -> None:
        """Make one table of the parts, each of which is a batch. Raises: SourceError."""
        if not self._parts:
            return
        joined = b"".join([self._beginning, *self._parts, END])
        self._parts = []
        with self._readable(), pa.ipc.open_stream(joined, options=ONE_THREAD) as reader:
            table = reader.read_all().combine_chunks()
            table.validate()
            self._tables.append(table)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except UNREADABLE as error:
            why = _first_line(error)
            raise SourceError(f"the plugin sent a record of `{self.table}` that cannot be read: {why}") from None


class Records:
    """Takes the records of a stream, and hands them on by table, many at a time."""

    def __init__(self) -> None:
        self._by_schema: dict[bytes, Incoming] = {}

    def add(self, message: bytes) -> Rows | None:
        """Take one record; rows of its table when they are enough. Raises: SourceError."""
        try:
            length = 8 + int.from_bytes(message[4:8], "little")
            if message[:4] != CONTINUES or not 8 < length <= len(message):
                raise ValueError("it does not begin with a schema")
            beginning = message[:length]
            incoming = self._by_schema.get(beginning)
            if incoming is None:
                incoming = self._by_schema[beginning] = Incoming(beginning)
        except UNREADABLE as error:
            raise SourceError(f"the plugin sent a record that is not an Arrow stream: {_first_line(error)}") from None
        end = -len(END) if message.endswith(END) else len(message)
        return incoming.take() if incoming.add(message[length:end]) else None

    def rest(self) -> Iterator[Rows]:
        """What has come and has not been handed on. Raises: SourceError."""
        for incoming in self._by_schema.values():
            if (rows := incoming.take()) is not None:
                yield rows


def plain(table: pa.Table) -> pa.Table:
    """CloudQuery's extension types as Arrow's own, which others know; addresses as text."""
    columns, fields = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        kind = column_type(field).kind
        storage = column.cast(field.type.storage_type) if isinstance(field.type, pa.BaseExtensionType) else column
        if pa.types.is_dictionary(storage.type):
            storage = storage.cast(storage.type.value_type)
        about = field.metadata or {}
        if kind is Kind.JSON and pa.types.is_binary(storage.type):
            storage = storage.cast(pa.utf8())
        if kind is Kind.JSON and pa.types.is_string(storage.type):
            storage = _extended(storage, pa.json_())
        elif kind is Kind.UUID:
            storage = _extended(storage, pa.uuid())
        elif extension_of(field) == "mac":
            spelled = [None if raw is None else raw.hex(":") for raw in storage.to_pylist()]
            storage = pa.chunked_array([spelled], pa.utf8())
        elif EXTENSION_NAME in about and pa.types.is_binary(storage.type):
            storage = storage.cast(pa.utf8())
        elif pa.types.is_list(storage.type) and extension_of(storage.type.value_field):
            storage = pa.chunked_array([_items_plain(chunk) for chunk in storage.chunks])
        columns.append(storage)
        fields.append(pa.field(field.name, storage.type))
    return pa.table(columns, schema=pa.schema(fields))


def _items_plain(lists: pa.Array) -> pa.Array:
    items = plain(pa.table([lists.values], schema=pa.schema([lists.type.value_field])))
    return pa.ListArray.from_arrays(lists.offsets, items.column(0).combine_chunks(), mask=lists.is_null())


def _extended(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([pa.ExtensionArray.from_storage(type_, chunk) for chunk in column.chunks], type=type_)


def key_values(message: bytes) -> dict[str, str]:
    """The keys and values of a checkpoint, or of a state table's record. Raises: SourceError."""
    try:
        with pa.ipc.open_stream(message) as reader:
            rows = reader.read_all().to_pylist()
        return {row["key"]: row["value"] for row in rows}
    except (*UNREADABLE, KeyError) as error:
        raise SourceError(f"the plugin sent a state that cannot be read: {_first_line(error)}") from None


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
