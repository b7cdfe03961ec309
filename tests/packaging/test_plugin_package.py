"""`headwater package SOURCE VERSION`: the package of an integration, beside the one that CloudQuery's SDK writes."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestration.cli.app import run
from tests.environments import interpreter
from tests.packaging import peer

SHOP = "tests.packaging.shop"
SDK = "cloudquery-plugin-sdk==0.1.56"
PACKAGE = ["package", SHOP, "v1.2.3", "--team", "acme", "-m", "What is new"]
ARROW_OF_PYTHON = {"string": "utf8"}


def document(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> Any:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def test_it_is_what_cloudquerys_sdk_writes(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """package.json has the same keys and values, tables.json the same tables, beside the ids that only we send."""
    python = interpreter(request, SDK.replace("==", "-"), [SDK, "duckdb"])
    (tmp_path / "theirs").mkdir()
    subprocess.run([str(python), "-W", "ignore", peer.__file__, str(tmp_path / "theirs")], check=True)
    made = document([*PACKAGE, "--out", str(tmp_path / "ours")], capsys)
    assert made == {"package": str(tmp_path / "ours"), "tables": 3, "supported_targets": []}
    assert read(tmp_path / "ours" / "package.json") == read(tmp_path / "theirs" / "package.json")
    ours = {table["name"]: table for table in read(tmp_path / "ours" / "tables.json")}
    assert list(ours) == ["orders", "lines", "changes"]
    theirs = read(tmp_path / "theirs" / "tables.json")
    for table in theirs:
        for column in table["columns"]:
            column["type"] = ARROW_OF_PYTHON.get(column["type"], column["type"])
        names = [column["name"] for column in ours[table["name"]]["columns"]]
        assert names[:2] == ["_cq_id", "_cq_parent_id"]
        assert {**ours[table["name"]], "columns": ours[table["name"]]["columns"][2:]} == table
    assert [table["name"] for table in theirs] == ["orders", "lines"]


def test_its_docs_are_generated_and_those_of_the_author_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The README is the overview, each table has a page; pages of --docs-dir come last. --message may be a file."""
    own = tmp_path / "own"
    (own / "pictures").mkdir(parents=True)
    (own / "overview.md").write_text("# Mine\n")
    (own / "pictures" / "a.svg").write_text("<svg/>")
    (tmp_path / "news.md").write_text("- a\n- b\n")
    out = tmp_path / "dist"
    command = ["package", "integrations.typeform", "v0.1.0-rc.1", "--team", "acme", "--out", str(out)]
    document([*command, "-m", f"@{tmp_path / 'news.md'}"], capsys)
    assert read(out / "package.json")["message"] == "- a\n- b\n"
    assert (out / "docs" / "overview.md").read_text().startswith("# Typeform\n")
    pages = ["README.md", "typeform_form_responses.md", "typeform_forms.md"]
    assert sorted(page.name for page in (out / "docs" / "tables").iterdir()) == pages
    document([*command, "--docs-dir", str(own)], capsys)
    assert (out / "docs" / "overview.md").read_text() == "# Mine\n"
    assert (out / "docs" / "pictures" / "a.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([SHOP], "packaged with a version"),
        ([SHOP, "1.2.3", "--team", "acme"], "`1.2.3` is not a version"),
        ([SHOP, "v1.2.3"], "needs the team"),
        ([SHOP, "v1.2.3", "--team", "Acme/x"], "`Acme/x` is no name of a team"),
        ([SHOP, "v1.2.3", "--team", "acme", "-m", "@nowhere.md"], "nowhere.md cannot be read"),
        ([SHOP, "v1.2.3", "--team", "acme", "--docs-dir", "nowhere"], "nowhere is not a folder"),
        ([SHOP, "v1.2.3", "--team", "acme", "--image", "amd64"], "`amd64` is not a platform"),
        ([SHOP, "v1.2.3", "--team", "acme", "--image", "linux/amd64"], "there is no Dockerfile"),
        ([SHOP, "v1.2.3", "--team", "acme", "--build-arg", "BASE"], "`BASE` is not a build argument"),
        (["integrations.datasette", "v1.2.3", "--team", "acme"], "known without a connection"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[1:]),
)
def test_what_is_wrong_is_said(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A configuration error, and no package that somebody could take for one."""
    monkeypatch.chdir(tmp_path)
    error = document(["package", *arguments], capsys, code=2)["error"]
    assert said in error["message"]
    assert not (tmp_path / "dist" / "package.json").exists()


def test_an_image_needs_something_that_builds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where neither docker nor buildah is, that is said; without --image they are not asked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    error = document([*PACKAGE, "--image", "linux/amd64"], capsys, code=2)["error"]
    assert "needs docker with a daemon, or buildah" in error["message"]
    assert document(PACKAGE, capsys)["tables"] == 3


def test_a_scripts_version_is_in_its_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script is packaged as ever, and a version beside it would be ignored: it is refused."""
    script = tmp_path / "boards.py"
    script.write_text("")
    error = document(["package", str(script), "v1.2.3"], capsys, code=2)["error"]
    assert error["message"] == "a script's version is in its manifest"
