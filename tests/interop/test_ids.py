"""Our deterministic ids against those of CloudQuery's own Go SDK, computed once by peers/golden_ids.go."""

import json
from pathlib import Path
from typing import Any

from assets.warehouse.ids import id_expression
from assets.warehouse.quoting import name
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


def stored_id(into: Loader, vector: dict[str, Any], table: str) -> str:
    """The id of the vector's record in the warehouse."""
    loaded = into.load(keys(vector), [vector["record"].encode()], table=table, deterministic=True)
    assert (loaded.reasons, len(loaded.rows)) == ([], 1), vector["rule"]
    return str(into.query(f"SELECT _cq_id FROM src.{table}")[0][0])


def test_ids_are_those_of_the_go_sdk() -> None:
    """Every type that a key can have, composite keys, and what strings together the same way."""
    vectors = [vector for vector in VECTORS if not is_null(vector)]
    assert len(vectors) > 70
    with fresh_loader() as into:
        found = {each["rule"]: stored_id(into, each, f"t{number}") for number, each in enumerate(vectors)}
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
