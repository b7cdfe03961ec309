"""Python as text, laid out as the project's formatter does it: what a line cannot hold is opened, outside first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

WIDTH = 120
STEP = "    "
# Typography that reads as ASCII, and that linters take for a mistake in code.
PLAIN = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2212": "-"}
    | {"\u00a0": " ", "\u00d7": "x"}
)


@dataclass(frozen=True, slots=True)
class Group:
    """Something in brackets: a call, a list, a dict. `opened` has each part on its own line, whatever their length."""

    start: str
    parts: Sequence["Code"]
    end: str
    opened: bool = False

    def open(self) -> "Group":
        """The same, opened."""
        return replace(self, opened=True)

    def flat(self) -> str:
        """On one line."""
        return f"{self.start}{', '.join(map(flat, self.parts))}{self.end}"


@dataclass(frozen=True, slots=True)
class Named:
    """A keyword argument, or a dict's entry: a name before a value."""

    name: str
    value: "Code"


@dataclass(frozen=True, slots=True)
class Given:
    """A value where a condition holds, else None."""

    value: "Code"
    condition: str


Code = str | Group | Named | Given


def flat(code: Code) -> str:
    """The code on one line."""
    if isinstance(code, Given):
        return f"{flat(code.value)} if {code.condition} else None"
    if isinstance(code, Named):
        return f"{code.name}{flat(code.value)}"
    return code.flat() if isinstance(code, Group) else code


def call(function: str, *parts: Code, **named: Code) -> Group:
    """A call: `call("Column", '"id"', primary_key="True")`."""
    return Group(f"{function}(", [*parts, *(Named(f"{name}=", value) for name, value in named.items())], ")")


def listed(*parts: Code) -> Group:
    """A list."""
    return Group("[", parts, "]")


def mapped(entries: dict[str, Code]) -> Group:
    """A dict, by its keys as they are, without quotes."""
    return Group("{", [Named(f"{quoted(key)}: ", value) for key, value in entries.items()], "}")


def quoted(text: str) -> str:
    """A string literal, in the quotes that need fewer escapes."""
    text = text.translate(PLAIN).replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "").replace("\0", "\\0")
    mark = "'" if text.count('"') > text.count("'") else '"'
    escaped = text.replace(mark, "\\" + mark)
    return f"{mark}{escaped}{mark}"


def laid_out(code: Code, indent: int = 0, before: str = "", after: str = "") -> list[str]:
    """The lines of some code, `before` and `after` included, from this many steps in."""
    if isinstance(code, Named):
        return laid_out(code.value, indent, f"{before}{code.name}", after)
    margin = STEP * indent
    line = f"{margin}{before}{flat(code)}{after}"
    if isinstance(code, Given) and len(line) > WIDTH:
        return [*laid_out(code.value, indent, before), f"{margin}if {code.condition}", f"{margin}else None{after}"]
    if isinstance(code, str | Given) or (len(line) <= WIDTH and not _is_opened(code)) or not code.parts:
        return [line]
    inside = f"{margin}{STEP}{', '.join(map(flat, code.parts))}"
    first, last = f"{margin}{before}{code.start}", f"{margin}{code.end}{after}"
    if len(inside) <= WIDTH and not _is_opened(code) and code.start[-1:] == "(":  # of a list each part has its line
        return [first, inside, last]
    return [first, *(line for part in code.parts for line in laid_out(part, indent + 1, after=",")), last]


def imported(module: str, names: Sequence[str]) -> list[str]:
    """An import's lines, its names in the usual order: constants, classes, functions."""
    ordered = sorted(set(names), key=lambda name: (_kind(name), name))
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= WIDTH:
        return [line]
    return [f"from {module} import (", *(f"{STEP}{name}," for name in ordered), ")"]


def _is_opened(code: Code) -> bool:
    if isinstance(code, Named):
        return _is_opened(code.value)
    return isinstance(code, Group) and (code.opened or any(map(_is_opened, code.parts)))


def _kind(name: str) -> int:
    return 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
