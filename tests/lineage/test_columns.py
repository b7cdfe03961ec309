"""Which columns each column is made from."""

import pytest

from assets.lineage import Schema, TableName, resolve
from tests.lineage.asking import edges, reads

SCHEMA = {
    "shop.public.orders": ["id", "customer", "total"],
    "shop.public.customers": ["id", "name", "city"],
    "shop.public.rates": {"city": "text", "rate": "decimal"},
}
DEFAULTS = {"schema": SCHEMA, "default_database": "shop", "default_schema": "public"}


def of(sql: str, dialect: str | None = "postgres") -> dict[str, set[str]]:
    """Edges with the schema given, without what all names begin with."""
    found = edges(sql, dialect, **DEFAULTS)
    return {target: {source.removeprefix("shop.public.") for source in sources} for target, sources in found.items()}


def test_bare_columns_find_the_table_that_has_them() -> None:
    """A schema tells which table a column without a qualifier is of."""
    assert of("SELECT name, total, rate FROM orders o JOIN customers c ON c.id = customer JOIN rates USING (city)") == {
        "name": {"customers.name"},
        "total": {"orders.total"},
        "rate": {"rates.rate"},
    }


def test_star_goes_through_ctes_and_subqueries() -> None:
    """`*` is spelled out in the order of the tables, however far away they are."""
    sql = "WITH c AS (SELECT * FROM customers), d AS (SELECT c.* FROM c) SELECT * FROM (SELECT * FROM d) x, rates"
    found = resolve(sql, dialect="postgres", **DEFAULTS)
    assert [column.target for column in found.columns] == ["id", "name", "city", "city", "rate"]
    assert [str(column.sources[0].table.name) for column in found.columns] == ["customers"] * 3 + ["rates"] * 2


def test_using_and_natural_make_columns_one() -> None:
    """A column that a join makes one comes from both sides, and is given once."""
    assert of("SELECT * FROM customers JOIN rates USING (city)") == {
        "city": {"customers.city", "rates.city"},
        "id": {"customers.id"},
        "name": {"customers.name"},
        "rate": {"rates.rate"},
    }
    assert of("SELECT city FROM customers NATURAL JOIN rates") == {"city": {"customers.city", "rates.city"}}


@pytest.mark.parametrize(
    ("dialect", "star", "columns"),
    [
        ("bigquery", "* EXCEPT (name)", {"id": {"customers.id"}, "city": {"customers.city"}}),
        (
            "bigquery",
            "* EXCEPT (id) REPLACE (upper(city) AS name)",
            {"name": {"customers.city"}, "city": {"customers.city"}},
        ),
        ("snowflake", "* ILIKE '%i_y'", {"city": {"customers.city"}}),
        ("snowflake", "* EXCLUDE (id, city) RENAME (name AS called)", {"called": {"customers.name"}}),
    ],
)
def test_star_with_changes(dialect: str, star: str, columns: dict[str, set[str]]) -> None:
    """EXCEPT, EXCLUDE, ILIKE, REPLACE and RENAME change what `*` gives."""
    assert of(f"SELECT {star} FROM customers", dialect) == columns


@pytest.mark.parametrize(
    ("expression", "sources"),
    [
        ("a + b", {"t.a", "t.b"}),
        ("count(*)", set()),
        ("'x'", set()),
        ("CASE WHEN a > 1 THEN b ELSE c END", {"t.a", "t.b", "t.c"}),
        ("sum(a) OVER (PARTITION BY b ORDER BY c)", {"t.a", "t.b", "t.c"}),
        ("sum(a) OVER w", {"t.a", "t.b"}),
        ("cast(coalesce(a, 0) AS decimal(9, 2))", {"t.a"}),
        ("(SELECT max(u.z) FROM u WHERE u.a = t.a)", {"u.z"}),
        ("(SELECT t.a + u.z FROM u)", {"t.a", "u.z"}),
    ],
)
def test_what_an_expression_is_made_from(expression: str, sources: set[str]) -> None:
    """All columns that the value depends on; of a subquery those of its result."""
    assert edges(f"SELECT {expression} AS x FROM t WINDOW w AS (PARTITION BY b)") == {"x": sources}


def test_without_a_schema() -> None:
    """One table has all columns; of several, only qualified ones are sure; stars stay stars."""
    assert edges("SELECT a, t.b FROM t") == {"a": {"t.a"}, "b": {"t.b"}}
    assert edges("SELECT a, t.b FROM t JOIN u ON true") == {"a": set(), "b": {"t.b"}}
    assert edges("SELECT * FROM t JOIN u ON true") == {"*": {"t.*", "u.*"}}
    assert edges("SELECT x FROM (SELECT * FROM t) s") == {"x": {"t.x"}}
    assert edges("SELECT x FROM (SELECT * FROM t UNION ALL SELECT * FROM u) s") == {"x": {"t.x", "u.x"}}
    assert edges("SELECT x FROM (SELECT * FROM t JOIN u ON true) s") == {"x": set()}


def test_unnamed_columns_are_called_as_they_are_written() -> None:
    """An expression without an alias stands for its own name."""
    assert edges("SELECT max(a), a + b FROM t") == {"max(a)": {"t.a"}, "a + b": {"t.a", "t.b"}}


def test_set_operations_go_by_place() -> None:
    """Column n of a union is made from column n of each query, under the first one's name."""
    assert edges("SELECT a, b FROM t UNION SELECT c, d FROM u UNION ALL SELECT e, f FROM v") == {
        "a": {"t.a", "u.c", "v.e"},
        "b": {"t.b", "u.d", "v.f"},
    }


def test_recursion_keeps_where_it_began() -> None:
    """The columns of a recursive CTE come from its first query, too."""
    sql = """
        WITH RECURSIVE r (n, p) AS (SELECT id, boss FROM s UNION ALL SELECT s.id, r.p FROM s JOIN r ON s.boss = r.n)
        SELECT * FROM r
    """
    assert edges(sql) == {"n": {"s.id"}, "p": {"s.boss"}}


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("INSERT INTO t (x, y) SELECT a, b FROM s", {"x": {"s.a"}, "y": {"s.b"}}),
        ("CREATE VIEW v (x) AS SELECT a FROM s", {"x": {"s.a"}}),
        ("UPDATE t SET x = s.a + t.b FROM s", {"x": {"s.a", "t.b"}}),
        ("MERGE INTO t USING s ON t.k = s.k WHEN MATCHED THEN UPDATE SET x = s.a WHEN NOT MATCHED THEN INSERT (k, y) "
         "VALUES (s.k, s.b)", {"x": {"s.a"}, "k": {"s.k"}, "y": {"s.b"}}),
        ("SELECT a AS x INTO t FROM s", {"x": {"s.a"}}),
    ],
)  # fmt: skip
def test_what_is_written_bears_the_names_of_the_target(sql: str, columns: dict[str, set[str]]) -> None:
    """Columns are those of the table that is written."""
    found = resolve(sql, dialect="postgres")
    assert edges(sql, "postgres") == columns
    assert all(column.target_table is not None for column in found.columns)


def test_a_merge_gives_each_column_once() -> None:
    """What several branches of MERGE set is one column, from all that they set it from."""
    found = resolve(
        "MERGE INTO t USING s ON t.k = s.k WHEN MATCHED AND s.old THEN UPDATE SET a = s.b WHEN MATCHED THEN UPDATE SET "
        "a = s.c WHEN NOT MATCHED THEN INSERT (k, a) VALUES (s.k, s.b)",
        dialect="snowflake",
    )
    assert [(column.target, [str(source) for source in column.sources]) for column in found.columns] == [
        ("a", ["s.b", "s.c"]),
        ("k", ["s.k"]),
    ]


def test_an_insert_without_columns_goes_by_the_schema() -> None:
    """A known target gives its names by place."""
    assert edges("INSERT INTO t SELECT a, b FROM s", schema={"t": ["x", "y"]}) == {"x": {"s.a"}, "y": {"s.b"}}


@pytest.mark.parametrize(
    ("dialect", "sql", "columns"),
    [
        ("bigquery", "SELECT i.sku FROM orders o CROSS JOIN UNNEST(o.items) AS i", {"sku": {"orders.items"}}),
        ("hive", "SELECT i FROM orders LATERAL VIEW explode(items) x AS i", {"i": {"orders.items"}}),
        ("snowflake", "SELECT f.value AS v FROM orders, LATERAL FLATTEN(input => items) f", {"v": {"orders.items"}}),
        (
            "mysql",
            "SELECT j.sku FROM orders, JSON_TABLE(items, '$' COLUMNS (sku INT PATH '$.s')) j",
            {"sku": {"orders.items"}},
        ),
        ("bigquery", "SELECT place.city.name FROM people", {"name": {"people.place"}}),
        ("spark", "SELECT transform(xs, x -> x + y) AS z FROM t", {"z": {"t.xs", "t.y"}}),
    ],
)
def test_nested_values(dialect: str, sql: str, columns: dict[str, set[str]]) -> None:
    """Elements and fields come from the column that holds them."""
    assert edges(sql, dialect) == columns


@pytest.mark.parametrize(
    ("dialect", "sql", "columns"),
    [
        (None, "SELECT b.x FROM ((t AS a JOIN u AS b ON a.id = b.id))", {"x": {"u.x"}}),
        ("postgres", "SELECT s.t.x FROM s.t AS a", {"x": {"s.t.x"}}),
        ("tsql", "SELECT v.d.s.t.x FROM v.d.s.t JOIN u ON 1 = 1", {"x": {"v.d.s.t.x"}}),
        ("db2", "SELECT a FROM t FETCH FIRST 3 ROWS ONLY WITH UR", {"a": {"t.a"}}),
        ("teradata", "LOCKING ROW FOR ACCESS SELECT a (TITLE 'A'), b FROM t", {"a": {"t.a"}, "b": {"t.b"}}),
        (
            "mysql",
            "CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW INSERT INTO log (i) SELECT NEW.id FROM u",
            {"i": set()},
        ),
    ],
)
def test_odd_ways_to_write(dialect: str | None, sql: str, columns: dict[str, set[str]]) -> None:
    """Brackets around joins, a table's name in spite of its alias, phrases of one engine, rows of triggers."""
    assert edges(sql, dialect) == columns


@pytest.mark.parametrize(
    ("dialect", "columns"), [("snowflake", ["id", "month", "n"]), ("bigquery", ["id", "n", "month"])]
)
def test_unpivot_turns_columns_into_rows(dialect: str, columns: list[str]) -> None:
    """The values come from the folded columns; engines differ in what comes first."""
    found = resolve(
        "SELECT * FROM sums UNPIVOT (n FOR month IN (jan, feb))", dialect=dialect, schema={"sums": ["id", "jan", "feb"]}
    )
    assert [column.target.lower() for column in found.columns] == columns
    assert {str(source) for column in found.columns for source in column.sources} == {"sums.id", "sums.jan", "sums.feb"}


def test_a_schema_finds_names_by_their_end() -> None:
    """A short name finds a longer one; one that could mean two tables that differ finds none."""
    schema = Schema({"a.t": ["x"], "b.t": ["y"], "a.u": ["z"]})
    assert schema.columns(TableName("u")) == ("z",)
    assert schema.columns(TableName("T", schema="B", catalog="any")) == ("y",)
    assert schema.columns(TableName("t")) is None


def test_columns_can_be_left_out() -> None:
    """Who wants tables alone need not wait for columns."""
    assert resolve("SELECT a FROM t", columns=False).columns == ()


def test_columns_of_a_change_of_a_query() -> None:
    """What is set in a CTE is set in its table, under the name that the column has there."""
    found = resolve(
        "WITH c AS (SELECT o.total AS sum, k.name FROM orders o JOIN customers k ON k.id = o.customer) "
        "UPDATE c SET sum = sum + 1",
        dialect="tsql",
        **DEFAULTS,
    )
    [column] = found.columns
    assert (str(column.target_table), column.target) == ("shop.public.orders", "total")
    assert [str(source) for source in column.sources] == ["shop.public.orders.total"]


def test_columns_of_ctes_that_write() -> None:
    """RETURNING hands on the columns of the rows that were changed, and what a CTE writes has columns, too."""
    assert of("WITH gone AS (DELETE FROM customers RETURNING id, name AS n) INSERT INTO log SELECT * FROM gone") == {
        "id": {"customers.id"},
        "n": {"customers.name"},
    }
    assert of(
        "WITH c AS (SELECT * FROM customers), u AS (UPDATE rates SET rate = c.id FROM c WHERE true RETURNING rates.*) "
        "SELECT city FROM u"
    ) == {"rate": {"customers.id"}, "city": {"rates.city"}}


@pytest.mark.parametrize(
    ("dialect", "sql", "sources"),
    [
        ("snowflake", "SELECT a + 1 AS b, b * 2 AS x FROM t", {"t.a"}),
        ("snowflake", "SELECT trim(b) AS b, b || c AS x FROM t", {"t.b", "t.c"}),
        ("postgres", "SELECT a + 1 AS b, b * 2 AS x FROM t", {"t.b"}),
    ],
)
def test_aliases_of_projections_before(dialect: str, sql: str, sources: set[str]) -> None:
    """Without a schema a name is an alias given before, if engines allow it and the table shows no such column."""
    assert edges(sql, dialect)["x"] == sources


def test_a_dictionary_is_no_column() -> None:
    """What ClickHouse's dictGet asks is named by its first argument, which is of no table."""
    found = edges("SELECT dictGet(db.d, 'x', id) AS z FROM t", "clickhouse")
    assert found == {"z": {"t.id"}}
    assert reads("SELECT * FROM dictionary('d') JOIN t USING (id)", "clickhouse") == {"t"}
