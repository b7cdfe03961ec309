"""`client.py` of a new integration: the client that knows what of the API a source reads, and by which log-ins."""

from orchestration.scaffolding import title_of
from orchestration.scaffolding.code import call, imported, laid_out
from orchestration.scaffolding.modules import client_class, login_name
from orchestration.scaffolding.plan import Plan


def client_module(plan: Plan) -> str:
    """The module's text."""
    logins = list(map(login_name, plan.other_logins))
    headers = ["headers: Mapping[str, str] | None = None"] if plan.headers else []
    given = [*(f"{name}: str" for name in plan.attributes), "auth: Auth | None = None", *headers]
    given += [f"{name}: Auth | None = None" for name in logins]
    passed = ", headers=headers" if plan.headers else ""
    return "\n".join(
        [
            f'"""{title_of(plan.name)}\'s API, and what of it a source reads."""',
            "",
            *(["from collections.abc import Mapping", ""] if headers else []),
            *imported("integrations.sdk", ["Auth", "HttpClient"]),
            "",
            "",
            f"class {client_class(plan)}(HttpClient):",
            f'    """{_says(plan)}"""',
            "",
            *laid_out(call("def __init__", "self", "base_url: object", "*", *given), 1, after=" -> None:"),
            f"        super().__init__(base_url, auth=auth{passed})",
            *(f"        self.{name} = {name}" for name in plan.attributes),
            *(f"        self.{name} = self.derive(self.id, auth={name})" for name in logins),
            "",
        ]
    )


def _says(plan: Plan) -> str:
    if not plan.other_logins:
        return "The API by one login; what every path needs, and no listing gives, is an attribute."
    return "The API by its common login; `by_…` is the same by another, or by that one without the other's secrets."
