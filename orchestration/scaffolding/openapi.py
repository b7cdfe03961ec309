"""An integration from an OpenAPI document: its files, by path below the project, each with its text."""

import json
import textwrap
from collections.abc import Mapping, Sequence

from integrations.sdk.openapi.document import Document
from integrations.sdk.openapi.extracting import part_of
from integrations.sdk.openapi.families import Member
from integrations.sdk.openapi.logins import Login
from integrations.sdk.openapi.naming import first_sentence, setting_name, snake
from orchestration.scaffolding import title_of
from orchestration.scaffolding.clients import client_module
from orchestration.scaffolding.code import (
    PLAIN,
    STEP,
    WIDTH,
    Code,
    Given,
    call,
    imported,
    laid_out,
    listed,
    mapped,
    quoted,
)
from orchestration.scaffolding.modules import client_class, columns_of, constant, login_name, module_of
from orchestration.scaffolding.plan import Plan, plan_for

PLAIN_FIELDS = ("username", "client_id")  # of a log-in; its others are secrets
TOKEN_PATH = "/oauth/token"  # noqa: S105 - of the test's server


def files_for(plan: Plan) -> dict[str, str]:
    """The integration's files and its test's."""
    folder, tests = f"integrations/{plan.name}", f"tests/integrations/{plan.name}"
    files = {f"{folder}/__init__.py": _integration(plan)}
    if client_class(plan) != "HttpClient":
        files[f"{folder}/client.py"] = client_module(plan)
    for member in plan.members:
        files[f"{folder}/tables/{plan.module(member)}.py"] = module_of(plan, member)
    files[f"{folder}/README.md"] = _readme(plan)
    files[f"{tests}/test_{plan.name}.py"] = _test(plan)
    needed = part_of(plan.document, [member.listing.operation for member in plan.members])
    files[f"{tests}/openapi.json"] = json.dumps(needed, indent=1, ensure_ascii=False) + "\n"
    return files


def integration_from(
    name: str, spec: str, patterns: Sequence[str], keys: Mapping[str, Sequence[str]]
) -> tuple[Plan, dict[str, str]]:
    """The plan for the document, and the files."""
    plan = plan_for(name, Document.load(spec), patterns, keys)
    return plan, files_for(plan)


def _integration(plan: Plan) -> str:
    """`__init__.py`: the spec, and the integration."""
    title = title_of(plan.name)
    top = [constant(plan, member) for member in plan.members if member.parent is None]
    lines = [
        f'"""{_what_it_is(plan)}"""',
        "",
        *_imports(plan),
        "",
        "",
        'class Spec(BaseModel, extra="forbid"):',
        '    """What a user fills in to connect."""',
        "",
        *_spec_fields(plan),
        "",
        "",
        f"class {title}(Integration):",
        f'    """{title}\'s tables."""',
        "",
        "    spec = Spec",
        *laid_out(listed(*top), 1, "tables = "),
        "",
        f"    def connect(self, spec: Spec) -> {client_class(plan)}:",
        *_connects(plan),
        *laid_out(_connection(plan), 2, "return "),
        "",
    ]
    return "\n".join(lines)


def _imports(plan: Plan) -> list[str]:
    logins = [part for login in (plan.login, *plan.other_logins) if login for part in login.parts]
    named = client_class(plan) != "HttpClient"
    pydantic = ["BaseModel", "HttpUrl", *(["SecretStr"] if logins else []), *(["Field"] if _has_fields(plan) else [])]
    sdk = [*map(_auth_class, logins), *([] if named else ["HttpClient"]), "Integration"]
    own = [imported(f"integrations.{plan.name}.client", [client_class(plan)])] if named else []
    own += [
        imported(f"integrations.{plan.name}.tables.{plan.module(each)}", [constant(plan, each)])
        for each in plan.members
        if each.parent is None
    ]
    blocks = sorted([*own, imported("integrations.sdk", sdk)], key=lambda block: block[0].split()[1])
    return [*imported("pydantic", pydantic), "", *(line for block in blocks for line in block)]


def _what_it_is(plan: Plan) -> str:
    """The first line."""
    said = _in_a_docstring(first_sentence(plan.document.title, 90)).rstrip(".")
    return f"{title_of(plan.name)}: what {said or 'its API'} lists."


def _in_a_docstring(text: str) -> str:
    """What a document says, without what would end a docstring."""
    return text.translate(PLAIN).replace('"', "'").replace("\\", "/")


def _token_urls(plan: Plan) -> dict[str, str]:
    """The addresses where tokens are fetched, by what a user's spec calls them."""
    logins = [part for login in (plan.login, *plan.other_logins) if login for part in login.parts]
    return {_token_url(part): part.token_url for part in logins if part.kind == "client"}


def _token_url(login: Login) -> str:
    return f"{login.setting}token_url"


def _has_fields(plan: Plan) -> bool:
    return bool(plan.settings or plan.other_logins or _token_urls(plan))


def _spec_fields(plan: Plan) -> list[str]:
    lines = [f"    {name}: {_secret_type(name)}" for name in (plan.login.secrets if plan.login else ())]
    for login in plan.other_logins:
        for name in login.secrets:
            said = f"For {_asked_by(plan, login)}; without it, by the common log-in."
            lines += laid_out(
                call("Field", "None", description=quoted(said)), 1, f"{name}: {_secret_type(name)} | None = "
            )
    for name in plan.settings:
        field = call("Field", description=quoted(_setting_says(plan, name)))
        lines += laid_out(field, 1, f"{name}: str = ")
    for name, url in _token_urls(plan).items():
        given = [quoted(url)] if url else []
        lines += laid_out(
            call("Field", *given, description=quoted("Where the token is fetched.")), 1, f"{name}: str = "
        )
    known = plan.base_url.startswith(("https://", "http://"))
    return [*lines, f"    base_url: HttpUrl = HttpUrl({quoted(plan.base_url)})" if known else "    base_url: HttpUrl"]


def _secret_type(name: str) -> str:
    return "str" if name.endswith(PLAIN_FIELDS) else "SecretStr"


def _asked_by(plan: Plan, login: Login) -> str:
    """Which tables ask for a log-in: the only one, or how many."""
    names = [plan.names[member.listing.path] for member in plan.members if plan.own_login(member) == login]
    return f"`{names[0]}`" if len(names) == 1 else f"{len(names)} tables"


def _setting_says(plan: Plan, name: str) -> str:
    """What the document says of a parameter that nothing lists."""
    for member in plan.members:
        called = {**member.settings, **{header: setting_name(snake(header)) for header in member.listing.headers}}
        for each in member.listing.operation.parameters:
            if called.get(each.name) == name and each.description:
                return first_sentence(each.description, 80)
    return f"The {name.replace('_', ' ')} that is read."


def _auth_class(login: Login) -> str:
    return {"bearer": "Bearer", "basic": "Basic", "key": "ApiKey", "client": "OAuth2ClientCredentials"}[login.kind]


def _connects(plan: Plan) -> list[str]:
    """The docstring of `connect`: by what it logs in, and what the document asks for besides."""
    names = " and the ".join(name.replace("_", " ") for name in (plan.login.secrets if plan.login else ()))
    margin = STEP * 2
    if not plan.lacking:
        how = f"by the {names} of the spec" if names else "which asks for no log-in"
        return [f'{margin}"""The API, {how}."""']
    how = f"by the {names} of the spec alone" if names else "without a log-in"
    said = f"The document asks for a log-in by {plan.lacking}: write its Auth, and give it to the client as `auth`."
    note = textwrap.wrap(_in_a_docstring(said), WIDTH - len(margin), break_long_words=False, break_on_hyphens=False)
    return [f'{margin}"""The API, {how}.', "", *(f"{margin}{line}" for line in note), f'{margin}"""']


def _connection(plan: Plan) -> Code:
    named: dict[str, Code] = {"auth": _auth(plan.login)} if plan.login else {}
    if headers := plan.headers:
        named["headers"] = mapped(
            {
                name: f"spec.{setting_name(snake(name))}" if value is None else quoted(value)
                for name, value in headers.items()
            }
        )
    named |= {name: f"spec.{name}" for name in plan.attributes}
    for login in plan.other_logins:
        given = " and ".join(f"spec.{name}" for name in login.secrets)
        named[login_name(login)] = Given(_auth(login), given)
    return call(client_class(plan), "spec.base_url", **named)


def _auth(login: Login) -> Code:
    """The auth as code, with what is beside it."""
    own = [f"spec.{name}" for name in login.own]
    if login.kind == "client":
        own.insert(0, f"spec.{_token_url(login)}")
    named: dict[str, Code] = {"name": quoted(login.name)} if login.kind == "key" else {}
    named |= {"place": quoted(login.place)} if login.place != "header" else {}
    named |= {"beside": _auth(login.beside)} if login.beside else {}
    return call(_auth_class(login), *own, **named)


def spec_of_the_test(plan: Plan) -> dict[str, str]:
    """What the test fills in."""
    made = {name: f"secret-{name.replace('_', '-')}-of-the-test" for name in plan.secrets}
    made |= {name: f"the-{name.replace('_', '-')}" for name in plan.settings}
    return made | dict.fromkeys(_token_urls(plan), TOKEN_PATH)


def _test(plan: Plan) -> str:
    spec = spec_of_the_test(plan)
    title = title_of(plan.name)
    return "\n".join(
        [
            f'"""{title} against a server made from its OpenAPI document."""',
            "",
            "from pathlib import Path",
            "",
            "from integrations.sdk.openapi.serving import api_of",
            "from orchestration.testing import conformance",
            "",
            'DOCUMENT = Path(__file__).with_name("openapi.json")',
            *laid_out(mapped({name: quoted(value) for name, value in spec.items()}), before="SPEC = "),
            "",
            *laid_out(
                call(
                    "conformance",
                    quoted(f"integrations.{plan.name}"),
                    "api_of(DOCUMENT, credentials=SPEC)",
                    spec="SPEC",
                ),
                before=f"Test{title} = ",
            ),
            "",
        ]
    )


def _said_of(plan: Plan, setting: str) -> str:
    """What a setting is, for a row of the README's table."""
    for login in plan.other_logins:
        if setting in login.secrets:
            return f"For {_asked_by(plan, login)}, which ask for another log-in; may be left out"
    return _setting_says(plan, setting).replace("|", "\\|") if setting in plan.settings else ""


def _readme(plan: Plan) -> str:
    settings = [*plan.secrets, *plan.settings]
    given = "".join(f"    {name}: ${{{plan.name.upper()}_{name.upper()}}}\n" for name in settings)
    url = "" if plan.base_url.startswith("http") else "    base_url: https://…\n"
    spec = f"  spec:\n{given}{url}" if given or url else "  spec: {}\n"
    rows = "".join(f"| `{name}` | | {_said_of(plan, name)} |\n" for name in settings)
    for name, token_url in _token_urls(plan).items():
        rows += f"| `{name}` | `{token_url}` | Where the token is fetched |\n"
    tables = "\n\n".join(_described(plan, member) for member in plan.members)
    return (
        f"# {title_of(plan.name)}\n\nSay here what it is, and how to get what it needs to log in.\n\n"
        f"```yaml\nkind: source\nspec:\n  name: {plan.name}\n  path: integrations.{plan.name}\n"
        f"  destinations: [warehouse]\n  deterministic_cq_id: true\n{spec}```\n\n"
        f"| setting | default | |\n|---|---|---|\n{rows}| `base_url` | {_default(plan)} | |\n\n"
        f"## Tables\n\n{tables}\n\nTest it with `python -m pytest tests/integrations/{plan.name}`.\n"
    )


def _default(plan: Plan) -> str:
    return f"`{plan.base_url}`" if plan.base_url.startswith("http") else ""


def _described(plan: Plan, member: Member) -> str:
    fields = [field for field, _ in columns_of(member)]
    keys = [field.name for field in fields if field.primary_key]
    others = [field.name for field in fields if not field.primary_key]
    below = f", one listing per row of `{plan.table(member.parent)}`" if member.parent else ""
    text = f"`{plan.table(member)}`{below}, by {' and '.join(f'`{key}`' for key in keys)}"
    text += f": {', '.join(f'`{name}`' for name in others)}." if others else "."
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)
