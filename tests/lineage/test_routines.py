"""Procedures, functions, blocks, and what is executed from strings."""

import pytest

from assets.lineage import resolve
from tests.lineage.asking import reads, shown, writes

ROUTINES = {
    "variables": ("oracle", """
        CREATE OR REPLACE PROCEDURE p AS
          n NUMBER;
        BEGIN
          n := 1;
          INSERT INTO t SELECT * FROM a WHERE x > n;
        END p;
        /
        """, {"a"}, {"t"}),
    "loop": ("oracle", """
        BEGIN
          FOR r IN (SELECT id FROM a) LOOP
            UPDATE t SET x = 1 WHERE id = r.id;
          END LOOP;
        END;
        """, {"a"}, {"t"}),
    "cursor": ("oracle", "DECLARE CURSOR c IS SELECT * FROM a; BEGIN OPEN c; DELETE FROM t; END;", {"a"}, {"t"}),
    "dynamic": ("oracle", "BEGIN EXECUTE IMMEDIATE 'INSERT INTO t SELECT * FROM a'; END;", {"a"}, {"t"}),
    "conditions": ("tsql", """
        CREATE PROC p AS
        BEGIN
          SET NOCOUNT ON;
          IF EXISTS (SELECT 1 FROM a)
            INSERT INTO t SELECT * FROM b
          ELSE
            UPDATE t SET x = 1
        END
        """, {"a", "b"}, {"t"}),
    "dollars": ("postgres", """
        CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$
        BEGIN IF true THEN INSERT INTO t SELECT * FROM a; END IF; END $$
        """, {"a"}, {"t"}),
    "do": ("postgres", "DO $x$ BEGIN DELETE FROM t WHERE id IN (SELECT id FROM a); END $x$", {"a"}, {"t"}),
    "python": ("postgres", "CREATE FUNCTION f() RETURNS int LANGUAGE plpython3u AS $$ INSERT INTO t $$", set(), set()),
    "quoted body": ("snowflake", """
        CREATE PROCEDURE p() RETURNS int LANGUAGE SQL AS 'BEGIN INSERT INTO t SELECT * FROM a; RETURN 1; END'
        """, {"a"}, {"t"}),
    "task": ("snowflake", "CREATE TASK n WAREHOUSE = w AS INSERT INTO t SELECT * FROM a", {"a"}, {"t"}),
    "delimiter": ("mysql", """
        DELIMITER //
        CREATE PROCEDURE p()
        BEGIN
          INSERT INTO t SELECT * FROM a;
        END //
        DELIMITER ;
        SELECT * FROM b
        """, {"a", "b"}, {"t"}),
    "trigger": ("mysql", """
        CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW INSERT INTO log SELECT * FROM a
        """, {"a"}, {"log"}),
    "no AS": ("bigquery", "CREATE PROCEDURE d.p() BEGIN CREATE TABLE d.t AS SELECT * FROM d.a; END", {"d.a"}, {"d.t"}),
}  # fmt: skip


@pytest.mark.parametrize(("dialect", "script", "sources", "targets"), ROUTINES.values(), ids=ROUTINES)
def test_routines_are_read_through(dialect: str, script: str, sources: set[str], targets: set[str]) -> None:
    """The statements in a routine's body are read as a script's are, whatever stands around them."""
    assert (reads(script, dialect), writes(script, dialect)) == (sources, targets)
    assert resolve(script, dialect=dialect).status in {"parsed", "partly"}


INTO_VARIABLES = {
    "oracle block": ("oracle", "DECLARE v NUMBER; BEGIN SELECT x INTO v FROM a; END;"),
    "oracle procedure": ("oracle", "CREATE PROCEDURE p AS v NUMBER; BEGIN SELECT x BULK COLLECT INTO v FROM a; END;"),
    "oracle package, no dialect": (
        None,
        """
        CREATE PACKAGE BODY p AS
          PROCEDURE q IS BEGIN SELECT x INTO v FROM a; END;
          PROCEDURE r IS BEGIN SELECT x INTO v FROM a; END;
        END;
        """,
    ),
    "no dialect": (None, "DECLARE v NUMBER; BEGIN IF v > 1 THEN SELECT x INTO v FROM a; END IF; END;"),
    "executed": ("oracle", "BEGIN EXECUTE IMMEDIATE 'SELECT x FROM a' INTO v; END;"),
    "mysql": ("mysql", "CREATE PROCEDURE p() BEGIN DECLARE v INT; SELECT x INTO v FROM a; SELECT x FROM a INTO v; END"),
    "mysql's own": ("mysql", "SELECT x INTO @v FROM a; SELECT x FROM a INTO @v, @w FOR UPDATE"),
    "postgres block": ("postgres", "DO $$ DECLARE v int; BEGIN SELECT x INTO v FROM a; END $$"),
    "postgres function": (
        "postgres",
        """
        CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
          SELECT INTO v x FROM a; SELECT x INTO STRICT v FROM a; SELECT x, y INTO v, w FROM a; RETURN v;
        END $$
        """,
    ),
    "db2": ("db2", "CREATE PROCEDURE p() BEGIN DECLARE v INT; SELECT x INTO v FROM a; END"),
    "a file": ("mysql", "SELECT x INTO OUTFILE '/tmp/x' FIELDS TERMINATED BY ',' FROM a"),
    "a file, no dialect": (None, "SELECT x INTO OUTFILE '/tmp/x' FROM a"),
}


@pytest.mark.parametrize(("dialect", "script"), INTO_VARIABLES.values(), ids=INTO_VARIABLES)
def test_into_a_variable_writes_nothing(dialect: str | None, script: str) -> None:
    """In routines and blocks, and everywhere in dialects that know no other, SELECT … INTO is a query as others are."""
    found = resolve(script, dialect=dialect)
    assert ({str(table) for table in found.sources}, found.targets, found.status) == ({"a"}, (), "parsed")
    assert shown(found)["x"] == {"a.x"}
    assert all(column.target_table is None for column in found.columns)


@pytest.mark.parametrize(
    ("dialect", "script"),
    [
        ("tsql", "SELECT x INTO made FROM a"),
        ("tsql", "CREATE PROC p AS BEGIN SELECT x INTO made FROM a END"),
        (None, "CREATE PROC p @i int AS BEGIN SELECT x INTO made FROM a END"),
        ("postgres", "BEGIN; SELECT x INTO made FROM a; COMMIT"),
        ("postgres", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; SELECT x INTO made FROM a"),
        (None, "BEGIN TRANSACTION; SELECT x INTO made FROM a; COMMIT"),
        (None, "DECLARE v int; BEGIN IF v THEN BEGIN NULL; END; END IF; END; SELECT x INTO made FROM a"),
    ],
)
def test_into_a_table_writes_it(dialect: str | None, script: str) -> None:
    """SELECT … INTO makes a table in T-SQL, and outside of routines where no dialect says otherwise."""
    assert writes(script, dialect) == {"made"}


def test_into_a_variable_where_only_words_are_read() -> None:
    """A query that no parser takes fills a variable, too."""
    found = resolve("BEGIN SELECT x, INTO v FROM a WHERE; END;", dialect="oracle")
    assert ([str(table) for table in found.sources], found.targets, found.status) == (["a"], (), "fallback")


def test_executed_strings_that_are_put_together_are_not_trusted() -> None:
    """A literal that something is added to is read, and the statement that executes it lowers the confidence."""
    found = resolve("BEGIN EXECUTE IMMEDIATE 'SELECT x FROM a ' || more INTO v; END;", dialect="oracle")
    assert ([str(table) for table in found.sources], found.targets) == (["a"], ())
    assert found.confidence < 1


@pytest.mark.parametrize(
    ("dialect", "script"),
    [
        ("tsql", "CREATE FUNCTION dbo.f (@i int) RETURNS TABLE AS RETURN (SELECT x FROM a WHERE i = @i)"),
        ("bigquery", "CREATE TEMP FUNCTION f(i INT64) AS ((SELECT max(x) FROM a WHERE a.i = i))"),
        ("bigquery", 'EXECUTE IMMEDIATE "SELECT x FROM a"'),
        ("bigquery", 'EXECUTE IMMEDIATE """SELECT x FROM a"""'),
    ],
)
def test_routines_whose_body_is_a_query(dialect: str, script: str) -> None:
    """A query in brackets that is all of a routine, and strings in double quotes where those are strings, are read."""
    found = resolve(script, dialect=dialect)
    assert ([str(table) for table in found.sources], found.status) == (["a"], "parsed")


def test_perform_reads_as_a_select_does() -> None:
    """PL/pgSQL's PERFORM is a query whose result nobody wants."""
    assert reads("DO $$ BEGIN PERFORM f(x) FROM a; INSERT INTO o SELECT x FROM b; END $$", "postgres") == {"a", "b"}


def test_names_that_are_words_of_one_engine_only() -> None:
    """Where only words are read, DB2's isolation levels may be names of tables, and MERGE needs no INTO."""
    found = resolve("MERGE cs USING rr ON cs.i = rr.i WHEN EVER THEN DELETE", dialect="tsql")
    assert ([str(t) for t in found.sources], [str(t) for t in found.targets]) == (["rr"], ["cs"])
    assert writes("ALTER TABLE a UPDATE x = 1 WHERE y IN (SELECT y FROM b)", "clickhouse") == {"a"}


@pytest.mark.parametrize(
    ("dialect", "script"),
    [
        ("tsql", "DECLARE @s nvarchar(max); SET @s = N'SELECT x FROM a'; EXEC sp_executesql @s"),
        ("tsql", "DECLARE @s nvarchar(max) = N'SELECT x FROM a'\nEXEC sys.sp_executesql @s, N'@p int', @p = 1"),
        ("tsql", "CREATE PROC p AS BEGIN SET @s = 'SELECT x FROM a' EXEC (@s) EXEC dbo.q END"),
        ("snowflake", "BEGIN LET q := 'SELECT x FROM a'; EXECUTE IMMEDIATE :q; END"),
        ("oracle", "DECLARE q varchar2(100) := 'SELECT x FROM a'; BEGIN EXECUTE IMMEDIATE q INTO v; END;"),
        ("oracle", "BEGIN OPEN c FOR 'SELECT x FROM a'; END;"),
        ("snowflake", "SET q = 'SELECT x FROM a'; EXECUTE IMMEDIATE $q"),
        ("bigquery", "SET q = 'SELECT x FROM a'; EXECUTE IMMEDIATE q"),
        ("mysql", "CREATE PROCEDURE p() BEGIN SET @q = 'SELECT x FROM a'; PREPARE s FROM @q; EXECUTE s; END"),
    ],
)
def test_a_variable_that_holds_a_literal_is_executed_as_the_literal(dialect: str, script: str) -> None:
    """EXECUTE of a variable reads the text that was last put into it."""
    found = resolve(script, dialect=dialect)
    assert ([str(table) for table in found.sources], found.status) == (["a"], "parsed")
    assert shown(found)["x"] == {"a.x"}


@pytest.mark.parametrize(
    "script",
    [
        "SET @s = N'SELECT x FROM a' + @more; EXEC (@s)",
        "SET @s = N'SELECT x FROM a'; SET @s = @s + N' JOIN b ON 1 = 1'; EXEC (@s)",
        "SET @s = N'SELECT x FROM a'; SET @s += N' JOIN b ON 1 = 1'; EXEC (@s)",
        "SET @s = N'SELECT x FROM a'; EXEC sp_executesql @other",
    ],
)
def test_a_variable_that_is_put_together_is_not_read(script: str) -> None:
    """What is known to be only a part of a text tells nothing."""
    assert reads(script, "tsql") == set()


def test_each_executed_string_is_read() -> None:
    """Several EXEC without semicolons between them run one after another, and hide nothing behind them."""
    script = (
        "EXEC ('INSERT INTO t SELECT x FROM a')\nEXEC sp_executesql N'INSERT INTO u SELECT x FROM b'\nSELECT x FROM c"
    )
    found = resolve(script, dialect="tsql")
    assert [[str(table) for table in each.sources] for each in found.statements] == [["a"], ["b"], ["c"]]
    assert ({str(table) for table in found.targets}, found.status) == ({"t", "u"}, "parsed")


@pytest.mark.parametrize(
    ("dialect", "script"),
    [
        ("tsql", "IF EXISTS (SELECT 1 FROM a) INSERT INTO t SELECT x FROM b"),
        ("tsql", "WHILE (SELECT count(*) FROM a) > 0 BEGIN INSERT INTO t SELECT x FROM b END"),
        ("mysql", "CREATE PROCEDURE p() BEGIN IF NOT EXISTS (SELECT 1 FROM a) THEN INSERT INTO t SELECT x FROM b; "
                  "END IF; END"),
        ("postgres", "DO $$ DECLARE n int := (SELECT max(x) FROM a); BEGIN INSERT INTO t SELECT x FROM b; END $$"),
        ("postgres", "DO $$ BEGIN FOR r IN SELECT * FROM a y LOOP INSERT INTO t SELECT x FROM b; END LOOP; END $$"),
        ("oracle", "BEGIN FOR r IN (WITH c AS (SELECT * FROM a) SELECT * FROM c) LOOP INSERT INTO t SELECT x FROM b; "
                   "END LOOP; END;"),
        ("bigquery", "IF (SELECT count(*) FROM a) > 0 THEN INSERT INTO t SELECT x FROM b; END IF"),
        ("mysql", "CREATE TRIGGER g AFTER UPDATE ON q FOR EACH ROW BEGIN IF (SELECT count(*) FROM a) > 1 THEN "
                  "INSERT INTO t SELECT x FROM b; END IF; END"),
        ("snowflake", "BEGIN LET r RESULTSET := (SELECT x FROM a); INSERT INTO t SELECT x FROM b; END"),
    ],
)  # fmt: skip
def test_queries_of_conditions_and_loops_are_parsed(dialect: str, script: str) -> None:
    """What a condition asks, a loop runs over or a variable is set to is read, and gives no columns out."""
    found = resolve(script, dialect=dialect)
    assert [[str(table) for table in each.sources] for each in found.statements] == [["a"], ["b"]]
    assert ([str(table) for table in found.targets], found.status) == (["t"], "parsed")
    assert shown(found) == {"x": {"b.x"}}


@pytest.mark.parametrize(
    ("dialect", "script"),
    [
        ("tsql", "DECLARE c CURSOR LOCAL FAST_FORWARD FOR SELECT x FROM a; OPEN c; FETCH NEXT FROM c INTO @x; CLOSE c"),
        ("tsql", "DECLARE c CURSOR FOR SELECT x FROM a\nOPEN c\nFETCH NEXT FROM c INTO @x\nCLOSE c\nDEALLOCATE c"),
        ("tsql", "SET @c = CURSOR FOR SELECT x FROM a"),
        (None, "DECLARE c CURSOR FOR SELECT x FROM a\nOPEN c\nFETCH NEXT FROM c INTO @x\nCLOSE c"),
        ("postgres", "DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT x FROM a; FETCH 5 FROM c"),
        ("db2", "DECLARE c CURSOR FOR WITH b AS (SELECT x FROM a) SELECT x FROM b"),
        ("mysql", "CREATE PROCEDURE p() BEGIN DECLARE c CURSOR FOR SELECT x FROM a; OPEN c; FETCH c INTO v; END"),
        ("athena", "UNLOAD (SELECT x FROM a) TO 's3://b/' WITH (format = 'PARQUET')"),
        ("redshift", "UNLOAD ('SELECT x FROM a WHERE y = ''z'' ') TO 's3://b/' IAM_ROLE 'r'"),
    ],
)
def test_queries_of_cursors_and_unloads_are_parsed(dialect: str | None, script: str) -> None:
    """A query that a cursor is for, or that goes to files, is read as a query; a cursor is no table."""
    found = resolve(script, dialect=dialect)
    assert ([str(table) for table in found.sources], found.targets, found.status) == (["a"], (), "parsed")
    assert shown(found) == {"x": {"a.x"}}
