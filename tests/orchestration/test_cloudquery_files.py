"""Config files of CloudQuery's command line: read as they are, refused where it refuses them, and explained."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from integrations.sdk.errors import ConfigError
from orchestration.cli.app import run
from orchestration.config import Config, load_config
from orchestration.file_schema import FROM_CLOUDQUERY, file_schema
from orchestration.sources import load_sources
from orchestration.specs import TransformerSpec

SHARED = Path(__file__).parent.parent.parent.parent / "shared" / "cloudquery"
REFUSED = {
    "gcpv2.yml": "not defined",  # part of several files: its destination is in another
    "sync_group_id_default.yml": "sync_group_id",
    "sync_group_id_overwrite_delete_stale.yml": "sync_group_id",
    "time_substitution_with_error.yml": "no time",
}
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="CloudQuery's own files are not beside the checkout")

SOURCE = {
    "name": "aws",
    "path": "cloudquery/aws",
    "version": "v1.0.0",
    "tables": ["*"],
    "skip_tables": None,
    "destinations": ["pg"],
    "backend_options": {"table_name": "state", "connection": "@@plugins.pg.connection"},
    "otel_endpoint": "localhost:4317",
    "spec": {"regions": ["*"]},
}
ALONE = {"name": "aws", "path": "cloudquery/aws", "version": "v1.0.0", "tables": ["*"], "destinations": ["pg"]}
DESTINATION = {
    "name": "pg",
    "path": "cloudquery/postgresql",
    "registry": "cloudquery",
    "version": "v8.0.0",
    "write_mode": "append",
    "sync_group_id": "{{YEAR}}",
    "send_sync_summary": True,
    "transformers": ["basic"],
    "spec": {"connection_string": "postgresql://u:p@127.0.0.1/db", "batch_size": 10},
}


def written(folder: Path, *documents: tuple[str, dict[str, Any]]) -> Path:
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump_all([{"kind": kind, "spec": spec} for kind, spec in documents]), encoding="utf-8")
    return path


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What CloudQuery's files speak of."""
    for name, value in {
        "VERSION": "v1", "DESTINATIONS": "postgresql", "CONNECTION_STRING": "postgresql://u@h/d", "ACCOUNT_ID": "123",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    (tmp_path / "testdata").mkdir()
    for name, text in {
        "creds.txt": "one\ntwo", "number.txt": "456", "application_default_credentials.json": '{"a": "b\\n"}',
    }.items():  # fmt: skip
        (tmp_path / "testdata" / name).write_text(text, encoding="utf-8")
    return tmp_path


def loaded(file: Path, folder: Path) -> Config:
    copied = folder / file.name
    copied.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    return load_config(copied)


@needs_shared
def test_cloudquerys_own_files_are_read(environment: Path) -> None:
    """Each file that its command line is tested with: accepted, or refused for the same reason."""
    read = 0
    for file in sorted((SHARED / "configs").glob("*.y*ml")):
        if file.name.startswith("dir_"):
            continue
        if file.name in REFUSED:
            with pytest.raises(ConfigError, match=REFUSED[file.name]):
                loaded(file, environment)
        else:
            config = loaded(file, environment)
            assert load_sources(config)
            read += 1
    assert read >= 14


@needs_shared
def test_a_folder_of_files_is_one(environment: Path) -> None:
    """As CloudQuery takes folders."""
    folder = environment / "several"
    folder.mkdir()
    for file in (SHARED / "configs").glob("dir__*.yml"):
        (folder / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    config = load_config(folder)
    assert [source.name for source in config.sources] == ["aws"]
    assert [destination.name for destination in config.destinations] == ["postgresql", "warehouse"]
    assert config.folder == folder


TRANSFORMER = {
    "name": "basic",
    "path": "cloudquery/basic",
    "registry": "cloudquery",
    "version": "v1.0.0",
    "docker_registry_auth_token": "t",
    "spec": {"a": 1},
}
FULL_SOURCE = {
    **SOURCE,
    "registry": "cloudquery",
    "otel_endpoint_insecure": True,
    "skip_dependent_tables": False,
    "deterministic_cq_id": True,
    "docker_registry_auth_token": "t",
}
FULL_DESTINATION = {**DESTINATION, "migrate_mode": "forced", "pk_mode": "cq-id-only", "docker_registry_auth_token": "t"}
WRONG: dict[str, Any] = {
    "number": 7, "one": 1, "word": "yes", "text of a flag": "true", "digit": "1", "list": [1], "no list": [],
    "list of nothing": [""], "object": {"a": 1}, "empty": "", "null": None,
}  # fmt: skip


def mutations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The document with each field missing, of another type, empty, null; and with one that nobody knows."""
    for field in document["spec"]:
        for what, value in WRONG.items():
            changed = copy.deepcopy(document)
            changed["spec"][field] = value
            yield f"{field} is {what}", changed
        changed = copy.deepcopy(document)
        del changed["spec"][field]
        yield f"{field} is missing", changed
    for registry in (None, "", "cloudquery", "github", "local", "grpc", "docker"):
        for version in (None, "1", "v1"):
            changed = copy.deepcopy(document)
            del changed["spec"]["registry"], changed["spec"]["version"]
            changed["spec"] |= {} if registry is None else {"registry": registry}
            changed["spec"] |= {} if version is None else {"version": version}
            yield f"registry is {registry!r} with version {version!r}", changed
    changed = copy.deepcopy(document)
    changed["spec"]["unheard_of"] = 1
    yield "an unknown field", changed


OURS_TAKES = {
    "source": {  # null is as if it was missing
        "tables is missing", "tables is null", "otel_endpoint is null", "otel_endpoint_insecure is null",
        "deterministic_cq_id is null", "docker_registry_auth_token is null", "registry is null",
    },
    "destination": {
        "path is missing", "path is null", "registry is null", "sync_group_id is null", "send_sync_summary is null",
        "docker_registry_auth_token is null", "write_mode is null", "migrate_mode is null", "pk_mode is null",
    },
    "transformer": {"registry is null", "docker_registry_auth_token is null"},
}  # fmt: skip
OURS_REFUSES = {"write_mode is missing", "write_mode is null"}  # the default does not go with a sync group
NAMES_ANOTHER = ("not defined", "names the destination")  # what a file as a whole lacks is not the schema's


@needs_shared
@pytest.mark.parametrize(
    ("kind", "spec"), [("source", FULL_SOURCE), ("destination", FULL_DESTINATION), ("transformer", TRANSFORMER)]
)
def test_what_its_schema_accepts_is_accepted_and_what_it_refuses_refused(
    tmp_path: Path, kind: str, spec: dict[str, Any]
) -> None:
    """Every field, in every wrong way; and our own schema, for editors, agrees."""
    theirs = json.loads((SHARED / "config-schema.json").read_text(encoding="utf-8"))
    definition = {**theirs, **theirs["$defs"][kind.capitalize()]}
    definition.pop("$ref", None)
    own = file_schema()
    jsonschema.Draft202012Validator.check_schema(own)
    whole = (("source", ALONE), ("destination", DESTINATION), ("transformer", TRANSFORMER))
    others = [each for each in whole if each[0] != kind]
    compared: list[str] = []
    wrong: list[str] = []
    for what, changed in mutations({"kind": kind, "spec": spec}):
        accepts = not list(jsonschema.Draft202012Validator(definition).iter_errors(changed["spec"]))
        schema = not list(jsonschema.Draft202012Validator(own).iter_errors(changed))
        try:
            load_config(written(tmp_path, (kind, changed["spec"]), *others))
            ours = True
        except ConfigError as error:
            ours = any(said in str(error) for said in NAMES_ANOTHER)
        expected = accepts or what in OURS_TAKES[kind]
        wrong += [f"{what}: {ours}"] if ours != (expected and what not in OURS_REFUSES) else []
        wrong += [f"{what}, by our schema: {schema}"] if schema != expected else []
        compared.append(what)
    assert wrong == []
    assert len(compared) > 80


def test_our_schema_lets_placeholders_stand_for_anything() -> None:
    """An editor marks no field that a variable fills; what comes out of it is checked when the file is read."""
    validator = jsonschema.Draft202012Validator(file_schema())
    for kind, spec in (("source", FULL_SOURCE), ("destination", FULL_DESTINATION), ("transformer", TRANSFORMER)):
        for field in spec:
            changed = {"kind": kind, "spec": {**spec, field: "${VALUE}"}}
            assert not list(validator.iter_errors(changed)), f"{kind}: {field}"


def test_a_field_of_an_older_version_is_named(tmp_path: Path) -> None:
    """With where it has gone: its command line of today refuses it, too."""
    for field, hint in (("scheduler", "the plugin's own `spec`"), ("backend", "`backend_options`")):
        with pytest.raises(ConfigError, match=f"`{field}` is a field of an older CloudQuery.*\n.*{hint}"):
            load_config(written(tmp_path, ("source", {**ALONE, field: "x"}), ("destination", DESTINATION)))


def test_a_flag_is_true_or_false(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No word, no number, no text; a placeholder without quotes stands for what YAML reads in its place."""
    monkeypatch.setenv("FLAG", "true")
    for value, code in (("yes", 0), ("${FLAG}", 0), ('"yes"', 2), ('"true"', 2), ('"${FLAG}"', 2), ("1", 2)):
        path = tmp_path / "config.yml"
        documents = [("destination", DESTINATION), ("transformer", TRANSFORMER), ("source", ALONE)]
        text = yaml.safe_dump_all([{"kind": kind, "spec": spec} for kind, spec in documents])
        path.write_text(f"{text}  deterministic_cq_id: {value}\n", encoding="utf-8")
        assert run(["validate", "--config", str(path)]) == code, value
        assert code or load_config(path).sources[0].deterministic_cq_id


def test_what_is_wrong_with_a_spec_is_said_where(tmp_path: Path) -> None:
    """A destination's spec that is no mapping, a table without a name, a transformer without a version."""
    for kind, spec, said in (
        (
            "destination",
            {**DESTINATION, "registry": "grpc", "spec": []},
            "document 1: `spec` must be a mapping of names",
        ),
        ("destination", {"name": "w", "spec": "x"}, "document 1: `spec` must be a mapping of names to values"),
        ("source", {**ALONE, "skip_tables": [""]}, "document 1: `skip_tables[0]` must not be empty"),
        ("transformer", {"name": "t", "path": "a/b"}, "document 1: `version` must be a version, such as v1.0.0"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_config(written(tmp_path, (kind, spec)))
        assert said in str(caught.value)


def test_every_field_of_its_files_is_in_the_docs() -> None:
    """Also those that become something else, and those of a kind that is only read."""
    text = (Path(__file__).parent.parent.parent / "docs" / "configuration.md").read_text(encoding="utf-8")
    section = text.partition("\n## From CloudQuery's files")[2].partition("\n## ")[0]
    fields = {field for fields in FROM_CLOUDQUERY.values() for field in fields}
    assert [field for field in sorted(fields) if f"| `{field}` |" not in section] == []
    section = text.partition("\n## kind: transformer")[2].partition("\n## ")[0]
    assert [field for field in TransformerSpec.model_fields if f"`{field}`" not in section] == []


def test_every_field_is_honoured_or_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`migrate-config` says which, and `validate` what cannot be had."""
    path = written(tmp_path, ("source", SOURCE), ("destination", DESTINATION), ("transformer", TRANSFORMER))
    config = load_config(path)
    assert config.destination("pg").path == "postgres"
    assert config.destination("pg").sync_group_id == "{{YEAR}}"
    assert config.sources[0].destinations == ["warehouse", "pg"]
    assert config.sources[0].skip_dependent_tables
    assert run(["migrate-config", "--config", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    said = {(each["field"], each["works"]) for each in document["differences"]}
    assert said == {
        ("backend_options", True), ("otel_endpoint", True), ("send_sync_summary", True), ("transformers", False),
        ("path", False), ("path", True), ("spec.batch_size", True), ("destinations", True),
    }  # fmt: skip
    assert run(["migrate-config", "--config", str(path)]) == 0
    assert "transformers" in capsys.readouterr().out
    assert run(["validate", "--config", str(path), "--json"]) == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert ["path" in notes[0], "transformers" in notes[1], len(notes)] == [True, True, 2]
    assert run(["sync", "aws", "--config", str(path)]) == 2
    assert "on CloudQuery's Hub" in capsys.readouterr().err
    assert run(["discover", "aws", "--config", str(path)]) == 2
    assert "on CloudQuery's Hub" in capsys.readouterr().err


UNSET = """
kind: source
spec:
  name: ${CQ_NAME}
  path: cloudquery/aws
  version: ${CQ_VERSION}
  tables: ${CQ_TABLES}
  skip_dependent_tables: ${CQ_FLAG}
  concurrency: ${CQ_NUMBER}
  destinations: [pg, "${CQ_OTHER}"]
  spec: {token: "${CQ_TOKEN}", key: "${file:missing.pem}"}
---
kind: destination
spec:
  name: pg
  path: cloudquery/postgresql
  version: v8.0.0
  write_mode: ${CQ_MODE}
  send_sync_summary: ${CQ_FLAG}
  spec: {connection_string: "${CQ_PG}", batch_size: 5}
---
kind: transformer
spec: {name: basic, path: cloudquery/basic, version: "${CQ_VERSION}"}
"""


def test_a_file_is_explained_without_its_variables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`migrate-config` goes through all of it, names what is not set, and counts at the end what differs."""
    path = tmp_path / "config.yaml"
    path.write_text(UNSET, encoding="utf-8")
    assert run(["migrate-config", "--config", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(each["field"], each["works"]) for each in document["differences"]] == [
        ("path", False), ("spec.batch_size", True), ("path", True),
    ]  # fmt: skip
    names = ["NAME", "VERSION", "TABLES", "FLAG", "NUMBER", "OTHER", "TOKEN", "MODE", "PG"]
    assert sorted(document["unset"]) == sorted([*(f"CQ_{name}" for name in names), "file:missing.pem"])
    assert run(["migrate-config", "--config", str(path)]) == 0
    said = capsys.readouterr().out
    assert "Not set here, so that their fields were not checked: CQ_NAME, CQ_VERSION" in said
    assert said.endswith(f"{path}: 3 differences; works: 2 yes, 1 no\n")
    assert run(["validate", "--config", str(path)]) == 2
    assert "CQ_NAME, which is not set" in capsys.readouterr().err


def test_numbers_are_numbers_for_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is put into a text without quotes is read as YAML; in quotes, or for our own models, it stays text."""
    monkeypatch.setenv("N", "5")
    path = tmp_path / "config.yaml"
    path.write_text(
        "kind: source\nspec:\n  name: p\n  registry: grpc\n  path: 127.0.0.1:1\n  destinations: [w]\n"
        '  spec: {rows: "${N}", deep: [1]}\n  version: ${N}\n---\n'
        "kind: source\nspec:\n  name: q\n  registry: grpc\n  path: 127.0.0.1:1\n  destinations: [w]\n"
        "  spec:\n    rows: ${N}\n    at: ${time:2025-01-01}\n---\nkind: destination\nspec: {name: w}\n",
        encoding="utf-8",
    )
    quoted, plain = load_config(path).sources
    assert quoted.spec == {"rows": "5", "deep": [1]}
    assert quoted.version == "5"
    assert plain.spec == {"rows": 5, "at": "2025-01-01T00:00:00Z"}


def test_a_backend_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    """As a destination that is not defined."""
    spec = {**SOURCE, "backend_options": {"table_name": "state", "connection": "@@plugins.pgg.connection"}}
    with pytest.raises(ConfigError, match="pgg"):
        load_config(written(tmp_path, ("source", spec), ("destination", DESTINATION), ("transformer", TRANSFORMER)))


def test_what_cloudquery_refuses_of_a_whole_file_is_refused(tmp_path: Path) -> None:
    """A transformer that is nowhere, or there twice; one plugin that writes to one destination at two versions."""
    both = [("source", ALONE), ("destination", DESTINATION)]
    again = ("source", {**ALONE, "name": "again"})
    newer = ("source", {**ALONE, "name": "again", "version": "v2.0.0"})
    basic = ("transformer", TRANSFORMER)
    assert len(load_config(written(tmp_path, *both, again, basic)).sources) == 2
    for documents, said in (
        (both, "destination `pg` names the transformer `basic`, which is not defined"),
        ([*both, basic, basic], "two transformers are called `basic`"),
        ([*both, newer, basic], "the destination `pg` is used by `cloudquery/aws` at several versions"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_config(written(tmp_path, *documents))
        assert said in str(caught.value)


def test_the_warehouse_has_no_transformers(tmp_path: Path) -> None:
    """Rows land in it as they are: CloudQuery's duckdb with transformers is none, and ours is refused."""
    spec = {**DESTINATION, "path": "cloudquery/duckdb", "spec": {"connection_string": "x.duckdb"}}
    config = load_config(written(tmp_path, ("source", ALONE), ("destination", spec), ("transformer", TRANSFORMER)))
    assert (config.destination("pg").is_warehouse, config.sources[0].destinations) == (False, ["warehouse", "pg"])
    with pytest.raises(ConfigError, match="the warehouse has no `transformers`"):
        load_config(written(tmp_path, ("destination", {"name": "w", "transformers": ["basic"]})))


@pytest.mark.parametrize(
    ("path", "connection_string", "spec"),
    [
        ("postgresql", "postgres://u:p%40@h:1/d?search_path=cq,public&sslmode=disable&pool_max_conns=4",
         {"connection": "postgres://u:p%40@h:1/d?sslmode=disable", "schema": "cq"}),
        ("postgresql", "postgres:///d?host=/tmp", {"connection": "postgres:///d?host=%2Ftmp"}),
        ("postgresql", "postgres://h/d?pool_min_conns=1", {"connection": "postgres://h/d"}),
        ("postgresql", "user=u password=?x host=h", {"connection": "user=u password=?x host=h"}),
        ("sqlite", "./db.sql?mode=rwc", {"path": "./db.sql"}),
        ("sqlite", ":memory:", None),
        ("duckdb", "./db.duckdb", {"path": "./db.duckdb"}),
        ("duckdb", "md:my_db?motherduck_token=x", None),
    ],
)  # fmt: skip
def test_connection_strings_mean_what_they_mean_there(
    tmp_path: Path, path: str, connection_string: str, spec: dict[str, Any] | None
) -> None:
    """The schema of a search path is ours, what only pgx knows is left out; what is no file stays a plugin."""
    given = {
        "name": "pg",
        "path": f"cloudquery/{path}",
        "version": "v1",
        "spec": {"connection_string": connection_string},
    }
    made = load_config(written(tmp_path, ("source", ALONE), ("destination", given))).destination("pg")
    if spec is None:
        assert made.registry == "cloudquery"
        return
    kept = made.spec.model_dump(by_alias=True, exclude_unset=True)
    if "connection" in kept:
        kept["connection"] = made.spec.connection.get_secret_value()
    assert (made.registry, kept) == ("python", spec)


def test_what_ours_cannot_do_is_told_from_what_only_tunes(tmp_path: Path) -> None:
    """Batch sizes are of no consequence; another way to log in is. No plugin is told where another one is."""
    own = {"connection_string": "postgres://h/d", "batch_size": 1, "aws_iam_auth": {"region": "x"}}
    pg = {"name": "pg", "path": "cloudquery/postgresql", "version": "v1", "spec": own}
    source = {**ALONE, "registry": "grpc", "path": "h:1", "spec": {"state": "@@plugins.pg.connection"}}
    config = load_config(written(tmp_path, ("source", source), ("destination", pg)))
    works = {each.field: each.works for each in config.differences}
    assert works == {
        "spec": False, "spec.aws_iam_auth": False, "spec.batch_size": True, "path": True, "destinations": True,
    }  # fmt: skip
