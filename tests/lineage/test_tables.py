"""Which tables a statement reads and writes."""

import pytest

from assets.lineage import resolve
from tests.lineage.asking import reads, writes


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT 1", set()),
        ("SELECT name FROM crew", {"crew"}),
        ("SELECT * FROM harbour.ships s, harbour.berths b WHERE s.id = b.ship", {"harbour.ships", "harbour.berths"}),
        ("SELECT * FROM ships LEFT JOIN (SELECT * FROM berths) b USING (id)", {"ships", "berths"}),
        ("SELECT * FROM (ships JOIN berths ON ships.id = berths.ship)", {"ships", "berths"}),
        ("SELECT (SELECT max(at) FROM visits v WHERE v.ship = s.id) FROM ships s", {"ships", "visits"}),
        ("SELECT * FROM ships WHERE EXISTS (SELECT 1 FROM visits WHERE ship = ships.id)", {"ships", "visits"}),
        ("SELECT id FROM ships WHERE id IN (SELECT ship FROM visits) ORDER BY id", {"ships", "visits"}),
        ("SELECT a FROM x UNION ALL SELECT b FROM y EXCEPT SELECT c FROM z", {"x", "y", "z"}),
        ("SELECT extract(year FROM arrived), trim(both ' ' FROM name) FROM ships", {"ships"}),
    ],
)
def test_what_a_query_reads(sql: str, tables: set[str]) -> None:
    """Every table behind FROM and JOIN is read, at any depth, and nothing else."""
    found = resolve(sql)
    assert {str(table) for table in found.sources} == tables
    assert found.status == "parsed"


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("WITH late AS (SELECT * FROM trips) SELECT * FROM late", {"trips"}),
        ("WITH trips AS (SELECT * FROM trips) SELECT * FROM trips", {"trips"}),
        ("WITH a AS (SELECT 1), b AS (SELECT * FROM a JOIN t ON true) SELECT * FROM b, a", {"t"}),
        ("SELECT * FROM (WITH a AS (SELECT * FROM t) SELECT * FROM a) x JOIN a ON true", {"t", "a"}),
        ("WITH a AS (WITH a AS (SELECT * FROM t) SELECT * FROM a) SELECT * FROM a", {"t"}),
        (
            "WITH RECURSIVE up AS (SELECT * FROM staff UNION ALL SELECT s.* FROM staff s, up) SELECT * FROM up",
            {"staff"},
        ),
        ("WITH a AS (SELECT * FROM t) SELECT * FROM a UNION SELECT * FROM other.a", {"t", "other.a"}),
        ("WITH b AS (SELECT * FROM a), a AS (SELECT * FROM t) SELECT * FROM b, a", {"a", "t"}),
    ],
)
def test_ctes_hide_tables_where_they_are_in_sight(sql: str, tables: set[str]) -> None:
    """A CTE's name means the CTE behind it and in what follows, and a table of that name before and outside."""
    assert reads(sql) == tables


@pytest.mark.parametrize(
    ("dialect", "sql", "sources", "targets"),
    [
        ("postgres", "INSERT INTO log SELECT * FROM events", {"events"}, {"log"}),
        ("postgres", "INSERT INTO log VALUES ((SELECT max(id) FROM events))", {"events"}, {"log"}),
        ("postgres", "CREATE TABLE copy AS SELECT * FROM origin", {"origin"}, {"copy"}),
        ("postgres", "CREATE VIEW v (a) AS WITH w AS (SELECT 1 FROM t) SELECT * FROM w", {"t"}, {"v"}),
        ("postgres", "UPDATE stock SET n = d.n FROM deliveries d WHERE d.id = stock.id", {"deliveries"}, {"stock"}),
        ("postgres", "DELETE FROM stock USING sold WHERE sold.id = stock.id", {"sold"}, {"stock"}),
        ("postgres", "SELECT * INTO newer FROM older", {"older"}, {"newer"}),
        ("postgres", "CREATE TABLE child (id int REFERENCES parent (id))", set(), {"child"}),
        ("mysql", "UPDATE a JOIN b ON a.id = b.id SET a.x = b.x", {"b"}, {"a"}),
        ("starrocks", "UPDATE a JOIN b ON a.id = b.id SET a.x = b.x", {"b"}, {"a"}),
        ("mysql", "UPDATE a JOIN b ON a.id = b.id SET a.x = b.y, b.z = 1, w = b.w", {"b"}, {"a", "b"}),
        ("mysql", "UPDATE a JOIN b ON a.id = b.id SET a.x = 1, b.z = 1", set(), {"a", "b"}),
        ("postgres", "UPDATE a SET x = x + 1", set(), {"a"}),
        ("snowflake", "MERGE INTO t USING s ON t.i = s.i WHEN MATCHED THEN UPDATE SET t.a = t.a + s.b", {"s"}, {"t"}),
        ("mysql", "DELETE o FROM orders o JOIN refunds r ON r.id = o.id", {"refunds"}, {"orders"}),
        ("mysql", "REPLACE INTO a SELECT * FROM b", {"b"}, {"a"}),
        ("mysql", "EXPLAIN SELECT * FROM b", {"b"}, set()),
        ("tsql", "UPDATE t SET t.x = s.x FROM dbo.Old AS t JOIN dbo.New s ON s.id = t.id", {"dbo.new"}, {"dbo.old"}),
        ("snowflake", "MERGE INTO t USING (SELECT * FROM s) q ON t.i = q.i WHEN MATCHED THEN DELETE", {"s"}, {"t"}),
        ("hive", "FROM raw INSERT OVERWRITE TABLE a SELECT x INSERT INTO TABLE b SELECT y", {"raw"}, {"a", "b"}),
        ("oracle", "INSERT ALL INTO a VALUES (x) INTO b VALUES (y) SELECT x, y FROM c", {"c"}, {"a", "b"}),
        ("oracle", "SELECT price FROM parts FOR UPDATE OF price", {"parts"}, set()),
        ("clickhouse", "CREATE MATERIALIZED VIEW v TO daily AS SELECT * FROM hits", {"hits"}, {"v", "daily"}),
        ("spark", "CACHE TABLE c AS SELECT * FROM t", {"t"}, {"c"}),
    ],
)  # fmt: skip
def test_what_is_written_is_not_read(dialect: str, sql: str, sources: set[str], targets: set[str]) -> None:
    """The target of a change is a source only if the statement reads it, too."""
    assert (reads(sql, dialect), writes(sql, dialect)) == (sources, targets)


def test_a_target_that_is_read_is_a_source() -> None:
    """INSERT … SELECT from the same table reads it."""
    assert reads("INSERT INTO t SELECT * FROM t WHERE old") == {"t"}


@pytest.mark.parametrize(
    ("dialect", "sql", "tables"),
    [
        ("bigquery", "SELECT i FROM shop.orders o, o.items i", {"shop.orders"}),
        ("bigquery", "SELECT i FROM shop.orders, orders.items i", {"shop.orders"}),
        ("bigquery", "SELECT i FROM `acme-prod.shop.orders` o CROSS JOIN UNNEST(o.items) i", {"acme-prod.shop.orders"}),
        ("redshift", "SELECT i FROM orders o, o.items i", {"orders"}),
        (None, "SELECT i FROM orders o, o.items i", {"orders"}),
        ("postgres", "SELECT * FROM sales s, s.lines", {"sales", "s.lines"}),
        ("postgres", "SELECT * FROM generate_series(1, 3) g, orders", {"orders"}),
        ("snowflake", "SELECT f.value FROM orders, LATERAL FLATTEN(input => items) f", {"orders"}),
        ("snowflake", "SELECT * FROM TABLE(GENERATOR(rowcount => 3))", set()),
        ("hive", "SELECT i FROM orders LATERAL VIEW explode(items) x AS i", {"orders"}),
        ("snowflake", "SELECT * FROM sums PIVOT (sum(n) FOR m IN ('a', 'b'))", {"sums"}),
        ("snowflake", "SELECT $1 FROM @stage/file", set()),
        ("duckdb", "SELECT * FROM 'a.parquet' JOIN t USING (id)", {"t"}),
        ("oracle", "SELECT 1 FROM dual", set()),
        ("tsql", "SELECT * FROM srv.db.dbo.t JOIN [srv].[db].[dbo].[u] ON 1 = 1", {"srv.db.dbo.t", "srv.db.dbo.u"}),
        ("tsql", "SELECT * FROM [Big Data].[dbo].[Order Lines] WITH (NOLOCK)", {"big data.dbo.order lines"}),
    ],
)
def test_what_stands_in_from_and_is_no_table(dialect: str | None, sql: str, tables: set[str]) -> None:
    """Arrays, functions, stages, files and tables of one row are no tables."""
    assert reads(sql, dialect) == tables


def test_defaults_complete_names() -> None:
    """A default schema and database fill in what is missing, and replace nothing."""
    sql = "SELECT * FROM a, s.b, d.s.c"
    assert reads(sql, default_database="DB", default_schema="Public") == {"db.public.a", "db.s.b", "d.s.c"}
    assert reads(sql, default_database="db") == {"a", "db.s.b", "d.s.c"}


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT TOP 5 [Name] FROM [Crew]", {"crew"}),
        ("SELECT * FROM `crew` # all of them\nJOIN ships ON true", {"crew", "ships"}),
        ("SELECT a:b::int FROM crew QUALIFY row_number() OVER (ORDER BY a) = 1", {"crew"}),
    ],
)
def test_an_undeclared_dialect_is_found(sql: str, tables: set[str]) -> None:
    """Without a dialect, those that the text hints at are tried."""
    found = resolve(sql)
    assert ({str(table).lower() for table in found.sources}, found.status) == (tables, "parsed")


def test_an_unknown_dialect_is_said() -> None:
    """A dialect that nobody knows is no error: the SQL is read as generic, and a problem says so."""
    found = resolve("SELECT * FROM t", dialect="klingon")
    assert [str(table) for table in found.sources] == ["t"]
    assert "klingon" in found.problems[0]
