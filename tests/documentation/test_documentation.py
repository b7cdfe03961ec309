"""The documentation says everything that the code has, and its examples work."""

import inspect
import json
import re
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest
from pydantic import BaseModel
from typer.main import get_command

import integrations.sdk
from assets import catalog_store
from assets.metadata import of_table
from assets.tables import SyncConfig
from assets.warehouse import ledger
from assets.warehouse.reader import INTERNAL_COLUMNS
from integrations.sdk import errors
from integrations.sdk.cursor import WINDOW_SIZES, Cursor
from integrations.sdk.errors import ConfigError, HeadwaterError
from integrations.sdk.http import HttpClient
from integrations.sdk.schema import CONTRACTS, Table, flatten
from integrations.sdk.types import SCALARS
from integrations.sdk.window import AnyWindow
from orchestration.cli.app import app
from orchestration.config import load_config
from orchestration.definitions import build_definitions
from orchestration.executors import NAMES
from orchestration.specs import DestinationSpec, DuckDBSpec, SourceSpec, TableOptionsSpec
from orchestration.testing import SOURCE, Project

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
GUIDE = "writing-an-integration.md"
FENCE = re.compile(r"^```(?P<words>[^\n]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def commands_of(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that can be run, with those of its groups as `state show`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


COMMANDS: dict[str, Any] = dict(commands_of(get_command(app)))


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def named(text: str) -> set[str]:
    """Every word between backticks, those of signatures such as `LIST(item)` included."""
    return {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"[\w.-]+", code)}


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    start = text.index(f"\n{heading}\n") + len(heading)
    following = re.compile(rf"^#{{1,{level}}} ", re.MULTILINE).search(text, start + 2)
    return text[start : following.start() if following else None]


def blocks(language: str) -> list[Any]:
    """The fenced blocks of a language in all pages, with the words behind the language's name."""
    found = []
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            words = match["words"].split()
            if words[:1] == [language]:
                place = f"{path.name}:{text[: match.start()].count(chr(10)) + 1}"
                found.append(pytest.param(match["text"], words[1:], id=place))
    return found


def subclasses(of: type) -> Iterator[type]:
    yield of
    for each in of.__subclasses__():
        yield from subclasses(each)


ERRORS = [error for error in subclasses(HeadwaterError) if error.__module__ == errors.__name__]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_section(command: str) -> None:
    """A command, and each of its options by its own name, is in docs/commands.md; and no other option is."""
    text = page("commands.md")
    common = named(text[: text.index("\n## headwater ")])
    own = named(section(text, f"## headwater {command}"))
    options = {name for p in COMMANDS[command].params for name in p.opts if name.startswith("-")}
    assert options <= own | common
    assert {word for word in own if word.startswith("-")} - {"--json"} <= {
        name for each in COMMANDS.values() for p in each.params for name in p.opts
    }


def test_the_readme_lists_every_command() -> None:
    """The README's table has each command, and none that is not there."""
    text = section((ROOT / "README.md").read_text(encoding="utf-8"), "## Commands")
    assert set(re.findall(r"^\| `headwater ([\w-]+)", text, re.MULTILINE)) == {name.split()[0] for name in COMMANDS}
    groups = [name.split() for name in COMMANDS if " " in name]
    listed = {
        group: named(line) for group in {group for group, _ in groups} for line in text.splitlines() if group in line
    }
    assert [f"{group} {name}" for group, name in groups if name not in listed[group]] == []


@pytest.mark.parametrize(
    ("model", "heading"),
    [
        (SourceSpec, "## kind: source"),
        (TableOptionsSpec, "### table_options"),
        (DestinationSpec, "## kind: destination"),
        (DuckDBSpec, "### The destination's spec"),
    ],
)
def test_every_field_of_the_config_is_described(model: type[BaseModel], heading: str) -> None:
    """Each field has a row with its default, in the order of the model, in docs/configuration.md."""
    text = section(page("configuration.md"), heading).split("\n### ")[0]
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \| [^|]+ \|$", text, re.MULTILINE)
    assert rows == [(name, _default(field)) for name, field in model.model_fields.items()]


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "`{}`"
    return f"`{value}`" if isinstance(value, str) and value else f"`{json.dumps(value)}`"


def test_every_executor_and_variable_is_described() -> None:
    """Each executor, and each environment variable that the code asks for, is in docs/configuration.md."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "orchestration").rglob("*.py")]
    asked = {name for text in sources for name in re.findall(r'environ(?:\.get\(|\[)"(\w+)"', text)} - {"PYTHONPATH"}
    asked |= {name for text in sources for name in re.findall(r'"(HEADWATER_\w+)"', text)}
    assert {"HEADWATER_CONFIG", "HEADWATER_AUTOMATION", "HEADWATER_WEBHOOK"} <= asked
    assert asked | set(NAMES) <= named(page("configuration.md"))


def test_every_extra_is_described() -> None:
    """Each optional set of packages that pyproject.toml has is in docs/configuration.md."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(project["optional-dependencies"])
    assert extras <= named(section(page("configuration.md"), "## Executors and extras"))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_is_described(error: type[HeadwaterError]) -> None:
    """Each class of the error tree has a row in docs/errors.md, at its depth, with its exit code."""
    depth = len([base for base in error.__mro__ if issubclass(base, HeadwaterError)]) - 1
    row = f"| {'· ' * depth}`{error.__name__}` | {error.exit_code} | "
    assert row in page("errors.md")


def test_no_other_error_is_described() -> None:
    """An error that is gone is gone from docs/errors.md."""
    described = re.findall(r"^\| (?:· )*`(\w+)` \| \d", page("errors.md"), re.MULTILINE)
    assert sorted(described) == sorted(error.__name__ for error in ERRORS)


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 130])
def test_every_exit_code_is_described(code: int) -> None:
    """Scripts act on exit codes: each has a row in docs/commands.md."""
    assert re.search(rf"^\| {code} \| ", page("commands.md"), re.MULTILINE)


def warehouse_tables() -> dict[str, list[str]]:
    """The columns of all tables that Headwater keeps for itself, as the code makes them."""
    with duckdb.connect() as connection:
        ledger.ensure(connection)
        for statement in catalog_store.CREATE:
            connection.execute(statement)
        rows = connection.execute("SELECT schema_name, table_name, column_name FROM duckdb_columns()").fetchall()
    tables: dict[str, list[str]] = {}
    for schema, table, column in rows:
        if schema in (ledger.SCHEMA, "catalog"):
            tables.setdefault(f"{schema}.{table}", []).append(column)
    assert {f"{ledger.SCHEMA}.{table}" for table in ledger.TABLES} <= set(tables)
    return tables


@pytest.mark.parametrize("table", warehouse_tables())
def test_every_column_of_the_warehouse_is_described(table: str) -> None:
    """Each column of the ledger and the catalog is in the table's own section of docs/warehouse.md, and no other."""
    text = section(page("warehouse.md"), f"## {table}")
    described = [word for cell in re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE) for word in named(cell)]
    assert sorted(described) == sorted(warehouse_tables()[table])


def test_every_internal_column_is_described() -> None:
    """Each column that every table has is in docs/warehouse.md, with its type."""
    text = page("warehouse.md")
    assert all(f"| `{column}` | {type_} |" in text for column, type_ in INTERNAL_COLUMNS.items())


def test_every_type_is_in_the_guide() -> None:
    """Each column type has its place in the guide's table of types."""
    assert {*SCALARS, "DECIMAL", "LIST", "STRUCT", "MAP"} <= named(section(page(GUIDE), "## Types"))


def test_every_name_that_an_author_imports_is_in_the_guide() -> None:
    """The guide names all that `integrations.sdk` exports, in its text or in its examples."""
    assert set(integrations.sdk.__all__) <= set(re.findall(r"\w+", page(GUIDE)))


@pytest.mark.parametrize("cursor", get_args(Cursor), ids=lambda cursor: cursor.__name__)
def test_every_cursor_is_in_the_guide(cursor: type) -> None:
    """Each kind of cursor, each of its settings, and the size of each window, is in the guide's part on cursors."""
    words = named(section(page(GUIDE), "## Incremental tables"))
    assert {cursor.__name__, *inspect.signature(cursor).parameters} <= words
    assert set(WINDOW_SIZES) <= words


@pytest.mark.parametrize("window", get_args(AnyWindow), ids=lambda window: window.__name__)
def test_every_window_is_in_the_guide(window: type) -> None:
    """What a resolver may be given is there with its fields."""
    words = named(section(page(GUIDE), "## Incremental tables"))
    assert {window.__name__, *inspect.signature(window).parameters} <= words


@pytest.mark.parametrize("name", [GUIDE, "warehouse.md"])
def test_every_contract_is_described(name: str) -> None:
    """Each contract has a row in both tables of contracts."""
    rows = re.findall(r'^\| `"?(\w+)"?`', section(page(name), "## Contracts"), re.MULTILINE)
    assert sorted(rows) == sorted(CONTRACTS)


@pytest.mark.parametrize("function", [Table, HttpClient.pages], ids=["Table", "HttpClient.pages"])
def test_every_argument_is_in_the_guide(function: Any) -> None:
    """What an author may say of a table and of a listing is named."""
    assert set(inspect.signature(function).parameters) - {"self"} <= named(page(GUIDE))


def test_every_setting_of_a_run_is_described() -> None:
    """Each key of a run's config is in docs/dagster.md."""
    assert set(SyncConfig.model_fields) <= named(section(page("dagster.md"), "## Run config"))


def test_every_job_schedule_and_sensor_is_described(tmp_path: Path) -> None:
    """What Dagster shows of a source with partitions is in docs/dagster.md, the names with <source> and <part>."""
    project = Project(
        tmp_path, "tests.orchestration.incremental", {"base_url": "http://127.0.0.1:1"}, schedule="0 6 * * *"
    )
    made = build_definitions([project.source()]).get_repository_def()
    jobs = [job.name for job in made.get_all_jobs() if not job.name.startswith("__")]
    found = {*jobs, *(each.name for each in (*made.schedule_defs, *made.sensor_defs))}
    assert len(found) > len(jobs) > 1
    text = page("dagster.md")
    shown = {name.replace(SOURCE, "<source>").replace("numbers", "<part>") for name in found}
    assert [name for name in sorted(shown) if f"`{name}`" not in text] == []


def test_every_key_of_metadata_is_described() -> None:
    """Each key that a materialisation has is in docs/dagster.md."""
    code = inspect.getsource(of_table)
    keys = set(re.findall(r'^ {8}"([^"]+)":', code, re.MULTILINE)) | set(re.findall(r'metadata\["([^"]+)"\]', code))
    assert {"dagster/row_count", "rows per second", "preview", "dagster/column_lineage"} <= keys
    text = section(page("dagster.md"), "## Metadata of a materialisation")
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []


@pytest.mark.parametrize(("code", "words"), blocks("python"))
def test_python_examples_work(code: str, words: list[str]) -> None:
    """Every Python example compiles; those marked `complete` run."""
    compiled = compile(code, "example", "exec")
    if "complete" in words:
        before = set(threading.enumerate())
        exec(compiled, {"__name__": "example"})
        assert {each for each in threading.enumerate() if not each.daemon} <= before


@pytest.mark.parametrize(("text", "words"), blocks("yaml"))
def test_yaml_examples_are_read(text: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every config file in the documentation is accepted; what is a run's config is no config file."""
    if text.startswith("ops:"):
        return
    monkeypatch.setenv("TYPEFORM_TOKEN", "a-token")
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    assert load_config(path).sources


@pytest.mark.parametrize(("text", "words"), blocks("json"))
def test_json_examples_are_json(text: str, words: list[str]) -> None:
    """Every JSON example is JSON."""
    json.loads(text)


def test_the_readme_example_is_typeforms() -> None:
    """The README's example is made of lines of integrations/typeform, and makes the two tables of it."""
    (code,) = [p.values[0] for p in blocks("python") if p.id and p.id.startswith("README")]
    files = (ROOT / "integrations" / "typeform").rglob("*.py")
    real = {line.strip() for file in files for line in file.read_text(encoding="utf-8").splitlines()}
    own = [line.strip() for line in code.splitlines() if "import " not in line]
    assert [line for line in own if line not in real] == []
    namespace: dict[str, Any] = {"__name__": "example"}
    exec(code, namespace)
    assert [node.name for node in flatten(namespace["Typeform"].tables)] == [
        "typeform_forms",
        "typeform_form_responses",
    ]


def test_the_readme_begins_with_the_two_commands() -> None:
    """A newcomer finds `make demo` and `make test` at once, and both are targets of the Makefile."""
    beginning = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:30]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test"):
        assert any(line.startswith(f"make {target} ") for line in beginning)
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link leads to a file of the checkout, and its anchor to a heading of it."""
    prose = FENCE.sub("", path.read_text(encoding="utf-8"))
    broken = []
    for link in LINK.findall(prose):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            broken.append(link)
    assert broken == []


def _anchors(file: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", file.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_can_be_found() -> None:
    """Every guide is linked from the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in (ROOT / "docs").glob("*.md") if f"docs/{path.name}" not in text] == []


def test_a_wrong_example_would_be_seen(tmp_path: Path) -> None:
    """The check of YAML examples is one: a misspelt key does not pass it."""
    path = tmp_path / "config.yaml"
    path.write_text("kind: source\nspec: {name: a, path: b, destinations: [w], tabels: []}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown key `tabels`"):
        load_config(path)
