"""Cursors as keys and values, for those who keep them elsewhere: CloudQuery's state backends."""

import json
from collections.abc import Mapping

from assets.warehouse.cursors import PARENTS
from assets.warehouse.quoting import text
from assets.warehouse.session import Session

COLUMNS = ("client_id", "parent_key", "kind", "column_name", "value")


def of_table(session: Session, source: str, table: str) -> dict[str, str]:
    """A table's cursors; `table|client_id=…|parent=…` says whose each is."""
    session.ensure_ledger()
    _, rows = session.query(
        f"SELECT {', '.join(COLUMNS)} FROM headwater.cursors WHERE source = {text(source)} "
        f"AND table_name = {text(table)} AND kind <> {text(PARENTS)}"
    )
    state = {}
    for row in rows:
        cursor = dict(zip(COLUMNS, row, strict=True))
        client, parent = cursor["client_id"], cursor["parent_key"]
        parts = [table, *([f"client_id={_escaped(client)}"] if client else [])]
        parts += [f"parent={_escaped(parent)}"] if parent else []
        state["|".join(parts)] = json.dumps({"table": table, **cursor})
    return state


def restore(session: Session, source: str, state: Mapping[str, str]) -> None:
    """Put cursors where a sync looks for them; values of others are left alone."""
    session.ensure_ledger()
    statements = []
    for value in state.values():
        try:
            cursor = json.loads(value)
            values = ", ".join(
                "NULL" if cursor[column] is None else text(str(cursor[column])) for column in ("table", *COLUMNS)
            )
        except (ValueError, KeyError, TypeError):
            continue  # not one of ours: a backend's table may be shared
        statements.append(
            f"INSERT INTO headwater.cursors (source, table_name, {', '.join(COLUMNS)}, run_id, updated_at) "
            f"VALUES ({text(source)}, {values}, 'restored', now())"
        )
    session.execute_many(statements)


def _escaped(part: str) -> str:
    return part.replace("\\", "\\\\").replace("|", "\\|").replace("=", "\\=")
