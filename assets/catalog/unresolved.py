"""Ends of lineage that the catalog does not have, as they were found at the last look, to be queried."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from assets.catalog.model import Unresolved
from assets.warehouse.session import Session

CREATE = (
    "CREATE SCHEMA IF NOT EXISTS catalog",
    "CREATE TABLE IF NOT EXISTS catalog.unresolved (source VARCHAR, upstream JSON, downstream JSON, reason VARCHAR, "
    "near VARCHAR[], found_at TIMESTAMPTZ)",
    "COMMENT ON TABLE catalog.unresolved IS 'Ends of lineage that are not in the catalog, why, and what is near'",
)
ROW = '[{"source": "VARCHAR", "upstream": "JSON", "downstream": "JSON", "reason": "VARCHAR", "near": ["VARCHAR"]}]'


def reasons(unresolved: Sequence[Unresolved]) -> Counter[str]:
    """How often each reason is given, in words, with the source and what is near."""
    return Counter(
        f"{loose.source}: {loose.reason}" + (f" (near: {', '.join(loose.near)})" if loose.near else "")
        for loose in unresolved
    )


def keep(session: Session, unresolved: Sequence[Unresolved]) -> None:
    """Remember these, and no others."""
    session.execute_many(CREATE)
    connection = session.connection
    connection.execute("BEGIN")
    connection.execute("DELETE FROM catalog.unresolved")
    connection.execute(
        f"INSERT INTO catalog.unresolved SELECT row.*, now() FROM (SELECT unnest(from_json(?, '{ROW}')) AS row)",
        [msgspec.json.encode(unresolved).decode()],
    )
    connection.execute("COMMIT")
