"""The rules of `headwater check` that a script's text has to keep."""

import ast
import re
import sys
from collections.abc import Iterator

from integrations.sdk.resource import FIELDS_OF, Resource
from orchestration.packaging.rules import Finding, finding
from orchestration.packaging.script_text import (
    HTTP_METHODS,
    MAX_DEPTH,
    Function,
    ScriptText,
    keyword_of,
    short,
    speaks_of_a_secret,
)

BROUGHT = frozenset({"boto3", "httpx", "mypy_boto3_s3", "pandas", "pydantic", "secodadk", "typing_extensions"})
"""What an installed secodadk brings along."""
OWN_HTTP = frozenset(
    {"aiohttp", "boto3", "botocore", "ftplib", "grpc", "http.client", "requests", "smtplib", "socket"}
    | {"urllib.request", "urllib3", "websocket", "websockets"}
)
HTTPX_CALLS = re.compile(r"httpx\.(AsyncClient|Client|delete|get|head|options|patch|post|put|request|stream)")
UNSTABLE = re.compile(
    r"id|hash|(.+\.)?(uuid[14]|urandom|getpid|randint|token_(hex|urlsafe|bytes))|((numpy|np)\.)?random\.\w+|secrets\.\w+|"
    r"time\.(time|monotonic|perf_counter)(_ns)?|(.+\.)(now|utcnow|today)"
)
SCHEME = re.compile(r"(?:Bearer|Basic|Token)\s+", re.IGNORECASE)
NO_VALUE = re.compile(
    r"|\W+|<.*>|\{.*\}|x+|\.\.\.|your.*|changeme|example.*|(?-i:[A-Z][A-Z0-9]*(_[A-Z0-9]+)+)|urn:.*|/[\w./-]*",
    re.IGNORECASE,
)
"""Placeholders, names of environment variables, and paths."""
SPECIAL_FIELDS = {field: entity for entity, names in FIELDS_OF.items() for field in names}
UNDOCUMENTED = frozenset({"owners", "hidden"})
IDS = ("databuilder_id", "parent_databuilder_id")


def check_script(script: ScriptText) -> Iterator[Finding]:
    """Every finding in the text itself."""
    yield from _check_class(script)
    yield from _check_imports(script)
    yield from _check_resources(script)
    yield from _check_ids(script)
    yield from _check_calls(script)
    yield from _check_secrets(script)


def _check_calls(script: ScriptText) -> Iterator[Finding]:
    for call in script.calls:
        name, whole = short(call.func), script.dotted(call.func)
        of = call.func.value if isinstance(call.func, ast.Attribute) else None
        if name == "http_put" and keyword_of(call, "auth") is not None:
            yield finding("put-auth", "http_put(auth=…) is sent here, and by secodadk 0.0.6 it is not", call.lineno)
        elif name == "json" and isinstance(of, ast.Call) and (inner := short(of.func)) in HTTP_METHODS:
            yield finding("status-unchecked", f"{inner}(…).json() without raise_for_status() between", call.lineno)
        elif HTTPX_CALLS.fullmatch(whole):
            yield finding("direct-http", f"{whole}() passes by the manifest's endpoints", call.lineno)


def _check_class(script: ScriptText) -> Iterator[Finding]:
    known, grown = {"SecodaIntegration", "Integration"}, True
    while grown:
        grown = False
        for each in script.classes:
            if each.name not in known and any(_last(script, base) in known for base in each.bases):
                known.add(each.name)
                grown = True
    own = [each for each in script.classes if each.name in known]
    elsewhere = any(script.is_sibling(module) for module, _ in script.imports())  # may have either
    if not elsewhere and not (own and any(_has_extract(script, each) for each in own)):
        what = "no class of it extends SecodaIntegration" if not own else f"{own[0].name} has no extract()"
        yield finding("integration-missing", what, own[0].lineno if own else None)
    for node in _run_on_import(script):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "start":
            started = script.value_of(node.func.value) or node.func.value
            if isinstance(started, ast.Call) and _last(script, started.func) in known:
                yield finding("starts-on-import", "start() is called when the script is imported", node.lineno)


def _last(script: ScriptText, node: ast.expr) -> str:
    """The last part of a name, what it was imported as followed."""
    return script.dotted(node).rpartition(".")[2]


def _has_extract(script: ScriptText, each: ast.ClassDef, depth: int = 0) -> bool:
    """Whether a class has it, or one of the bases that the script defines."""
    for item in each.body:
        names = [short(target) for target in item.targets] if isinstance(item, ast.Assign) else []
        if "extract" in names or (isinstance(item, Function) and item.name == "extract"):
            return True
    bases = {short(base) for base in each.bases}
    return depth < MAX_DEPTH and any(
        _has_extract(script, other, depth + 1) for other in script.classes if other.name in bases
    )


def _run_on_import(script: ScriptText) -> Iterator[ast.AST]:
    """What is run when the script is imported, the functions that it calls by name included."""
    left: list[ast.AST] = [
        each
        for each in script.tree.body
        if not isinstance(each, Function | ast.ClassDef)
        and not (isinstance(each, ast.If) and "__name__" in ast.unparse(each.test))
    ]
    seen: set[str] = set()
    while left:
        for node in ast.walk(left.pop()):
            yield node
            name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if name in script.functions and name not in seen:
                seen.add(name)
                left.append(script.functions[name])


def _check_imports(script: ScriptText) -> Iterator[Finding]:
    for module, line in script.imports():
        top = module.partition(".")[0]
        if module in OWN_HTTP:
            yield finding("direct-http", f"`{module}` passes by the manifest's endpoints", line)
        if script.is_sibling(module):
            yield finding("sibling-import", f"`{top or module}` lies beside the script and would be missing", line)
        elif top not in sys.stdlib_module_names and top not in BROUGHT:
            yield finding("third-party-import", f"`{top}` has to be installed wherever the script runs", line)


def _check_resources(script: ScriptText) -> Iterator[Finding]:
    for fields, line in script.resources():
        given = fields.get("entity_type")
        entity_type, whole = script.text(given) if given is not None else ("", False)
        for field in fields:
            if field not in Resource.model_fields:
                yield finding("ignored-field", f"Resource has no field `{field}`", line)
            elif whole and field in SPECIAL_FIELDS and SPECIAL_FIELDS[field] != entity_type:
                home = SPECIAL_FIELDS[field]
                yield finding("field-of-other-type", f"`{field}` is for a {home}, not a {entity_type}", line)
            if field in UNDOCUMENTED:
                yield finding("undocumented-field", f"`{field}` is in the package and in no document", line)


def _check_ids(script: ScriptText) -> Iterator[Finding]:
    for node in script.nodes:
        given: list[tuple[object, ast.expr]] = []
        if isinstance(node, ast.Call):
            given = [(keyword.arg, keyword.value) for keyword in node.keywords]
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            given = [(key.value, value) for key, value in pairs if isinstance(key, ast.Constant)]
        for name, value in given:
            if name in IDS and (made_with := _unstable(script, value)):
                what = f"{name} is made with `{made_with}`: another id each run"
                yield finding("unstable-id", what, getattr(node, "lineno", None))


def _unstable(script: ScriptText, expression: ast.expr) -> str:
    """What in an expression gives another value each time; names, and what functions return, are followed."""
    left: list[ast.AST] = [expression]
    seen: set[int] = set()
    while left:
        if id(each := left.pop()) in seen:
            continue
        seen.add(id(each))
        for node in ast.walk(each):
            if isinstance(node, ast.Name) and (value := script.value_of(node)) is not None:
                left.append(value)
            elif isinstance(node, ast.Call):
                name = script.dotted(node.func)
                if function := script.functions.get(name.removeprefix("self.")):
                    left += [item.value for item in ast.walk(function) if isinstance(item, ast.Return) and item.value]
                elif UNSTABLE.fullmatch(name):
                    return name
    return ""


def _check_secrets(script: ScriptText) -> Iterator[Finding]:
    for node in script.nodes:
        for name, value in _named_values(node):
            text = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""
            if speaks_of_a_secret(name) and _looks_secret(SCHEME.sub("", text)):
                line = getattr(node, "lineno", None)
                yield finding("secret-in-source", f"`{name}` has a value in the script", line)


def _named_values(node: ast.AST) -> list[tuple[str, ast.expr | None]]:
    """Each value that has a name: assigned, in a dictionary, given to a call, or taken where nothing is given."""
    if isinstance(node, ast.Assign):
        return [(short(target), node.value) for target in node.targets]
    if isinstance(node, ast.AnnAssign):
        return [(short(node.target), node.value)]
    if isinstance(node, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else "" for key in node.keys]
        return [(str(key), value) for key, value in zip(keys, node.values, strict=True)]
    if isinstance(node, ast.keyword):
        if node.arg == "auth" and isinstance(node.value, ast.Tuple) and node.value.elts:
            return [("password in auth", node.value.elts[-1])]
        return [(node.arg or "", node.value)]
    if isinstance(node, ast.arguments):
        places = [*node.posonlyargs, *node.args]
        defaults = [
            *zip(reversed(places), reversed(node.defaults), strict=False),
            *zip(node.kwonlyargs, node.kw_defaults, strict=True),
        ]
        return [(each.arg, value) for each, value in defaults]
    if isinstance(node, ast.Call) and short(node.func) in ("get", "getenv", "pop", "setdefault") and len(node.args) > 1:
        key = node.args[0]
        return [(str(key.value) if isinstance(key, ast.Constant) else "", node.args[1])]
    return []


def _looks_secret(text: str) -> bool:
    """Whether a text may be a credential: not a word, not a sentence, not an address, not a placeholder."""
    if len(text) < 6 or " " in text or "://" in text or NO_VALUE.fullmatch(text):
        return False
    if speaks_of_a_secret(text) and re.fullmatch(r"[A-Za-z_.-]+", text):
        return False  # the name of one, such as `client_secret`
    return len(text) >= 20 or re.search(r"\d|[^\w.-]", text) is not None
