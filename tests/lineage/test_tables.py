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
        ("postgres", "CREATE TABLE copy (LIKE origin INCLUDING ALL, at date)", {"origin"}, {"copy"}),
        ("mysql", "UPDATE a JOIN b ON a.id = b.id SET a.x = b.x", {"b"}, {"a"}),
        ("starrocks", "UPDATE a JOIN b ON a.id = b.id SET a.x = b.x", {"b"}, {"a"}),
        ("mysql", "UPDATE a JOIN b ON a.id = b.id SET a.x = b.y, b.z = 1, w = b.w", {"b"}, {"a", "b"}),
        ("mysql", "UPDATE a JOIN b ON a.id = b.id SET a.x = 1, b.z = 1", set(), {"a", "b"}),
        ("postgres", "UPDATE a SET x = x + 1", set(), {"a"}),
        ("snowflake", "MERGE INTO t USING s ON t.i = s.i WHEN MATCHED THEN UPDATE SET t.a = t.a + s.b", {"s"}, {"t"}),
        ("mysql", "DELETE o FROM orders o JOIN refunds r ON r.id = o.id", {"refunds"}, {"orders"}),
        ("mysql", "DELETE FROM a, b USING a JOIN b ON a.i = b.i JOIN c ON c.i = b.i", {"c"}, {"a", "b"}),
        ("mysql", "REPLACE INTO a SELECT * FROM b", {"b"}, {"a"}),
        ("mysql", "EXPLAIN SELECT * FROM b", {"b"}, set()),
        ("tsql", "UPDATE t SET t.x = s.x FROM dbo.Old AS t JOIN dbo.New s ON s.id = t.id", {"dbo.new"}, {"dbo.old"}),
        ("snowflake", "MERGE INTO t USING (SELECT * FROM s) q ON t.i = q.i WHEN MATCHED THEN DELETE", {"s"}, {"t"}),
        ("hive", "FROM raw INSERT OVERWRITE TABLE a SELECT x INSERT INTO TABLE b SELECT y", {"raw"}, {"a", "b"}),
        ("hive", "WITH r AS (SELECT * FROM raw) FROM r INSERT OVERWRITE TABLE a SELECT x", {"raw"}, {"a"}),
        ("oracle", "INSERT ALL INTO a VALUES (x) INTO b VALUES (y) SELECT x, y FROM c", {"c"}, {"a", "b"}),
        ("oracle", "SELECT price FROM parts FOR UPDATE OF price", {"parts"}, set()),
        ("clickhouse", "CREATE MATERIALIZED VIEW v TO daily AS SELECT * FROM hits", {"hits"}, {"v", "daily"}),
        ("spark", "CACHE TABLE c AS SELECT * FROM t", {"t"}, {"c"}),
    ],
)  # fmt: skip
def test_what_is_written_is_not_read(dialect: str, sql: str, sources: set[str], targets: set[str]) -> None:
    """The target of a change is a source only if the statement reads it, too."""
    assert (reads(sql, dialect), writes(sql, dialect)) == (sources, targets)


@pytest.mark.parametrize(
    ("dialect", "sql", "sources", "targets"),
    [
        ("oracle", "CREATE TABLE a NOLOGGING PARALLEL 4 AS SELECT x FROM b", {"b"}, {"a"}),
        ("oracle", "CREATE OR REPLACE FORCE VIEW a (x) AS SELECT y FROM b WITH READ ONLY", {"b"}, {"a"}),
        ("oracle", "CREATE MATERIALIZED VIEW a BUILD IMMEDIATE REFRESH FAST AS SELECT x FROM b", {"b"}, {"a"}),
        ("oracle", "CREATE VIEW a AS SELECT 'WITH DATA' x FROM b, c WITH READ ONLY", {"b", "c"}, {"a"}),
        ("oracle", "SELECT x FROM b VERSIONS BETWEEN SCN MINVALUE AND MAXVALUE", {"b"}, set()),
        ("oracle", "MERGE INTO a USING b ON (a.i = b.i) WHEN MATCHED THEN UPDATE SET x = 1 DELETE WHERE y = 2", {"b"},
         {"a"}),
        ("postgres", "CREATE VIEW a AS SELECT x FROM b WITH LOCAL CHECK OPTION", {"b"}, {"a"}),
        ("postgres", "CREATE MATERIALIZED VIEW IF NOT EXISTS a AS SELECT x FROM b WITH NO DATA", {"b"}, {"a"}),
        ("postgres", "CREATE RECURSIVE VIEW a (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM a, b", {"b"}, {"a"}),
        ("postgres", "EXPLAIN (ANALYZE, FORMAT JSON) SELECT x FROM b", {"b"}, set()),
        ("postgres", "PREPARE q (int) AS SELECT x FROM b WHERE i = $1", {"b"}, set()),
        ("postgres", "SELECT x FROM b JOIN ONLY (c) ON true", {"b", "c"}, set()),
        ("mysql", "CREATE TABLE a IGNORE SELECT x FROM b", {"b"}, {"a"}),
        ("mysql", "DELETE QUICK FROM a WHERE x IN (SELECT x FROM b)", {"b"}, {"a"}),
        ("mysql", "REPLACE DELAYED INTO a SELECT x FROM b", {"b"}, {"a"}),
        ("mysql", "SELECT x FROM { OJ b LEFT OUTER JOIN c ON b.i = c.i }", {"b", "c"}, set()),
        ("hive", "CREATE TABLE a (x string COMMENT 'c') PARTITIONED BY (d string) LIFECYCLE 7", set(), {"a"}),
        ("sqlite", "UPDATE OR ROLLBACK a SET x = (SELECT x FROM b)", {"b"}, {"a"}),
        ("sqlite", "SELECT x FROM b INDEXED BY i WHERE x IN c", {"b", "c"}, set()),
        ("clickhouse", "SELECT x FROM b WHERE x NOT IN s.c", {"b", "s.c"}, set()),
        ("bigquery", "CREATE SNAPSHOT TABLE a CLONE b", {"b"}, {"a"}),
        ("bigquery", "SELECT * FROM s.f(TABLE s.b, 3)", {"s.b"}, set()),
        ("bigquery", "SELECT x FROM ML.PREDICT(MODEL s.m, (SELECT x FROM b))", {"b"}, set()),
        ("bigquery", "SELECT x FROM ML.EVALUATE(MODEL s.m, TABLE b)", {"b"}, set()),
        ("databricks", "CREATE TABLE a DEEP CLONE b VERSION AS OF 1", {"b"}, {"a"}),
        ("databricks", "SELECT x FROM b@v2 JOIN c@20260101000000000 VERSION AS OF 3 ON b.i = c.i", {"b", "c"}, set()),
        ("tsql", "INSERT INTO a SELECT x FROM (MERGE INTO c USING b ON c.i = b.i WHEN MATCHED THEN DELETE OUTPUT "
         "deleted.x) AS d (x)", {"b"}, {"a", "c"}),
        ("tsql", "INSERT INTO a WITH (TABLOCK) (x) SELECT x FROM b", {"b"}, {"a"}),
        ("tsql", "MERGE TOP (9) INTO a USING b ON a.i = b.i WHEN MATCHED THEN DELETE OUTPUT deleted.i INTO @g;", {"b"},
         {"a"}),
        (None, "WITH ur AS (SELECT x FROM b) SELECT x FROM ur FOR FETCH ONLY WITH UR", {"b"}, set()),
        ("teradata", "UPDATE x FROM a x, b SET y = b.y WHERE x.i = b.i", {"b"}, {"a"}),
        ("db2", "DECLARE GLOBAL TEMPORARY TABLE s.t AS (SELECT x FROM b) WITH DATA; INSERT INTO a SELECT x FROM s.t",
         {"b"}, {"a"}),
    ],
)  # fmt: skip
def test_what_engines_add_hides_nothing(dialect: str | None, sql: str, sources: set[str], targets: set[str]) -> None:
    """Options, hints and modifiers that no parser takes are left out, and the statement is parsed without them."""
    found = resolve(sql, dialect=dialect)
    assert ({str(t) for t in found.sources}, {str(t) for t in found.targets}) == (sources, targets)
    assert found.status == "parsed"


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgres", "INSERT INTO t SELECT * FROM t WHERE old"),
        ("tsql", "UPDATE t SET a = (SELECT max(b) FROM t)"),
        ("tsql", "DELETE t WHERE a IN (SELECT a FROM t WHERE old = 1)"),
        ("postgres", "WITH gone AS (DELETE FROM t WHERE i IN (SELECT i FROM t) RETURNING *) SELECT * FROM gone"),
    ],
)
def test_a_target_that_is_read_is_a_source(dialect: str, sql: str) -> None:
    """A query in a change that reads its target makes it a source."""
    assert (reads(sql, dialect), writes(sql, dialect)) == ({"t"}, {"t"})


@pytest.mark.parametrize(
    ("dialect", "sql", "sources"),
    [
        ("tsql", "WITH c AS (SELECT * FROM ships WHERE a = 1) UPDATE c SET b = 2", set()),
        ("tsql", "WITH c AS (SELECT s.*, p.x FROM ships s JOIN ports p ON p.i = s.i) UPDATE c SET b = x", {"ports"}),
        ("tsql", "WITH c AS (SELECT p.x, s.n FROM ports p JOIN ships s ON p.i = s.i) UPDATE c SET n = x", {"ports"}),
        ("tsql", "WITH c AS (SELECT * FROM ships) UPDATE x SET a = p.b FROM c x JOIN ports p ON p.i = x.i", {"ports"}),
        ("tsql", "WITH a AS (SELECT * FROM ships), b AS (SELECT * FROM a) DELETE FROM b WHERE rank > 1", set()),
        ("tsql", "DELETE d FROM (SELECT *, row_number() OVER (ORDER BY i) n FROM ships) d WHERE n > 1", set()),
        ("oracle", "DELETE FROM (SELECT * FROM ships WHERE a = 1)", set()),
        ("tsql", "WITH c AS (SELECT a FROM ports) UPDATE ships SET a = c.a FROM c WHERE c.i = ships.i", {"ports"}),
        ("tsql", "UPDATE ships SET a = (SELECT max(x) FROM ports ships) FROM piers WHERE 1 = 1", {"ports", "piers"}),
    ],
)  # fmt: skip
def test_a_change_of_a_query_changes_its_table(dialect: str, sql: str, sources: set[str]) -> None:
    """UPDATE and DELETE of a CTE or of a query in brackets write the table whose rows those are."""
    assert (reads(sql, dialect), writes(sql, dialect)) == (sources, {"ships"})


@pytest.mark.parametrize(
    ("dialect", "sql", "sources"),
    [
        ("oracle", "INSERT INTO (SELECT a, b FROM ships WHERE a > nvl(b, 1) WITH CHECK OPTION) SELECT 1, 2", set()),
        ("oracle", "INSERT INTO (SELECT s.a FROM ships s) SELECT x FROM ports", {"ports"}),
        ("oracle", "INSERT INTO (SELECT a FROM ships WHERE i IN (SELECT i FROM ports)) SELECT 1 FROM dual", {"ports"}),
        (None, "INSERT INTO (SELECT a FROM ships) SELECT x FROM ports", {"ports"}),
        (None, "UPDATE (SELECT s.a, p.b FROM ships s JOIN ports p ON s.i = p.i) SET a = b", {"ports"}),
        ("oracle", "UPDATE (SELECT s.a, p.b FROM ships s JOIN ports p ON s.i = p.i) SET a = b", {"ports"}),
        ("oracle", "MERGE INTO (SELECT * FROM ships WHERE a = 1) d USING ports p ON (d.i = p.i) "
                   "WHEN MATCHED THEN UPDATE SET d.a = p.b", {"ports"}),
        ("tsql", "WITH c AS (SELECT * FROM ships WHERE a = 1) MERGE INTO c USING ports p ON c.i = p.i "
                 "WHEN MATCHED THEN UPDATE SET c.a = p.b;", {"ports"}),
    ],
)  # fmt: skip
def test_inserts_and_merges_into_a_query_write_its_table(dialect: str | None, sql: str, sources: set[str]) -> None:
    """INSERT, UPDATE and MERGE of a query in brackets are parsed, and write the table whose rows those are."""
    found = resolve(sql, dialect=dialect)
    assert ({str(t) for t in found.sources}, {str(t) for t in found.targets}) == (sources, {"ships"})
    assert found.status == "parsed"
    assert {str(column.target_table) for column in found.columns} == {"ships"}


@pytest.mark.parametrize("dialect", ["tsql", None])
@pytest.mark.parametrize(
    "sql",
    [
        "MERGE t USING s ON t.i = s.i WHEN MATCHED THEN UPDATE SET a = s.a OUTPUT upper(inserted.i) INTO x.log;",
        "INSERT INTO t (a) OUTPUT inserted.a INTO x.log (a) SELECT a FROM s",
        "INSERT INTO t (a) OUTPUT inserted.a INTO x.log (a) VALUES ((SELECT max(a) FROM s))",
        "DELETE FROM t OUTPUT deleted.a INTO x.log WHERE a IN (SELECT a FROM s)",
        "DELETE t OUTPUT deleted.a INTO [x].[log] FROM t JOIN s ON s.i = t.i",
        "UPDATE t SET a = s.a OUTPUT inserted.a, deleted.a INTO x.log (n, o) FROM t JOIN s ON s.i = t.i",
    ],
)
def test_output_into_writes_a_second_table(sql: str, dialect: str | None) -> None:
    """T-SQL's OUTPUT … INTO writes its table besides the statement's own, also where the dialect has to be found."""
    found = resolve(sql, dialect=dialect)
    assert ({str(t) for t in found.sources}, {str(t) for t in found.targets}) == ({"s"}, {"t", "x.log"})
    assert found.status == "parsed"


def test_output_without_into_writes_nothing_more() -> None:
    """Rows that OUTPUT gives back to the caller are in no table, nor is what a string says."""
    assert writes("UPDATE t SET a = 'OUTPUT b INTO c' OUTPUT inserted.a FROM t", "tsql") == {"t"}


@pytest.mark.parametrize(
    ("dialect", "sql", "targets"),
    [
        ("tsql", r"BULK INSERT [my db].dbo.t FROM 'c:\t.csv' WITH (FIELDTERMINATOR = ',')", {"my db.dbo.t"}),
        ("mysql", "LOAD DATA LOCAL INFILE 't.csv' IGNORE INTO TABLE s.t FIELDS TERMINATED BY ',' (a, b)", {"s.t"}),
        ("mysql", "LOAD XML INFILE 't.xml' INTO TABLE `t` ROWS IDENTIFIED BY '<r>'", {"t"}),
        ("hive", "LOAD DATA INPATH '/t' OVERWRITE INTO TABLE t PARTITION (d = 1)", {"t"}),
    ],
)
def test_loading_a_file_writes_its_table(dialect: str, sql: str, targets: set[str]) -> None:
    """A file is no table that is read."""
    found = resolve(sql, dialect=dialect)
    assert (found.sources, {str(t) for t in found.targets}, found.status) == ((), targets, "parsed")


@pytest.mark.parametrize(
    ("dialect", "sql", "sources", "targets"),
    [
        ("redshift", "ALTER TABLE s.a APPEND FROM s.b IGNOREEXTRA", {"s.b"}, {"s.a"}),
        ("tsql", "ALTER TABLE a SWITCH PARTITION 1 TO x.b PARTITION 2", {"a"}, {"x.b"}),
        ("clickhouse", "ALTER TABLE a REPLACE PARTITION '1' FROM b", {"b"}, {"a"}),
        ("clickhouse", "ALTER TABLE a MOVE PARTITION '1' TO TABLE b", {"a"}, {"b"}),
        ("postgres", "ALTER TABLE IF EXISTS a ATTACH PARTITION b FOR VALUES FROM (1) TO (2)", {"b"}, {"a"}),
        ("oracle", "ALTER TABLE a EXCHANGE PARTITION p WITH TABLE b INCLUDING INDEXES", {"a", "b"}, {"a", "b"}),
        ("hive", "ALTER TABLE a EXCHANGE PARTITION (d = '1') WITH TABLE b", {"b"}, {"a"}),
        ("snowflake", "ALTER TABLE a SWAP WITH b", {"a", "b"}, {"a", "b"}),
        ("clickhouse", "ALTER TABLE a MOVE PARTITION '1' TO DISK 'd'", set(), {"a"}),
        ("postgres", "ALTER TABLE a ADD COLUMN b int", set(), {"a"}),
    ],
)
def test_alter_that_moves_rows(dialect: str, sql: str, sources: set[str], targets: set[str]) -> None:
    """Rows are read where they come from and written where they go; a swap does both to both."""
    assert (reads(sql, dialect), writes(sql, dialect)) == (sources, targets)


@pytest.mark.parametrize("dialect", ["tsql", "oracle", "bigquery", None])
def test_delete_needs_no_from(dialect: str | None) -> None:
    """`DELETE t WHERE …` is parsed as `DELETE FROM t WHERE …` is."""
    found = resolve("DELETE crew WHERE id IN (SELECT id FROM gone)", dialect=dialect)
    assert ([str(t) for t in found.sources], [str(t) for t in found.targets]) == (["gone"], ["crew"])
    assert found.status == "parsed"


@pytest.mark.parametrize(
    ("sql", "sources", "targets"),
    [
        ("WITH m AS (DELETE FROM hot WHERE old RETURNING *) INSERT INTO cold SELECT * FROM m", set(), {"hot", "cold"}),
        ("WITH u AS (UPDATE w SET a = s.a FROM s RETURNING w.*) SELECT * FROM u, d", {"s", "d"}, {"w"}),
        ("WITH s AS (SELECT * FROM r), i AS (INSERT INTO t SELECT * FROM s RETURNING x) TABLE i", {"r"}, {"t"}),
    ],
)
def test_ctes_that_write(sql: str, sources: set[str], targets: set[str]) -> None:
    """INSERT, UPDATE and DELETE in a WITH write their targets, and see the CTEs before them."""
    assert (reads(sql, "postgres"), writes(sql, "postgres")) == (sources, targets)


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


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT * FROM ships, LATERAL crew.men", {"ships", "crew.men"}),
        ("SELECT * FROM ships JOIN LATERAL men ON true", {"ships", "men"}),
        ("WITH men AS (SELECT * FROM crew) SELECT * FROM ships, LATERAL men", {"ships", "crew"}),
        ("SELECT * FROM ships s, LATERAL s.men m", {"ships"}),
        ("SELECT * FROM ships s CROSS APPLY dbo.men(s.id) m", {"ships"}),
        ("SELECT * FROM sea.ports ports JOIN ports.piers p ON p.port = ports.id", {"sea.ports", "ports.piers"}),
        ("SELECT * FROM ports JOIN ports.piers USING (port)", {"ports", "ports.piers"}),
        ("SELECT * FROM ports p LEFT JOIN p.piers q ON true", {"ports"}),
        ("SELECT * FROM ONLY ports JOIN ONLY piers USING (port)", {"ports", "piers"}),
    ],
)
def test_tables_that_only_some_engines_would_read(sql: str, tables: set[str]) -> None:
    """Without a dialect, what is written as a table is one: behind LATERAL and ONLY, and joined by its columns."""
    found = resolve(sql)
    assert ({str(table) for table in found.sources}, found.status) == (tables, "parsed")
    read = {str(source.table) for column in found.columns for source in column.sources}
    assert read == tables


@pytest.mark.parametrize(
    ("dialect", "sql", "sources", "targets"),
    [
        ("snowflake", "SELECT * FROM IDENTIFIER('a.b') x, t", {"a.b", "t"}, set()),
        ("snowflake", "DELETE FROM IDENTIFIER('a.b') WHERE i IN (SELECT i FROM t)", {"t"}, {"a.b"}),
        ("snowflake", "MERGE INTO IDENTIFIER('a.b') t USING s ON t.i = s.i WHEN MATCHED THEN DELETE", {"s"}, {"a.b"}),
        ("databricks", "UPDATE IDENTIFIER('a.b') SET x = 1", set(), {"a.b"}),
        ("snowflake", "SELECT * FROM TABLE('a.b') x, TABLE(f(t.i)) y, t", {"a.b", "t"}, set()),
        ("snowflake", "SELECT * FROM IDENTIFIER(:name)", set(), set()),
    ],
)
def test_identifier_names_a_table(dialect: str, sql: str, sources: set[str], targets: set[str]) -> None:
    """`IDENTIFIER('a.b')` and `TABLE('a.b')` stand for the table that its string names."""
    assert (reads(sql, dialect), writes(sql, dialect)) == (sources, targets)


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


def test_alter_that_no_parser_takes_writes_its_table() -> None:
    """Of an ALTER TABLE that is not understood the words tell which table it changes."""
    found = resolve("ALTER TABLE a SET SERDEPROPERTIES ('x' = 'y')")
    assert ([str(table) for table in found.targets], found.status) == (["a"], "fallback")
