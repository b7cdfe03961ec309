"""A dbt model's template, walked through: its refs and sources, and SQL that can be parsed."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment, TemplateError, nodes
from jinja2.ext import Extension, do, loopcontrols
from jinja2.parser import Parser

from assets.lineage.jinja.values import UNKNOWN, Evaluator, Names, Relation, targets_of
from assets.lineage.limits import Deadline

THIS = "__this__"
MAX_CHARACTERS = 1_000_000
MAX_ROUNDS = 200
MAX_MACRO_DEPTH = 5
SILENT = frozenset({"config", "log", "print", "set", "return", "do", "docs", "enable", "depends_on"})
"""Functions that write nothing into the SQL."""

NO_TABLES = re.compile(
    r"^(?:var|env_var|adapter|dbt|api|exceptions|modules|target|flags|loop|is_incremental|should_full_refresh)\b"
)
"""Functions of dbt itself, which refer to no model. `var` may hold a table's name all the same."""

TABLE_NEXT = re.compile(r"(?:\b(?:from|join|into|using|update|table|union|all)|^|;|\bas\s*\(|\()\s*$", re.IGNORECASE)
QUICK = re.compile(r"\{\{|\{%")
TAG = re.compile(r"\{[{%#](?:(?!\{[{%#]).)*?[}%#]\}", re.DOTALL)  # up to the next one, so that time stays linear
CALL = re.compile(r"""\b(ref|source)\(\s*(['"])([^'"]+)\2\s*(?:,\s*(['"])([^'"]+)\4\s*)?[,)]""")
BARE = re.compile(r"\w+$")


class _Blocks(Extension):
    """dbt's own blocks: what stands inside of them is read as if they were not there."""

    tags = {"snapshot", "test", "materialization", "docs", "cache", "data_test", "unit_test"}

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        tag = parser.stream.current.value
        while parser.stream.current.type != "block_end":
            next(parser.stream)
        return parser.parse_statements((f"name:end{tag}",), drop_needle=True)


ENVIRONMENT = Environment(extensions=[do, loopcontrols, _Blocks], autoescape=False)  # noqa: S701 - nothing is rendered


@dataclass(slots=True)
class Model:
    """What a template tells. `sql` is what could be made of it; `unresolved` is Jinja that may stand for a table."""

    sql: str
    refs: list[str] = field(default_factory=list)
    sources: list[tuple[str, str]] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    problem: str = ""


def looks_like_jinja(text: str) -> bool:
    """True if the text has Jinja in it."""
    return QUICK.search(text) is not None


def read_model(text: str, deadline: Deadline, *, fill: bool = True) -> Model:
    """What a dbt model refers to. With `fill`, a word stands for what nobody knows. Raises: TimeUp."""
    deadline.check()
    if len(text) > MAX_CHARACTERS:
        return _scanned(text, "the template is too long to be read as one")
    try:
        template = ENVIRONMENT.parse(text)
    except (TemplateError, RecursionError) as error:
        return _scanned(text, str(error))
    walker = _Walker(deadline, fill=fill)
    try:
        walker.walk(template.body, {"this": Relation(THIS)})
    except RecursionError:
        return _scanned(text, "the template is nested too deep")
    return walker.model()


def _scanned(text: str, problem: str) -> Model:
    """Refs and sources with literal names, in a text that is no template."""
    model = Model(TAG.sub(" ", text) if len(text) < MAX_CHARACTERS else "", problem=problem)
    for found in CALL.finditer(text):
        first, second = found[3], found[5]
        if found[1] == "ref":
            model.refs.append(second or first)
        elif second:
            model.sources.append((first, second))
    model.refs, model.sources = list(dict.fromkeys(model.refs)), list(dict.fromkeys(model.sources))
    return model


class _Walker:
    def __init__(self, deadline: Deadline, *, fill: bool) -> None:
        self.deadline = deadline
        self.fill = fill
        self.text: list[str] = []
        self.refs: dict[str, None] = {}
        self.sources: dict[tuple[str, str], None] = {}
        self.unresolved: dict[str, None] = {}
        self.macros: dict[str, nodes.Macro] = {}
        self.depth = 0
        self.evaluator = Evaluator(self._called)

    def model(self) -> Model:
        return Model("".join(self.text), list(self.refs), list(self.sources), list(self.unresolved))

    def walk(self, body: Iterable[nodes.Node], names: Names) -> None:
        for node in body:
            self.deadline.check()
            if isinstance(node, nodes.Output):
                for each in node.nodes:
                    self._write(each, names)
            elif isinstance(node, nodes.If):
                self._if(node, names)
            elif isinstance(node, nodes.For):
                self._for(node, names)
            elif isinstance(node, nodes.Assign):
                self._assign(node.target, self.evaluator.value(node.node, names), names)
            elif isinstance(node, nodes.AssignBlock):
                self._assign(node.target, self._captured(node.body, names), names)
            elif isinstance(node, nodes.Macro):
                self.macros[node.name] = node
            elif isinstance(node, nodes.ExprStmt):
                self.evaluator.value(node.node, names)
            elif isinstance(node, (nodes.CallBlock, nodes.FilterBlock, nodes.With, nodes.Scope, nodes.Block)):
                if isinstance(node, nodes.CallBlock):
                    self.evaluator.value(node.call, names)
                self.walk(node.body, names)

    def _write(self, node: nodes.Expr, names: Names) -> None:
        value = self.evaluator.value(node, names)
        if value is UNKNOWN:
            self._write_unknown(node)
        elif value is not None:
            self.text.append(str(value))

    def _write_unknown(self, node: nodes.Expr) -> None:
        """A word in the place of what nobody knows; where a table or a query is due, it counts as unresolved."""
        before = "".join(self.text[-3:])[-200:].rstrip()
        called = next(iter(node.find_all(nodes.Call)), None) if not isinstance(node, nodes.Call) else node
        written = _written(node)
        is_dbt = bool(NO_TABLES.match(written)) and not written.startswith("var")
        if TABLE_NEXT.search(_without_comments(before)) and not is_dbt:
            self.unresolved.setdefault(written)
        if self.fill:
            is_type = called is not None and ".type_" in written
            self.text.append("varchar" if is_type else "jinja")

    def _if(self, node: nodes.If, names: Names) -> None:
        """The branch that is taken if that is known; else each of them, for its refs, and the first for its SQL."""
        unsure = False
        for branch in [node, *node.elif_]:
            test = self.evaluator.value(branch.test, names)
            if test is UNKNOWN:
                self._branch(branch.body, names, hidden=unsure)
                unsure = True
            elif test:
                self._branch(branch.body, names, hidden=unsure)
                return
        self._branch(node.else_, names, hidden=unsure)

    def _branch(self, body: Sequence[nodes.Node], names: Names, *, hidden: bool) -> None:
        length = len(self.text)
        self.walk(body, names if not hidden else dict(names))
        if hidden:
            del self.text[length:]

    def _for(self, node: nodes.For, names: Names) -> None:
        over = self.evaluator.value(node.iter, names)
        items = list(over)[:MAX_ROUNDS] if isinstance(over, (list, dict)) else [UNKNOWN]
        for at, item in enumerate(items):
            inner = {**names, "loop": {"index": at + 1, "index0": at, "first": not at, "last": at == len(items) - 1}}
            self._assign(node.target, item, inner)
            self.walk(node.body, inner)
        if not items:
            self.walk(node.else_, names)

    def _assign(self, target: nodes.Node, value: Any, names: Names) -> None:
        wanted = list(targets_of(target))
        if isinstance(target, nodes.Tuple) and isinstance(value, list) and len(value) == len(wanted):
            names.update(zip(wanted, value, strict=True))
        else:
            names.update(dict.fromkeys(wanted, value if isinstance(target, nodes.Name) else UNKNOWN))

    def _captured(self, body: Sequence[nodes.Node], names: Names) -> Any:
        length = len(self.text)
        self.walk(body, names)
        written = "".join(self.text[length:])
        del self.text[length:]
        return written

    def _called(self, name: str, arguments: list[Any], named: Names) -> Any:
        """What a function gives back: dbt's that name tables, the template's own macros, and nothing else."""
        function = name.removeprefix("builtins.")
        if function == "ref":
            return self._ref(arguments, named)
        if function == "source":
            parts = [*arguments, *(named[key] for key in ("source_name", "table_name") if key in named)]
            if len(parts) == 2 and all(isinstance(part, str) for part in parts):
                self.sources.setdefault((parts[0], parts[1]))
                return Relation(".".join(_quoted(part) for part in parts))
            self.unresolved.setdefault("source(…)")
            return Relation("jinja")
        if function in SILENT:
            return ""
        macro = self.macros.get(function)
        if macro is not None and self.depth < MAX_MACRO_DEPTH:
            self.depth += 1
            try:
                given = dict(zip((argument.name for argument in macro.args), arguments, strict=False))
                return self._captured(macro.body, {**given, **named})
            finally:
                self.depth -= 1
        return UNKNOWN

    def _ref(self, arguments: list[Any], named: Names) -> Relation:
        parts = [*arguments, *(named[key] for key in ("model_name",) if key in named)]
        if not parts or not isinstance(parts[-1], str):
            self.unresolved.setdefault("ref(…)")
            return Relation("jinja")
        self.refs.setdefault(str(parts[-1]))
        return Relation(_quoted(parts[-1]))


def _quoted(name: str) -> str:
    return name if BARE.match(name) else '"' + name.replace('"', "") + '"'


def _without_comments(text: str) -> str:
    return re.sub(r"--[^\n]*$", "", text, flags=re.MULTILINE).rstrip()


def _written(node: nodes.Node) -> str:
    """An expression as a person would name it: `package.macro(…)`, `var('x')`."""
    if isinstance(node, nodes.Call):
        from assets.lineage.jinja.values import dotted

        literal = node.args[0].value if node.args and isinstance(node.args[0], nodes.Const) else None
        inside = f"'{literal}'" if isinstance(literal, str) and len(node.args) == 1 and not node.kwargs else "…"
        return f"{dotted(node.node) or 'call'}({inside})"
    if isinstance(node, nodes.Filter):
        return f"{_written(node.node)} | {node.name}" if node.node is not None else node.name
    if isinstance(node, nodes.Name):
        return str(node.name)
    return type(node).__name__.lower()
