"""What can be read from a script's text without running it: its names, calls, requests and inputs."""

import ast
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

HTTP_METHODS = frozenset({"http_get", "http_post", "http_put", "http_patch", "http_delete"})
VALIDATING = frozenset({"construct", "model_construct", "model_validate", "parse_obj"})
SECRET_WORDS = re.compile(
    r"password|passwd|passphrase|passcode|pwd|(?<![^\W_])pass(?![^\W_])|secret|token|api_?key|private_?key|credential|"
    r"authorization",
    re.IGNORECASE,
)
ABOUT_A_SECRET = re.compile(
    r"(endpoint|env|expiry|field|file|format|header|help|id|label|name|param|path|prefix|scope|title|type|uri|url|var)s?$",
    re.IGNORECASE,
)
MAX_DEPTH = 10  # of names that lead to names

Function = ast.FunctionDef | ast.AsyncFunctionDef


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
    def classes(self) -> list[ast.ClassDef]:
        """Every class."""
        return [node for node in self.nodes if isinstance(node, ast.ClassDef)]

    @cached_property
    def functions(self) -> dict[str, Function]:
        """Every function and method whose name only one has."""
        found: dict[str, list[Function]] = {}
        for node in self.nodes:
            if isinstance(node, Function):
                found.setdefault(node.name, []).append(node)
        return {name: each[0] for name, each in found.items() if len(each) == 1}

    @cached_property
    def imported(self) -> dict[str, str]:
        """What each name of an import stands for: `from uuid import uuid4 as new` gives `new: uuid.uuid4`."""
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found |= {alias.asname: alias.name for alias in node.names if alias.asname}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        return found

    @cached_property
    def _bound(self) -> dict[str, list[ast.expr | None]]:
        """What is bound to each name, and to each attribute (`.name`); None where no expression says it."""
        bound: dict[str, list[ast.expr | None]] = {}
        in_classes = {id(statement) for each in self.classes for statement in each.body}
        for node in self.nodes:
            targets: list[ast.expr] = []
            value = None
            if isinstance(node, ast.AnnAssign) and node.value is None:
                continue
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr):
                targets, value = node.targets if isinstance(node, ast.Assign) else [node.target], node.value
            elif isinstance(node, ast.AugAssign | ast.For | ast.AsyncFor | ast.comprehension):
                targets = [node.target]
            elif isinstance(node, ast.withitem) and node.optional_vars:
                targets = [node.optional_vars]
            elif isinstance(node, ast.arg):
                bound.setdefault(node.arg, []).append(None)
            for target in targets:
                plain = isinstance(target, ast.Name | ast.Attribute)
                for each in [target] if plain else ast.walk(target):
                    if isinstance(each, ast.Name | ast.Attribute):
                        dot = "." if isinstance(each, ast.Attribute) or id(node) in in_classes else ""
                        bound.setdefault(dot + short(each), []).append(value if plain else None)
        return bound

    def value_of(self, node: ast.expr) -> ast.expr | None:
        """What a name stands for, where that is one thing only; of attributes those of the script's own objects."""
        key = ""
        if isinstance(node, ast.Name):
            key = node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            own = node.value.id in ("self", "cls") or any(each.name == node.value.id for each in self.classes)
            key = f".{node.attr}" if own else ""
        values = self._bound.get(key, [])
        return values[0] if len(values) == 1 else None

    def dotted(self, node: ast.expr) -> str:
        """The whole name of what is called, imports followed; empty for what is no name."""
        if isinstance(node, ast.Name):
            return self.imported.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            before = self.dotted(node.value)
            return f"{before}.{node.attr}" if before else ""
        return ""

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

    def is_sibling(self, module: str) -> bool:
        """Whether an imported module is a file beside the script."""
        top, folder = module.partition(".")[0], self.path.parent
        return module.startswith(".") or (
            top not in sys.stdlib_module_names
            and top != "secodadk"
            and ((folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file())
        )

    def resources(self) -> Iterator[tuple[Mapping[str, ast.expr], int]]:
        """The fields that each Resource in the text is given, as far as they are written out, with its line."""
        for call in self.calls:
            of = call.func
            if short(of) in VALIDATING and isinstance(of, ast.Attribute):
                of = of.value
            if self.dotted(of).rpartition(".")[2] == "Resource":
                fields = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
                for given in [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg is None)]:
                    fields |= _written_out(given)
                yield fields, call.lineno

    def requests(self) -> Iterator[Asked]:
        """Every http_*() call whose address begins with a text that is known."""
        for call in self.calls:
            if short(call.func) in HTTP_METHODS:
                given = call.args[0] if call.args else keyword_of(call, "url")
                text, whole = self.text(given) if given else ("", False)
                if text.startswith(("http://", "https://")):
                    yield Asked(text, whole, call.lineno)

    def _is_credentials(self, node: ast.expr) -> bool:
        stands_for = self.value_of(node) if isinstance(node, ast.Name) else None
        return short(node) == "credentials" or (stands_for is not None and short(stands_for) == "credentials")

    def credentials(self) -> Iterator[tuple[str, int]]:
        """Every key that is read from `credentials`, with its line."""
        for node in self.nodes:
            if isinstance(node, ast.Subscript) and self._is_credentials(node.value):
                key: ast.expr | None = node.slice
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                reads = node.func.attr in ("get", "pop", "setdefault") and self._is_credentials(node.func.value)
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

    def text(self, node: ast.expr, depth: int = 0) -> tuple[str, bool]:
        """The text that an expression begins with, and whether it is all of it."""
        if isinstance(node, ast.Constant):
            return str(node.value), True
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.FormattedValue) else part for part in node.values]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            parts = [node.left, node.right]
        elif depth < MAX_DEPTH and (value := self.value_of(node)) is not None:
            return self.text(value, depth + 1)
        else:
            return "", False
        text = ""
        for part in parts:
            more, whole = self.text(part, depth + 1)
            text += more
            if not whole:
                return text, False
        return text, True


def speaks_of_a_secret(name: str) -> bool:
    """Whether what is called so is a credential: `api_token` is one, `token_url` and `token_type` are not."""
    return SECRET_WORDS.search(name) is not None and ABOUT_A_SECRET.search(name) is None


def short(node: ast.AST) -> str:
    """The last part of a dotted name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def keyword_of(call: ast.Call, name: str) -> ast.expr | None:
    """What a call gives under a name."""
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _written_out(node: ast.expr) -> dict[str, ast.expr]:
    """The keys of a dictionary that is written out."""
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {str(key.value): value for key, value in pairs if isinstance(key, ast.Constant)}
    if isinstance(node, ast.Call) and short(node.func) == "dict":
        return {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    return {}
