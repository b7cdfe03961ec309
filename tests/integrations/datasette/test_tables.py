"""From a snapshot to tables: pure, with names, types and keys; and what is refused."""

from typing import Any

import pytest

from integrations.datasette import Datasette, Spec
from integrations.datasette.column_types import map_type
from integrations.datasette.listing import KeyPaging
from integrations.sdk import Table
from integrations.sdk.errors import ConfigError

Json = dict[str, Any]


def column(name: str, type: str = "TEXT", **more: Any) -> Json:
    return {"name": name, "type": type, **more}


def table(name: str, *columns: Json, **more: Any) -> Json:
    return {"name": name, "columns": list(columns), **more}


def snapshot(**databases: list[Json]) -> Json:
    return {"databases": [{"name": name, "route": name, "tables": tables} for name, tables in databases.items()]}


def tables_from(found: Json, **spec: Any) -> dict[str, Table]:
    built = Datasette.tables_from(Spec.model_validate({"url": "http://127.0.0.1:1", **spec}), found)
    return {each.name: each for each in built}


AIRLINES = table("airlines", column("carrier", not_null=True), column("country"), primary_key=["carrier"])
FOREIGN_KEY = {"column": "carrier", "other_table": "airlines", "other_column": "carrier"}
FLIGHTS = table(
    "flights",
    column("id", "INTEGER"),
    column("carrier", not_null=True),
    primary_key=["id"],
    foreign_keys=[FOREIGN_KEY],
)


def test_the_same_snapshot_gives_the_same_tables_and_no_snapshot_gives_none() -> None:
    found = snapshot(nyc=[AIRLINES, FLIGHTS])
    first, second = (tables_from(found) for _ in range(2))
    assert [(t.name, t.columns, t.resolver) for t in first.values()] == [
        (t.name, t.columns, t.resolver) for t in second.values()
    ]
    assert tables_from({}) == {}


def test_tables_are_prefixed_when_there_are_several_databases() -> None:
    both = snapshot(one=[AIRLINES], two=[AIRLINES])
    assert list(tables_from(both)) == ["one_airlines", "two_airlines"]
    assert list(tables_from(both, databases=["two"])) == ["airlines"]
    with pytest.raises(ConfigError, match="snapshot of tables does not have"):
        tables_from(both, databases=["three"])


def test_prefixed_names_that_meet_are_refused() -> None:
    with pytest.raises(ConfigError, match="both be called `a_b_c`"):
        tables_from(snapshot(a=[table("b_c", column("x"))], a_b=[table("c", column("x"))]))


def test_odd_names_become_names_of_their_own() -> None:
    odd = [column("rowid_"), column("RowId"), column("Row Id"), column("row_id"), column("_cq_x"), column("2nd")]
    (built,) = tables_from(snapshot(nyc=[table("Über/Uns", *odd)])).values()
    assert built.name == "ber_uns"
    assert [c.name for c in built.columns] == ["rowid_", "rowid", "row_id_2", "row_id", "cq_x", "_2nd"]


def test_a_table_without_a_key_gets_its_rowid_and_a_view_gets_none() -> None:
    built = tables_from(snapshot(nyc=[table("log", column("line")), table("v", column("x"), kind="view")]))
    assert built["log"].primary_keys == ["rowid"]
    assert built["v"].primary_keys == []


@pytest.mark.parametrize(
    ("declared", "sql"),
    [
        *[(name, "BIGINT") for name in ("INT", "integer", "UNSIGNED BIG INT", "INT(11)", "tinyint")],
        *[(name, "VARCHAR") for name in ("TEXT", "varchar(80)", "NCHAR(5)", "NATIVE CHARACTER(70)", "CLOB")],
        *[(name, "DOUBLE") for name in ("REAL", "FLOAT", "DOUBLE PRECISION", "NUMERIC", "DECIMAL(99,2)")],
        ("DECIMAL(10,2)", "DECIMAL(10,2)"),
        ("NUMERIC( 12 , 4 )", "DECIMAL(12,4)"),
        ("DECIMAL(5)", "DECIMAL(5,0)"),
        *[(name, "TIMESTAMP WITH TIME ZONE") for name in ("TIMESTAMP", "DATETIME", "timestamp with time zone")],
        ("DATE", "DATE"),
        ("BOOLEAN", "BOOLEAN"),
        ("BLOB", "BLOB"),
        *[(name, "JSON") for name in ("JSON", "", "POINT", "MONEY", "ANY", None)],
    ],
)
def test_declared_types_are_read_as_sqlite_s_users_mean_them(declared: str | None, sql: str) -> None:
    assert map_type(declared).type.sql == sql


def test_a_table_is_listed_by_the_rows_that_its_foreign_key_refers_to() -> None:
    built = tables_from(snapshot(nyc=[AIRLINES, FLIGHTS]), by_parent={"flights": "carrier"})
    assert list(built) == ["airlines"]
    assert [relation.name for relation in built["airlines"].relations] == ["flights"]
    assert built["airlines"].relations[0].parent_columns == ("carrier",)


def changed(original: Json, **more: Any) -> Json:
    return {**original, **more}


@pytest.mark.parametrize(
    ("tables", "by_parent", "problem"),
    [
        ([AIRLINES, FLIGHTS], {"flihgts": "carrier"}, "no table `flihgts`"),
        ([AIRLINES, FLIGHTS], {"flights": "carier"}, "`carier` of `flights` is not a column"),
        ([AIRLINES, FLIGHTS], {"flights": "id"}, "`id` of `flights` is not a foreign key"),
        ([FLIGHTS], {"flights": "carrier"}, "not among this source's tables"),
        (
            [AIRLINES, changed(FLIGHTS, columns=[column("id"), column("carrier")])],
            {"flights": "carrier"},
            "may be null, and rows with a null there belong to no parent",
        ),
        (
            [AIRLINES, changed(FLIGHTS, columns=[column("id"), column("carrier", "REAL", not_null=True)])],
            {"flights": "carrier"},
            "only integers and texts are found again",
        ),
        (
            [changed(FLIGHTS, foreign_keys=[{**FOREIGN_KEY, "other_table": "flights"}])],
            {"flights": "carrier"},
            "is the table itself",
        ),
        (
            [changed(AIRLINES, foreign_keys=[{**FOREIGN_KEY, "other_table": "flights"}]), FLIGHTS],
            {"flights": "carrier", "airlines": "carrier"},
            "goes in a circle",
        ),
    ],
)
def test_listing_by_parent_is_refused_where_rows_would_be_lost(
    tables: list[Json], by_parent: dict[str, str], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        tables_from(snapshot(nyc=tables), by_parent=by_parent)


def test_a_snapshot_that_is_something_else_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"databases\.0\.route"):
        tables_from({"databases": [{"name": "nyc"}]})


def test_keys_that_datasette_compares_wrongly_are_known() -> None:
    built = tables_from(snapshot(nyc=[table("t", column("k", ""), primary_key=["k"])]))
    assert built["t"].resolver.paging == KeyPaging(("k",), frozenset({"k"}))  # type: ignore[union-attr]
