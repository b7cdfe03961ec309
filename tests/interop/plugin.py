"""A source plugin written with CloudQuery's own Python SDK, and what it sends: imported by tests for the second.

Served by the interpreter of an environment that has the SDK: `python plugin.py serve --address host:port`.
"""

import json
import os
import struct
import sys
import time
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

FLAT = 5_000
PARENTS, CHILDREN = 40, 25
SINCE = datetime(2024, 1, 1, tzinfo=UTC)


def flat_rows(count: int = FLAT) -> list[dict[str, Any]]:
    """Ten columns of the usual types."""
    return [
        {
            "id": number,
            "amount": number / 7,
            "ratio": -number * 1e-9,
            "is_open": number % 3 == 0,
            "created_at": SINCE + timedelta(seconds=number, microseconds=number % 1000),
            "name": f"name {number}",
            "note": None if number % 5 == 0 else 'línea\n"2" 🦆' * (number % 4),
            "city": ["Berlin", "Paris", ""][number % 3],
            "count": number * 10**12,
            "extra": {"n": number, "tags": ["a", None], "deep": {"é": [1.5, True]}},
        }
        for number in range(1, count + 1)
    ]


def kind_rows() -> list[dict[str, Any]]:
    """Every type that the SDK can send, its bounds, and nulls."""
    bounds: list[dict[str, Any]] = [
        {
            "id": 1, "i8": -128, "i16": -(2**15), "i32": -(2**31), "i64": -(2**63),
            "u8": 0, "u16": 0, "u32": 0, "u64": 0,
            "f32": 0.1, "f64": 5e-324, "yes": True, "words": "", "raw": b"",
            "day": datetime(1, 1, 1, tzinfo=UTC), "at": datetime(1970, 1, 1, tzinfo=UTC),
            "doc": None, "uid": uuid.UUID(int=0),
        },
        {
            "id": 2, "i8": 127, "i16": 2**15 - 1, "i32": 2**31 - 1, "i64": 2**63 - 1,
            "u8": 2**8 - 1, "u16": 2**16 - 1, "u32": 2**32 - 1, "u64": 2**64 - 1,
            "f32": -3.4e38, "f64": 1.7976931348623157e308, "yes": False, "words": "\x01\t'\"\\ ½",
            "raw": bytes(range(256)),
            "day": datetime(2999, 12, 31, tzinfo=UTC), "at": datetime(2262, 4, 11, 23, 47, 16, 854775, tzinfo=UTC),
            "doc": {"big": 12345678901234567890, "list": [], "text": "\\u0000"}, "uid": uuid.UUID(int=2**128 - 1),
        },
    ]  # fmt: skip
    return [*bounds, dict.fromkeys(bounds[0], None) | {"id": 3}]


def event_rows(first: int, last: int) -> list[dict[str, Any]]:
    """Rows of the incremental table."""
    return [{"id": number, "seen_at": SINCE + timedelta(minutes=number)} for number in range(first, last + 1)]


def arrived(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the warehouse should have it: dates without their time, 32-bit floats as they are kept."""
    row = dict(row)
    if "day" in row:
        row["day"] = None if row["day"] is None else date(row["day"].year, row["day"].month, row["day"].day)
        row["f32"] = None if row["f32"] is None else struct.unpack("f", struct.pack("f", row["f32"]))[0]
    return row


def main() -> None:
    """Serve."""
    import pyarrow as pa
    from cloudquery.sdk import message, plugin, schema
    from cloudquery.sdk.plugin.plugin import BackendOptions
    from cloudquery.sdk.scheduler import Scheduler, TableResolver
    from cloudquery.sdk.serve import PluginCommand
    from cloudquery.sdk.stateclient.stateclient import StateClientBuilder
    from cloudquery.sdk.types import JSONType, UUIDType

    def column(name: str, type_: Any, **how: Any) -> Any:
        return schema.Column(name, type_, **how)

    key = column("id", pa.int64(), primary_key=True, not_null=True)
    moment = pa.timestamp("us", tz="UTC")

    class Resolver(TableResolver):  # type: ignore[misc]
        def __init__(self, table: Any, rows: Any, children: Any = ()) -> None:
            super().__init__(table=table, child_resolvers=list(children))
            self._rows = rows

        def resolve(self, client: Any, parent_resource: Any) -> Any:
            yield from self._rows(client, parent_resource)

    class Client:
        def __init__(self, spec: dict[str, Any], state: Any) -> None:
            self.spec, self.state = spec, state

        def id(self) -> str:
            return "account"

    def flat(client: Any, parent: Any) -> Any:
        for number, row in enumerate(flat_rows(client.spec.get("flat", FLAT))):
            if number == client.spec.get("die_after"):
                print(json.dumps({"level": "error", "message": "about to die"}), flush=True)
                os._exit(9)
            if number == client.spec.get("hang_after"):
                time.sleep(3600)
            yield row

    def parents(client: Any, parent: Any) -> Any:
        for number in range(client.spec.get("parents", PARENTS)):
            yield {"id": number, "name": f"parent {number}"}
        if client.spec.get("fail_parents"):
            raise RuntimeError("the listing broke off")

    def children(client: Any, parent: Any) -> Any:
        for number in range(CHILDREN):
            yield {"id": f"{parent.item['id']}-{number}", "parent_id": parent.item["id"]}

    def events(client: Any, parent: Any) -> Any:
        done = int(client.state.get_key("events") or 0)
        for row in event_rows(done + 1, client.spec.get("events", 100)):
            yield row
            client.state.set_key("events", str(row["id"]))
            if row["id"] % 50 == 0:
                client.state.flush()

    def failing(client: Any, parent: Any) -> Any:
        yield {"id": 1}
        raise ValueError("no such luck")

    child = schema.Table("children", [column("id", pa.string(), primary_key=True), column("parent_id", pa.int64())])
    types = {
        "i8": pa.int8(), "i16": pa.int16(), "i32": pa.int32(), "i64": pa.int64(),
        "u8": pa.uint8(), "u16": pa.uint16(), "u32": pa.uint32(), "u64": pa.uint64(),
        "f32": pa.float32(), "f64": pa.float64(), "yes": pa.bool_(), "words": pa.string(), "raw": pa.binary(),
        "day": pa.date32(), "at": moment, "doc": JSONType(), "uid": UUIDType(),
    }  # fmt: skip
    flat_types = {
        "amount": pa.float64(), "ratio": pa.float64(), "is_open": pa.bool_(), "created_at": moment,
        "name": pa.string(), "note": pa.string(), "city": pa.string(), "count": pa.int64(), "extra": JSONType(),
    }  # fmt: skip
    tables = {
        "flat": schema.Table("flat", [key, *(column(name, type_) for name, type_ in flat_types.items())]),
        "parents": schema.Table(
            "parents", [key, column("name", pa.string())], title="Parents", description="Those above", relations=[child]
        ),
        "kinds": schema.Table("kinds", [key, *(column(name, type_) for name, type_ in types.items())]),
        "events": schema.Table("events", [key, column("seen_at", moment, incremental_key=True)], is_incremental=True),
        "failing": schema.Table("failing", [key]),
    }
    rows = {
        "flat": flat, "parents": parents, "kinds": lambda *_: iter(kind_rows()), "events": events, "failing": failing,
    }  # fmt: skip

    class Sample(plugin.Plugin):  # type: ignore[misc]
        def __init__(self) -> None:
            schema = json.dumps({"type": "object", "properties": {"flat": {"type": "integer", "minimum": 0}}})
            options = plugin.plugin.Options(team="headwater", kind="source", json_schema=schema)
            super().__init__("sample", "v1.2.3", options)

        def set_logger(self, logger: Any) -> None:
            self._logger = logger

        def init(self, spec: bytes, no_connection: bool = False) -> None:
            self._spec = json.loads(spec)
            if self._spec.get("refuse"):
                raise ValueError(f"wrong token {self._spec['refuse']}")

        def get_tables(self, options: Any) -> Any:
            for relation in tables["parents"].relations:
                relation.parent = tables["parents"]
            return schema.filter_dfs(
                list(tables.values()), options.tables, options.skip_tables, options.skip_dependent_tables
            )

        def sync(self, options: Any) -> Any:
            scheduler = Scheduler(4, logger=self._logger)
            backend = options.backend_options
            if self._spec.get("old_state"):
                backend = BackendOptions(connection=backend.connection, table_name=backend.table_name)
            state = StateClientBuilder.build(backend_options=backend, checkpoints=scheduler.checkpoints)
            scheduler.set_post_sync_hook(state.flush)
            chosen = self.get_tables(options)
            if self._spec.get("garbage"):
                yield message.SyncMigrateTableMessage(tables["flat"].to_arrow_schema())
                yield message.SyncErrorMessage("", self._spec["garbage"])
            resolvers = []
            for table in chosen:
                below = [Resolver(relation, children) for relation in table.relations]
                resolvers.append(Resolver(table, rows[table.name], below))
            yield from scheduler.sync(Client(self._spec, state), resolvers, options.deterministic_cq_id)

        def close(self) -> None:
            pass

    PluginCommand(Sample()).run(sys.argv[1:])


if __name__ == "__main__":
    main()
