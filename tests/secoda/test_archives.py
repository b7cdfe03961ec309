"""`headwater package` and the two sides of `headwater check`: the commands, and archives that are refused."""

import io
import json
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations.sdk.manifest import load_manifest
from orchestration.cli.app import run
from orchestration.packaging.archive import MAX_ENTRIES, pack, refusals
from tests.sdk.servers import Reply, Seen, serving
from tests.secoda.project import LOGIN_SCRIPT, ScriptProject, write_manifest
from tests.secoda.test_manifest import boards as boards_api
from tests.secoda.test_manifest import project
from tests.secoda.test_rules import GOOD_INPUTS

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
MANIFEST = {"name": "Boards of mine", "version": "1.2.0", "category": "BI", "description": "All boards."}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script that may be packaged."""
    file = tmp_path / "src" / "my boards.py"
    file.parent.mkdir()
    file.write_text(LOGIN_SCRIPT)
    (file.parent / "pictures").mkdir()
    (file.parent / "pictures" / "Logo.PNG").write_bytes(PNG)
    changes = {"icon": "pictures/Logo.PNG", "inputs": GOOD_INPUTS, "endpoints": ["{base_url}"]}
    write_manifest(file, {**MANIFEST, **changes})
    return file


def document(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> Any:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_package_builds_what_check_finds_fit(script: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Script, manifest, icon and README under plain names; the manifest speaks of those names."""
    made = document(["package", str(script), "--out", str(tmp_path / "out")], capsys)
    archive = Path(made["archive"])
    assert archive.name == "boards_of_mine-1.2.0.zip"
    with zipfile.ZipFile(archive) as opened:
        assert opened.namelist() == ["README.md", "icon.png", "manifest.yaml", "my_boards.py"]
        packed = yaml.safe_load(opened.read("manifest.yaml"))
        readme = opened.read("README.md").decode()
        assert opened.read("my_boards.py").decode() == LOGIN_SCRIPT
    assert (packed["script"], packed["icon"], packed["readme"]) == ("my_boards.py", "icon.png", "README.md")
    assert "`password` (string, required, sensitive): What to fill in." in readme
    assert document(["check", str(archive)], capsys) == {"archive": str(archive), "refused": False, "reasons": []}


def test_the_same_files_give_the_same_bytes(script: Path, tmp_path: Path) -> None:
    """Whenever, wherever and in whatever order they were written."""
    manifest = load_manifest(script)
    assert manifest is not None
    first = pack(script, manifest, tmp_path / "one")
    os.utime(script, (1, 1))
    os.chmod(script, 0o755)
    second = pack(script, manifest, tmp_path / "two")
    assert first.sha256 == second.sha256
    assert first.path.read_bytes() == second.path.read_bytes()


def test_package_refuses_what_check_finds_wrong(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An error, a missing manifest; nothing is written."""
    script.write_text(LOGIN_SCRIPT + "\nimport helpers\n")
    (script.parent / "helpers.py").touch()
    error = document(["package", str(script)], capsys, code=2)["error"]
    assert "sibling-import" in error["message"]
    script.write_text(LOGIN_SCRIPT)
    script.with_name("my boards.manifest.yaml").unlink()
    assert "no manifest" in document(["package", str(script)], capsys, code=2)["error"]["message"]
    assert not Path("dist/boards_of_mine-1.2.0.zip").exists()


Maker = Callable[[zipfile.ZipFile], None]


def archive_of(folder: Path, extra: Maker, leave_out: str = "", **changes: Any) -> Path:
    """An archive that is right, except for what the function adds."""
    path = folder / "a.zip"
    stated = {**MANIFEST, "script": "boards.py", "endpoints": [], **changes}
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in {"boards.py": LOGIN_SCRIPT, "manifest.yaml": yaml.safe_dump(stated)}.items():
            if name != leave_out:
                opened.writestr(name, content)
        extra(opened)
    return path


def named(name: str, mode: int = 0, content: bytes = b"x") -> Maker:
    def add(archive: zipfile.ZipFile) -> None:
        entry = zipfile.ZipInfo(name)
        entry.filename = name  # as it is, without zipfile's own mending
        entry.create_system, entry.external_attr = 3, mode << 16
        archive.writestr(entry, content)

    return add


def bomb(archive: zipfile.ZipFile) -> None:
    archive.writestr("README.md", bytes(200 << 20), compress_type=zipfile.ZIP_DEFLATED)


def many(archive: zipfile.ZipFile) -> None:
    for number in range(100_000):
        archive.writestr(zipfile.ZipInfo(f"{number}.txt"), b"")


def several(*makers: Maker) -> Maker:
    def add(archive: zipfile.ZipFile) -> None:
        for each in makers:
            each(archive)

    return add


HOSTILE: dict[str, tuple[Maker, str]] = {
    "up": (named("../evil.py"), "leads out of the folder"),
    "up, further on": (named("a/../../evil.py"), "leads out of the folder"),
    "up, by backslash": (named("..\\evil.py"), "leads out of the folder"),
    "absolute": (named("/etc/passwd"), "is an absolute path"),
    "a drive": (named("C:evil.py"), "is an absolute path"),
    "a share": (named("\\\\host\\share"), "is an absolute path"),
    "a link": (named("link.py", stat.S_IFLNK | 0o777, b"/etc/passwd"), "is a symbolic link"),
    "a device": (named("null", stat.S_IFCHR | 0o666), "is a special file"),
    "a pipe": (named("pipe", stat.S_IFIFO | 0o666), "is a special file"),
    "a folder": (named("folder/", stat.S_IFDIR | 0o755, b""), "is a folder"),
    "below a folder": (named("kit/__init__.py"), "an archive has no folders"),
    "a bomb": (bomb, "grows more than"),
    "a large one": (named("README.md", content=os.urandom(17 << 20)), "it is larger than"),
    "10^5 entries": (many, "entries; an archive has at most"),
    "another case": (several(named("Boards.py")), "are one on some disks"),
    "the same twice": (several(named("README.md"), named("README.md")), "is there twice"),
    "one letter in two codes": (several(named("README.md"), named("\uff32EADME.md")), "are one on some disks"),
    "a device's name": (named("con.py"), "no file name on some systems"),
    "a dot at the end": (named("boards.py."), "no file name on some systems"),
    "a line break": (named("a\nb.py"), "is not for file names"),
    "writing backwards": (named("a\u202eyp.txt"), "is not for file names"),
    "a stream": (named("boards.py:evil"), "no file name on some systems"),
    "more than is spoken of": (named("sitecustomize.py"), "is not what the manifest speaks of"),
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_archives_are_refused(what: str, tmp_path: Path) -> None:
    """With the reason; nothing is written, nothing is run."""
    maker, reason = HOSTILE[what]
    folder = tmp_path / "inner"
    folder.mkdir()
    path = archive_of(folder, maker)
    assert any(reason in each for each in refusals(path)), refusals(path)
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["a.zip", "inner"]


def test_a_good_archive_is_not_refused(tmp_path: Path) -> None:
    """Or the test above would say nothing."""
    assert refusals(archive_of(tmp_path, named("README.md"))) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"leave_out": "boards.py"}, "`script` is not in it"),
        ({"leave_out": "manifest.yaml"}, "it has no manifest.yaml"),
        ({"version": "x"}, "`version`"),
        ({"script": "../boards.py"}, "`script` is not in it"),
        ({"icon": "README.md"}, "is no icon"),
    ],
)
def test_what_is_missing_is_a_reason(options: dict[str, Any], reason: str, tmp_path: Path) -> None:
    """A manifest, and the script that it names."""
    assert any(reason in each for each in refusals(archive_of(tmp_path, named("README.md"), **options)))


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    """Each byte that is cut off, or turned over, is a refusal or the very same files; never an exception."""
    whole = archive_of(tmp_path, named("README.md")).read_bytes()
    path = tmp_path / "b.zip"
    for cut in range(0, len(whole), 37):
        path.write_bytes(whole[:cut])
        assert refusals(path)
    for place in range(0, len(whole), 11):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        assert isinstance(refusals(path), list)
    path.write_bytes(b"")
    assert refusals(path) == ["it is not a zip archive that can be read"]
    assert refusals(tmp_path / "none.zip") == ["it cannot be read: No such file or directory"]


def test_a_lie_about_sizes_is_found(tmp_path: Path) -> None:
    """The directory may say one byte where there are two hundred million, or two entries share their bytes."""
    content = bytearray(archive_of(tmp_path, bomb).read_bytes())
    at = content.rfind(b"PK\x01\x02")
    struct.pack_into("<L", content, at + 24, 1)
    path = tmp_path / "b.zip"
    path.write_bytes(content)
    assert refusals(path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("manifest.yaml", b"x" * 4000)
        opened.writestr("README.md", b"y")
        for name in ("a.md", "b.md"):
            twin = zipfile.ZipInfo(name)
            first = opened.infolist()[0]
            twin.header_offset, twin.compress_size, twin.file_size, twin.CRC = 0, 4000, 4000, first.CRC
            opened.filelist.append(twin)
    path.write_bytes(buffer.getvalue())
    assert "its entries overlap" in refusals(path)
    assert MAX_ENTRIES < 100


# The commands, over config.yaml.


def test_check_of_a_source_runs_it_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--run looks at what it declares now, says what it asked, and writes nothing."""
    count = [0]

    def changing(seen: Seen) -> Reply:
        if seen.path == "/boards":
            count[0] += 1
            return Reply({"data": [{"id": count[0], "name": "n", "changed": "2024-03-01"}]})
        return boards_api(seen)

    with serving(changing) as site:
        made = project(tmp_path, site.url)
        found = document(["check", "boards", "--run", "--config", str(made.config)], capsys, code=2)
        by_path = document(["check", str(made.script), "--run", "--config", str(made.config)], capsys, code=2)
    assert {each["rule"] for each in found["findings"]} >= {"id-changes", "lineage-to-parent", "field-of-other-type"}
    assert found["asked"] == [f"POST {site.url}/session", f"GET {site.url}/boards"]
    assert (found["resources"], found["lineage"], by_path["resources"]) == (2, 1, 2)
    assert not made.warehouse.exists()


def test_check_of_a_source_looks_at_its_last_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --run nothing is asked; a source that was never synced has its text looked at."""
    with serving(boards_api) as site:
        made = project(tmp_path, site.url)
        arguments = ["check", "boards", "--config", str(made.config)]
        assert document(arguments, capsys)["looked_at"] == ["script", "manifest"]
        made.sync()
        asked = len(site.seen)
        found = document(arguments, capsys)
        assert len(site.seen) == asked
    assert found["looked_at"] == ["script", "manifest", "last run"]
    assert found["resources"] == 2
    assert "lineage-to-parent" in found["counts"]
    assert run(arguments) == 0
    assert "0 errors" in capsys.readouterr().out


def test_check_finds_an_endpoint_that_is_not_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Even where the script swallows the refusal."""
    text = LOGIN_SCRIPT.replace("        base = ", "        try:\n            self.http_get('http://127.0.0.1:9/x')\n"
                                "        except Exception:\n            pass\n        base = ")  # fmt: skip
    with serving(boards_api) as site:
        made = project(tmp_path, site.url, text)
        found = document(["check", "boards", "--run", "--config", str(made.config)], capsys, code=2)
    assert found["counts"]["endpoint-unlisted"] >= 1
    assert found["resources"] == 2 or found["resources"] == 0


def test_check_names_fields_that_are_ignored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that the text does not show, too."""
    text = (
        "from secodadk import Resource, SecodaIntegration\n"
        "class A(SecodaIntegration):\n"
        "    def extract(self):\n"
        "        more = {'colour': 'red'}\n"
        "        self.declare_resource(Resource(entity_type='database', databuilder_id='d', **more))\n"
    )
    made = ScriptProject(tmp_path, text)
    found = document(["check", "boards", "--run", "--config", str(made.config)], capsys)
    assert [each["message"] for each in found["findings"] if each["rule"] == "ignored-field"] == [
        "Resource has no field `colour`"
    ]


def test_what_a_script_remembers_is_no_other_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each run has its modules anew, as each sync has; and what it prints is not in the report."""
    (tmp_path / "state.py").write_text("SEEN = set()\n")
    text = (
        "from secodadk import Resource, SecodaIntegration\n"
        "import state\nCOUNT = []\n"
        "class A(SecodaIntegration):\n"
        "    def extract(self):\n"
        "        print('declaring')\n"
        "        COUNT.append(1)\n"
        "        if 'd' not in state.SEEN:\n"
        "            state.SEEN.add('d')\n"
        "            self.declare_resource(Resource(entity_type='database', databuilder_id=f'd.{len(COUNT)}'))\n"
    )
    made = ScriptProject(tmp_path, text)
    for _ in range(2):
        found = document(["check", "boards", "--run", "--config", str(made.config)], capsys, code=2)
        assert set(found["counts"]) == {"sibling-import", "manifest-missing"}
        assert found["resources"] == 1


def test_check_ends_with_the_extraction_s_own_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log-in that is refused is exit code 3, and no finding."""
    with serving(boards_api) as site:
        made = project(tmp_path, site.url, password="wrong-password")
        error = document(["check", "boards", "--run", "--config", str(made.config)], capsys, code=3)["error"]
    assert error["kind"] == "LoginRefused"
    assert "wrong-password" not in json.dumps(error)


@pytest.mark.parametrize(
    ("target", "says"), [("bords", "did you mean `boards`?"), ("nope/some.py", "paths are relative")]
)
def test_check_of_nothing(tmp_path: Path, target: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong name is a configuration error."""
    made = ScriptProject(tmp_path, LOGIN_SCRIPT)
    assert says in document(["check", target, "--config", str(made.config)], capsys, code=2)["error"]["hint"]


def test_check_of_a_script_needs_no_config(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And does not import it."""
    script.write_text("raise SystemExit('imported')\n" + LOGIN_SCRIPT)
    assert document(["check", str(script)], capsys)["errors"] == 0
    assert run(["check", str(script)]) == 0
    assert "status-unchecked" in capsys.readouterr().out


def test_a_module_of_the_project_can_be_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plain SecodaIntegration behind `registry: python`: no manifest is asked for, and its packages are its own."""
    config = tmp_path / "config.yaml"
    source = {"name": "cluvio", "path": "integrations.cluvio", "destinations": ["w"], "spec": {"email": "a@b.c"}}
    config.write_text(
        yaml.safe_dump_all([{"kind": "source", "spec": source}, {"kind": "destination", "spec": {"name": "w"}}])
    )
    found = document(["check", "cluvio", "--config", str(config)], capsys)
    assert (found["manifest"], found["looked_at"]) == (None, ["script"])
    assert set(found["counts"]) <= {"field-of-other-type"}


@pytest.mark.parametrize("way", ["id", "query"])
def test_check_shows_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str], way: str) -> None:
    """What it looks at is not masked; what it says is."""
    secret = "canary-of-the-day-7"
    id = "self.credentials['password']" if way == "id" else "'d'"
    text = (
        "from secodadk import Resource, SecodaIntegration\n"
        "class A(SecodaIntegration):\n"
        "    def extract(self):\n"
        f"        self.declare_resource(Resource(entity_type='table', databuilder_id={id}, title='in ' + "
        "self.credentials['password']))\n"
        "        self.http_get(self.credentials['base_url'] + '/' + self.credentials['password'])\n"
    )
    with serving(lambda seen: Reply({})) as site:
        inputs = [{"name": "base_url"}, {"name": "password", "sensitive": True}]
        spec = {"base_url": site.url, "password": secret}
        made = ScriptProject(tmp_path, text, spec, {"inputs": inputs, "endpoints": ["{base_url}"]})
        found = document(["check", "boards", "--run", "--config", str(made.config)], capsys, code=2)
        assert run(["check", "boards", "--run", "--config", str(made.config)]) == 2
    assert found["counts"]["secret-in-resource"] >= 1
    printed = capsys.readouterr()
    assert secret not in json.dumps(found) + printed.out + printed.err
