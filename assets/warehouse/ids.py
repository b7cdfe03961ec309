"""Row identities as CloudQuery makes them, in SQL.

Deterministic: SHA-256 over the primary key columns' names and texts, in the names' order, then a version 5
UUID (SHA-1) of those 32 bytes in the nil namespace. Without a primary key, or by choice: random.
"""

from collections.abc import Sequence

from assets.warehouse.quoting import name, text
from integrations.sdk.schema import Column
from integrations.sdk.types import Kind

NIL_NAMESPACE = "'" + "\\x00" * 16 + "'::BLOB"


def id_expression(keys: Sequence[Column], *, deterministic: bool) -> str:
    """SQL for `_cq_id`, over the table's own columns."""
    if not deterministic or not keys:
        return "uuid()"
    parts = ", ".join(f"{text(key.name)}, {_go_text(key)}" for key in sorted(keys, key=lambda key: key.name))
    return f"cq_id({NIL_NAMESPACE} || unhex(sha256(concat({parts}))))"


ID_MACRO = """
CREATE OR REPLACE TEMP MACRO cq_id(bytes) AS (
    SELECT CAST(h[1:12] || '5' || h[14:16] || substr('89ab', (strpos('0123456789abcdef', h[17:17]) - 1) % 4 + 1, 1)
                || h[18:32] AS UUID)
    FROM (SELECT sha1(bytes) AS h)
)
"""


def _go_text(column: Column) -> str:
    """A value's text as CloudQuery's Go scalars print it; null is `(null)`."""
    quoted = name(column.name)
    expressions = {
        Kind.TIMESTAMP: f"strftime({quoted} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ')",
        Kind.LOCAL_TIMESTAMP: f"strftime({quoted}, '%Y-%m-%dT%H:%M:%SZ')",
        Kind.BLOB: f"to_base64({quoted})",
    }
    return f"coalesce({expressions.get(column.type.kind, f'CAST({quoted} AS VARCHAR)')}, '(null)')"
