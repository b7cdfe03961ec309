"""Writes a package's two JSON files as CloudQuery's Python SDK does: run by an interpreter that has the SDK.

    python peer.py DIR

Its tables are `orders` and `lines` of `shop.py`, in the SDK's words. The images, which need docker, are left out.
"""

import logging
import sys
from typing import Any


def main(folder: str) -> None:
    """Write package.json and tables.json into the folder."""
    import pyarrow as pa
    from cloudquery.sdk import plugin, schema
    from cloudquery.sdk.serve import PluginCommand

    orders = schema.Table(
        "orders",
        [
            schema.Column("id", pa.int64(), "Its number.", primary_key=True, not_null=True),
            schema.Column("state", pa.string(), unique=True),
            schema.Column("changed_at", pa.timestamp("us", tz="UTC"), incremental_key=True),
        ],
        title="Orders",
        description="All orders.",
        is_incremental=True,
    )
    key = schema.Column("order_id", pa.int64(), primary_key=True, not_null=True)
    orders.relations = [schema.Table("lines", [key], description="Their lines.", parent=orders)]

    class Shop(plugin.Plugin):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__("shop", "v1.2.3", plugin.plugin.Options(team="acme", kind="source"))

        def get_tables(self, options: Any) -> Any:
            return [orders]

    command, log = PluginCommand(Shop()), logging.getLogger(__name__)
    command._write_tables_json(log, folder)
    command._write_package_json(log, folder, "What is new", "v1.2.3", [])


if __name__ == "__main__":
    main(sys.argv[1])
