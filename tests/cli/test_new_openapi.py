"""`headwater new --openapi`: what it writes is formatted, typed, readable, and passes the conformance suite."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from integrations.sdk import HttpClient
from integrations.sdk.openapi.naming import setting_name
from orchestration.cli.app import run
from tests.sdk.openapi.documents import answers, document, listing, of, parameter, ref

ROOT = Path(__file__).parent.parent.parent
TEXT = {"type": "string"}
TIME = {"type": "string", "format": "date-time", "description": "When anything about it “changed”."}
PAGED = parameter("cursor"), parameter("limit", "integer", maximum=100)
CURSOR = {"next_cursor": TEXT}
LONG = " ".join(["An address that is needed wherever something is to be sent, or has been sent, to somebody"] * 2)
SCHEMAS = {
    "Customer": of(
        emailAddress={"type": "string", "format": "email", "description": 'As in "Ada <ada@example.com>".'},
        balance={"type": "number", "nullable": True},
        tags={"type": "array", "items": TEXT},
        address={"type": "object", "description": LONG},
        referrer=ref("Customer"),
        updated_at=TIME,
        class_={"type": "string", "enum": ["a", "b"]},
    ),
    "Card": {"allOf": [of(brand=TEXT), {"properties": {"expires": {"type": "string", "format": "date"}}}]},
    "Rate": {"type": "object", "properties": {"currency": TEXT, "day": {"type": "string", "format": "date"}}},
}
SHOP = document(
    {
        "/customers": listing(
            ref("Customer"), *PAGED, parameter("updated_since", format="date-time"), key="customers", beside=CURSOR
        ),
        "/customers/{customer_id}/cards": listing(
            ref("Card"), parameter("customer_id", "integer", "path"), parameter("page", "integer"), key="data",
            beside={"total_pages": {"type": "integer"}},
        ),
        "/rates": listing(ref("Rate"), key=""),
        "/regions/{region}/stores": listing(of(name=TEXT), parameter("region", place="path"), key="stores"),
        "/regions/{region}/import": listing(of(), parameter("region", place="path"), *PAGED, beside=CURSOR),
        "/items/search": {"post": {**listing(of(price={"type": "number"}))["get"], "summary": "Finds items."}},
        "/orders/batch-retrieve": {"post": listing(of(number=TEXT))["get"]},
        "/status": {"get": {"responses": answers(of(up={"type": "boolean"}))}},
    },
    SCHEMAS,
    security={"bearer": {"type": "http", "scheme": "bearer"}},
)  # fmt: skip


def spec_file(folder: Path, spec: dict[str, Any], name: str = "spec.json") -> str:
    path = folder / name
    text = yaml.safe_dump(spec) if name.endswith(".yaml") else json.dumps(spec)
    path.write_text(text, encoding="utf-8")
    return str(path)


def made(folder: Path, spec: dict[str, Any], capsys: pytest.CaptureFixture[str], *options: str, code: int = 0) -> Any:
    """What the command says of the integration `shop`, made from the document in a project of its own."""
    file = spec_file(folder, spec)
    assert run(["new", "shop", "--openapi", file, "--folder", str(folder / "project"), "--json", *options]) == code
    return json.loads(capsys.readouterr().out)


def generated(folder: Path) -> Path:
    """The project, in which the linter finds the SDK as in one that has it beside the integration."""
    project = folder / "project"
    (project / "integrations" / "sdk").symlink_to(ROOT / "integrations" / "sdk")
    (project / "orchestration").symlink_to(ROOT / "orchestration")
    shutil.copy(ROOT / "pyproject.toml", project)
    return project


def suite_says(project: Path, *options: str) -> str:
    """Run the test that was written with the integration, in a process of its own; what pytest says."""
    for link in (project / "integrations" / "sdk", project / "orchestration"):
        link.unlink(missing_ok=True)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
            "--rootdir",
            ".",
            "tests",
            *options,
        ],
        cwd=project,
        env={**os.environ, "PYTHONPATH": f"{project}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def test_what_it_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A module per table, the client where a setting needs one, the part of the document that the test needs."""
    said = made(tmp_path, SHOP, capsys, "--key", "/rates=currency,day")
    assert said["tables"] == [
        "shop_customers",
        "shop_customer_cards",
        "shop_rates",
        "shop_region_stores",
        "shop_region_import",
        "shop_items",
    ]
    assert said["left_out"] == ["GET /status: answers no list of records"]
    names = [str(Path(path).relative_to(tmp_path / "project")) for path in said["files"]]
    assert names == [
        "integrations/shop/__init__.py",
        "integrations/shop/client.py",
        *(f"integrations/shop/tables/{table.removeprefix('shop_')}.py" for table in said["tables"]),
        "integrations/shop/README.md",
        "tests/integrations/shop/test_shop.py",
        "tests/integrations/shop/openapi.json",
    ]
    part = json.loads(Path(said["files"][-1]).read_text(encoding="utf-8"))
    assert "/status" not in part["paths"]
    assert part["components"]["schemas"].keys() == SCHEMAS.keys()
    cards = Path(said["files"][3]).read_text(encoding="utf-8")
    assert cards == CARDS


CARDS = '''"""Cards of each customer."""

from collections.abc import Iterator

from integrations.sdk import Column, HttpClient, Page, PageNumber, ParentRow, Table, Window, parent
from integrations.sdk.types import BIGINT, DATE, TEXT


def list_customer_cards(client: HttpClient, customer: ParentRow, window: Window) -> Iterator[Page]:
    """Yield the cards of each customer, whatever the window.

    Source: GET /customers/{customer_id}/cards
    """
    yield from client.pages(
        f"/customers/{customer['id']}/cards", records="data", paginate=PageNumber(pages="total_pages")
    )


CUSTOMER_CARDS = Table(
    "shop_customer_cards",
    columns=[
        Column("customer_id", BIGINT, parent("id"), primary_key=True),
        Column("id", BIGINT, primary_key=True),
        Column("brand", TEXT),
        Column("expires", DATE),
    ],
    resolver=list_customer_cards,
    parent_columns=["id"],
    description="Cards of each customer.",
)
'''


@pytest.mark.parametrize("is_run", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["written", "run"])
def test_records_whose_key_is_inside_an_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, is_run: bool
) -> None:
    """Of JSON:API's records the attributes are columns; a key of another's is offered, and taken when it is named."""
    attributes = {"type": "object", "properties": {"title": TEXT, "updatedAt": TIME}}
    member = {"type": "object", "properties": {"user": of(), "role": TEXT}}
    paths = {
        "/articles": listing(of(type=TEXT, attributes=attributes), parameter("updated_since"), key="data"),
        "/articles/{article_id}/members": listing(member),
    }
    assert made(tmp_path, document(paths), capsys)["left_out"] == [
        "GET /articles/{article_id}/members: its records have no key that is recognised"
    ]
    shutil.rmtree(tmp_path / "project")
    made(tmp_path, document(paths), capsys, "--key", "/articles/{article_id}/members=user.id")
    tables = tmp_path / "project/integrations/shop/tables"
    articles = (tables / "articles.py").read_text(encoding="utf-8")
    assert 'Column("title", TEXT, path("attributes.title"))' in articles
    assert 'cursor=TimeCursor("updated_at", window="month")' in articles
    members = (tables / "article_members.py").read_text(encoding="utf-8")
    assert 'Column("user_id", BIGINT, path("user.id"), primary_key=True)' in members
    if is_run:
        assert "3 passed" in suite_says(tmp_path / "project", "-k", "synced or identify or values")


@pytest.mark.parametrize("is_run", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["written", "run"])
def test_records_by_their_key(tmp_path: Path, capsys: pytest.CaptureFixture[str], *, is_run: bool) -> None:
    """Where an object holds the records, its keys are a column, and the table's key where the records have none."""
    many = {"type": "object", "additionalProperties": {"type": "object", "properties": {"name": TEXT}}}
    paged = {"type": "object", "properties": {"teams": many, **CURSOR}}
    paths = {
        "/users": {"get": {"responses": answers(many)}},
        "/teams": {"get": {"parameters": list(PAGED), "responses": answers(paged)}},
        "/users/{user_key}/cards": listing(of()),
    }
    made(tmp_path, document(paths), capsys)
    tables = tmp_path / "project/integrations/shop/tables"
    users = (tables / "users.py").read_text(encoding="utf-8")
    assert 'records="*"' in users
    assert 'Column("key", TEXT, path("*"), primary_key=True' in users
    assert 'records="teams.*"' in (tables / "teams.py").read_text(encoding="utf-8")
    assert "/users/{user['key']}/cards" in (tables / "user_cards.py").read_text(encoding="utf-8")
    if is_run:
        assert "3 passed" in suite_says(tmp_path / "project", "-k", "synced or identify or values")


@pytest.mark.parametrize("is_run", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["written", "run"])
def test_a_window_that_has_to_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], *, is_run: bool) -> None:
    """It is no setting: a read of everything begins with a day that the author can see, and change."""
    time = {"required": True, "format": "date-time"}
    ends = [parameter("start_date", **time), parameter("end_date", **time)]
    unix = [parameter(name, "integer", required=True, description="In Unix time.") for name in ("from", "to")]
    spec = document(
        {
            "/bills": listing(of(), *ends),
            "/uses": listing(of(), *unix),
            "/edits": listing(of(updated_at=TIME), parameter("updated_since", **time)),
        }
    )
    made(tmp_path, spec, capsys)
    code = tmp_path / "project/integrations/shop"
    assert "start_date" not in (code / "__init__.py").read_text(encoding="utf-8")
    bills = (code / "tables/bills.py").read_text(encoding="utf-8")
    assert "FIRST = datetime(2000, 1, 1, tzinfo=UTC)" in bills
    assert '{"start_date": window.start or FIRST, "end_date": window.end or datetime.now(UTC)}' in bills
    uses = (code / "tables/uses.py").read_text(encoding="utf-8")
    assert '"from": int((window.start or FIRST).timestamp())' in uses
    assert 'cursor=TimeCursor("updated_at", window="month")' in (code / "tables/edits.py").read_text(encoding="utf-8")
    if is_run:
        assert "3 passed" in suite_says(tmp_path / "project", "-k", "synced or identify or values")


def test_a_guess_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a document leaves open, the code and the command have the author confirm: whose key, how many pages."""
    spec = document(
        {
            "/customers": listing(of(), parameter("limit", "integer")),
            "/bills": listing(of(), parameter("customer_id", required=True)),
        }
    )
    guess = "`customer_id` is taken for the `id` of `shop_customers`, by its name"
    assert made(tmp_path, spec, capsys)["to_confirm"] == [
        "GET /customers: one page is read, though there is a `limit`",
        f"GET /bills: {guess}",
    ]
    code = (tmp_path / "project/integrations/shop/tables/bills.py").read_text(encoding="utf-8")
    assert f"\n\n    To confirm: {guess}; the document does not say.\n    Source: GET /bills" in code


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_is_as_the_project_wants_its_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to format, nothing to lint, nothing that the type checker minds."""
    made(tmp_path, SHOP, capsys, "--key", "/rates=currency,day")
    project = generated(tmp_path)
    own = ["integrations/shop", "tests/integrations/shop"]
    for tool in (["ruff", "format", "--check", *own], ["ruff", "check", *own]):
        pytest.importorskip("ruff", reason="pip install 'headwater[dev]'")
        done = subprocess.run([sys.executable, "-m", *tool], cwd=project, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    pytest.importorskip("mypy", reason="pip install 'headwater[dev]'")
    flags = ["--strict", "--namespace-packages", "--explicit-package-bases", "--follow-imports=silent"]
    cache = ["--cache-dir", str(tmp_path / "mypy")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *flags, *cache, "integrations/shop"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.timeout(400)
def test_it_passes_the_conformance_suite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it is, in a process that knows nothing of us but what is installed."""
    paths = [option for path in SHOP["paths"] if path != "/status" for option in ("--path", path)]
    made(tmp_path, SHOP, capsys, "--key", "/rates=currency,day", *paths)
    assert "6 passed" in suite_says(tmp_path / "project")


LOGINS: list[tuple[str, dict[str, Any] | None, str, str]] = [
    ("2.0", {"type": "basic"}, "auth=Basic(spec.username, spec.password)", "username: str\n    password: SecretStr"),
    (
        "3.0",
        {"type": "apiKey", "in": "query", "name": "key"},
        'auth=ApiKey(spec.api_key, name="key", place="query")',
        "api_key: SecretStr",
    ),
    (
        "3.1",
        {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://login.example.com/token"}}},
        "auth=OAuth2ClientCredentials(spec.token_url, spec.client_id, spec.client_secret)",
        'token_url: str = Field("https://login.example.com/token", description="Where the token is fetched.")',
    ),
    ("3.1", None, "HttpClient(spec.base_url)", "base_url: HttpUrl\n"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("version", "scheme", "connects", "asks"), LOGINS, ids=["basic", "key", "client", "none"])
def test_each_way_of_logging_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str, scheme: Any, connects: str, asks: str
) -> None:
    """The spec asks for what the document's scheme needs, and its server lets in who has that; from any version."""
    security = {"it": scheme} if scheme else None
    paths = {"/things": listing(of(name=TEXT), version=version)}
    spec = document(paths, version=version, security=security)
    if scheme is None:
        spec["servers"] = [{"url": "/api"}]
    made(tmp_path, spec, capsys)
    code = (tmp_path / "project/integrations/shop/__init__.py").read_text(encoding="utf-8")
    assert connects in code
    assert asks in code
    assert "1 passed" in suite_says(tmp_path / "project", "-k", "test_every_table_is_synced")


KEYS = {
    "app": {"type": "apiKey", "in": "header", "name": "X-App"},
    "key": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "token": {"type": "http", "scheme": "bearer"},
}


@pytest.mark.slow
def test_what_is_asked_for_at_once_is_sent_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each key has its own field, and the server lets in who has them all."""
    spec = document({"/things": listing(of(name=TEXT))}, security=KEYS) | {"security": [{name: [] for name in KEYS}]}
    assert made(tmp_path, spec, capsys)["left_out"] == []
    code = (tmp_path / "project/integrations/shop/__init__.py").read_text(encoding="utf-8")
    assert CONNECTS in code
    assert "    x_app_key: SecretStr\n    sid_key: SecretStr\n    token: SecretStr\n" in code
    assert "from integrations.sdk import ApiKey, Bearer, HttpClient, Integration\n" in code
    assert "1 passed" in suite_says(tmp_path / "project", "-k", "test_every_table_is_synced")


CONNECTS = """
            auth=ApiKey(
                spec.x_app_key,
                name="X-App",
                beside=ApiKey(spec.sid_key, name="sid", place="cookie", beside=Bearer(spec.token)),
            ),
"""


@pytest.mark.parametrize("is_run", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["written", "run"])
def test_tables_with_logins_and_headers_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, is_run: bool
) -> None:
    """The client has each log-in, and the headers that most need or a user gives; those of few are theirs."""
    admin = {"security": [{"AdministratorAuth": []}]}
    version, tenant = (parameter(name, place="header", required=True) for name in ("X-Version", "X-Tenant"))
    beta = parameter("X-Beta", place="header", required=True, default="on")
    version["schema"]["default"] = "2024-05-01"
    spec = document(
        {
            "/things": listing(of(name=TEXT), version, tenant),
            "/others": listing(of(name=TEXT), version, tenant, beta),
            "/admins": listing(of(name=TEXT), version, **admin),
        },
        security={"token": KEYS["token"], "AdministratorAuth": {"type": "http", "scheme": "basic"}},
    ) | {"security": [{"token": []}]}
    assert made(tmp_path, spec, capsys)["left_out"] == []
    code = tmp_path / "project/integrations/shop"
    integration = (code / "__init__.py").read_text(encoding="utf-8")
    assert BY_ADMIN in integration
    assert '    administrator_username: str | None = Field(None, description="For `admins`; without it' in integration
    assert "    x_tenant: str = Field(" in integration
    assert "self.by_administrator = self.derive(self.id, auth=by_administrator)" in (code / "client.py").read_text(
        encoding="utf-8"
    )
    readme = (code / "README.md").read_text(encoding="utf-8")
    assert "| `administrator_username` | | For `admins`, which ask for another log-in; may be left out |" in readme
    assert "client.by_administrator.pages(" in (code / "tables/admins.py").read_text(encoding="utf-8")
    assert 'headers={"X-Beta": "on"}' in (code / "tables/others.py").read_text(encoding="utf-8")
    assert "headers" not in (code / "tables/things.py").read_text(encoding="utf-8")
    if is_run:
        assert "1 passed" in suite_says(tmp_path / "project", "-k", "test_every_table_is_synced")


BY_ADMIN = """
        return ShopClient(
            spec.base_url,
            auth=Bearer(spec.token),
            headers={"X-Version": "2024-05-01", "X-Tenant": spec.x_tenant},
            by_administrator=Basic(spec.administrator_username, spec.administrator_password)
            if spec.administrator_username and spec.administrator_password
            else None,
        )
"""


@pytest.mark.slow
def test_what_is_not_known_of_a_login_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All else is written, and it runs; the note is in the code and in what the command says, in lines of its width."""
    unknown = {"it": {"type": "http", "scheme": "digest"}, "cert": {"type": "mutualTLS"}}
    spec = document({"/things": listing(of(name=TEXT))}, security=unknown) | {"security": [{"it": [], "cert": []}]}
    lacking = "`it` (http digest), which is not known here and `cert` (mutualTLS), which is not known here"
    assert made(tmp_path, spec, capsys)["left_out"] == [f"a log-in by {lacking}"]
    code = (tmp_path / "project/integrations/shop/__init__.py").read_text(encoding="utf-8")
    assert WITHOUT in code
    assert "1 passed" in suite_says(tmp_path / "project", "-k", "test_every_table_is_synced")
    shutil.rmtree(tmp_path / "project")
    spec["components"]["securitySchemes"] = {'a"""b': unknown["it"], "token": KEYS["token"]}
    spec["security"] = [{'a"""b': [], "token": []}]
    made(tmp_path, spec, capsys)
    code = (tmp_path / "project/integrations/shop/__init__.py").read_text(encoding="utf-8")
    assert '"""The API, by the token of the spec alone.\n' in code
    assert "auth=Bearer(spec.token)" in code
    compile(code, "shop", "exec")


WITHOUT = '''
        """The API, without a log-in.

        The document asks for a log-in by `it` (http digest), which is not known here and `cert` (mutualTLS), which is
        not known here: write its Auth, and give it to the client as `auth`.
        """
        return HttpClient(spec.base_url)
'''


def test_only_the_paths_that_are_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--path` takes patterns; one that matches nothing is an error with the nearest path."""
    wanted = ["--path", "/customers*", "--path", "/orders/batch-retrieve"]
    assert made(tmp_path, SHOP, capsys, *wanted)["tables"] == [
        "shop_customers",
        "shop_customer_cards",
        "shop_order_batch_retrieve",
    ]
    shutil.rmtree(tmp_path / "project")
    error = made(tmp_path, SHOP, capsys, "--path", "/costumers", code=2)["error"]
    assert "no listing of spec.json matches /costumers" in error["message"]
    assert "`/customers`" in error["hint"]
    assert not (tmp_path / "project").exists()


def test_what_cannot_be_a_table_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A listing without a key, one that needs what nothing lists, a broken reference: each with its reason."""
    spec = document(
        {
            "/rates": listing(SCHEMAS["Rate"]),
            "/regions/{region}/stores": listing(of(), parameter("region", place="path")),
            "/broken": listing({"$ref": "#/components/schemas/Nothing"}),
            "/things": listing(of()),
        }
    )
    said = made(tmp_path, spec, capsys)
    assert said["tables"] == ["shop_things"]
    assert said["left_out"] == [
        "GET /broken: spec.json: the reference #/components/schemas/Nothing leads nowhere: there is no `Nothing`",
        "GET /rates: its records have no key that is recognised",
        "GET /regions/{region}/stores: nothing lists what its `region` may be",
    ]
    shutil.rmtree(tmp_path / "project")
    nothing = document({"/status": {"get": {"responses": answers(of())}}})
    assert "no listing that can be a table" in made(tmp_path, nothing, capsys, code=2)["error"]["message"]


def test_one_setting_is_one_thing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What two paths call `id` is not the same where they are of albums and of shows; nor is it the record's."""
    id_ = parameter("id", place="path")
    words = ("albums/{id}/tracks", "albums/{id}/songs", "shows/{id}/episodes", "shows/{show_id}/seasons")
    made(tmp_path, document({f"/{path}": listing(of(), id_) for path in words}), capsys)
    code = tmp_path / "project/integrations/shop"
    spec = (code / "__init__.py").read_text(encoding="utf-8")
    assert "    album_id: str" in spec
    assert "    show_id: str" in spec
    assert 'f"/albums/{client.album_id}/songs"' in (code / "tables/album_songs.py").read_text(encoding="utf-8")
    assert 'f"/shows/{client.show_id}/episodes"' in (code / "tables/show_episodes.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("is_run", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["written", "run"])
def test_settings_whose_names_mean_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, is_run: bool
) -> None:
    """A word of Python, an attribute of the client or of pydantic's models is called otherwise, in all places."""
    given = [parameter(name, required=True) for name in ("from", "id", "json", "model_name")]
    header = parameter("From", place="header", required=True)
    spec = document({"/things": listing(of(), *given), "/others": listing(of(), *given, header)})
    made(tmp_path, spec, capsys)
    code = tmp_path / "project/integrations/shop"
    for each in code.rglob("*.py"):
        compile(each.read_text(encoding="utf-8"), each.name, "exec")
    assert "    from_value: str" in (code / "__init__.py").read_text(encoding="utf-8")
    assert '"from": client.from_value' in (code / "tables/things.py").read_text(encoding="utf-8")
    assert not [name for name in (*dir(HttpClient), *dir(BaseModel)) if setting_name(name) == name]
    if is_run:
        assert "1 passed" in suite_says(tmp_path / "project", "-k", "test_every_table_is_synced")


def test_two_tables_that_would_be_called_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second says more of where it is: of which version, of whose things."""
    paths = ("/sites", "/accounts", "/accounts/{id}/cards", "/{account_id}/sites", "/v3/sites", "/account/cards")
    assert made(tmp_path, document({path: listing(of()) for path in paths}), capsys)["tables"] == [
        "shop_sites",
        "shop_accounts",
        "shop_account_cards",
        "shop_account_sites",
        "shop_v3_sites",
        "shop_account_cards_2",
    ]


def test_long_paths_and_odd_characters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No line is too long but one that is a path; what nobody can read is left out of descriptions."""
    long = "/incoming_phone_numbers/{phone_number_id}/assigned_add_ons_of_the_country/{country_id}/more_extensions"
    odd = {"type": "string", "description": "A nul \0 and \u202eturned\u2028 text."}
    tables = ("/incoming_phone_numbers", long.rpartition("/{country_id}")[0], long)
    said = made(tmp_path, document({path: listing(of(name=odd)) for path in tables}), capsys)
    assert len(said["tables"]) == len(tables)
    code = [Path(path).read_text(encoding="utf-8") for path in said["files"] if path.endswith(".py")]
    lines = [line for text in code for line in text.split("\n")]
    assert not [line for line in lines if len(line) > 120 and " " in line.strip()]
    assert 'description="A nul and turned text."' in "".join(code)


def test_options_that_make_no_sense(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Said before anything is written."""
    assert run(["new", "shop", "--path", "/a", "--folder", str(tmp_path)]) == 2
    assert "--path and --key are for --openapi" in capsys.readouterr().err
    assert "is no key" in made(tmp_path, SHOP, capsys, "--key", "/rates", code=2)["error"]["message"]
    assert run(["new", "shop", "--openapi", str(tmp_path / "absent.json"), "--folder", str(tmp_path)]) == 2
    assert not (tmp_path / "integrations").exists()


def test_people_are_told_what_is_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was written, what was left out, and the config with what the spec asks for; YAML is read, too."""
    file = spec_file(tmp_path, SHOP, "spec.yaml")
    assert run(["new", "shop", "--openapi", file, "--folder", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "left out: GET /status: answers no list of records" in said
    assert "to confirm" not in said
    assert 'spec: {token: "${SHOP_TOKEN}", region: "${SHOP_REGION}"}' in said
