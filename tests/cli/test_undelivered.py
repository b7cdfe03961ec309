"""A destination that nothing can be delivered to is told before a source is asked, and holds up nothing else."""

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.destinations import writers
from integrations.sdk.testing import Asked, serving
from orchestration.cli.app import run
from orchestration.testing import SOURCE, Project
from tests.example import TOKEN, library

PG = {"name": "pg", "path": "postgres", "spec": {"connection": "postgresql://127.0.0.1:9/none"}}
FILES = {"name": "files", "path": "parquet", "spec": {"directory": "files"}}
PLUGIN = {"name": "plug", "registry": "local", "path": "./nowhere", "spec": {}}
NEEDS = "nothing is delivered to `pg`: the destination `postgres` needs psycopg, which is not installed"
INSTALL = "pip install 'headwater[postgres]'"


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Packages that are as if they were not installed."""
    hidden: set[str] = set()
    find = importlib.util.find_spec

    def found(name: str, package: str | None = None) -> Any:
        if name in hidden:
            return None
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(name)
        return find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", found)
    return hidden


@pytest.fixture
def asked() -> list[str]:
    """The paths that the source was asked for."""
    return []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str]) -> Iterator[Project]:
    """A project that delivers to three destinations: a database, files, and a plugin that is not there."""

    def api(request: Asked) -> Any:
        asked.append(request.path)
        return library(request)

    with serving(api) as server:
        names = ["warehouse", "pg", "files", "plug"]
        made = Project(tmp_path, "tests.example", {"token": TOKEN, "base_url": server.url}, destinations=names)
        more = [{"kind": "destination", "spec": each} for each in (PG, FILES, PLUGIN)]
        made.config.write_text(made.config.read_text() + "---\n" + yaml.safe_dump_all(more))
        monkeypatch.setenv("HEADWATER_CONFIG", str(made.config))
        yield made


def test_validate_says_what_is_missing(project: Project, without: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A package by the extra that brings it, a plugin by its path; the file is valid all the same."""
    without |= {"psycopg"}
    assert run(["validate"]) == 0
    said = capsys.readouterr().out
    assert f"warning: {NEEDS}\n  → {INSTALL}\n" in said
    assert f"nothing is delivered to `plug`: there is no plugin {project.folder / 'nowhere'}" in said
    assert said.endswith("valid, but nothing is delivered to pg, plug\n")
    assert run(["validate", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["valid"]
    assert document["notes"][0] == f"{NEEDS}: {INSTALL}"
    without |= {"cloudquery"}
    assert run(["validate"]) == 0
    assert (
        "needs cloudquery, which is not installed\n  → pip install 'headwater[cloudquery]'" in capsys.readouterr().out
    )


def test_sync_says_it_first_and_goes_on(
    project: Project, without: set[str], asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The source is read and the other destination gets its rows; it is said once more at the end, in the exit code."""
    without |= {"psycopg"}
    assert run(["sync", "--dry-run"]) == 1
    assert NEEDS in capsys.readouterr().err
    assert asked == []
    assert run(["sync"]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(f"warning: {NEEDS}\n  → {INSTALL}\n")
    assert printed.err.count(f"error: {NEEDS}\n") == 1
    assert project.query(f"SELECT count(*) FROM {SOURCE}.chapters") == [(8,)]
    assert list((project.folder / "files").rglob("*.parquet"))
    assert project.query("SELECT DISTINCT destination FROM headwater.deliveries") == [("files",)]
    assert run(["sync", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["errors"][0]["message"] == NEEDS
    assert {each["destination"] for each in document["delivered"]} == {"files"}


def test_what_each_destination_needs_is_written_down() -> None:
    """What is imported when it connects is what is looked for before."""
    folder = Path(writers.__file__).parent.parent
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))
    found = re.findall(r'needed\("(\w+)", "(\w+)[.\w]*"\)', text)
    listed = {(kind, module.partition(".")[0]) for kind, modules in writers.PACKAGES.items() for module in modules}
    assert {(kind, package) for kind, package in found if package != "integrations"} == listed
