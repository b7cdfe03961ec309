"""A script is found by its path and loaded without being run, whatever it is called and wherever it lies."""

import logging
import sys
from pathlib import Path

import pytest

from assets.resources import extract
from integrations.sdk import Resource, SecodaIntegration
from integrations.sdk.errors import ConfigError, DeclarationError, RequestForbidden, ResolverFailed
from integrations.sdk.integration import instantiate
from integrations.sdk.manifest import Manifest
from integrations.sdk.script_network import HttpNetwork
from integrations.sdk.strategies import InMemoryIngest
from orchestration.config import load_config
from orchestration.scripts import load_script, script_path
from orchestration.sources import load_sources
from tests.secoda.project import ScriptProject

PLAIN = """
from secodadk import Resource, SecodaIntegration
class Plain(SecodaIntegration):
    def extract(self):
        self.declare_resource(Resource(entity_type="table", databuilder_id={id!r}))
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def ids_of(script: Path) -> list[str]:
    """What the script declares."""
    ingest = InMemoryIngest()
    instantiate(load_script(script).integration, {}, ingest, HttpNetwork()).start()
    return [each.databuilder_id for each in ingest.resources]


@pytest.mark.parametrize("name", ["some_script.py", "my script.py", "my-script v1.2.py", "2nd.py", "class.py", "ä.py"])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    """Spaces, dashes, dots, keywords: a path is not a module's name."""
    assert ids_of(write(tmp_path / name, PLAIN.format(id="t"))) == ["t"]


def test_two_scripts_may_have_the_same_name(tmp_path: Path) -> None:
    """In two folders, each with a sibling of the same name, imported at the top and later."""
    for which in ("a", "b"):
        write(tmp_path / which / "helpers.py", f"NAME = {which!r}\n")
        write(tmp_path / which / "later.py", f"import helpers\nNAME = helpers.NAME + {which!r}\n")
        write(tmp_path / which / "kit" / "__init__.py", "")
        write(tmp_path / which / "kit" / "deep.py", f"import helpers\nNAME = {which!r} * 3 + helpers.NAME\n")
        write(
            tmp_path / which / "script.py",
            "import kit.deep\nfrom helpers import NAME\nfrom kit import deep as again\n"
            "from secodadk import Resource, SecodaIntegration\n"
            "class Plain(SecodaIntegration):\n"
            "    def extract(self):\n"
            "        import later\n"
            "        for id in (NAME, later.NAME, kit.deep.NAME, again.NAME):\n"
            "            self.declare_resource(Resource(entity_type='table', databuilder_id=id))\n",
        )
    before = list(sys.path)
    assert ids_of(tmp_path / "a" / "script.py") == ["a", "aa", "aaaa", "aaaa"]
    assert ids_of(tmp_path / "b" / "script.py") == ["b", "bb", "bbbb", "bbbb"]
    assert sys.path == before
    assert not {"helpers", "later", "kit"} & set(sys.modules)
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_script_in_a_project_s_folder_means_the_project_s_packages(tmp_path: Path) -> None:
    """A folder `integrations` beside it is the project's, not another copy of the SDK; nor is a `secodadk` there."""
    write(tmp_path / "integrations" / "__init__.py", "raise RuntimeError('the wrong one')")
    write(tmp_path / "secodadk.py", "raise RuntimeError('the wrong one')")
    write(tmp_path / "json.py", "raise RuntimeError('the wrong one')")
    text = "import json\nfrom integrations.sdk import Resource as R\nassert R\n" + PLAIN.format(id="t")
    script = load_script(write(tmp_path / "script.py", text))
    assert issubclass(script.integration, SecodaIntegration)


def test_the_package_s_modules_can_be_imported(tmp_path: Path) -> None:
    """All of them, the leaked names included; what is not there is an ImportError."""
    text = (
        "import secodadk, secodadk.strats.custom, importlib\n"
        "from secodadk.core import SecodaIntegration\n"
        "from secodadk.ingestion_models import *\n"
        "from secodadk.strats.core import BasicAuth, IngestResourcesStrategy, NetworkCallStrategy, Response\n"
        "from secodadk.strats.default import DefaultIngestResourcesStrategy, DefaultNetworkCallStrategy, httpx\n"
        "from secodadk.strats.custom import EgressServerNetworkCallStrategy, JSONLIngestResourcesStrategy\n"
        "assert secodadk.strats.custom is importlib.import_module('secodadk.strats.custom')\n"
        "assert httpx.BasicAuth is BasicAuth and datetime and Optional and Annotated and pydantic\n"
        "try:\n    from secodadk import nothing\nexcept ImportError:\n    pass\nelse:\n    raise AssertionError\n"
        "try:\n    import secodadk.nothing\nexcept ModuleNotFoundError:\n    pass\nelse:\n    raise AssertionError\n"
        "class Own(IngestResourcesStrategy):\n"
        "    def declare_resource(self, resource): pass\n"
        "    def declare_lineage(self, lineage): pass\n"
        "    def finalize(self): pass\n"
        "class Plain(SecodaIntegration):\n"
        "    def extract(self):\n"
        "        self.ingest_resources_strategy.declare_resource(Resource(entity_type='table', databuilder_id='t'))\n"
        "        assert Own() and self.network_call_strategy\n"
    )
    assert ids_of(write(tmp_path / "script.py", text)) == ["t"]


def test_the_file_strategy_writes_secoda_s_two_files(tmp_path: Path) -> None:
    """As secodadk's own: one line per resource, one per edge, nulls included."""
    text = PLAIN.format(id="t")
    script = load_script(write(tmp_path / "script.py", text))
    from secodadk.strats.custom import JSONLIngestResourcesStrategy  # type: ignore[import-not-found]

    paths = {"resources_path": str(tmp_path / "r.jsonl"), "lineages_path": str(tmp_path / "l.jsonl")}
    instantiate(script.integration, {}, JSONLIngestResourcesStrategy(**paths), HttpNetwork()).start()
    (line,) = (tmp_path / "r.jsonl").read_text().splitlines()
    assert Resource.model_validate_json(line) == Resource(entity_type="table", databuilder_id="t")
    assert '"parent_databuilder_id": null' in line
    assert (tmp_path / "l.jsonl").read_text() == ""


def test_nothing_runs_when_a_script_is_loaded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its main block is not met, and a start() outside of one does nothing."""
    text = PLAIN.format(id="t") + (
        "    def start(self):\n        raise AssertionError('ran')\n"
        "if __name__ == '__main__':\n    raise AssertionError('ran')\n"
    )
    load_script(write(tmp_path / "a.py", text))
    text = PLAIN.format(id="t").replace("self.declare", "raise AssertionError('ran'); self.declare")
    load_script(write(tmp_path / "b.py", text + "Plain(credentials={}).start()\n"))
    assert "script_starts_itself" in caplog.text


def test_the_last_class_of_a_family_is_the_integration(tmp_path: Path) -> None:
    """A base, abstract or not, is not run; of several, the one that the main block starts."""
    base = "from secodadk import SecodaIntegration\nclass Base(SecodaIntegration):\n    def extract(self): self.one()\n"
    child = "class Child(Base):\n    def one(self): pass\n"
    other = "class Other(Base):\n    def one(self): pass\n"
    main = "if __name__ == '__main__':\n    Other(credentials={}).start()\n"
    assert load_script(write(tmp_path / "a.py", base + child)).integration.__name__ == "Child"
    assert load_script(write(tmp_path / "b.py", base + child + other + main)).integration.__name__ == "Other"
    called = "def main(): run()\ndef run(): Other(credentials={}).start()\nif __name__ == '__main__':\n    main()\n"
    assert load_script(write(tmp_path / "f.py", base + child + other + called)).integration.__name__ == "Other"
    with pytest.raises(DeclarationError, match="2 integrations: Child, Other"):
        load_script(write(tmp_path / "c.py", base + child + other))
    write(tmp_path / "base_of_all.py", base)
    script = load_script(write(tmp_path / "d.py", "from base_of_all import Base\n" + child))
    assert script.integration.__name__ == "Child"
    assert load_script(write(tmp_path / "e.py", "from base_of_all import Base\n")).integration.__name__ == "Base"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\n\n1 / 0\n", r"ZeroDivisionError: division by zero \(script.py:3\)"),
        ("def broken(:\n", r"SyntaxError: .* \(script.py:1\)"),
        ("import os\nos.environ['NOT_SET_ANYWHERE']\n", r"KeyError: 'NOT_SET_ANYWHERE' \(script.py:2\)"),
        ("import sys\nsys.exit(3)\n", r"ends the program \(script.py:2\)"),
        ("import broken_sibling\n", r"ValueError: no \(broken_sibling.py:2\)"),
        ("x = 1\n", "defines no integration"),
        ("from secodadk import SecodaIntegration\nclass A(SecodaIntegration): pass\n", "A has no extract"),
    ],
)
def test_what_cannot_be_imported_is_said_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    """A mistake of the script is a DeclarationError that leads to the line."""
    write(tmp_path / "broken_sibling.py", "\nraise ValueError('no')\n")
    with pytest.raises(DeclarationError, match=says):
        load_script(write(tmp_path / "script.py", text))


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    """With the line that imports it."""
    with pytest.raises(ConfigError, match=r"imports `no_such_thing`, which is not installed \(script.py:2\)"):
        load_script(write(tmp_path / "script.py", "\nimport no_such_thing\n"))


def test_a_mended_script_is_loaded_anew(tmp_path: Path) -> None:
    """In the same process; an unchanged one is the same class."""
    script = write(tmp_path / "script.py", PLAIN.format(id="before"))
    first = load_script(script).integration
    assert load_script(script).integration is first
    write(script, PLAIN.format(id="after!"))
    assert ids_of(script) == ["after!"]


def test_paths_start_from_the_config_file(tmp_path: Path) -> None:
    """A wrong one is a ConfigError with the nearest right name."""
    script = write(tmp_path / "scripts" / "boards.py", "")
    assert script_path("scripts/boards.py", tmp_path) == script
    assert script_path(str(script), Path("/")) == script
    with pytest.raises(ConfigError, match="no script") as raised:
        script_path("scripts/bords.py", tmp_path)
    assert "did you mean `boards.py`?" in raised.value.hint
    with pytest.raises(ConfigError, match="not a Python script"):
        script_path(str(write(tmp_path / "a.txt", "")), tmp_path)


@pytest.mark.parametrize(
    "constructor",
    [
        "def __init__(self, credentials): super().__init__(credentials=credentials)",
        "def __init__(self, *, credentials, **options): super().__init__(credentials=credentials, **options)",
        "def __init__(self, **options): super().__init__(**options)",
    ],
)
def test_a_constructor_of_its_own_still_gets_the_strategies(tmp_path: Path, constructor: str) -> None:
    """Whether it passes them on or not."""
    assert ids_of(write(tmp_path / "script.py", PLAIN.format(id="t") + f"    {constructor}\n")) == ["t"]


def test_what_a_constructor_asks_and_declares_is_held_to_the_strategies(tmp_path: Path) -> None:
    """One that takes no strategies has them nevertheless: it may log in there, past no manifest."""
    constructor = (
        "    def __init__(self, credentials):\n"
        "        super().__init__(credentials=credentials)\n"
        "        self.declare_resource(Resource(entity_type='table', databuilder_id='early'))\n"
        "        self.http_get('https://elsewhere.example.com/log-in')\n"
    )
    integration = load_script(write(tmp_path / "script.py", PLAIN.format(id="t") + constructor)).integration
    ingest, manifest = InMemoryIngest(), Manifest(name="Plain", version="1", endpoints=["https://a.example.com"])
    with pytest.raises(RequestForbidden, match=r"elsewhere\.example\.com"):
        instantiate(integration, {}, ingest, HttpNetwork(allowed=manifest.allowed({})))
    assert [each.databuilder_id for each in ingest.resources] == ["early"]


def test_logging_is_set_up_for_the_script_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its basicConfig holds while its code runs: elsewhere every library would speak, and on a command's output."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    text = "import logging\nlogging.getLogger().addHandler(logging.StreamHandler())\nlogging.getLogger().setLevel(10)\n"
    line = "        logging.getLogger('of.the.script').debug('a line of the script')\n"
    project = ScriptProject(tmp_path, text + PLAIN.format(id="t") + line)
    (source,) = load_sources(load_config(project.config))
    assert (root.handlers, root.level) == (handlers, level)
    extract(source)
    assert "a line of the script" in capsys.readouterr().err
    assert (root.handlers, root.level) == (handlers, level)


def test_a_stream_that_is_kept_from_import_on_does_not_leak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed on import is not part of a command's output, and a secret is masked in what is printed later."""
    text = "from sys import stdout, stderr\nprint('on import')\n" + PLAIN.format(id="t")
    text += "        print('kept', self.credentials['token'], file=stdout)\n"
    text += "        print('kept too', self.credentials['token'], file=stderr)\n"
    project = ScriptProject(tmp_path, text, {"token": "canary-9f8e7d"})
    (source,) = load_sources(load_config(project.config))
    assert capsys.readouterr().out == ""
    extract(source)
    assert capsys.readouterr() == ("", "kept ***\nkept too ***\n")


def test_a_script_that_ends_the_program_fails_like_another(tmp_path: Path) -> None:
    """sys.exit is an error of the script's, redacted: past us it would stand in Dagster's storage as it is."""
    text = "import sys\n" + PLAIN.format(id="t") + "        sys.exit('bye ' + self.credentials['token'])\n"
    (source,) = load_sources(load_config(ScriptProject(tmp_path, text, {"token": "canary-9f8e7d"}).config))
    with pytest.raises(ResolverFailed, match=r"boards: extract\(\) raised SystemExit: bye \*\*\*"):
        extract(source)


def test_a_script_in_another_coding(tmp_path: Path) -> None:
    """The file says which, as for Python."""
    text = "# -*- coding: latin-1 -*-\n" + PLAIN.format(id="ü")
    (tmp_path / "script.py").write_bytes(text.encode("latin-1"))
    assert ids_of(tmp_path / "script.py") == ["ü"]
