"""Values of Jinja expressions, as far as a template alone tells them. Nothing of the template is ever executed."""

import operator
from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import nodes

MAX_TEXT = 100_000
MAX_ITEMS = 1_000


class _Unknown:
    """A value that only dbt could tell."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


class Relation(str):
    """What `ref`, `source` and `this` give: a name that stands for a table."""

    __slots__ = ()


Names = dict[str, Any]
Called = Callable[[str, list[Any], dict[str, Any]], Any]
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}
FILTERS: dict[str, Callable[..., Any]] = {
    "capitalize": str.capitalize,
    "first": lambda value: value[0],
    "join": lambda value, by="": by.join(str(each) for each in value),
    "last": lambda value: value[-1],
    "length": len,
    "list": list,
    "lower": str.lower,
    "replace": str.replace,
    "reverse": lambda value: value[::-1],
    "string": str,
    "trim": str.strip,
    "unique": lambda value: list(dict.fromkeys(value)),
    "upper": str.upper,
}


class Evaluator:
    """Evaluates expressions; functions are asked of `called`, by their dotted name."""

    def __init__(self, called: Called) -> None:
        self.called = called

    def value(self, node: nodes.Node | None, names: Names) -> Any:
        """The value of an expression, or UNKNOWN. Every call in it is made, whatever becomes of its result."""
        if node is None:
            return UNKNOWN
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            for child in node.iter_child_nodes():
                self.value(child, names)
            return UNKNOWN
        return method(node, names)

    def _const(self, node: nodes.Const, names: Names) -> Any:
        return node.value

    def _templatedata(self, node: nodes.TemplateData, names: Names) -> Any:
        return node.data

    def _name(self, node: nodes.Name, names: Names) -> Any:
        return names.get(node.name, UNKNOWN)

    def _list(self, node: nodes.List, names: Names) -> Any:
        return [self.value(item, names) for item in node.items]

    def _tuple(self, node: nodes.Tuple, names: Names) -> Any:
        return [self.value(item, names) for item in node.items]

    def _dict(self, node: nodes.Dict, names: Names) -> Any:
        pairs = [(self.value(pair.key, names), self.value(pair.value, names)) for pair in node.items]
        return {key: value for key, value in pairs if isinstance(key, (str, int))}

    def _getattr(self, node: nodes.Getattr, names: Names) -> Any:
        return self._item(self.value(node.node, names), node.attr)

    def _getitem(self, node: nodes.Getitem, names: Names) -> Any:
        return self._item(self.value(node.node, names), self.value(node.arg, names))

    def _item(self, of: Any, key: Any) -> Any:
        try:
            return of[key] if isinstance(of, (dict, list)) else UNKNOWN
        except (KeyError, IndexError, TypeError):
            return UNKNOWN

    def _condexpr(self, node: nodes.CondExpr, names: Names) -> Any:
        """`a if test else b`; where the test is unknown a, as dbt gives it to who has the feature on."""
        test = self.value(node.test, names)
        if test is UNKNOWN or test:
            return self.value(node.expr1, names)
        return self.value(node.expr2, names)

    def _concat(self, node: nodes.Concat, names: Names) -> Any:
        parts = [self.value(each, names) for each in node.nodes]
        return UNKNOWN if UNKNOWN in parts else "".join(str(part) for part in parts)[:MAX_TEXT]

    def _add(self, node: nodes.Add, names: Names) -> Any:
        left, right = self.value(node.left, names), self.value(node.right, names)
        if isinstance(left, str) and isinstance(right, str):
            return (left + right)[:MAX_TEXT]
        if isinstance(left, list) and isinstance(right, list):
            return (left + right)[:MAX_ITEMS]
        if isinstance(left, (int, float)) and isinstance(right, (int, float)):
            return left + right
        return UNKNOWN

    def _not(self, node: nodes.Not, names: Names) -> Any:
        value = self.value(node.node, names)
        return UNKNOWN if value is UNKNOWN else not value

    def _and(self, node: nodes.And, names: Names) -> Any:
        left, right = self.value(node.left, names), self.value(node.right, names)
        if (left is not UNKNOWN and not left) or (right is not UNKNOWN and not right):
            return False
        return UNKNOWN if UNKNOWN in (left, right) else right

    def _or(self, node: nodes.Or, names: Names) -> Any:
        left, right = self.value(node.left, names), self.value(node.right, names)
        if left is not UNKNOWN and left:
            return left
        if right is not UNKNOWN and right:
            return right if left is not UNKNOWN else UNKNOWN
        return UNKNOWN if UNKNOWN in (left, right) else right

    def _compare(self, node: nodes.Compare, names: Names) -> Any:
        left = self.value(node.expr, names)
        for operand in node.ops:
            right = self.value(operand.expr, names)
            if left is UNKNOWN or right is UNKNOWN:
                return UNKNOWN
            try:
                if not COMPARISONS[operand.op](left, right):
                    return False
            except TypeError:
                return UNKNOWN
            left = right
        return True

    def _filter(self, node: nodes.Filter, names: Names) -> Any:
        value = self.value(node.node, names)
        arguments = [self.value(each, names) for each in node.args]
        for pair in node.kwargs:
            self.value(pair.value, names)
        known = FILTERS.get(node.name)
        if known is None or value is UNKNOWN or UNKNOWN in arguments:
            return UNKNOWN
        try:
            return known(value, *arguments)
        except (TypeError, ValueError, LookupError, AttributeError):
            return UNKNOWN

    def _call(self, node: nodes.Call, names: Names) -> Any:
        arguments = [self.value(each, names) for each in node.args]
        named = {pair.key: self.value(pair.value, names) for pair in node.kwargs}
        for more in (node.dyn_args, node.dyn_kwargs):
            self.value(more, names)
        name = dotted(node.node)
        if not name:
            self.value(node.node, names)
            return UNKNOWN
        owner, _, method = name.rpartition(".")
        if owner and isinstance(names.get(owner), (list, dict)):
            return self._method(names[owner], method, arguments)
        return self.called(name, arguments, named)

    def _method(self, of: Any, method: str, arguments: list[Any]) -> Any:
        """The methods of lists and mappings that templates build what they loop over with."""
        if isinstance(of, list) and method in {"append", "extend"} and len(arguments) == 1 and len(of) < MAX_ITEMS:
            of.extend(arguments[0] if method == "extend" and isinstance(arguments[0], list) else arguments)
            return ""
        if isinstance(of, dict) and method in {"items", "keys", "values"}:
            return [list(pair) for pair in of.items()] if method == "items" else list(getattr(of, method)())
        if isinstance(of, dict) and method == "get" and arguments:
            return self._item(of, arguments[0])
        return UNKNOWN


def dotted(node: nodes.Node | None) -> str:
    """`package.macro` as it is written; empty for what is no name."""
    if isinstance(node, nodes.Name):
        return str(node.name)
    if isinstance(node, nodes.Getattr):
        owner = dotted(node.node)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def targets_of(node: nodes.Node) -> Iterator[str]:
    """The names that a `set` or a `for` gives a value to."""
    for name in node.find_all(nodes.Name) if not isinstance(node, nodes.Name) else [node]:
        yield name.name
