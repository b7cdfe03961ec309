"""`headwater tables --format`: what the files hold, and that those of our own integrations are current."""

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.sdk import types as t
from integrations.sdk.types import ColumnType
from orchestration.cli.app import run
from orchestration.testing import SOURCE, Project
from tests.packaging.brought import FOLDER, documents_of, integrations

GOLDEN = Path(__file__).parent / "golden"
TYPES = [*t.SCALARS.values(), t.DECIMAL(12, 2), t.LIST(t.TEXT), t.MAP(t.DOUBLE), t.STRUCT(city=t.TEXT, at=t.TIMESTAMP)]
NESTED = [t.LIST(t.JSON), t.STRUCT(ids=t.LIST(t.UUID), big=t.HUGEINT), t.MAP(t.LIST(t.DATE))]
GO_NAMES = {"string": "utf8", "double": "float64", "float": "float32", "date32[day]": "date32"}


def written(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> Any:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("format", ["markdown", "json"])
def test_the_files_are_the_golden_ones(format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A page per table and an index, or one JSON file: every type, keys, cursors, parents and relations."""
    command = ["tables", "tests.packaging.shop", "--format", format, "--output-dir", str(tmp_path)]
    (docs,) = written(command, capsys)["docs"]
    assert docs["source"] == "shop"
    made = {Path(file).name: Path(file).read_text(encoding="utf-8") for file in docs["files"]}
    golden = {file.name: file.read_text(encoding="utf-8") for file in (GOLDEN / format).iterdir()}
    assert made == golden


def test_every_source_of_a_config_has_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a source all are written, in JSON as `cloudquery tables` does, with the tables that were selected."""
    project = Project(tmp_path, "tests.packaging.shop", {}, tables=["orders"], skip_dependent_tables=True)
    monkeypatch.setenv("HEADWATER_CONFIG", str(project.config))
    written(["tables", "--output-dir", str(tmp_path / "docs")], capsys)
    (orders,) = json.loads((tmp_path / "docs" / SOURCE / "__tables.json").read_text(encoding="utf-8"))
    assert (orders["name"], orders["title"], orders["relations"]) == ("orders", "Orders", [])
    assert orders["columns"][2:] == [
        {"name": "id", "type": "int64", "is_primary_key": True},
        {"name": "state", "type": "utf8"},
        {"name": "changed_at", "type": "timestamp[us, tz=UTC]", "is_incremental_key": True},
    ]
    assert written(["tables"], capsys)["tables"][0]["columns"][0]["type"] == "BIGINT"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("integrations.datasette", "known without a connection"),
        ("integrations.cluvio", "known without a connection"),
        ("integrations.typefrom", "there is no module"),
    ],
)
def test_without_tables_nothing_is_written(
    source: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tables that have to be asked for, resources, a wrong name: each is a configuration error."""
    error = written(["tables", source, "--output-dir", str(tmp_path / "docs")], capsys, code=2)["error"]
    assert said in error["message"]
    assert not (tmp_path / "docs").exists()


@pytest.mark.parametrize("type_", [*TYPES, *NESTED], ids=lambda type_: type_.sql)
def test_a_type_is_named_as_it_is_sent(type_: ColumnType) -> None:
    """The docs name the Arrow type that `headwater serve` sends, by the names that CloudQuery's tools print."""
    pa = pytest.importorskip("pyarrow", reason="the extra cloudquery is not installed: pip install .[cloudquery]")
    from integrations.sdk.cloudquery.types import arrow_field, extension_of
    from orchestration.tabledocs.described import type_name

    def printed(type_: Any) -> str:
        if pa.types.is_list(type_):
            return f"list<item: {printed(type_.value_type)}, nullable>"
        if pa.types.is_map(type_):
            return f"map<{printed(type_.key_type)}, {printed(type_.item_type)}, items_nullable>"
        if pa.types.is_struct(type_):
            return f"struct<{', '.join(f'{each.name}: {printed(each.type)}' for each in type_)}>"
        name = str(type_).replace("decimal128", "decimal")
        return GO_NAMES.get(name, name)

    field = arrow_field("a", type_)
    assert type_name(type_) == (extension_of(field) or printed(field.type))


@pytest.mark.parametrize("name", integrations())
def test_the_table_docs_are_current(name: str) -> None:
    """docs/integrations/ is what the tables are: after a change, run `python -m tests.packaging.brought`."""
    kept = {page.name: page.read_text(encoding="utf-8") for page in (FOLDER / name).glob("*")}
    wanted = documents_of(name)
    assert sorted(kept) == sorted(wanted)
    assert {page for page, text in wanted.items() if kept[page] != text} == set()


def test_no_other_integration_has_table_docs() -> None:
    """The docs of an integration that is gone are gone."""
    assert sorted(folder.name for folder in FOLDER.iterdir()) == integrations()
