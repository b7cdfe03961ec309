"""A manifest is checked when the code loads, and holds the script to what it lists."""

import json
import logging
import re
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import yaml

from assets.resources import extract
from integrations.sdk.errors import ConfigError, DeclarationError, RequestForbidden
from integrations.sdk.lineage import TablesFromSQLQuery
from integrations.sdk.manifest import Endpoints, Manifest, load_manifest, manifest_from, manifest_path
from integrations.sdk.redact import redact
from integrations.sdk.resource import ENTITY_PARENT
from integrations.sdk.script_network import HttpNetwork
from orchestration.cli.app import run
from orchestration.config import load_config
from orchestration.definitions import build_definitions
from orchestration.probable_secrets import register_probable_secrets
from orchestration.sources import load_sources
from tests.documentation.test_documentation import page, section
from tests.sdk.servers import Reply, Seen, serving
from tests.secoda.project import FILESTORE, LIBRARY_SCRIPT, LOGIN_SCRIPT, ScriptProject

SECRET = "pass/word+of 'the' day"
EMAIL = "ada@example.com"


def manifest(**changes: Any) -> Manifest:
    whole = {"name": "Boards", "version": "1.0", "endpoints": [], **changes}
    return manifest_from(whole, Path("boards.manifest.yaml"))


def endpoints(*texts: str) -> Endpoints:
    return manifest(endpoints=list(texts)).allowed({})


LISTED = [
    "https://api.example.com/v1",
    "https://*.files.example.com",
    "http://127.0.0.1:8001",
    "http://localhost:*/a",
    "https://shop.example.com/*/items",
    "https://[::1]:8443/",
]


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1",
        "https://API.example.com:443/v1/",
        "https://api.example.com/v1/a/b?c=/d",
        "https://api.example.com/v1/caf%C3%A9",
        "https://user:pw@api.example.com/v1/x",
        "https://eu.files.example.com/anything",
        "https://a.b.files.example.com",
        "http://127.0.0.1:8001/x",
        "http://localhost:5/a/b",
        "https://shop.example.com/eu/items/7",
        "https://[::1]:8443/x",
    ],
)
def test_what_is_listed_is_let_out(url: str) -> None:
    """A path goes on below its endpoint; `*.` is any sub-domain, `*` anything inside a segment, `:*` any port."""
    endpoints(*LISTED).check("GET", url)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/",
        "https://api.example.com/v10",
        "https://api.example.com/V1",
        "https://api.example.com/v1/../admin",
        "https://api.example.com/v1/%2e%2e/admin",
        "https://api.example.com/v1/%252e%252e/admin",
        "https://api.example.com/v1/..%2fadmin",
        "https://api.example.com/v1/..%5cadmin",
        "https://api.example.com\\@evil.example.org/v1",
        "https://api.example.com/v1\\..\\admin",
        "http://api.example.com/v1",
        "https://api.example.com:8443/v1",
        "https://api.example.com@evil.example.org/v1",
        "https://api.example.com.evil.example.org/v1",
        "https://evil.example.org/https://api.example.com/v1",
        "https://files.example.com/",
        "https://evilfiles.example.com/",
        "http://127.0.0.1:8002/",
        "http://2130706433:8001/",
        "http://127.1:8001/",
        "http://localhost:5/b",
        "https://shop.example.com/eu/de/items",
        "https://shop.example.com/items",
        "https://api.example.com/v1\n/x",
        "ftp://api.example.com/v1",
        "file:///etc/passwd",
        "//api.example.com/v1",
        "/v1",
        "",
        "https://[::1",
        "https://api.example.com:99999/v1",
    ],
)
def test_what_is_not_listed_is_refused(url: str) -> None:
    """Another host, port, scheme or path, in whatever disguise; the error names the manifest, not the query."""
    with pytest.raises(RequestForbidden, match=r"boards\.manifest\.yaml lists") as raised:
        endpoints(*LISTED).check("GET", f"{url}?key=value" if "?" not in url and url else url)
    assert "key=value" not in str(raised.value)
    assert "endpoints" in raised.value.hint


def test_no_endpoints_is_no_request() -> None:
    """An empty list lets nothing out."""
    with pytest.raises(RequestForbidden, match="lists nothing"):
        endpoints().check("GET", "https://api.example.com/")


@pytest.mark.parametrize("follow", [True, False])
def test_a_redirect_is_held_to_the_list_as_well(follow: bool) -> None:
    """Each hop is asked about before it is sent."""

    def answer(seen: Seen) -> Reply:
        return Reply(b"", 302, {"Location": "/private"}) if seen.path.startswith("/open") else Reply({"secret": 1})

    with serving(answer) as site:
        network = HttpNetwork(allowed=endpoints(f"{site.url}/open"))
        if follow:
            with pytest.raises(RequestForbidden, match="/private is not let out"):
                network.make_request("GET", f"{site.url}/open", follow_redirects=True)
        else:
            assert network.make_request("GET", f"{site.url}/open").status_code == 302
        with pytest.raises(RequestForbidden):
            network.make_request("POST", f"{site.url}/private", json={})
        network.finalize()
    assert [seen.path for seen in site.seen] == ["/open"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": ""}, "`name`"),
        ({"version": "one"}, "`version`"),
        ({"version": 1.2}, "write `version` in quotes"),
        ({"endpoints": None}, "`endpoints`"),
        ({"endpoint": []}, "unknown key `endpoint`"),
        ({"inputs": [{"name": "a", "sensitiv": True}]}, "unknown key `inputs.0.sensitiv`"),
        ({"inputs": [{"name": "a", "type": "text"}]}, r"`inputs\.0\.type`"),
        ({"inputs": [{"name": "a"}, {"name": "a"}]}, "two inputs are called `a`"),
        ({"inputs": [{"name": "a", "type": "boolean", "sensitive": True}]}, "cannot be kept out of sight"),
        ({"endpoints": ["api.example.com"]}, "is not an endpoint"),
        ({"endpoints": ["ftp://api.example.com"]}, "is not an endpoint"),
        ({"endpoints": ["https://*"]}, "is not an endpoint"),
        ({"endpoints": ["https://*.com"]}, "is not an endpoint"),
        ({"endpoints": ["https://api.*.com"]}, "is not an endpoint"),
        ({"endpoints": ["https://a.example.com/x?y=1"]}, "more than a plain path"),
        ({"endpoints": ["https://a.example.com/../x"]}, "more than a plain path"),
        ({"endpoints": ["{nope}/x"]}, "names no input"),
        ({"endpoints": ["{a}/x"], "inputs": [{"name": "a", "sensitive": True}]}, "not sensitive"),
    ],
)
def test_a_wrong_manifest_is_said(changes: dict[str, Any], says: str) -> None:
    """Every mistake by its key, with the nearest right name."""
    with pytest.raises(DeclarationError, match=says):
        manifest(**changes)


def test_a_manifest_is_found_beside_its_script(tmp_path: Path) -> None:
    """Its own before the folder's; the folder's only where it does not name another script."""
    script = tmp_path / "boards.py"
    assert load_manifest(script) is None
    shared = tmp_path / "manifest.yaml"
    shared.write_text(yaml.safe_dump({"name": "All", "version": "1", "endpoints": [], "script": "other.py"}))
    assert manifest_path(script) is None
    shared.write_text(yaml.safe_dump({"name": "All", "version": "1", "endpoints": [], "script": "boards.py"}))
    assert manifest_path(script) == shared
    own = tmp_path / "boards.manifest.yaml"
    own.write_text("name: [")
    with pytest.raises(DeclarationError, match="not YAML"):
        load_manifest(script)


INPUTS = [
    {"name": "text", "help": "The text."},
    {"name": "count", "type": "number", "required": False},
    {"name": "flag", "type": "boolean", "required": False},
    {"name": "key", "type": "json", "required": False, "sensitive": True},
]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"text": "a"}, {"text": "a"}),
        ({"text": "a", "count": 5, "flag": True}, {"text": "a", "count": 5, "flag": True}),
        ({"text": "a", "count": "5", "flag": "false"}, {"text": "a", "count": 5, "flag": False}),
        ({"text": "a", "count": "1.5", "flag": ""}, {"text": "a", "count": 1.5}),
        ({"text": "a", "key": {"private": "k" * 20}}, {"text": "a", "key": json.dumps({"private": "k" * 20})}),
        ({"text": "a", "key": '{"a": [1, 2, 3]}'}, {"text": "a", "key": '{"a": [1, 2, 3]}'}),
    ],
)
def test_inputs_are_given_as_their_types(given: dict[str, Any], found: dict[str, Any]) -> None:
    """Texts from the environment become numbers and booleans; JSON is a text, as in Secoda's form."""
    assert manifest(inputs=INPUTS).credentials(given, "spec") == found


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "`text` is missing"),
        ({"text": ""}, "`text` is empty"),
        ({"text": 5}, "`text` has to be a text: write it in quotes"),
        ({"text": "a", "count": "many"}, "`count` has to be a number"),
        ({"text": "a", "count": True}, "`count` has to be a number"),
        ({"text": "a", "count": float("nan")}, "`count` has to be a number"),
        ({"text": "a", "flag": "maybe"}, "`flag` has to be true or false"),
        ({"text": "a", "key": "{canary-1234"}, "`key` has to be JSON"),
        ({"text": "a", "key": 1}, "too short to be kept out of sight"),
        ({"text": "a", "txet": "canary-1234"}, "unknown input `txet`"),
    ],
)
def test_a_wrong_input_is_a_config_error(given: dict[str, Any], says: str) -> None:
    """Which names the input and never its value."""
    with pytest.raises(ConfigError, match=says) as raised:
        manifest(inputs=INPUTS).credentials(given, "source `boards`, spec")
    assert "canary" not in str(raised.value)
    if "txet" in given:
        assert "did you mean `text`?" in raised.value.hint


def test_what_is_inside_a_sensitive_document_is_redacted() -> None:
    """Its long texts by themselves, and the lines of a key."""
    key = {"id": "abc", "private_key": "-----BEGIN KEY-----\nline-one-of-the-key\nline-two-of-the-key\n"}
    manifest(inputs=INPUTS).credentials({"text": "shown-anyway-1", "key": key}, "spec")
    assert redact("line-two-of-the-key shown-anyway-1") == "*** shown-anyway-1"


@pytest.mark.parametrize(
    ("key", "value", "kept_from_sight"),
    [
        ("pwd", "hunter2", True),
        ("db_password", "hunter2", True),
        ("auth", "abc123", True),
        ("Authorization", "abc123", True),
        ("session_cookie", "sid-42", True),
        ("client_cred", "abc123", True),
        ("region", "eu-1", False),
        ("author", "Ada", False),
        ("author_name", "Ada L.", False),
        ("email", "ada.lovelace@example.com", False),
        ("base_url", "https://api.example.com", False),
        ("base_url", "https://ada:pw@api.example.com", True),
    ],
)
def test_without_a_manifest_secrets_are_guessed(key: str, value: str, kept_from_sight: bool) -> None:
    """By what an input is called, however short it is; what messages need stays."""
    register_probable_secrets({"more": [{key: value}]})
    assert (redact(f"with {value} in it") == "with *** in it") is kept_from_sight


def test_placeholders_are_filled_from_the_inputs() -> None:
    """A whole address, or a part of one that cannot lead elsewhere."""
    made = manifest(
        inputs=[{"name": "base_url"}, {"name": "region", "required": False}],
        endpoints=["{base_url}/api", "https://{region}.example.com"],
    )
    allowed = made.allowed({"base_url": "https://boards.example.org/", "region": "eu"})
    allowed.check("GET", "https://boards.example.org/api/1")
    allowed.check("GET", "https://eu.example.com/")
    with pytest.raises(RequestForbidden):
        made.allowed({"base_url": "https://boards.example.org"}).check("GET", "https://eu.example.com/")
    for wrong in ({"base_url": "https://*.org"}, {"base_url": "https://a.org", "region": "evil.org/"}):
        with pytest.raises(ConfigError, match="is part of an endpoint"):
            made.allowed(wrong)


# From here on through config.yaml.


def boards(seen: Seen) -> Reply:
    """A service with a log-in by POST, then a listing with a token."""
    if seen.path == "/session":
        right = json.loads(seen.body)["user"] == {"email": EMAIL, "password": SECRET}
        return Reply({"token": "session-token-1"}) if right else Reply({"error": f"not {seen.body.decode()}"}, 401)
    if seen.headers.get("token") != "session-token-1":
        return Reply({}, 401)
    return Reply({"data": [{"id": 1, "name": "Sales", "changed": "2024-03-01T10:00:00Z"}]})


BOARD_INPUTS = [
    {"name": "base_url", "help": "Where it is."},
    {"name": "email"},
    {"name": "password", "sensitive": True},
]


def project(folder: Path, url: str, text: str = LOGIN_SCRIPT, listed: str = "{base_url}", **spec: Any) -> ScriptProject:
    given = {"base_url": url, "email": EMAIL, "password": SECRET, **spec}
    return ScriptProject(folder, text, given, {"inputs": BOARD_INPUTS, "endpoints": [listed]})


def test_a_login_script_becomes_assets(tmp_path: Path) -> None:
    """One asset per entity type, the group before its dashboards, then the lineage."""
    with serving(boards) as site:
        made = project(tmp_path, site.url)
        seen = made.sync()
    assert seen.succeeded
    graph = build_definitions([made.source]).resolve_asset_graph()
    found = {
        key.path[-1]: sorted(parent.path[-1] for parent in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
        if key.path[0] == "boards"
    }
    assert found == {
        "dashboard_group": [],
        "dashboard": ["dashboard_group"],
        "lineage": ["dashboard", "dashboard_group"],
    }
    assert seen.declared == {"dashboard_group": 1, "dashboard": 1, "lineage": 1}
    assert made.query("SELECT databuilder_id, title FROM catalog.resources ORDER BY 1") == [
        ("dashboard.1", "Sales"),
        ("group.all", "All"),
    ]


def test_a_library_script_becomes_assets(tmp_path: Path) -> None:
    """It uses a client library, declares lineage before the columns, and a field that no column has."""
    text = LIBRARY_SCRIPT
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "filestore.py").write_text(FILESTORE)
    spec = {"json_file": '{"account": "me"}', "bucket": "b"}
    made = ScriptProject(tmp_path, text, spec, name="scripts/files of mine.py")
    seen = made.sync()
    assert seen.succeeded
    # `kind` is no literal: the types that the script does not spell out are in the catalog all the same
    assert made.query("SELECT entity_type, count(*) FROM catalog.resources GROUP BY 1 ORDER BY 1") == [
        ("column", 2),
        ("database", 1),
        ("schema", 1),
        ("table", 1),
    ]
    assert made.query("SELECT to_type FROM catalog.lineage") == [("external_table",)]


def test_an_endpoint_that_is_not_listed_fails_the_extraction(tmp_path: Path) -> None:
    """Nothing reaches it, nothing is stored, and the error names endpoint and manifest."""
    with serving(boards) as site:
        seen = project(tmp_path, site.url, listed="{base_url}/session").sync()
    (error,) = {str(error) for error in seen.refused}
    assert not seen.succeeded
    assert "/boards is not let out: some_script.manifest.yaml lists" in error
    assert not any(asked.path == "/boards" for asked in site.seen)


LEAKY = LOGIN_SCRIPT.replace(
    'title="All"',
    'title="All of " + self.credentials["password"], description=__import__("base64").b64encode('
    'self.credentials["password"].encode()).decode()',
).replace("session.raise_for_status()", "print('in with', self.credentials)\n        session.raise_for_status()")


@pytest.mark.parametrize("password", [SECRET, "wrong-password-of-mine"], ids=["right", "refused"])
def test_a_sensitive_input_appears_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, password: str
) -> None:
    """Not in the log, not in Dagster's storage, not in an error, not in the catalog, in no form."""
    caplog.set_level(logging.DEBUG)
    with serving(boards) as site:
        made = project(tmp_path, site.url, LEAKY, password=password)
        seen = made.sync()
    assert seen.succeeded == (password == SECRET)
    made.config.unlink()
    printed = capsys.readouterr()
    texts = made.written() + caplog.text + printed.out + printed.err + "".join(map(str, seen.refused))
    encoded = b64encode(password.encode()).decode()
    for form in (password, quote(password), quote_plus(password), json.dumps(password)[1:-1], encoded):
        assert form not in texts
    if seen.succeeded:
        assert made.query("SELECT title, description FROM catalog.resources WHERE title LIKE 'All%'") == [
            ("All of ***", "***")
        ]


@pytest.mark.parametrize("where", ["constructor", "extract"])
def test_a_strategy_of_the_script_s_own_is_held_to_the_list(tmp_path: Path, where: str) -> None:
    """What extends secodadk's strategy is no way around the manifest."""
    put = "        self.network_call_strategy = Again()\n"
    text = (
        "from secodadk import SecodaIntegration\n"
        "from secodadk.strats.default import DefaultNetworkCallStrategy\n"
        "class Again(DefaultNetworkCallStrategy): pass\n"
        "class A(SecodaIntegration):\n"
        "    def __init__(self, *, network_call_strategy=None, **others):\n"
        "        super().__init__(network_call_strategy=Again(), **others)\n"
        "    def extract(self):\n"
        + (put if where == "extract" else "")
        + "        assert type(self.network_call_strategy) is Again\n"
        "        self.http_get('http://127.0.0.1:9/x')\n"
    )
    made = ScriptProject(tmp_path, text, {}, {"endpoints": ["https://a.example.com"]})
    with pytest.raises(RequestForbidden, match=r"lists https://a\.example\.com"):
        extract(made.source)


def test_what_is_masked_stays_what_it_was(tmp_path: Path) -> None:
    """A model of the script's own need not take its fields back, and what was set afterwards is not looked at."""
    text = (
        "from secodadk import *\n"
        "class Own(Resource):\n    more: str = Field(alias='moreOfIt')\n"
        "class A(SecodaIntegration):\n"
        "    def extract(self):\n"
        "        title = 'in ' + self.credentials['password']\n"
        "        own = Own(entity_type='table', databuilder_id='t', title=title, moreOfIt=title)\n"
        "        own.sort_order = 'first'\n"
        "        self.declare_resource(own)\n"
        "        query = TablesFromSQLQuery(sql=title)\n"
        "        end = InternalResource(databuilder_id='t')\n"
        "        self.declare_lineage(DeclaredLineage(from_identifier=query, to_identifier=end))\n"
    )
    made = ScriptProject(tmp_path, text, {"password": SECRET}, {"inputs": [{"name": "password", "sensitive": True}]})
    declared = extract(made.source)
    (own,), (edge,) = declared.resources, declared.lineage
    assert (type(own).__name__, own.title, own.sort_order, vars(own)["more"]) == ("Own", "in ***", "first", "in ***")
    assert edge.from_identifier == TablesFromSQLQuery(sql="in ***")


@pytest.mark.parametrize(
    ("spec", "says"),
    [({"pasword": "canary-1234"}, "did you mean `password`?"), ({"base_url": 5}, "write it in quotes")],
)
def test_validate_checks_the_inputs(
    tmp_path: Path, spec: dict[str, Any], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any network, exit code 2."""
    made = project(tmp_path, "http://127.0.0.1:1", **spec)
    assert run(["validate", "--config", str(made.config)]) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert "canary" not in printed.err + printed.out


def test_validate_says_what_a_script_has_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The line, and the source."""
    made = ScriptProject(tmp_path, "\n\nimport os\nos.environ['NOT_THERE_AT_ALL']\n")
    assert run(["validate", "--config", str(made.config)]) == 2
    assert "boards: the script some_script.py cannot be imported: KeyError" in (said := capsys.readouterr().err)
    assert "(some_script.py:4)" in said


def test_two_scripts_with_one_name_are_two_sources(tmp_path: Path) -> None:
    """In one config file; each loads its own, from its own folder."""
    text = "from secodadk import Resource, SecodaIntegration\nclass A(SecodaIntegration):\n    def extract(self):\n"
    documents: list[dict[str, Any]] = [{"kind": "destination", "spec": {"name": "warehouse"}}]
    for which in ("a", "b"):
        line = f"        self.declare_resource(Resource(entity_type='table', databuilder_id='{which}'))\n"
        made = ScriptProject(tmp_path, text + line, name=f"{which}/script.py")
        spec = {"name": which, "registry": "secoda", "path": f"{which}/script.py", "destinations": ["warehouse"]}
        documents.append({"kind": "source", "spec": spec})
    made.config.write_text(yaml.safe_dump_all(documents))
    sources = load_sources(load_config(made.config))
    assert [[each.databuilder_id for each in extract(source).resources] for source in sources] == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("    entity_types = ('chart', 'dashboard')\n", ["dashboard", "chart"]),
        ("    def one(self): Resource(entity_type='table')\n", ["table"]),
        ("    def one(self, x): Resource(entity_type='chart' if x else 'dashboard')\n", ["dashboard", "chart"]),
        ("    KIND = 'schema'\n    def one(self): Resource(entity_type=self.KIND or KIND)\n", ["database", "schema"]),
        ("    def one(self): Resource(entity_type=KIND)\n", ["database"]),
        ("    def one(self): Resource(**{'entity_type': 'column'})\n", ["column"]),
        ("    def one(self, kind): Resource(entity_type=kind)\n", list(ENTITY_PARENT)),
        ("    def one(self): Resource(entity_type='job'); Resource(entity_type='table')\n", ["table", "job"]),
        ("    def one(self, kind): Resource(entity_type=kind)\n    def two(self): self.one('run')\n", ["run"]),
        (
            "    def one(self, a, *, b='chart'): R(entity_type=b)\n    def two(self): self.one(1, b='job')\n",
            ["chart", "job"],
        ),
        ("    def one(self):\n        for x in ('table', 'a'): Resource(entity_type=x)\n", ["database", "table"]),
        ("    def one(self, n): Resource(entity_type=('schema', 'table')[n])\n", ["database", "schema", "table"]),
        ("    def one(self): Resource(entity_type='data set'); Resource(entity_type='lineage')\n", list(ENTITY_PARENT)),
        ("    def one(self): Resource(entity_type=E.JOB)\nclass E:\n    JOB = 'job'\n", ["job"]),
    ],
)
def test_entity_types_stand_in_the_script(tmp_path: Path, body: str, found: list[str]) -> None:
    """The class's attribute, else its literals, else all; from the top of the hierarchy down."""
    text = "from secodadk import *\nKIND = 'database'\nclass A(SecodaIntegration):\n    def extract(self): pass\n"
    assert ScriptProject(tmp_path, text + body).source.entity_types == found


def test_an_entity_type_that_no_asset_can_be_called_is_refused_in_the_attribute(tmp_path: Path) -> None:
    """There it is asked for; a resource may have any, as with secodadk."""
    text = "from secodadk import *\nclass A(SecodaIntegration):\n    entity_types = ['data set']\n    extract = print\n"
    with pytest.raises(DeclarationError, match="`data set` is no entity type"):
        load_sources(load_config(ScriptProject(tmp_path, text).config))


def test_entity_types_stand_in_the_files_that_it_uses(tmp_path: Path) -> None:
    """What a sibling builds counts, and another script of the folder does not."""
    kit, other = tmp_path / "kit", tmp_path / "other"
    kit.mkdir()
    (kit / "__init__.py").touch()
    (kit / "made.py").write_text("from secodadk import Resource\ndef chart(): return Resource(entity_type='chart')\n")
    text = (
        "from secodadk import *\n{}\nclass A(SecodaIntegration):\n    def extract(self): Resource(entity_type={!r})\n"
    )
    assert ScriptProject(other, text.format("", "column")).source.entity_types == ["column"]
    own = ScriptProject(tmp_path, text.format("from kit import made", "dashboard"))
    assert own.source.entity_types == ["dashboard", "chart"]


@pytest.mark.parametrize(("model", "heading"), [("Manifest", "### Keys"), ("Input", "### Inputs")])
def test_every_key_is_documented(model: str, heading: str) -> None:
    """Each has its row in docs/secoda.md, in the model's order."""
    from integrations.sdk import manifest as module

    rows = [line.split("`")[1] for line in section(page("secoda.md"), heading).splitlines() if line.startswith("| `")]
    assert rows == list(getattr(module, model).model_fields)


def test_the_examples_of_the_documentation_are_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source is one, and the manifest is one."""
    monkeypatch.setenv("BOARDS_PASSWORD", SECRET)
    source, example = re.findall(r"^```yml\n(.*?)^```$", page("secoda.md"), re.DOTALL | re.MULTILINE)
    config = tmp_path / "config.yaml"
    config.write_text(f"{source}---\nkind: destination\nspec: {{name: warehouse}}\n", encoding="utf-8")
    assert load_config(config).sources[0].registry == "secoda"
    made = manifest_from(yaml.safe_load(example), Path("boards.manifest.yaml"))
    given = {"region": "eu", "email": EMAIL, "password": SECRET, "page_size": "50"}
    made.allowed(made.credentials(given, "spec")).check("GET", "https://eu.boards.example.com/api/v1/dashboards")
