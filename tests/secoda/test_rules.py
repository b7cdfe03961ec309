"""Every rule of `headwater check` is documented, finds what it is for, and lets the rest be."""

import re
from pathlib import Path
from typing import Any

import pytest

from integrations.sdk import (
    DeclaredLineage,
    ExternalColumn,
    ExternalTable,
    InternalResource,
    LineageID,
    Resource,
    TablesFromSQLQuery,
)
from integrations.sdk.manifest import Secrets
from orchestration.packaging.checking import check_text
from orchestration.packaging.declared import check_declared, check_same_ids
from orchestration.packaging.manifest_rules import check_manifest
from orchestration.packaging.rules import RULES, SHOWN_PER_RULE, Findings, finding
from orchestration.packaging.script_rules import check_script
from orchestration.packaging.script_text import ScriptText
from tests.documentation.test_documentation import page, section
from tests.secoda.project import LOGIN_SCRIPT, write_manifest
from tests.secoda.test_manifest import BOARD_INPUTS, manifest

Case = tuple[Any, Any]
GOOD_INPUTS = [{**each, "help": "What to fill in."} for each in BOARD_INPUTS]


def text(body: str, top: str = "") -> str:
    """A script with these lines in its extract()."""
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    return (
        f"import uuid, time\nfrom secodadk import *\n{top}\n"
        f"class A(SecodaIntegration):\n    def extract(self):\n        pass\n{lines}"
    )


def resource(arguments: str, kind: str = "table") -> str:
    return text(f"self.declare_resource(Resource(entity_type={kind!r}, databuilder_id='t', {arguments}))")


SCRIPTS: dict[str, Case] = {
    "script-unreadable": ("def (:", text("")),
    "integration-missing": ("class A: pass", text("")),
    "sibling-import": (text("", "import helpers"), text("", "import json")),
    "unstable-id": (
        text("Resource(entity_type='table', databuilder_id=f'{uuid.uuid4()}')"),
        text("Resource(entity_type='table', databuilder_id=str(row['uuid']), parent_databuilder_id=valid(x))"),
    ),
    "secret-in-source": (
        text("", "API_TOKEN = 'gh7-9912-abcd'"),
        text("", "TOKEN_URL = 'https://a.b/c'\nTOKEN = '...'"),
    ),
    "starts-on-import": (text("") + "A(credentials={}).start()\n", LOGIN_SCRIPT),
    "third-party-import": (text("", "import filestore"), text("", "import pandas, httpx, json")),
    "direct-http": (
        text("httpx.get('https://a.b')", "import httpx"),
        text("httpx.BasicAuth('a', 'b')", "import httpx"),
    ),
    "ignored-field": (resource("table='x'"), resource("title='x'")),
    "field-of-other-type": (resource("product='x'", "dashboard"), resource("product='x'", "chart")),
    "undocumented-field": (resource("owners=['x']"), resource("title='x'")),
    "put-auth": (text("self.http_put('https://a.b', auth=x)"), text("self.http_post('https://a.b', auth=x)")),
    "status-unchecked": (
        text("self.http_get('https://a.b').json()"),
        text("self.http_get('https://a.b').raise_for_status().json()"),
    ),
}
MANIFESTS: dict[str, Case] = {
    "icon-unusable": ({"icon": "no.png"}, {"icon": "good.png"}),
    "input-undeclared": ({"inputs": GOOD_INPUTS[:1]}, {"inputs": GOOD_INPUTS}),
    "endpoint-unlisted": (
        {"endpoints": ["https://a.example.com/v1"], "script_says": "https://a.example.com/v2"},
        {"endpoints": ["https://a.example.com/v1"], "script_says": "https://a.example.com/v1/x"},
    ),
    "input-unused": ({"inputs": [*GOOD_INPUTS, {"name": "more", "help": "x"}]}, {"inputs": GOOD_INPUTS}),
    "input-not-sensitive": (
        {"inputs": [{"name": "api_token"}]},
        {"inputs": [{"name": "api_token", "sensitive": True}]},
    ),
    "input-without-help": ({"inputs": [{"name": "a"}]}, {"inputs": [{"name": "a", "help": "x"}]}),
    "endpoint-in-clear": ({"endpoints": ["http://a.example.com"]}, {"endpoints": ["http://127.0.0.1:1"]}),
}


def made(kind: str, id: str, parent: str | None = None, **more: Any) -> Resource:
    whole = {"table": {"schema": "s", "database": "d"}, "chart": {"product": "p"}, "dashboard": {"group": "g"}}
    given = {"title": id, **whole.get(kind, {}), **more}
    return Resource(entity_type=kind, databuilder_id=id, parent_databuilder_id=parent, **given)


def edge(start: LineageID | str, end: LineageID | str) -> DeclaredLineage:
    ends = [InternalResource(databuilder_id=each) if isinstance(each, str) else each for each in (start, end)]
    return DeclaredLineage(from_identifier=ends[0], to_identifier=ends[1])


TABLE, OTHER = made("table", "t"), made("table", "u")
WHOLE = {"cluster": "c", "database": "d", "schema": "s", "table": "t"}
OUTSIDE, QUERY = ExternalTable(**WHOLE), TablesFromSQLQuery(sql="SELECT 1")  # type: ignore[arg-type]
COLUMN_OUTSIDE = ExternalColumn(**WHOLE, column="c")  # type: ignore[arg-type]
LONG, UUID = "n" * 51, "0b7f2c7e-5f39-4a53-9c1d-0a8a0f1b2c3d"
GOOD = [TABLE, OTHER]
DECLARED: dict[str, Case] = {
    "entity-type-unknown": ([made("job", "j")], GOOD),
    "id-empty": ([made("table", " ")], GOOD),
    "duplicate-id": ([TABLE, made("table", "t", title="other")], [TABLE, TABLE]),
    "column-parent-missing": ([made("column", "c")], [TABLE, made("column", "c", "t")]),
    "table-schema-missing": ([made("table", "t", schema="")], GOOD),
    "table-database-missing": ([made("table", "t", database=None)], GOOD),
    "chart-parent-missing": ([made("chart", "c")], [made("dashboard", "d"), made("chart", "c", "d")]),
    "required-parent-undeclared": ([made("column", "c", "t")], [TABLE, made("column", "c", "t")]),
    "column-parent-kind": (
        [made("dashboard", "d"), made("column", "c", "d")],
        [TABLE, made("column", "c", "t"), made("column", "c.d", "c", title="d")],
    ),
    "chart-parent-kind": ([TABLE, made("chart", "c", "t")], [made("dashboard", "d"), made("chart", "c", "d")]),
    "parent-cycle": (
        [made("column", "a", "b"), made("column", "b", "a")],
        [made("table", ""), TABLE, made("column", "a", "t"), made("column", "b", "a"), made("column", "e", "a")],
    ),
    "lineage-ends": ([*GOOD, edge(QUERY, OUTSIDE)], [*GOOD, edge(QUERY, "t"), edge("t", COLUMN_OUTSIDE)]),
    "lineage-end-undeclared": ([TABLE, edge("t", "gone")], [*GOOD, edge("t", "u")]),
    "lineage-self": ([TABLE, edge("t", "t")], [*GOOD, edge("t", "u")]),
    "sql-empty": ([TABLE, edge(TablesFromSQLQuery(sql=" "), "t")], [TABLE, edge(QUERY, "t")]),
    "secret-in-resource": ([made("table", "t", description="with canary-1234")], GOOD),
    "nothing-declared": ([], GOOD),
    "id-looks-random": ([made("table", f"t.{UUID}")], GOOD),
    "ids-differ-in-case": ([TABLE, made("table", "T")], GOOD),
    "repeated-resource": ([TABLE, TABLE], GOOD),
    "parent-undeclared": ([made("table", "t", "gone")], [made("schema", "s"), made("table", "t", "s")]),
    "parent-kind": (
        [made("database", "d"), made("table", "t", "d")],
        [made("schema", "s"), made("table", "t", "s")],
    ),
    "dashboard-group-missing": (
        [made("dashboard", "d", group=None)],
        [made("dashboard_group", "g"), made("dashboard", "d", "g", group=None)],
    ),
    "chart-product-missing": (
        [made("dashboard", "d"), made("chart", "c", "d", product=None)],
        [made("dashboard", "d"), made("chart", "c", "d")],
    ),
    "column-title-period": ([TABLE, made("column", "a.b", "t")], [TABLE, made("column", "a.b", "t", title="b")]),
    "column-title-case": ([TABLE, made("column", "A", "t")], [TABLE, made("column", "A", "t", title="a")]),
    "native-type-long": ([made("table", "t", native_type=LONG)], [made("table", "t", native_type=LONG[1:])]),
    "lineage-both-external": ([TABLE, edge(OUTSIDE, OUTSIDE)], [TABLE, edge(OUTSIDE, "t")]),
    "lineage-duplicate": ([*GOOD, edge("t", "u"), edge("t", "u")], [*GOOD, edge("t", "u"), edge(QUERY, "u")]),
    "lineage-cycle": ([*GOOD, edge("t", "u"), edge("u", "t")], [*GOOD, edge("t", "u")]),
    "lineage-to-parent": (
        [made("dashboard_group", "g"), made("dashboard", "d", "g"), edge("d", "g")],
        [*GOOD, edge("t", "u")],
    ),
    "external-name-partial": ([TABLE, edge("t", ExternalTable(table="x"))], [TABLE, edge("t", OUTSIDE)]),
}


def ids(found: Any) -> set[str]:
    return {each.rule.id for each in found}


def of_declared(declared: list[Any], **options: Any) -> set[str]:
    resources = [each for each in declared if isinstance(each, Resource)]
    lineage = [each for each in declared if isinstance(each, DeclaredLineage)]
    return ids(check_declared(resources, lineage, Secrets(["canary-1234"]), **options))


@pytest.mark.parametrize("rule", SCRIPTS)
def test_rules_of_the_text(rule: str, tmp_path: Path) -> None:
    """Found in the one script, and not in the other."""
    (tmp_path / "helpers.py").touch()
    for case, expected in zip(SCRIPTS[rule], (True, False), strict=True):
        script = tmp_path / "script.py"
        script.write_text(case)
        assert (rule in ids(check_text(script).findings.shown)) is expected, case


@pytest.mark.parametrize("rule", MANIFESTS)
def test_rules_of_the_manifest(rule: str, tmp_path: Path) -> None:
    """Found in the one manifest, and not in the other."""
    (tmp_path / "good.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for case, expected in zip(MANIFESTS[rule], (True, False), strict=True):
        changes = dict(case)
        url = changes.pop("script_says", None)
        script = tmp_path / "script.py"
        script.write_text(text(f"self.http_get({url!r})") if url else LOGIN_SCRIPT)
        write_manifest(script, changes)
        assert (rule in ids(check_text(script).findings.shown)) is expected, case


def test_rules_of_the_manifest_s_file(tmp_path: Path) -> None:
    """Missing, wrong, right."""
    script = tmp_path / "script.py"
    script.write_text(LOGIN_SCRIPT)
    assert "manifest-missing" in ids(check_text(script).findings.shown)
    write_manifest(script, {"version": "x"})
    assert ids(check_text(script).findings.shown) & {"manifest-missing", "manifest-invalid"} == {"manifest-invalid"}
    write_manifest(script, {})
    assert not ids(check_text(script).findings.shown) & {"manifest-missing", "manifest-invalid"}


@pytest.mark.parametrize("rule", DECLARED)
def test_rules_of_what_is_declared(rule: str) -> None:
    """Found in the one run, and not in the other."""
    bad, good = DECLARED[rule]
    assert rule in of_declared(bad)
    assert rule not in of_declared(good)


def test_ids_that_change_from_run_to_run() -> None:
    """Each is named, with the run that had it; ids that stayed the same are not suspected of chance."""
    assert ids(check_same_ids(GOOD, [TABLE])) == {"id-changes"}
    assert not list(check_same_ids(GOOD, GOOD[::-1]))
    assert "id-looks-random" not in of_declared([made("table", UUID)], stable=True)


def test_every_rule_has_its_cases() -> None:
    """A rule without a case that it finds, and one that it lets be, is not a rule."""
    elsewhere = {"manifest-missing", "manifest-invalid", "id-changes"}
    assert set(RULES) == {*SCRIPTS, *MANIFESTS, *DECLARED, *elsewhere}


def test_every_rule_is_documented() -> None:
    """Each has a row in docs/secoda.md with its severity and its sentence, and no other has."""
    row = re.compile(r"^\| `([\w-]+)` \| (error|warning) \| (.+?) \|", re.MULTILINE)
    rows = row.findall(section(page("secoda.md"), "## Rules"))
    assert rows == [(rule.id, rule.severity, rule.sentence) for rule in RULES.values()]


LEGAL = {
    ("internal_resource", "internal_resource"),
    ("internal_resource", "external_table"),
    ("internal_resource", "external_column"),
    ("external_table", "internal_resource"),
    ("external_column", "internal_resource"),
    ("external_table", "external_table"),
    ("tables_from_query", "internal_resource"),
}


@pytest.mark.parametrize("start", ["t", OUTSIDE, COLUMN_OUTSIDE, QUERY], ids=str)
@pytest.mark.parametrize("end", ["u", OUTSIDE, COLUMN_OUTSIDE, QUERY], ids=str)
def test_the_sixteen_ways_to_join_two_ends(start: Any, end: Any) -> None:
    """Seven are documented, one of them with a doubt; nine are errors."""
    joined = edge(start, end)
    types = joined.from_identifier.type, joined.to_identifier.type
    found = of_declared([*GOOD, joined])
    assert ("lineage-ends" in found) is (types not in LEGAL)
    assert ("lineage-both-external" in found) is (types == ("external_table", "external_table"))


@pytest.mark.parametrize(
    ("expression", "unstable"),
    [
        ("str(uuid.uuid4())", True),
        ("uuid.uuid1().hex", True),
        ("uuid.uuid5(uuid.NAMESPACE_URL, url)", False),
        ("f'{time.time()}'", True),
        ("datetime.now().isoformat()", True),
        ("str(id(board))", True),
        ("str(board.id)", False),
        ("make_id(board)", False),
        ("hash(name)", True),
        ("hashlib.sha256(name).hexdigest()", False),
        ("random.random()", True),
        ("secrets.token_hex()", True),
        ("f'{self.random_forest}.{name}'", False),
        ("f'random.{name}'", False),
        ("'secrets.vault.' + row['uuid4()']", False),
        ("created.time().isoformat()", False),
        ("new().hex", True),
        ("clock()", True),
        ("run.now().isoformat()", True),
        ("self.fresh(board)", True),
        ("self.kept(board)", False),
        ("again(1)", False),
    ],
)
def test_what_makes_an_id_unstable(expression: str, unstable: bool) -> None:
    """Chance, time, addresses, in what is called; a hash of the content is fine, Python's own is salted."""
    top = "from uuid import uuid4 as new\nfrom time import time as clock\ndef again(x): return again(x) + again(x)\n"
    body = f"Resource(entity_type='table', databuilder_id={expression})"
    methods = "    def fresh(self, x): return f'{x}.{uuid.uuid4()}'\n    def kept(self, x): return str(x)\n"
    script = ScriptText((text(body, top) + methods).encode(), Path("a.py"))
    assert ("unstable-id" in ids(check_script(script))) is unstable
    as_key = text(f"Resource(**{{'entity_type': 'table', 'databuilder_id': {expression}}})", top) + methods
    assert ("unstable-id" in ids(check_script(ScriptText(as_key.encode(), Path("a.py"))))) is unstable


ASKED: list[tuple[str, str, bool]] = [
    ("'https://a.example.com/v1/x'", "", False),
    ("'https://a.example.com/v2'", "", True),
    ("BASE + '/v1/x'", "BASE = 'https://a.example.com'", False),
    ("f'{BASE}/v2/x'", "BASE = 'https://a.example.com'", True),
    ("f'https://b.example.com/{x}'", "", True),
    ("f'https://a.example.com/{x}'", "", False),  # not known to the end
    ("f'https://{x}.example.com/'", "", False),
    ("self.base + '/v2'", "", False),
    ("f'https://eu.boards.example.com/{x}'", "", False),  # could be what the input makes of it
    ("url", "def help(url): pass\nurl = 'https://docs.example.com'", False),  # another thing of that name
    ("link.url", "url = 'https://docs.example.com'", False),
    ("url", "url = 'https://b.example.com'\nurl += '/v1'", False),  # not known
    ("self.url", "class B:\n    url = 'https://b.example.com'", True),
]


@pytest.mark.parametrize(("url", "top", "found"), ASKED)
def test_addresses_in_the_text(url: str, top: str, found: bool) -> None:
    """Judged as far as they are known."""
    made = manifest(
        endpoints=["https://a.example.com/v1", "https://{region}.boards.example.com"], inputs=[{"name": "region"}]
    )
    script = ScriptText(text(f"self.http_get({url})", top).encode(), Path("a.py"))
    assert ("endpoint-unlisted" in ids(check_manifest(made, script))) is found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("api_key = 'gh7-9912-abcd'", True),
        ("run(headers={'Authorization': 'Bearer gh7-9912-abcd'})", True),
        ("run(auth=('me', 'gh7-9912-abcd'))", True),
        ("run(headers={'Authorization': f'Bearer {self.get_credential(1)}'}, auth=('me', password))", False),
        ("run(headers={'Authorization': 'Bearer ...'}, auth=None)", False),
        ("api_key: str = 'gh7-9912-abcd'", True),
        ("os.environ.get('API_TOKEN', 'gh7-9912-abcd')", True),
        ("lambda password='hunter2!': 1", True),
        ("db_pass = 'hunter2!'", True),
        ("TOKEN_PATH = '/oauth2/token'", False),
        ("login = {'subject_token_type': 'urn:ietf:params:oauth:token-type:access_token'}", False),
        ("TOKEN_URL = 'a.b/c-2'\npassenger_kind = 'adult+child-1'\nsecret_name = 'prod-2'", False),
        ("token = os.environ['BOARDS_API_TOKEN_2']", False),
        ("password = self.credentials.get('db_password_2')", False),
        ("self.read(token='BOARDS_API_TOKEN_2', password='client_secret')", False),
    ],
)
def test_secrets_in_the_text(line: str, found: bool, tmp_path: Path) -> None:
    """By the name that they are given, in a header, or as a log-in's password."""
    script = tmp_path / "script.py"
    script.write_text(text(line))
    assert ("secret-in-source" in ids(check_text(script).findings.shown)) is found


@pytest.mark.parametrize(
    ("script", "missing"),
    [
        ("from secodadk import SecodaIntegration as Base\nclass A(Base):\n    def extract(self): pass\n", False),
        ("import secodadk as s\nclass A(s.SecodaIntegration):\n    extract = print\n", False),
        ("from secodadk import *\nclass M:\n    def extract(self): pass\nclass A(M, SecodaIntegration): pass\n", False),
        ("from secodadk import *\nclass A(SecodaIntegration):\n    async def extract(self): pass\n", False),
        ("import helpers\nclass A(helpers.Base): pass\n", False),  # what lies beside it has an error of its own
        ("from secodadk import *\nclass M:\n    def extract(self): pass\nclass A(SecodaIntegration): pass\n", True),
        ("from pydantic import BaseModel\nclass A(BaseModel):\n    def extract(self): pass\n", True),
    ],
)
def test_a_script_s_integration_is_found(script: str, missing: bool, tmp_path: Path) -> None:
    """Under another name, with what another class has."""
    (tmp_path / "helpers.py").touch()
    (tmp_path / "script.py").write_text(script)
    assert ("integration-missing" in ids(check_text(tmp_path / "script.py").findings.shown)) is missing


def test_a_start_behind_functions_and_conditions_is_found(tmp_path: Path) -> None:
    """What a function does counts where the import calls it, and not below the main block."""
    main = "def main():\n    A(credentials={}).start()\n"
    for end, found in (
        ("main()\n", True),
        ("if True:\n    main()\n", True),
        ("if __name__ == '__main__':\n    main()\n", False),
    ):
        (tmp_path / "script.py").write_text(text("") + main + end)
        assert ("starts-on-import" in ids(check_text(tmp_path / "script.py").findings.shown)) is found


@pytest.mark.parametrize(
    "call",
    [
        "R(entity_type='dashboard', databuilder_id='t', table='x', product='x', hidden=True)",
        "R(**{'entity_type': 'dashboard', 'table': 'x', 'product': 'x', 'hidden': True})",
        "R(**dict(entity_type='dashboard', table='x', product='x'), hidden=True)",
        "R.parse_obj({'entity_type': 'dashboard', 'table': 'x', 'product': 'x', 'hidden': True})",
    ],
)
def test_fields_are_found_however_a_resource_is_made(call: str) -> None:
    """With keywords, from a dictionary, under another name."""
    script = text(call, "from secodadk import Resource as R")
    found = ids(check_script(ScriptText(script.encode(), Path("a.py"))))
    assert {"ignored-field", "field-of-other-type", "undocumented-field"} <= found


def test_inputs_under_another_name_are_read() -> None:
    """`creds = self.credentials` is the same as the attribute."""
    script = text("creds = self.credentials\ncreds['email'], creds.get('other')")
    assert list(ScriptText(script.encode(), Path("a.py")).credentials()) == [("email", 8), ("other", 8)]


def test_the_same_resource_of_another_class_is_no_other() -> None:
    """A script may have a model of its own that extends Resource."""

    class Own(Resource):
        pass

    found = of_declared([TABLE, Own(**TABLE.model_dump())])
    assert "repeated-resource" in found
    assert "duplicate-id" not in found


def test_findings_are_cut_and_counted() -> None:
    """A hundred thousand of one kind are counted, and the first ones shown."""
    findings = Findings(finding("id-empty", str(number)) for number in range(1000))
    assert len(findings.shown) == SHOWN_PER_RULE
    assert findings.number("error") == 1000
    assert findings.number("warning") == 0


def test_what_the_text_shows_is_not_said_again_of_the_run() -> None:
    """With the line it is worth more; another line is another place."""
    findings = Findings([finding("ignored-field", "no `a`", 3), finding("ignored-field", "no `a`", 5)])
    findings.extend([finding("ignored-field", "no `a`"), finding("ignored-field", "no `b`")])
    assert [(each.message, each.line) for each in findings.shown] == [("no `a`", 3), ("no `a`", 5), ("no `b`", None)]


def test_a_long_chain_is_no_matter() -> None:
    """Neither for the depth of calls nor for the time: ten thousand nested columns."""
    chain = [TABLE, *(made("column", f"c{n}", f"c{n - 1}" if n else "t") for n in range(10_000))]
    assert of_declared(chain) == set()
    ring = [edge(f"c{n}", f"c{(n + 1) % 10_000}") for n in range(10_000)]
    assert {"lineage-cycle"} <= of_declared([*chain, *ring]) <= {"lineage-cycle", "lineage-to-parent"}


def test_the_good_script_has_no_error(tmp_path: Path) -> None:
    """The re-created example, with a whole manifest; its warnings are those that Secoda's documents leave open."""
    script = tmp_path / "boards.py"
    script.write_text(LOGIN_SCRIPT)
    write_manifest(script, {"inputs": GOOD_INPUTS, "endpoints": ["{base_url}"]})
    report = check_text(script)
    assert report.errors == 0
    assert ids(report.findings.shown) == {"field-of-other-type", "status-unchecked"}
