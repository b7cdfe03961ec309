"""Two small databases that Superset reads, and the Secoda script that brings them into the catalog."""

import sqlite3
from contextlib import closing
from pathlib import Path

DATABASES = {
    "shop_db": """
        CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, product_id INTEGER, amount REAL, at TEXT);
        CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT);
        CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, price REAL);
        CREATE TABLE "Order Items" (order_id INTEGER, product_id INTEGER, pieces INTEGER);
        CREATE TABLE archive (id INTEGER PRIMARY KEY, amount REAL);
    """,
    "ops_db": """
        CREATE TABLE orders (id INTEGER PRIMARY KEY, shipped_at TEXT);
        CREATE TABLE events (id INTEGER PRIMARY KEY, order_id INTEGER, kind TEXT, at TEXT);
        CREATE TABLE customers (id INTEGER PRIMARY KEY, address TEXT);
    """,
}
"""The statements that make each; `orders` and `customers` are in both."""

UNKNOWN = "archive"
"""A table that nobody brings into the catalog."""

SCRIPT = '''
import sqlite3

from secodadk import Resource, SecodaIntegration


class Warehouses(SecodaIntegration):
    """What is in the databases, by their own accounts."""

    entity_types = ("database", "schema", "table", "column")

    def extract(self):
        for name, path in self.credentials["paths"].items():
            self.declare(Resource(entity_type="database", databuilder_id=name, title=name))
            schema = f"{name}.main"
            self.declare(
                Resource(entity_type="schema", databuilder_id=schema, parent_databuilder_id=name, title="main")
            )
            with sqlite3.connect(path) as database:
                tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                for (table,) in tables:
                    if table != self.credentials["without"]:
                        self.declare_table(name, schema, table, database)
            database.close()

    def declare_table(self, name, schema, table, database):
        where = {"database": name, "schema": "main"}
        id_ = f"{schema}.{table}"
        self.declare(
            Resource(entity_type="table", databuilder_id=id_, parent_databuilder_id=schema, title=table, **where)
        )
        for order, column, type_ in database.execute(f'SELECT cid, name, type FROM pragma_table_info("{table}")'):
            self.declare(
                Resource(
                    entity_type="column",
                    databuilder_id=f"{id_}.{column}",
                    parent_databuilder_id=id_,
                    title=column,
                    type=type_,
                    sort_order=order,
                    **where,
                )
            )

    def declare(self, resource):
        self.declare_resource(resource)
'''


def make_databases(folder: Path) -> dict[str, Path]:
    """The files of the databases, by name."""
    made = {name: folder / f"{name}.sqlite" for name in DATABASES}
    for name, path in made.items():
        with closing(sqlite3.connect(path)) as database:
            database.executescript(DATABASES[name])
    return made
