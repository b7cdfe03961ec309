"""config.yaml: what is accepted, and how what is not is said."""

from pathlib import Path

import pytest

from integrations.sdk.errors import ConfigError
from orchestration.config import load_config

GOOD = """\
kind: source
spec:
  name: library
  path: tests.example
  destinations: [warehouse]
  spec: {token: "${LIBRARY_TOKEN}", base_url: "http://127.0.0.1:1"}
---
kind: destination
spec: {name: warehouse, path: duckdb}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def message(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(write(folder, text))
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_defaults_are_those_of_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minimal file is enough, and what it leaves out has the documented default."""
    monkeypatch.setenv("LIBRARY_TOKEN", "x")
    config = load_config(write(tmp_path, GOOD))
    (source,), (destination,) = config.sources, config.destinations
    assert (source.tables, source.concurrency, source.skip_dependent_tables) == (["*"], 16, False)
    assert (destination.write_mode, destination.spec.path) == ("overwrite-delete-stale", "data/warehouse.duckdb")


def test_the_environment_is_put_in_after_parsing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value from the environment is only a value: YAML in it is not read, and comments need no variables."""
    monkeypatch.setenv("LIBRARY_TOKEN", 'a: [b] # "c"')
    config = load_config(write(tmp_path, "# ${NOT_SET}\n" + GOOD))
    assert config.sources[0].spec["token"] == 'a: [b] # "c"'


def test_a_missing_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is not set is an error that names it, its place, and what to do."""
    monkeypatch.delenv("LIBRARY_TOKEN", raising=False)
    said = message(tmp_path, GOOD)
    assert "LIBRARY_TOKEN" in said
    assert "`spec.token`" in said
    assert "export LIBRARY_TOKEN" in said
    said = message(tmp_path, GOOD.replace("${LIBRARY_TOKEN}", "${LIBRARY_TOKEN:-none}"))
    assert "a placeholder has no default: write ${LIBRARY_TOKEN}" in said


def test_files_are_read_relative_to_the_config(tmp_path: Path) -> None:
    """${file:…} starts from the config file's folder; one that cannot be read is named."""
    (tmp_path / "token.txt").write_text("from-a-file\n")
    text = GOOD.replace("${LIBRARY_TOKEN}", "${file:token.txt}")
    assert load_config(write(tmp_path, text)).sources[0].spec["token"] == "from-a-file"
    assert "missing.txt" in message(tmp_path, GOOD.replace("${LIBRARY_TOKEN}", "${file:missing.txt}"))


@pytest.mark.parametrize(
    ("wrong", "right", "says"),
    [
        ("destinations:", "destination:", "did you mean `destinations`?"),
        ("kind: source", "kind: sorce", "did you mean `source`?"),
        ("kind: destination", "kind: destination\nspecs: {}", "did you mean `spec`?"),
        ("path: duckdb", "pth: duckdb", "did you mean `path`?"),
        ("[warehouse]", "[warehose]", "did you mean `warehouse`?"),
        ("path: duckdb", "path: duckdb, write_mode: overwite", "overwrite-delete-stale"),
        ("path: duckdb", "path: duckdb, spec: {pathh: x}", "did you mean `path`?"),
        ("path: tests.example", "path: tests.example\n  concurrency: 0", "concurrency"),
        ("path: tests.example", "path: tests.example\n  registry: pigeon", "registry"),
        ("  name: library\n", "", "`name` is missing"),
        ("kind: source", "Kind: source", "unknown key `Kind`\n  → did you mean `kind`?"),
        ("---\n", "", "`kind` is there twice: is `---` missing? (line 7"),
        ("kind: destination", "kind: destination\nspec: []\n---\nkind: destination", "`spec` is not a mapping"),
        ("path: duckdb", "path: duckdb, write_mode: x", "must be `overwrite-delete-stale`, `overwrite` or `append`"),
        ("path: tests.example", "path: tests.example\n  registry: x", "must be `python`, `grpc`, `local`, `docker`"),
        ("path: tests.example", "path: tests.example\n  tables: x", "`tables` must be a list"),
        ("path: tests.example", "path: tests.example\n  tables: []", "`tables` must not be empty"),
        ("path: tests.example", "path: tests.example\n  tables: [1]", "`tables[0]` must be a text"),
        ("path: tests.example", "path: tests.example\n  concurrency: x", "`concurrency` must be a whole number"),
        ("path: tests.example", "path: tests.example\n  probe_every_s: 1", "`probe_every_s` must be at least 30"),
        ("path: tests.example", "path: tests.example\n  owners: [x]", "an e-mail address, or team:name"),
        ("path: tests.example", "path: tests.example\n  deterministic_cq_id: 1", "must be true or false"),
        (
            "path: tests.example",
            "path: tests.example\n  table_options: {a: {b: 1}}",
            "→ there are: write_mode, contract",
        ),
        (
            "path: tests.example",
            "path: tests.example\n  tabels: []\n  concurency: 1",
            "`tabels` (did you mean `tables`?)",
        ),
    ],
)
def test_every_mistake_is_one_clear_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str, right: str, says: str
) -> None:
    """A wrong key or value is named, with the nearest right one."""
    monkeypatch.setenv("LIBRARY_TOKEN", "x")
    assert says in message(tmp_path, GOOD.replace(wrong, right))


def test_not_yaml_and_not_there(tmp_path: Path) -> None:
    """A file that is not YAML, not documents of ours, or not there, is said so."""
    said = message(tmp_path, "kind: [")
    assert f"{tmp_path / 'config.yaml'} is not YAML: while parsing a flow node, expected the node content" in said
    assert "(line 1, column 8)" in said
    assert "needs `kind`" in message(tmp_path, "- 1\n")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "other.yaml")


def test_yaml_cannot_run_code(tmp_path: Path) -> None:
    """A YAML tag that would make a Python object is refused."""
    assert "not YAML" in message(tmp_path, "kind: !!python/object/apply:os.system ['true']\n")


def test_names_are_unique(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sources of one name would share a schema."""
    monkeypatch.setenv("LIBRARY_TOKEN", "x")
    first = GOOD.partition("---\n")[0]
    assert "two sources are called `library`" in message(tmp_path, f"{first}---\n{GOOD}")
