"""The guide for people of CloudQuery: what it says to write down works as it stands there."""

import os
import sys
from pathlib import Path

import pytest

from integrations.sdk.testing import serving
from orchestration.testing import SOURCE, Project
from tests.packaging.guide import block, write_integration


def test_its_executable_is_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`registry: local` starts the two lines, beside the guide's integration, and reads all of its rows."""
    pytest.importorskip(
        "cloudquery.plugin_v3", reason="the extra cloudquery is not installed: pip install .[cloudquery]"
    )
    api = write_integration(tmp_path)
    executable = tmp_path / "acme"
    executable.write_text(block("sh executable"), encoding="utf-8")
    executable.chmod(0o755)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    with serving(api) as server:
        spec = {"token": "secret-token", "base_url": server.url}
        project = Project(tmp_path, "./acme", spec, registry="local")
        outcomes = project.sync()
    assert {name: table.error for name, table in outcomes.tables.items()} == {"acme_projects": None, "acme_tasks": None}
    assert project.query(f"SELECT id, name FROM {SOURCE}.acme_projects ORDER BY id") == [(7, "roof"), (8, "roof")]
    tasks = project.query(f"SELECT project_id, id, hours FROM {SOURCE}.acme_tasks ORDER BY project_id")
    assert tasks == [(7, 1, 2), (8, 1, 2)]
