"""`headwater lineage` on the command line."""

import json
from pathlib import Path

import pytest

from orchestration.cli.app import run


def output_of(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    capsys.readouterr()
    assert run(["lineage", *arguments]) == code
    return capsys.readouterr().out


def test_a_query_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """--json prints one document with tables, columns, statements and how far to trust it."""
    text = output_of(["INSERT INTO r SELECT a FROM d.s.t", "--dialect", "snowflake", "--json"], capsys)
    found = json.loads(text)
    assert (found["status"], found["confidence"], found["dialect"]) == ("parsed", 1.0, "snowflake")
    assert found["sources"] == [{"database": "d", "schema": "s", "table": "t"}]
    assert found["targets"] == [{"database": None, "schema": None, "table": "r"}]
    assert found["columns"] == [
        {
            "target_table": {"database": None, "schema": None, "table": "r"},
            "target": "a",
            "sources": [{"database": "d", "schema": "s", "table": "t", "column": "a"}],
        }
    ]
    assert [statement["kind"] for statement in found["statements"]] == ["insert"]


@pytest.mark.parametrize("name", ["schema.json", "schema.yaml"])
def test_a_file_with_a_schema(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--file reads SQL from a file, --schema the columns of tables from JSON or YAML."""
    (tmp_path / "query.sql").write_text("USE shop;\nSELECT * FROM orders;", encoding="utf-8")
    (tmp_path / name).write_text('{"shop.orders": ["id", "total"]}', encoding="utf-8")
    arguments = ["--file", str(tmp_path / "query.sql"), "--schema", str(tmp_path / name), "--dialect", "mysql"]
    text = output_of(arguments, capsys)
    assert "shop.orders.total" in text
    assert "Statements" in text
    assert "parsed as mysql, confidence 1" in text


def test_defaults_and_problems_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Names are completed; what cannot be read is said, with its line."""
    arguments = ["SELECT * FROM t;\nSELECT FROM FROM;", "--database", "d", "--default-schema", "s"]
    text = output_of(arguments, capsys)
    assert "d.s.t" in text
    assert "partly" in text
    assert "line 2: " in text


def test_a_dbt_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model's refs are tables, and what macros hide is said."""
    (tmp_path / "model.sql").write_text("select * from {{ ref('a') }} join {{ hidden() }} using (id)", encoding="utf-8")
    found = json.loads(output_of(["--file", str(tmp_path / "model.sql"), "--json"], capsys))
    assert (found["refs"], found["unresolved"], found["status"]) == (["a"], ["hidden(…)"], "partly")


def test_what_is_no_sql_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    """A script that fails wholly is an answer, and exit code 1."""
    assert "failed" in output_of(["no sql at all"], capsys, code=1)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ([], "either the SQL or --file"),
        (["SELECT 1", "--file", "x.sql"], "either the SQL or --file"),
        (["SELECT 1", "--dialect", "snowflak"], "did you mean `snowflake`?"),
        (["--file", "missing.sql"], "cannot be read"),
        (["SELECT 1", "--schema", "missing.json"], "cannot be read"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Mistakes on the command line are configuration errors, which say what to do."""
    error = json.loads(output_of([*arguments, "--json"], capsys, code=2))["error"]
    assert hint in error["message"] + error["hint"]


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ("- orders", "no mapping"),
        ("shop: {public: {orders: [id]}}", "`shop.public` has a type that is no text"),
        ("orders: id", "neither a list of names"),
        ("orders: [id, null]", "a column None"),
        ("orders: [{id: int}]", "a column {'id': 'int'}"),
        ("orders: {1: int}", "a column 1"),
        ("1: [id]", "the table 1"),
        ("", "no mapping"),
    ],
)
def test_a_schema_that_is_none(schema: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A schema file has to map tables to names of columns, or to those with types; else it is said what is wanted."""
    (tmp_path / "schema.yaml").write_text(schema, encoding="utf-8")
    text = output_of(["SELECT 1", "--schema", str(tmp_path / "schema.yaml"), "--json"], capsys, code=2)
    error = json.loads(text)["error"]
    assert why in error["message"]
    assert "shop.orders: [id, total]" in error["hint"]


def test_a_query_that_begins_with_a_comment(capsys: pytest.CaptureFixture[str]) -> None:
    """Behind `--` a query may begin with a dash, as the help says."""
    assert json.loads(output_of(["--json", "--", "-- all\nSELECT a FROM t"], capsys))["sources"][0]["table"] == "t"
    assert "-- before" in " ".join(output_of(["--help"], capsys).split())
