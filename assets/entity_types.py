"""Which entity types an integration declares, so that its assets are known before it runs."""

import ast
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

from assets.source import LINEAGE
from integrations.sdk.errors import DeclarationError
from integrations.sdk.integration import SecodaIntegration
from integrations.sdk.resource import ENTITY_PARENT

FIELD = "entity_type"
ASSET_NAME = re.compile(r"[A-Za-z0-9_]+")  # Dagster's rule for what is made of it
MAX_DEPTH = 6  # of names that lead to names

Function = ast.FunctionDef | ast.AsyncFunctionDef


def entity_types_of(integration: type[SecodaIntegration]) -> list[str]:
    """The entity types that a class declares: its attribute, else the literals in its files, else all; top-down.

    Raises: DeclarationError for one of the attribute that no asset can be called.
    """
    stated = list(getattr(integration, "entity_types", ()))
    if wrong := [each for each in stated if not _names_an_asset(each)]:
        raise DeclarationError(
            f"`{wrong[0]}` is no entity type that can be an asset",
            hint="letters, digits and _ may stand in entity_types; what is declared of another type is in the catalog",
        )
    found = stated or [each for each in _in_files(integration) if _names_an_asset(each)] or list(ENTITY_PARENT)
    order = list(ENTITY_PARENT)
    return sorted(dict.fromkeys(found), key=lambda type_: order.index(type_) if type_ in order else len(order))


def _names_an_asset(entity_type: object) -> bool:
    """Whether an asset can be called so, beside the lineage set."""
    return isinstance(entity_type, str) and entity_type != LINEAGE and ASSET_NAME.fullmatch(entity_type) is not None


def _in_files(integration: type[SecodaIntegration]) -> list[str]:
    found: list[str] = []
    for module in _modules(sys.modules[integration.__module__]):
        file = Path(getattr(module, "__file__", None) or "")
        if file.suffix == ".py" and file.is_file():
            found += _Text(file.read_bytes()).entity_types()
    return found


def _modules(module: ModuleType) -> Iterator[ModuleType]:
    """The module, and those of its package that it uses: a script's siblings may build what it declares."""
    package, known, left = f"{module.__package__}.", {module.__name__}, [module]
    while left:
        yield (each := left.pop())
        for value in list(vars(each).values()):
            name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            if isinstance(name, str) and name.startswith(package) and name in sys.modules and name not in known:
                known.add(name)
                left.append(sys.modules[name])


class _Text:
    """A file's text, in the coding that it names, in which the values of `entity_type` are followed."""

    def __init__(self, content: bytes) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they were said when it was imported
            self.nodes = list(ast.walk(ast.parse(content)))

    def entity_types(self) -> list[str]:
        """Every one that it may declare."""
        return [found for value in self._given() for found in self._texts(value)]

    def _given(self) -> Iterator[ast.expr]:
        for node in self.nodes:
            if isinstance(node, ast.Call):
                yield from (keyword.value for keyword in node.keywords if keyword.arg == FIELD)
            elif isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                yield from (value for key, value in pairs if _is_text(key) and key.value == FIELD)

    def _texts(self, value: ast.expr, depth: int = 0) -> Iterable[str]:
        """The texts that an expression may be; where it cannot be followed, the file's texts that are entity types."""
        if _is_text(value):
            return [str(value.value)]
        choices: Iterable[ast.expr] = ()
        if isinstance(value, ast.IfExp):
            choices = (value.body, value.orelse)
        elif isinstance(value, ast.BoolOp):
            choices = value.values
        elif isinstance(value, ast.Name) and (function := self._function_of.get(id(value))):
            choices = self._arguments(function, value.id)
            if not choices:
                return ENTITY_PARENT  # another file gives it
        elif isinstance(value, ast.Name | ast.Attribute):
            choices = self._assigned.get(value.id if isinstance(value, ast.Name) else value.attr, ())
        if not choices or depth > MAX_DEPTH:
            return self._named
        return [text for choice in choices for text in self._texts(choice, depth + 1)]

    @cached_property
    def _named(self) -> list[str]:
        return [str(node.value) for node in self.nodes if _is_text(node) and node.value in ENTITY_PARENT]

    @cached_property
    def _assigned(self) -> dict[str, list[ast.expr]]:
        """What is assigned to each name and attribute."""
        found: dict[str, list[ast.expr]] = {}
        for node in self.nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name | ast.Attribute):
                        name = target.id if isinstance(target, ast.Name) else target.attr
                        found.setdefault(name, []).append(node.value)
        return found

    @cached_property
    def _function_of(self) -> dict[int, Function]:
        """The function of which a name in a body is a parameter, by the name's node."""
        return {
            id(node): function
            for function in self.nodes
            if isinstance(function, Function)
            for node in ast.walk(function)
            if isinstance(node, ast.Name) and node.id in _parameters(function)
        }

    def _arguments(self, function: Function, parameter: str) -> list[ast.expr]:
        """What the file's calls give for a parameter, and its default."""
        names = _parameters(function)
        at = names.index(parameter)
        each = function.args
        defaults = [
            *zip(reversed([*each.posonlyargs, *each.args]), reversed(each.defaults), strict=False),
            *zip(each.kwonlyargs, each.kw_defaults, strict=True),
        ]
        found = [value for name, value in defaults if name.arg == parameter and value and not _is_none(value)]
        for call in self.nodes:
            called = call.func if isinstance(call, ast.Call) else None
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if not isinstance(call, ast.Call) or name != function.name:
                continue
            place = at - (isinstance(called, ast.Attribute) and names[0] in ("self", "cls"))
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            if parameter in given:
                found.append(given[parameter])
            elif at < len(each.posonlyargs + each.args) and 0 <= place < len(call.args):
                found.append(call.args[place])
        return found


def _parameters(function: Function) -> list[str]:
    each = function.args
    return [argument.arg for argument in (*each.posonlyargs, *each.args, *each.kwonlyargs)]


def _is_text(node: ast.AST | None) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
