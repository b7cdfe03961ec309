"""Our deterministic ids against those of CloudQuery's own Go SDK, computed once by peers/golden_ids.go."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assets.warehouse.ids import id_expression
from assets.warehouse.quoting import name
from integrations.sdk import types
from integrations.sdk.cloudquery.snapshots import type_of
from integrations.sdk.schema import Column
from tests.warehouse.helpers import Loader, fresh_loader

VECTORS = json.loads(Path(__file__).with_name("golden_ids.json").read_text(encoding="utf-8"))["vectors"]


def keys(vector: dict[str, Any]) -> list[Column]:
    """The vector's key columns."""
    return [Column(name, type_of(described), primary_key=True) for name, described in vector["keys"].items()]


def is_null(vector: dict[str, Any]) -> bool:
    """Whether one of its keys is null, which CloudQuery takes and we do not."""
    return None in json.loads(vector["record"]).values()


def stored_ids(into: Loader, vectors: Sequence[dict[str, Any]], table: str) -> dict[str, str]:
    """By rule, the ids in the warehouse of vectors with the same key columns."""
    number = Column("vector", types.BIGINT)
    records = [f'{{"vector": {n}, {each["record"][1:]}'.encode() for n, each in enumerate(vectors)]
    columns = [*keys(vectors[0]), number]
    loaded = into.load(columns, records, table=table, deterministic=True)
    assert (loaded.reasons, len(loaded.rows)) == ([], len(vectors)), [each["rule"] for each in vectors]
    return {vectors[n]["rule"]: str(id) for n, id in into.query(f"SELECT vector, _cq_id FROM src.{table}")}


def test_ids_are_those_of_the_go_sdk() -> None:
    """Every type that a key can have, composite keys, and what strings together the same way."""
    vectors = [vector for vector in VECTORS if not is_null(vector)]
    assert len(vectors) > 70
    alike: dict[str, list[dict[str, Any]]] = {}
    for vector in vectors:
        is_negative_zero = "-0.0" in vector["record"]  # which DuckDB takes for the same key as 0.0
        alike.setdefault(f"{vector['keys']} {is_negative_zero}", []).append(vector)
    found: dict[str, str] = {}
    with fresh_loader() as into:
        for number, group in enumerate(alike.values()):
            found |= stored_ids(into, group, f"t{number}")
    assert found == {each["rule"]: each["id"] for each in vectors}


def test_null_keys_are_hashed_as_go_prints_them() -> None:
    """Rows with a null key are rejected on their way in; the expression agrees all the same."""
    vectors = [vector for vector in VECTORS if is_null(vector)]
    assert vectors
    with fresh_loader() as into:
        for vector in vectors:
            record, expression = json.loads(vector["record"]), id_expression(keys(vector), deterministic=True)
            values = ", ".join(f"{typed(record[key.name], key)} AS {name(key.name)}" for key in keys(vector))
            assert into.query(f"SELECT {expression}::VARCHAR FROM (SELECT {values})") == [(vector["id"],)], vector


def typed(value: Any, key: Column) -> str:
    """SQL for a null or a number of the column's type."""
    return f"CAST({'NULL' if value is None else value} AS {key.type.sql})"
