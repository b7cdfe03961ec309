"""What a Superset holds, by its own database: the resources and edges that the catalog should have of it."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

Fields = dict[str, Any]

NAMED = "coalesce(nullif(u.email, ''), u.first_name || ' ' || u.last_name)"
FULL_NAME = "u.first_name || ' ' || u.last_name"


class Truth:
    """Reads `superset.db`; `url` is where that Superset was reached."""

    def __init__(self, database: Path, url: str) -> None:
        self._path, self.url = database, url

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as database:
            return database.execute(sql).fetchall()

    def resources(self) -> dict[str, Fields]:
        """Every resource, by id, with the fields that are not empty."""
        found = {**self._databases(), **self._datasets(), **self._columns(), **self._dashboards(), **self._charts()}
        return {id_: {key: value for key, value in fields.items() if value} for id_, fields in found.items()}

    def _databases(self) -> dict[str, Fields]:
        found: dict[str, Fields] = {
            f"database.{id_}": {"entity_type": "database", "title": name, "native_type": "sqlite"}
            for id_, name in self.rows("SELECT id, database_name FROM dbs")
        }
        for id_, schema in self.rows("SELECT DISTINCT database_id, schema FROM tables WHERE schema IS NOT NULL"):
            about = {"entity_type": "schema", "title": schema}
            found[f"schema.{id_}.{schema}"] = {**about, "parent_databuilder_id": f"database.{id_}"}
        return found

    def _datasets(self) -> dict[str, Fields]:
        owners = self._owners("sqlatable_user", "table_id", FULL_NAME)
        sql = (
            "SELECT t.id, t.table_name, t.sql, t.schema, t.description, t.changed_on, d.id, d.database_name "
            "FROM tables t JOIN dbs d ON d.id = t.database_id"
        )
        return {
            f"dataset.{id_}": {
                "entity_type": "table",
                "parent_databuilder_id": f"schema.{database}.{schema}",
                "title": name,
                "description": self._described(description, f"/explore/?datasource_type=table&datasource_id={id_}"),
                "definition": query,
                "native_type": "virtual dataset" if query else "physical dataset",
                "database": database_name,
                "schema": schema,
                "owners": owners.get(id_),
                "external_updated_at": changed_on,
            }
            for id_, name, query, schema, description, changed_on, database, database_name in self.rows(sql)
        }

    def _columns(self) -> dict[str, Fields]:
        sql = (
            "SELECT c.table_id, c.column_name, c.verbose_name, c.description, c.expression, c.type, "
            "row_number() OVER (PARTITION BY c.table_id ORDER BY c.id) - 1 "
            "FROM table_columns c JOIN tables t ON t.id = c.table_id"
        )
        return {
            f"dataset.{dataset}.{name}": {
                "entity_type": "column",
                "parent_databuilder_id": f"dataset.{dataset}",
                "title": name,
                "description": description or verbose,
                "definition": expression,
                "type": type_,
                "sort_order": order,
            }
            for dataset, name, verbose, description, expression, type_, order in self.rows(sql)
        }

    def _dashboards(self) -> dict[str, Fields]:
        owners = self._owners("dashboard_user", "dashboard_id", NAMED)
        sql = "SELECT id, dashboard_title, slug, changed_on FROM dashboards"
        return {
            f"dashboard.{id_}": {
                "entity_type": "dashboard",
                "title": title,
                "description": self._described(None, f"/superset/dashboard/{slug or id_}/"),
                "native_type": "dashboard",
                "group": "Superset",
                "owners": owners.get(id_),
                "external_updated_at": changed_on,
            }
            for id_, title, slug, changed_on in self.rows(sql)
        }

    def _charts(self) -> dict[str, Fields]:
        owners = self._owners("slice_user", "slice_id", NAMED)
        first = dict(self.rows("SELECT slice_id, min(dashboard_id) FROM dashboard_slices GROUP BY 1"))
        sql = "SELECT id, slice_name, description, viz_type, changed_on FROM slices"
        return {
            f"chart.{id_}": {
                "entity_type": "chart",
                "parent_databuilder_id": f"dashboard.{first[id_]}" if id_ in first else None,
                "title": title,
                "description": self._described(description, f"/explore/?slice_id={id_}"),
                "native_type": kind,
                "product": "Superset",
                "owners": owners.get(id_),
                "external_updated_at": changed_on,
            }
            for id_, title, description, kind, changed_on in self.rows(sql)
        }

    def _owners(self, table: str, column: str, name: str) -> dict[int, list[str]]:
        sql = f"SELECT j.{column}, {name} FROM {table} j JOIN ab_user u ON u.id = j.user_id ORDER BY u.id"
        found: dict[int, list[str]] = {}
        for id_, owner in self.rows(sql):
            found.setdefault(id_, []).append(owner)
        return found

    def _described(self, description: str | None, path: str) -> str:
        return "\n\n".join(part for part in (description, f"{self.url}{path}") if part)

    def edges(self, names: Mapping[str, str], reads: Mapping[int, set[str]]) -> set[tuple[str, str]]:
        """Every edge. The tables that a query reads are not in Superset's database: `reads` has them."""
        found = set()
        sql = "SELECT t.id, t.table_name, t.sql, t.schema, d.database_name FROM tables t"
        for id_, table, query, schema, connection in self.rows(f"{sql} JOIN dbs d ON d.id = t.database_id"):
            for read in reads[id_] if query else {table}:
                found.add((f"{names[connection]}.{schema}.{read}", f"dataset.{id_}"))
        charts = "SELECT s.id, t.id FROM slices s JOIN tables t ON t.id = s.datasource_id"
        found |= {(f"dataset.{t}", f"chart.{s}") for s, t in self.rows(f"{charts} WHERE s.datasource_type = 'table'")}
        placed = self.rows("SELECT slice_id, dashboard_id FROM dashboard_slices")
        return found | {(f"chart.{chart}", f"dashboard.{dashboard}") for chart, dashboard in placed}
