"""What can be read from a script's text without running it."""

import ast
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from integrations.sdk.resource import FIELDS_OF, Resource
from orchestration.packaging.rules import Finding, finding

HTTP_METHODS = frozenset({"http_get", "http_post", "http_put", "http_patch", "http_delete"})
BROUGHT = frozenset({"boto3", "httpx", "mypy_boto3_s3", "pandas", "pydantic", "secodadk", "typing_extensions"})
"""What an installed secodadk brings along."""
OWN_HTTP = frozenset(
    {"aiohttp", "boto3", "botocore", "ftplib", "grpc", "http.client", "requests", "smtplib", "socket"}
    | {"urllib.request", "urllib3", "websocket", "websockets"}
)
HTTPX_CALLS = frozenset(
    {"AsyncClient", "Client", "delete", "get", "head", "options", "patch", "post", "put", "request", "stream"}
)
UNSTABLE = re.compile(
    r"\buuid[14]\(|\brandom\.|\brandint\(|\bsecrets\.|\btoken_(hex|urlsafe|bytes)\(|\btime\.time|\btime\(\)|"
    r"\bperf_counter|\bmonotonic\(|\.now\(|\butcnow\(|\btoday\(|(?<![\w.])id\(|(?<![\w.])hash\(|\burandom\("
)
SECRET_WORDS = re.compile(r"pass(word|wd)?|secret|token|api_?key|private_?key|credential|authorization", re.IGNORECASE)
SCHEME = re.compile(r"(?:Bearer|Basic|Token)\s+", re.IGNORECASE)
TRIVIAL_VALUE = re.compile(r"|\W+|<.*>|\{.*\}|x+|\.\.\.|your.*|changeme|example.*", re.IGNORECASE)
SPECIAL_FIELDS = {field: entity for entity, names in FIELDS_OF.items() for field in names}
UNDOCUMENTED = frozenset({"owners", "hidden"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request in the text: its address as far as it is known, and whether that is all of it."""

    url: str
    whole: bool
    line: int


class ScriptText:
    """A script's text, parsed. Raises: SyntaxError, ValueError, RecursionError when it cannot be."""

    def __init__(self, content: bytes, path: Path) -> None:
        self.path = path
        with warnings.catch_warnings():  # such as of an escape that is none: not what is looked for
            warnings.simplefilter("ignore")
            self.tree = ast.parse(content, filename=path.name)
        self.nodes = list(ast.walk(self.tree))

    @cached_property
    def calls(self) -> list[ast.Call]:
        """Every call."""
        return [node for node in self.nodes if isinstance(node, ast.Call)]

    @cached_property
    def constants(self) -> dict[str, ast.expr]:
        """What is assigned to a name, or an attribute, once."""
        assigned: dict[str, list[ast.expr]] = {}
        for node in self.nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if name := _short(target):
                        assigned.setdefault(name, []).append(node.value)
        return {name: values[0] for name, values in assigned.items() if len(values) == 1}

    def imports(self) -> Iterator[tuple[str, int]]:
        """Every imported module with its line; `from a import b` is `a` and `a.b`."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield alias.name, node.lineno
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                yield module, node.lineno
                for alias in node.names:
                    yield f"{module}.{alias.name}", node.lineno

    def requests(self) -> Iterator[Asked]:
        """Every http_*() call whose address begins with a text that is known."""
        for call in self.calls:
            if _short(call.func) in HTTP_METHODS:
                given = call.args[0] if call.args else _keyword(call, "url")
                text, whole = self._text(given) if given else ("", False)
                if text.startswith(("http://", "https://")):
                    yield Asked(text, whole, call.lineno)

    def credentials(self) -> Iterator[tuple[str, int]]:
        """Every key that is read from `credentials`, with its line."""
        for node in self.nodes:
            if isinstance(node, ast.Subscript) and _short(node.value) == "credentials":
                key: ast.expr | None = node.slice
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                reads = node.func.attr in ("get", "pop", "setdefault") and _short(node.func.value) == "credentials"
                key = node.args[0] if reads and node.args else None
            else:
                continue
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, node.lineno

    def reads_all_credentials(self) -> bool:
        """Whether `credentials` is used in another way than by a key: then nobody can tell which are read."""
        by_key = {
            id(node.value)
            for node in self.nodes
            if isinstance(node, ast.Subscript) or (isinstance(node, ast.Attribute) and node.attr in ("get", "pop"))
        }
        return any(
            isinstance(node, ast.Attribute) and node.attr == "credentials" and id(node) not in by_key
            for node in self.nodes
        )

    def _text(self, node: ast.expr, depth: int = 0) -> tuple[str, bool]:
        """The text that an expression begins with, and whether it is all of it."""
        if isinstance(node, ast.Constant):
            return str(node.value), True
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.FormattedValue) else part for part in node.values]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            parts = [node.left, node.right]
        elif (name := _short(node)) in self.constants and depth < 10:
            return self._text(self.constants[name], depth + 1)
        else:
            return "", False
        text = ""
        for part in parts:
            more, whole = self._text(part, depth + 1)
            text += more
            if not whole:
                return text, False
        return text, True


def check_script(script: ScriptText) -> Iterator[Finding]:
    """Every finding in the text itself."""
    yield from _check_class(script)
    yield from _check_imports(script)
    yield from _check_resources(script)
    yield from _check_calls(script)
    yield from _check_secrets(script)


def _check_calls(script: ScriptText) -> Iterator[Finding]:
    for call in script.calls:
        name = _short(call.func)
        of = call.func.value if isinstance(call.func, ast.Attribute) else None
        if name == "http_put" and _keyword(call, "auth") is not None:
            yield finding("put-auth", "http_put(auth=…) is sent here, and by secodadk 0.0.6 it is not", call.lineno)
        elif name == "json" and isinstance(of, ast.Call) and (inner := _short(of.func)) in HTTP_METHODS:
            yield finding("status-unchecked", f"{inner}(…).json() without raise_for_status() between", call.lineno)
        elif of is not None and _short(of) == "httpx" and name in HTTPX_CALLS:
            yield finding("direct-http", f"httpx.{name}() passes by the manifest's endpoints", call.lineno)


def _check_class(script: ScriptText) -> Iterator[Finding]:
    classes = [node for node in script.nodes if isinstance(node, ast.ClassDef)]
    known, grown = {"SecodaIntegration", "Integration"}, True
    while grown:
        grown = False
        for each in classes:
            if each.name not in known and any(_short(base) in known for base in each.bases):
                known.add(each.name)
                grown = True
    own = [each for each in classes if each.name in known]
    extracts = any(isinstance(item, ast.FunctionDef) and item.name == "extract" for each in own for item in each.body)
    if not own or not extracts:
        what = "no class of it extends SecodaIntegration" if not own else f"{own[0].name} has no extract()"
        yield finding("integration-missing", what, own[0].lineno if own else None)
    for statement in script.tree.body:
        for node in ast.walk(statement) if isinstance(statement, ast.Expr | ast.Assign) else ():
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "start":
                continue
            started = script.constants.get(_short(node.func.value), node.func.value)
            if isinstance(started, ast.Call) and _short(started.func) in known:
                yield finding("starts-on-import", "start() is called when the script is imported", node.lineno)


def _check_imports(script: ScriptText) -> Iterator[Finding]:
    folder = script.path.parent
    for module, line in script.imports():
        top = module.partition(".")[0]
        if module in OWN_HTTP:
            yield finding("direct-http", f"`{module}` passes by the manifest's endpoints", line)
        if module.startswith(".") or (
            top not in sys.stdlib_module_names
            and top != "secodadk"
            and ((folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file())
        ):
            yield finding("sibling-import", f"`{top or module}` lies beside the script and would be missing", line)
        elif top not in sys.stdlib_module_names and top not in BROUGHT:
            yield finding("third-party-import", f"`{top}` has to be installed wherever the script runs", line)


def _check_resources(script: ScriptText) -> Iterator[Finding]:
    for call in script.calls:
        if _short(call.func) != "Resource":
            continue
        given = _keyword(call, "entity_type")
        entity_type = script._text(given)[0] if given is not None else ""
        for keyword in call.keywords:
            field = keyword.arg
            if field is None:
                continue
            if field not in Resource.model_fields:
                yield finding("ignored-field", f"Resource has no field `{field}`", call.lineno)
            elif entity_type and field in SPECIAL_FIELDS and SPECIAL_FIELDS[field] != entity_type:
                home = SPECIAL_FIELDS[field]
                yield finding("field-of-other-type", f"`{field}` is for a {home}, not a {entity_type}", call.lineno)
            if field in UNDOCUMENTED:
                yield finding("undocumented-field", f"`{field}` is in the package and in no document", call.lineno)
    for call in script.calls:
        for keyword in call.keywords:
            if keyword.arg in ("databuilder_id", "parent_databuilder_id"):
                value = keyword.value
                if isinstance(value, ast.Name) and value.id in script.constants:
                    value = script.constants[value.id]
                if match := UNSTABLE.search(ast.unparse(value)):
                    what = match[0].rstrip("(").strip(".")
                    yield finding(
                        "unstable-id", f"{keyword.arg} is made with `{what}`: another id each run", call.lineno
                    )


def _check_secrets(script: ScriptText) -> Iterator[Finding]:
    for node in script.nodes:
        pairs: list[tuple[str, ast.expr | None]] = []
        if isinstance(node, ast.Assign):
            pairs = [(_short(target), node.value) for target in node.targets]
        elif isinstance(node, ast.Dict):
            keys = [key.value if isinstance(key, ast.Constant) else "" for key in node.keys]
            pairs = [(str(key), value) for key, value in zip(keys, node.values, strict=True)]
        elif isinstance(node, ast.keyword):
            pairs = [(node.arg or "", node.value)]
            if node.arg == "auth" and isinstance(node.value, ast.Tuple):
                pairs = [("password in auth", node.value.elts[-1])]
        for name, value in pairs:
            text = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""
            text = SCHEME.sub("", text)
            if SECRET_WORDS.search(name) and _looks_secret(text):
                line = getattr(node, "lineno", None)
                yield finding("secret-in-source", f"`{name}` has a value in the script", line)


def _looks_secret(text: str) -> bool:
    """Whether a text may be a credential: not a word, not a sentence, not an address, not a placeholder."""
    if len(text) < 6 or " " in text or "://" in text or TRIVIAL_VALUE.fullmatch(text) or SECRET_WORDS.fullmatch(text):
        return False
    return len(text) >= 20 or re.search(r"\d|[^\w.-]", text) is not None


def _short(node: ast.AST) -> str:
    """The last part of a dotted name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
