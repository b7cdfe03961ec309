"""Several statements: what one does to the names of the next, and what is wrong with one of them."""

import pytest

from assets.lineage import Session, resolve
from tests.lineage.asking import edges, reads, shown, writes


@pytest.mark.parametrize(
    ("dialect", "before", "table"),
    [
        ("snowflake", "USE DATABASE d", "d.t"),
        ("snowflake", "USE SCHEMA d.s", "d.s.t"),
        ("snowflake", "USE DATABASE d; USE SCHEMA s", "d.s.t"),
        ("snowflake", "USE WAREHOUSE w; USE ROLE r", "t"),
        ("databricks", "USE CATALOG c; USE s", "c.s.t"),
        ("mysql", "USE shop", "shop.t"),
        ("tsql", "USE shop\nGO", "shop.t"),
        ("trino", "USE c.s", "c.s.t"),
        ("postgres", 'SET search_path TO "$user", app, public', "app.t"),
        ("oracle", "ALTER SESSION SET CURRENT_SCHEMA = hr", "hr.t"),
        ("db2", "SET CURRENT SCHEMA = fin", "fin.t"),
        ("duckdb", "ATTACH 'f.db' AS y; USE y.s", "y.s.t"),
        ("duckdb", "ATTACH 'dir/y.duckdb'; ATTACH 'z.db'; USE y; USE s", "y.s.t"),
        (None, "USE d.s", "d.s.t"),
    ],
)
def test_use_changes_what_short_names_mean(dialect: str | None, before: str, table: str) -> None:
    """USE and its likes hold for the statements behind them."""
    assert reads(f"{before};\nSELECT * FROM t", dialect) == {table}


def test_use_of_an_attached_database_chooses_no_schema() -> None:
    """A name with a schema is of the database that was attached and is used."""
    assert reads("ATTACH 'f.db' AS y (READ_ONLY); USE y; SELECT * FROM s.t", "duckdb") == {"y.s.t"}


@pytest.mark.parametrize(
    ("sql", "sources", "targets"),
    [
        ("SELECT * FROM a /*!50000 JOIN b ON a.i = b.i */ -- /*!50000 JOIN c */", {"a", "b"}, set()),
        ("/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`r`@`%` SQL SECURITY DEFINER */\n"
         "/*!50001 VIEW `v` AS select `a`.`x` AS `x` from `a` */;", {"a"}, {"v"}),
        ("/*!40101 SET NAMES utf8 */;\n/*!40000 ALTER TABLE `v` DISABLE KEYS */;\n"
         "INSERT INTO `v` SELECT x FROM a /* or b */;\n", {"a"}, {"v"}),
        ("SELECT /*! STRAIGHT_JOIN */ * FROM a, b", {"a", "b"}, set()),
    ],
)  # fmt: skip
def test_what_mysql_runs_is_no_comment(sql: str, sources: set[str], targets: set[str]) -> None:
    """Comments with a version, as dumps are full of, hold SQL."""
    found = resolve(sql, dialect="mysql")
    assert ({str(t) for t in found.sources}, {str(t) for t in found.targets}) == (sources, targets)
    assert found.status == "parsed"


@pytest.mark.parametrize(
    ("dialect", "script"),
    [
        ("postgres", "CREATE TEMP TABLE part AS SELECT id FROM base; INSERT INTO out SELECT id FROM part;"),
        ("tsql", "SELECT id INTO #part FROM base\nINSERT INTO out SELECT id FROM #part"),
        ("tsql", "DECLARE @p TABLE (id int); INSERT INTO @p SELECT id FROM base; INSERT INTO out SELECT id FROM @p"),
        ("snowflake", "CREATE TEMPORARY TABLE a AS SELECT * FROM base; CREATE TEMPORARY TABLE b AS SELECT * FROM a; "
                      "INSERT INTO out SELECT id FROM b"),
    ],
)  # fmt: skip
def test_temporary_tables_are_seen_through(dialect: str, script: str) -> None:
    """What was read into a temporary table is what its readers read; it is shown nowhere itself."""
    assert (reads(script, dialect), writes(script, dialect)) == ({"base"}, {"out"})
    assert edges(script, dialect)["id"] == {"base.id"}


FILLED_AGAIN = {
    "dropped": ("tsql", """
        SELECT a INTO #x FROM s1; DROP TABLE #x; SELECT a INTO #x FROM s2; INSERT INTO o SELECT a FROM #x
        """, {"s2"}, {"s2.a"}),
    "replaced": ("snowflake", """
        CREATE OR REPLACE TEMP TABLE x AS SELECT a FROM s1; CREATE OR REPLACE TEMP TABLE x AS SELECT b AS a FROM s2;
        INSERT INTO o SELECT a FROM x
        """, {"s2"}, {"s2.b"}),
    "truncated": ("postgres", """
        CREATE TEMP TABLE x AS SELECT a FROM s1; TRUNCATE x; INSERT INTO x SELECT b FROM s2;
        INSERT INTO o SELECT a FROM x
        """, {"s2"}, {"s2.b"}),
    "deleted": ("mysql", """
        CREATE TEMPORARY TABLE x AS SELECT a FROM s1; DELETE FROM x; INSERT INTO x VALUES (1);
        INSERT INTO o SELECT a FROM x
        """, set(), set()),
    "overwritten": ("spark", """
        CREATE TEMPORARY TABLE x AS SELECT a FROM s1; INSERT OVERWRITE TABLE x SELECT b FROM s2;
        INSERT INTO o SELECT a FROM x
        """, {"s2"}, {"s2.b"}),
    "created if it is not there": ("mysql", """
        CREATE TEMPORARY TABLE x AS SELECT a FROM s1; CREATE TEMPORARY TABLE IF NOT EXISTS x AS SELECT a FROM s2;
        INSERT INTO o SELECT a FROM x
        """, {"s1"}, {"s1.a"}),
    "created, then filled": ("postgres", """
        CREATE TEMP TABLE x (a int); INSERT INTO x SELECT b FROM s1; INSERT INTO o SELECT a FROM x
        """, {"s1"}, {"s1.b"}),
    "created with #, then filled": ("tsql", """
        CREATE TABLE #x (a int); INSERT INTO #x SELECT a FROM s1; INSERT INTO o SELECT a FROM #x
        """, {"s1"}, {"s1.a"}),
    "declared, then filled": ("tsql", """
        DECLARE @x TABLE (a int); INSERT INTO @x SELECT b FROM s1; INSERT INTO o SELECT a FROM @x
        """, {"s1"}, {"s1.b"}),
    "created, then filled by a star": ("postgres", """
        CREATE TEMP TABLE x (a int); INSERT INTO x SELECT * FROM s1; INSERT INTO o SELECT a FROM x
        """, {"s1"}, {"s1.a"}),
    "filled twice": ("tsql", """
        SELECT a INTO #x FROM s1; INSERT INTO #x SELECT b FROM s2; INSERT INTO o SELECT a FROM #x
        """, {"s1", "s2"}, {"s1.a", "s2.b"}),
    "filled twice by stars": ("postgres", """
        CREATE TEMP TABLE x AS SELECT * FROM s1; INSERT INTO x SELECT * FROM s2; INSERT INTO o SELECT a FROM x
        """, {"s1", "s2"}, {"s1.a", "s2.a"}),
    "filled in another order": ("tsql", """
        CREATE TABLE #x (k int, a int); INSERT INTO #x (a, k) SELECT b, i FROM s1; INSERT INTO o SELECT a FROM #x
        """, {"s1"}, {"s1.b"}),
    "updated": ("tsql", """
        SELECT k, a INTO #x FROM s1; UPDATE t SET t.a = s.b FROM #x AS t JOIN s2 AS s ON s.k = t.k;
        INSERT INTO o SELECT a FROM #x
        """, {"s1", "s2"}, {"s1.a", "s2.b"}),
    "merged": ("snowflake", """
        CREATE TEMP TABLE x (k int, a int); MERGE INTO x USING s1 ON x.k = s1.k
        WHEN MATCHED THEN UPDATE SET a = x.a + s1.b WHEN NOT MATCHED THEN INSERT (k, a) VALUES (s1.k, s1.c);
        INSERT INTO o SELECT a FROM x
        """, {"s1"}, {"s1.b", "s1.c"}),
    "made in both branches": ("tsql", """
        IF @all = 1 SELECT a INTO #x FROM s1 ELSE SELECT b AS a INTO #x FROM s2
        INSERT INTO o SELECT a FROM #x
        """, {"s1", "s2"}, {"s1.a", "s2.b"}),
    "like another": ("redshift", """
        CREATE TEMP TABLE x (LIKE o); INSERT INTO x SELECT a FROM s1; INSERT INTO o SELECT a FROM x
        """, {"s1"}, {"s1.a"}),
    "cloned": ("snowflake", "CREATE TEMP TABLE x CLONE s1; INSERT INTO o SELECT a FROM x", {"s1"}, {"s1.a"}),
    "SELECT INTO TEMP": ("postgres", "SELECT a INTO TEMP x FROM s1; INSERT INTO o SELECT a FROM x", {"s1"}, {"s1.a"}),
}  # fmt: skip


def test_what_output_puts_into_a_temporary_table_is_of_the_table_that_is_changed() -> None:
    """T-SQL's OUTPUT … INTO #log fills a temporary table, which is seen through as others are."""
    found = resolve(
        "UPDATE t SET a = 1 OUTPUT inserted.a INTO #x WHERE i = 2; INSERT INTO o SELECT a FROM #x", dialect="tsql"
    )
    assert ([str(each) for each in found.sources], [str(each) for each in found.targets]) == (["t"], ["t", "o"])
    assert [str(source) for source in found.statements[1].columns[0].sources] == ["t.a"]


@pytest.mark.parametrize(("dialect", "script", "sources", "columns"), FILLED_AGAIN.values(), ids=FILLED_AGAIN)
def test_temporary_tables_hold_what_was_put_in_last(
    dialect: str, script: str, sources: set[str], columns: set[str]
) -> None:
    """Creating replaces what a temporary table holds, emptying leaves its columns, writing adds, by place or name.

    Where a script creates what is there, it does so in another branch, and the table may hold either.
    """
    found = resolve(script, dialect=dialect)
    assert {str(table) for table in found.statements[-1].sources} == sources
    assert ({str(table) for table in found.targets}, shown(found)) == ({"o"}, {"a": columns})
    assert (found.status, found.confidence) == ("parsed", 1.0)


def test_what_is_dropped_is_temporary_no_longer() -> None:
    """Behind DROP the name means another table."""
    script = "CREATE TEMP TABLE x AS SELECT * FROM base; DROP TABLE x; SELECT a FROM x"
    assert (reads(script, "postgres"), writes(script, "postgres")) == ({"base", "x"}, set())
    assert edges(script, "postgres") == {"a": {"x.a"}}


def test_a_column_makes_no_table_temporary() -> None:
    """Only the words between CREATE and the table say that it is temporary."""
    assert writes("CREATE TABLE days AS SELECT temp, at FROM weather", "postgres") == {"days"}


def test_temporary_tables_of_statements_that_no_parser_takes() -> None:
    """A temporary table is seen through, too, where only the words of what fills it were read."""
    script = "CREATE LOCAL TEMP TABLE x AS SELECT a FROM s; INSERT INTO o SELECT a FROM x"
    assert (reads(script, "postgres"), writes(script, "postgres")) == ({"s"}, {"o"})


def test_temporary_tables_may_be_kept() -> None:
    """With keep_temporary they are tables as others are."""
    script = "CREATE TEMP TABLE part AS SELECT id FROM base; INSERT INTO out SELECT id FROM part"
    assert reads(script, keep_temporary=True) == {"base", "part"}


def test_a_session_remembers() -> None:
    """Statements that come one by one are one script."""
    session = Session(dialect="mysql")
    session.run("USE shop")
    session.run("CREATE TEMPORARY TABLE recent AS SELECT * FROM orders")
    assert [str(table) for table in session.run("SELECT * FROM recent").sources] == ["shop.orders"]


def test_tables_that_a_script_creates_have_known_columns() -> None:
    """`*` of a table that the script creates is spelled out."""
    assert edges("CREATE TABLE t (a int, b int); INSERT INTO u SELECT * FROM t") == {"a": {"t.a"}, "b": {"t.b"}}


def test_a_bad_statement_loses_no_good_one() -> None:
    """What cannot be read is a problem with its line; the rest stands."""
    found = resolve("SELECT a FROM x;\nSELEC bad bad bad;\nINSERT INTO z SELECT b FROM y;")
    assert [str(table) for table in found.sources] == ["x", "y"]
    assert (found.status, found.statements[1].status, found.statements[1].line) == ("partly", "failed", 2)
    assert found.problems[0].startswith("line 2: ")
    assert 0 < found.confidence < 1


def test_a_statement_that_no_parser_takes_is_scanned() -> None:
    """Where no dialect takes it, the words before names still tell the tables."""
    found = resolve("SELECT a, FROM x LEFT JOIN (SELECT b FROM y WHERE ) q ON, extract(day FROM z)", dialect="db2")
    assert [str(table) for table in found.sources] == ["x", "y"]
    assert (found.status, found.statements[0].status) == ("fallback", "fallback")


@pytest.mark.parametrize(
    ("dialect", "sql", "tables"),
    [
        ("hive", "FROM (FROM t MAP a USING 'x' AS b) m REDUCE b USING 'y' AS c", {"t"}),
        ("db2", "SELECT a FROM FINAL TABLE (INSERT INTO t (a) SELECT b FROM s)", {"s"}),
        ("mysql", "SELECT * FROM {OJ t LEFT OUTER JOIN s ON t.a = s.a} WHERE,", {"t", "s"}),
        ("postgres", "PREPARE p AS SELECT * FROM t WHERE,", {"t"}),
        ("oracle", "SELECT a FROM t MODEL DIMENSION BY (a) MEASURES (b) RULES (b[1] = 2)", {"t"}),
        (None, "SELECT a FROM t WHERE a IS DISTINCT FROM b AND substring(c FROM 2) IS OF x OF y", {"t"}),
        (None, "UPDATE a SET x = 1 FROM s a JOIN u ON u.i = a.i WHERE x, = y ) (", {"u"}),
    ],
)
def test_what_scanning_finds(dialect: str | None, sql: str, tables: set[str]) -> None:
    """Words before names tell tables apart from targets, functions and expressions."""
    assert reads(sql, dialect) == tables
    assert resolve(sql, dialect=dialect).status == "fallback"


def test_t_sql_needs_no_semicolons() -> None:
    """Statements that only keywords separate are read one by one."""
    script = """
        INSERT INTO a SELECT * FROM b
        UPDATE a SET x = 1
        DELETE FROM c WHERE id IN (SELECT id FROM d)
        MERGE INTO e USING f ON e.id = f.id
          WHEN MATCHED THEN UPDATE SET e.x = f.x WHEN NOT MATCHED THEN INSERT (id) VALUES (f.id);
        SELECT * FROM g
    """
    assert reads(script, "tsql") == {"b", "d", "f", "g"}
    assert writes(script, "tsql") == {"a", "c", "e"}


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO t SELECT a FROM c",
        "UPDATE t SET a = c.a FROM c",
        "DELETE FROM t WHERE a IN (SELECT a FROM c)",
        "MERGE INTO t USING c ON t.a = c.a WHEN MATCHED THEN UPDATE SET a = c.a",
    ],
)
def test_t_sql_changes_belong_to_the_ctes_before_them(change: str) -> None:
    """WITH and the change behind it are one statement, and the next one is another."""
    found = resolve(f"DECLARE @n int;\nWITH c AS (SELECT a FROM s)\n{change};\nSELECT a FROM u", dialect="tsql")
    assert [[str(table) for table in each.sources] for each in found.statements] == [["s"], ["u"]]
    assert ([str(table) for table in found.targets], found.status) == (["t"], "parsed")


@pytest.mark.parametrize(
    "before",
    [
        "DROP TABLE IF EXISTS #x",
        "DROP PROCEDURE IF EXISTS p",
        "DROP INDEX IF EXISTS i ON u",
        "ALTER TABLE #x DROP COLUMN IF EXISTS c",
        "CREATE TABLE #x (a int)",
        "CREATE TABLE IF NOT EXISTS #x (a int)",
        "EXEC dbo.other",
        "EXEC @n = dbo.other @a = 1, @b = 'x'",
        "IF OBJECT_ID('tempdb..#x') IS NOT NULL DROP TABLE #x",
    ],
)
@pytest.mark.parametrize("between", ["\n", ";\n"])
def test_t_sql_statements_that_read_nothing_hide_none(before: str, between: str) -> None:
    """What stands before a query, with a semicolon or without, is a statement of its own and lowers no confidence."""
    found = resolve(f"{before}{between}SELECT a INTO o FROM s", dialect="tsql")
    assert [str(table) for table in found.statements[-1].sources] == ["s"]
    assert ([str(table) for table in found.targets], shown(found)) == (["o"], {"a": {"s.a"}})
    assert (len(found.statements), found.status, found.confidence, found.problems) == (2, "parsed", 1.0, ())


def test_semicolons_in_strings_and_comments_end_nothing() -> None:
    """Only a semicolon that stands as one ends a statement."""
    script = "SELECT ';' AS a, \";\" FROM x -- ;\n; /* ; */ SELECT $$;$$ FROM y"
    assert reads(script, "postgres") == {"x", "y"}
    assert len(resolve(script, dialect="postgres").statements) == 2


@pytest.mark.parametrize("text", ["", "  \n", "-- nothing", "/* nothing */;", ";;;"])
def test_nothing_reads_nothing(text: str) -> None:
    """A script without a statement is read wholly, and it is said that there is none."""
    found = resolve(text)
    assert (found.status, found.sources, found.problems) == ("parsed", (), ("there is no statement",))


@pytest.mark.parametrize("text", ["hello world", "the quick brown fox", "{]", "42", "\x00\x01"])
def test_what_is_no_sql_fails(text: str) -> None:
    """Text that is no SQL is said to be none."""
    found = resolve(text)
    assert (found.status, found.confidence, found.sources) == ("failed", 0.0, ())
