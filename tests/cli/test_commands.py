"""What each command prints, and its exit code."""

import json
import re
from pathlib import Path

import pytest
import yaml
from rich.text import Text

from integrations.sdk.testing import Answer, serving
from orchestration.cli import output
from orchestration.cli.app import app, run
from orchestration.testing import SOURCE, Project
from tests.example import TOKEN, library

COMMANDS = [
    "backfill",
    "check",
    "dev",
    "discover",
    "lineage",
    "migrate-config",
    "new",
    "package",
    "preview",
    "publish",
    "runs",
    "serve",
    "sync",
    "tables",
    "test-connection",
    "validate",
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A project whose source is served, used through HEADWATER_CONFIG."""
    with serving(library) as server:
        made = Project(tmp_path, "tests.example", {"token": TOKEN, "base_url": server.url})
        monkeypatch.setenv("HEADWATER_CONFIG", str(made.config))
        yield made


def output_of(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    capsys.readouterr()
    assert run(arguments) == code
    return capsys.readouterr().out


def document_of(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0):
    return json.loads(output_of([*arguments, "--json"], capsys, code))


def test_the_commands_are_a_promise() -> None:
    """Scripts call commands by name: a renamed one is a decision."""
    assert sorted(command.name for command in app.registered_commands) == COMMANDS


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "serve"])
def test_every_command_has_the_common_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command but `serve`, whose options are CloudQuery's, takes --config, --json and --debug."""
    text = output_of([command, "--help"], capsys)
    assert all(option in text for option in ("--config", "--json", "--debug"))


def test_json_is_json_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Strict readers refuse NaN, and bytes that are no text."""
    output.print_json({"odd": [float("nan"), -float("inf")], "half": "a\ud800b", "large": 10**30})
    printed = capsys.readouterr().out
    read = json.loads(printed, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert read == {"odd": ["NaN", "-Infinity"], "half": "a?b", "large": 10**30}
    assert printed.startswith('{\n  "odd": [\n    "NaN"')


def test_sync_loads_everything_and_says_so(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """A sync prints a line per table as it is done, then a summary with rows, pages and seconds."""
    text = output_of(["sync"], capsys)
    assert re.search(rf"{SOURCE}\.books +done +4 +2 +2", text)
    assert re.search(rf"{SOURCE}\.chapters: done, 8 rows, 4 pages", text)
    assert re.search(rf"{SOURCE}\.authors: done, \d+ rows?, 1 page, ", text)
    assert "dashboard_group" in text
    assert project.query(f"SELECT count(*) FROM {SOURCE}.chapters") == [(8,)]


def test_sync_as_json(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """--json prints one document with the ledger's row for each table."""
    tables = {table["table_name"]: table for table in document_of(["sync"], capsys)["tables"]}
    assert set(tables) == {"books", "chapters", "authors"}
    assert (tables["books"]["rows"], tables["books"]["outcome"], tables["books"]["error"]) == (4, "done", None)


def test_one_table_by_name_or_pattern(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """SOURCE.TABLE syncs that table, a pattern those that match, a wrong name is a configuration error."""
    done = document_of(["sync", f"{SOURCE}.authors"], capsys)["tables"]
    assert [table["table_name"] for table in done] == ["authors"]
    done = document_of(["sync", f"{SOURCE}.*o*s"], capsys)["tables"]
    assert {table["table_name"] for table in done} == {"authors", "books"}
    error = document_of(["sync", f"{SOURCE}.autors"], capsys, code=2)["error"]
    assert error["hint"] == "did you mean `authors`?"
    assert document_of(["sync", "conformanc"], capsys, code=2)["error"]["hint"] == "did you mean `conformance`?"


def test_dry_run_asks_for_nothing(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """--dry-run lists what would be synced, and makes neither request nor warehouse."""
    plan = document_of(["sync", "--dry-run", "--since", "2024-01-01"], capsys)["plan"]
    assert [row["table"] for row in plan] == ["books", "chapters", "authors"]
    assert plan[0]["window"].startswith("2024-01-01")
    assert not (project.folder / "warehouse.duckdb").exists()


def test_a_window_is_checked(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """A time that is none, or an end before its start, is a configuration error."""
    assert "not a time" in document_of(["sync", "--since", "soon"], capsys, code=2)["error"]["message"]
    reversed_window = ["sync", "--since", "2024-02-01", "--until", "2024-01-01"]
    assert "before it starts" in document_of(reversed_window, capsys, code=2)["error"]["message"]


def test_a_window_merges_and_deletes_nothing(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """A sync of a window adds and changes rows, and takes none for gone."""
    output_of(["sync"], capsys)
    output_of(["sync", f"{SOURCE}.chapters", "--since", "2024-01-01"], capsys)
    assert project.query(f"SELECT count(*) FROM {SOURCE}.chapters") == [(8,)]
    assert project.query("SELECT DISTINCT removed FROM headwater.syncs") == [(0,)]


def test_tables_validate_and_runs(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """Commands that only look say what there is."""
    tables = document_of(["tables"], capsys)["tables"]
    assert [(table["name"], table["parent"]) for table in tables] == [
        ("books", None),
        ("chapters", "books"),
        ("authors", None),
    ]
    assert "book_id, number" in output_of(["tables"], capsys)
    assert document_of(["validate"], capsys)["valid"] is True
    assert document_of(["runs"], capsys)["runs"] == []
    output_of(["sync"], capsys)
    past = document_of(["runs", "-n", "2"], capsys)["runs"]
    assert len(past) == 2
    assert document_of(["runs", "--failed"], capsys)["runs"] == []
    assert f"{SOURCE}.authors" in output_of(["runs"], capsys)


def test_preview_shows_rows_and_writes_nothing(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """A preview reads as a sync does, children included, masks what is personal, and leaves no trace."""
    books = document_of(["preview", "books", "-n", "3"], capsys)["rows"]
    assert [row["id"] for row in books] == ["1", "2", "3"]
    assert {row["reader_email"] for row in books} == {"***"}
    chapters = document_of(["preview", f"{SOURCE}.chapters"], capsys)["rows"]
    assert len(chapters) == 8
    assert not (project.folder / "warehouse.duckdb").exists()
    assert not (project.folder / ".dagster").exists()
    assert document_of(["preview", "bocks"], capsys, code=2)["error"]["hint"].startswith("did you mean")


@pytest.mark.parametrize(("width", "is_whole"), [(160, True), (60, False)])
def test_preview_shows_wide_rows_one_below_another(
    width: int, is_whole: bool, project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row whose columns do not fit is a list of columns and values: no name is cut into pieces."""
    monkeypatch.setattr(output, "WIDTH_ELSEWHERE", width)
    lines = [line.split() for line in output_of(["preview", "books", "-n", "2"], capsys).splitlines()]
    assert (["row", "2"] in lines) is not is_whole
    assert (["reader_email", "***"] in lines) is not is_whole
    assert any("reader_email" in line for line in lines)


def test_a_narrow_terminal_leaves_out_what_matters_least(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns that do not fit are left out, rather than every cell cut into pieces."""
    monkeypatch.setattr(output, "WIDTH_ELSEWHERE", 76)
    for command in (["sync"], ["runs"]):
        _, _, table = output_of(command, capsys).partition(f"{command[0].capitalize()}")
        header = table.split("─", 1)[0].split()
        assert {"table", "outcome", "rows", "seconds"} <= set(header)
        assert not {"requests", "pages"} <= set(header)
        assert f"{SOURCE}.chapters" in table  # whole


def test_a_preview_without_rows_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A header alone would look like something that went wrong."""
    with serving(lambda asked: Answer(json=[]) if asked.path == "/authors" else library(asked)) as server:
        project = Project(tmp_path, "tests.example", {"token": TOKEN, "base_url": server.url})
        text = output_of(["preview", "authors", "--config", str(project.config)], capsys)
    assert text == f"{SOURCE}.authors has no rows\n"


def test_no_line_ends_with_spaces(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """What is kept in a file has no spaces at the ends of its lines."""
    for arguments in (
        ["sync"],
        ["tables"],
        ["validate"],
        ["runs"],
        ["preview", "books"],
        ["lineage", "SELECT a FROM b"],
    ):
        assert [line for line in output_of(arguments, capsys).splitlines() if line != line.rstrip()] == []


def test_test_connection(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """A source that answers is connected; one request is enough."""
    assert "connected" in output_of(["test-connection"], capsys)
    assert document_of(["test-connection", SOURCE], capsys)["sources"] == [
        {"source": SOURCE, "ok": True, "error": None}
    ]


def test_new_writes_an_integration_that_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The scaffold has code, test and README; a bad name, or one that is taken, is refused."""
    written = document_of(["new", "acme", "--folder", str(tmp_path)], capsys)["files"]
    assert len(written) == 4
    assert all(Path(path).read_text() for path in written)
    assert "conformance(" in (tmp_path / "tests/integrations/acme/test_acme.py").read_text()
    assert (
        "there already" in document_of(["new", "acme", "--folder", str(tmp_path)], capsys, code=2)["error"]["message"]
    )
    assert "`my_api`" in document_of(["new", "My API", "--folder", str(tmp_path)], capsys, code=2)["error"]["hint"]


def test_the_command_line_s_runs_are_in_the_ui(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """What was synced from the command line is in Dagster's history, with its materialisations."""
    from dagster import AssetKey

    from orchestration.home import open_instance

    output_of(["sync"], capsys)
    with open_instance(project.folder) as instance:
        (past,) = instance.get_runs()
        event = instance.get_latest_materialization_event(AssetKey([SOURCE, "books"]))
    assert past.job_name == "conformance_sync"
    assert past.is_success
    assert event is not None


def test_an_unknown_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped option is exit code 2, without a traceback."""
    assert run(["sync", "--sinse", "2024-01-01"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_empty_config_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A config file without sources has nothing to sync."""
    (tmp_path / "config.yaml").write_text("")
    assert run(["sync", "--config", str(tmp_path / "config.yaml")]) == 2
    assert "no source" in capsys.readouterr().err


def test_a_body_is_shown_only_where_it_is_needed(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """No secret of the spec is in anything that a command prints."""
    for arguments in (["sync"], ["tables"], ["validate"], ["runs"], ["sync", "--dry-run"], ["test-connection"]):
        run(arguments)
        captured = capsys.readouterr()
        assert TOKEN not in captured.out + captured.err


DISCOVERING = """
from integrations.sdk import BIGINT, Column, Integration, Table
FOUND = {"tables": ["t"]}
def read(client, parent, window):
    yield {"id": 1}
class Finder(Integration):
    def connect(self, spec):
        return None
    def discover(self, client):
        return FOUND
    @classmethod
    def tables_from(cls, spec, snapshot):
        return [Table(name, [Column("id", BIGINT, primary_key=True)], read) for name in snapshot["tables"]]
"""


def test_discover_mends_what_it_is_told_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A snapshot that cannot be read is no hindrance; a source without tables does not empty a good one."""
    (tmp_path / "finder.py").write_text(DISCOVERING)
    monkeypatch.syspath_prepend(str(tmp_path))
    project = Project(tmp_path, "finder", {})
    config = ["--config", str(project.config)]
    assert "run: headwater discover" in output_of(["validate", *config], capsys)
    snapshot = tmp_path / f"{SOURCE}.tables.json"
    snapshot.write_text("{ this is not JSON")
    assert document_of(["discover", *config], capsys)["sources"][0]["tables"] == 1
    good = snapshot.read_text()
    monkeypatch.setattr("finder.FOUND", {"tables": []})
    assert "has no tables" in document_of(["discover", *config], capsys, code=2)["error"]["message"]
    assert snapshot.read_text() == good
    assert document_of(["sync", *config], capsys)["tables"][0]["rows"] == 1


def test_a_source_whose_tables_are_not_known_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sync` reads those that it can, `--dry-run` says the same before, `discover` asks every source."""
    (tmp_path / "finder.py").write_text(DISCOVERING)
    (tmp_path / "broken.py").write_text(DISCOVERING.replace("return FOUND", "raise ValueError('no such luck')"))
    monkeypatch.syspath_prepend(str(tmp_path))
    hub = {"registry": "cloudquery", "path": "cloudquery/aws", "version": "v1"}
    sources = [{"name": name, "path": name} for name in ("broken", "finder")] + [{"name": "hub", **hub}]
    everything = {"tables": ["*"], "destinations": ["warehouse"], "spec": {}}
    documents = [{"kind": "source", "spec": {**source, **everything}} for source in sources]
    documents.append({"kind": "destination", "spec": {"name": "warehouse", "path": "duckdb"}})
    (tmp_path / "config.yaml").write_text(yaml.safe_dump_all(documents))
    config = ["--config", str(tmp_path / "config.yaml")]
    planned = document_of(["sync", "--dry-run", *config], capsys, code=2)
    assert planned["plan"] == []
    found = document_of(["discover", *config], capsys, code=1)
    assert [each["source"] for each in found["sources"]] == ["finder"]
    assert ["no such luck" in each["message"] for each in found["errors"]] == [True, False]
    planned = document_of(["sync", "--dry-run", *config], capsys, code=1)
    synced = document_of(["sync", *config], capsys, code=1)
    assert ([each["table"] for each in planned["plan"]], synced["tables"][0]["rows"]) == (["t"], 1)
    for said in (planned, synced):
        assert {each["source"] for each in said["errors"]} == {"broken", "hub"}
        assert "is on CloudQuery's Hub" in said["errors"][1]["message"]


def test_an_error_names_its_source_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where it is comes first; what is wrong does not say it again."""
    project = Project(tmp_path, "tests.example", {"token": TOKEN})
    assert run(["validate", "--config", str(project.config)]) == 2
    assert capsys.readouterr().err == f"error: {SOURCE}: spec: `base_url` is missing\n"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT a FROM b", "parsed as generic SQL, confidence 0.95"),
        ("UPDATE t SET a = 1; SELEC x FROM y", "partly parsed as generic SQL, confidence 0."),
        ("SELECT ((( a FROM b.c JOIN d ON", "fallback: only words were read, confidence 0.6"),
        ("this is no sql", "failed\n"),
    ],
)
def test_lineage_says_how_it_was_read(sql: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The status in words, with the confidence where there is any; each column of the table has a header."""
    text = output_of(["lineage", sql], capsys, code=1 if "failed" in said else 0)
    assert said in text
    assert ("table" in text) is ("access" in text) or "failed" in said


def test_validate_and_tables_say_which_sources_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A valid file is valid; what it needs besides is a warning for each source, and said once for those of the Hub."""
    (tmp_path / "finder.py").write_text(DISCOVERING)
    monkeypatch.syspath_prepend(str(tmp_path))
    sources = [
        {"name": "aws", "registry": "cloudquery", "path": "cloudquery/aws", "version": "v1"},
        {"name": "gcp", "registry": "cloudquery", "path": "cloudquery/gcp", "version": "v1"},
        {"name": "mine", "registry": "local", "path": "./plugin"},
        {"name": "finder", "path": "finder"},
    ]
    documents = [{"kind": "source", "spec": {**source, "destinations": ["w"]}} for source in sources]
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump_all([*documents, {"kind": "destination", "spec": {"name": "w"}}]))
    config = ["--config", str(path)]
    reasons = {
        "aws": "the plugin `cloudquery/aws` is on CloudQuery's Hub",
        "gcp": "the plugin `cloudquery/gcp` is on CloudQuery's Hub",
        "mine": f"there is no plugin {tmp_path / 'plugin'}",
        "finder": "its tables are not known yet",
    }
    text = output_of(["validate", *config], capsys)
    assert [line for line in text.splitlines() if line.startswith("warning: ")] == [
        f"warning: {name} cannot be synced: {reason}" for name, reason in reasons.items()
    ]
    assert text.count("downloads from there") == 1
    assert text.endswith("valid, but 4 of 4 sources cannot be synced\n")
    assert [
        each["note"].startswith(reasons[each["source"]])
        for each in document_of(["validate", *config], capsys)["sources"]
    ] == [True] * 4
    text = output_of(["tables", *config], capsys)
    assert [line for line in text.splitlines() if line.startswith("note: ")] == [
        f"note: {name}: {reason}" for name, reason in reasons.items()
    ]
    assert "  → run: headwater discover finder" in text
    (tmp_path / "plugin").touch()
    assert "is not executable" in output_of(["validate", *config], capsys)
    assert output_of(["runs", *config], capsys) == "nothing has been synced yet\n"


def test_a_file_without_sources_is_said_by_every_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty list would not say what is missing."""
    (tmp_path / "config.yaml").write_text("")
    for command in (["tables"], ["validate"], ["runs"], ["state", "show"], ["test-connection"], ["sync"]):
        assert run([*command, "--config", str(tmp_path / "config.yaml")]) == 2
        assert "the config file has no source" in capsys.readouterr().err


def test_tables_show_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    """What a source calls its things cannot colour the terminal, or rename its window."""
    output.print_table("\x1b]0;x\x07", ["a", "b"], [["\x1b[31mred", Text("\x1b[2Jgone", style="bold")]])
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\x07" not in printed
    assert "red" in printed
