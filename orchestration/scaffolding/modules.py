"""A table's module: its resolver, and its columns written out."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from integrations.sdk.openapi.columns import Field
from integrations.sdk.openapi.document import PARAMETER, Operation
from integrations.sdk.openapi.families import Member
from integrations.sdk.openapi.filters import FIRST, TimeFilter
from integrations.sdk.openapi.logins import Login
from integrations.sdk.openapi.naming import first_sentence
from integrations.sdk.pagination import Paginator
from integrations.sdk.types import SCALARS, TEXT, ColumnType
from orchestration.scaffolding import title_of
from orchestration.scaffolding.code import (
    STEP,
    WIDTH,
    Code,
    Group,
    Named,
    call,
    flat,
    imported,
    laid_out,
    listed,
    mapped,
    quoted,
)
from orchestration.scaffolding.plan import Plan

LONGEST = 92  # of a description that has a line to itself
SHORTEST = 48  # of one that is cut to stand in the column's own line
FORMAT = re.compile(r",? \(?in (RFC 3339|ISO 8601)( format)?\)?,?| \((for example|e\.g\.)[^()]*\)|, e\.g\., `[^`]*`")
CODE_OF = {type_: name for name, type_ in SCALARS.items()}


def module_of(plan: Plan, member: Member) -> str:
    """The module's text."""
    table = _table(plan, member)
    resolver = _resolver(plan, member)
    description = _short(_words(plan, member).capitalize(), WIDTH - len('""".""""""'))
    top = [*_imports(plan, member), *_first(member)]
    return "\n".join([f'"""{description}."""', "", *top, "", "", *resolver, "", "", *table, ""])


def constant(plan: Plan, member: Member) -> str:
    """The table's name in its module."""
    return plan.module(member).strip("_").upper()


def type_code(type_: ColumnType) -> str:
    """How a type is written: `TEXT`, `LIST(BIGINT)`."""
    return CODE_OF.get(type_) or (f"LIST({type_code(type_.item)})" if type_.item else type_.sql)


def columns_of(member: Member) -> list[tuple[Field, str | None]]:
    """All columns; beside those that come from the parent, its column's name."""
    own = {each.name: each for each in member.listing.fields}
    above = []
    for need, name in member.above.items():
        assert member.parent
        column = member.given[need]
        type_ = own[name].type if name in own else _type_in(member.parent, column)
        said = own[name].description if name in own else _said_of(member, need)
        above.append((Field(key=need, name=name, type=type_, description=said, primary_key=True), column))
    names = [field.name for field, _ in above]
    return [*above, *((field, None) for field in member.listing.fields if field.name not in names)]


def _type_in(member: Member, column: str) -> ColumnType:
    """The type of one of its columns, those from its own parent included."""
    return next((field.type for field, _ in columns_of(member) if field.name == column), TEXT)


def _said_of(member: Member, need: str) -> str:
    said = [each.description for each in member.listing.operation.parameters if each.name == need]
    return first_sentence(said[0], LONGEST) if said else ""


def _imports(plan: Plan, member: Member) -> list[str]:
    columns = columns_of(member)
    sdk = ["Column", "HttpClient", "Page", "Table", "Window"]
    sdk += ["ParentRow", "parent"] if member.given else []
    sdk += [type(member.listing.paginate).__name__] if member.listing.paginate else []
    origins = [origin for field, column in columns if column is None for origin in _origin(field)]
    sdk += ["path"] if any(origin.startswith("path(") for origin in origins) else []
    sdk += ["TimeCursor"] if _has_cursor(member) else []
    types = {word for field, _ in columns for word in type_code(field.type).replace(")", "").split("(")}
    named = client_of(plan, member) != "HttpClient"
    own = [imported(f"integrations.{plan.name}.client", [client_class(plan)])] if named else []
    if named:
        sdk.remove("HttpClient")
    own += [
        imported(f"integrations.{plan.name}.tables.{plan.module(child)}", [constant(plan, child)])
        for child in member.children
    ]
    own += [imported("integrations.sdk.schema", ["Path"])] if any(each.startswith("Path(") for each in origins) else []
    rest = [imported("integrations.sdk", sdk), imported("integrations.sdk.types", sorted(types))]
    lines = sorted([*own, *rest], key=lambda block: block[0].split()[1])
    first = ["from datetime import UTC, datetime"] if member.listing.times and member.listing.times.required else []
    return ["from collections.abc import Iterator", *first, "", *(line for block in lines for line in block)]


def client_class(plan: Plan) -> str:
    """The name of the client that has the source's settings and log-ins; without them it is HttpClient itself."""
    return f"{title_of(plan.name)}Client" if plan.attributes or plan.other_logins else "HttpClient"


def client_of(plan: Plan, member: Member) -> str:
    """The client that a table's resolver needs."""
    return client_class(plan) if member.settings or plan.own_login(member) else "HttpClient"


def login_name(login: Login) -> str:
    """What the client by a log-in that only some tables ask for is called: `by_admin_key`.

    >>> login_name(Login("bearer", setting="admin_token")), login_name(Login("basic", setting="user_"))
    ('by_admin_token', 'by_user')
    """
    return f"by_{login.setting.strip('_')}"


def _resolver(plan: Plan, member: Member) -> list[str]:
    listing = member.listing
    row = plan.row(member.parent) if member.parent else "parent"
    parts: dict[str, Code] = {}
    params = _params(member, row)
    if params:
        parts["params"] = mapped(params)
    if listing.records:
        parts["records"] = quoted(listing.records)
    if listing.paginate:
        parts["paginate"] = _paginator(listing.paginate)
    if listing.operation.method != "GET":
        parts["method"] = quoted(listing.operation.method)
        parts["json"] = mapped({name: repr(value) for name, value in (listing.body or {}).items()})
    if headers := plan.own_headers(member):
        parts["headers"] = mapped({name: quoted(value) for name, value in headers.items()})
    client = client_of(plan, member)
    login = plan.own_login(member)
    pages = f"client.{login_name(login)}.pages" if login else "client.pages"
    signature = call(
        f"def list_{plan.names[listing.path]}",
        f"client: {client}",
        f"{row}: {'ParentRow' if member.parent else 'None'}",
        "window: Window",
    )
    return [
        *laid_out(signature, after=" -> Iterator[Page]:"),
        f'    """{_summary(plan, member)}',
        "",
        *_to_confirm(plan, member),
        *_source(listing.operation),
        '    """',
        *laid_out(call(pages, _path(member, row), **parts), 1, "yield from "),
    ]


def _to_confirm(plan: Plan, member: Member) -> list[str]:
    """What the document does not say, for the author to look at."""
    said = [f"To confirm: {guess}; the document does not say." for guess in plan.guesses(member)]
    lines = (textwrap.wrap(each, WIDTH - len(STEP), break_long_words=False, break_on_hyphens=False) for each in said)
    return [f"{STEP}{line}" for wrapped in lines for line in wrapped]


def _source(operation: Operation) -> list[str]:
    """Where a resolver reads; a path that has no room beside its method has a line to itself, which linters let be."""
    line = f"{STEP}Source: {operation}"
    return [line] if len(line) <= WIDTH else [f"{STEP}Source: {operation.method}", f"{STEP}{operation.path}"]


def _summary(plan: Plan, member: Member) -> str:
    times = member.listing.times
    which = "that are in the window" if times else "whatever the window"
    end = f" {which}{'' if times.until else ', and what is newer'}." if times else f", {which}."
    long = f"Yield the {_words(plan, member)}{end}"
    return long if len(long) <= WIDTH - len(STEP) - len('"""') else f"Yield the records{end}"


def _words(plan: Plan, member: Member) -> str:
    words = plan.names[member.listing.path].strip("_").replace("_", " ")
    if not member.parent:
        return words
    parent = plan.row(member.parent).removesuffix("_row").strip("_").replace("_", " ")
    return f"{words.removeprefix(f'{parent} ')} of each {parent}"


def _path(member: Member, row: str) -> str:
    """The path as code: an f-string where it has parameters."""
    path = member.listing.path
    if not PARAMETER.search(path):
        return quoted(path)
    literal = PARAMETER.sub(lambda found: "{" + _value(member, found[1], row, "'") + "}", path)
    return f'f"{literal}"'


def _value(member: Member, need: str, row: str, mark: str = '"') -> str:
    """Where a parameter's value comes from."""
    return f"client.{member.settings[need]}" if need in member.settings else f"{row}[{mark}{member.given[need]}{mark}]"


def _params(member: Member, row: str) -> dict[str, Code]:
    listing = member.listing
    in_path = PARAMETER.findall(listing.path)
    made: dict[str, Code] = {need: _value(member, need, row) for need in listing.needs if need not in in_path}
    if times := listing.times:
        edges = {times.since: "window.start", times.until: "window.end"}
        made |= {name: _edge(times, name, edge) for name, edge in edges.items() if name}
    return made | {name: repr(value) for name, value in listing.params.items()}


def _edge(times: TimeFilter, name: str, edge: str) -> str:
    """A window's edge as the API takes it; where it has to be said, that of everything is said, too."""
    if name in times.required:
        edge = f"{edge} or {'FIRST' if name == times.since else 'datetime.now(UTC)'}"
    inner = f"({edge})" if " or " in edge else edge
    written = {
        "moments": edge,
        "days": f"{inner}.date()",
        "seconds": f"int({inner}.timestamp())",
        "milliseconds": f"int({inner}.timestamp() * 1000)",
    }[times.takes]
    return written if times.takes == "moments" or name in times.required else f"{edge} and {written}"


def _first(member: Member) -> list[str]:
    """The constant for a begin that has to be said, and what its author should know."""
    times = member.listing.times
    if not times or times.since not in times.required:
        return []
    return [
        "",
        "# The API wants a begin: say here when its records do. If it refuses so long a stretch, let the resolver ask",
        "# for one after the other.",
        f"FIRST = datetime({FIRST.year}, {FIRST.month}, {FIRST.day}, tzinfo=UTC)",
    ]


def _paginator(paginate: Paginator) -> Code:
    """The paginator as code: what is not at its default."""
    first, *others = fields(paginate)  # type: ignore[arg-type]  # each is a dataclass
    said: dict[str, Any] = {each.name: getattr(paginate, each.name) for each in others if each.name != "fields"}
    defaults = {each.name: each.default for each in others}
    named: dict[str, Code] = {name: _literal(value) for name, value in said.items() if value != defaults[name]}
    value = getattr(paginate, first.name)
    positional = [] if value == first.default else [_literal(value)]
    if first.name in ("size", "limit", "fields"):
        named = {**({first.name: _literal(value)} if positional and first.name != "fields" else {}), **named}
        positional = []
    return call(type(paginate).__name__, *positional, **named)


def _literal(value: object) -> str:
    return quoted(value) if isinstance(value, str) else repr(value)


def _has_cursor(member: Member) -> bool:
    """Whether it can go on from where it ended: only by a time of change, so that no edit is missed."""
    times = member.listing.times
    above = member.parent
    while above:
        if _has_cursor(above):
            return False
        above = above.parent
    return bool(times and times.follows_changes)


def _table(plan: Plan, member: Member) -> list[str]:
    parts: dict[str, Code] = {
        "columns": listed(*(_column(field, column) for field, column in columns_of(member))).open(),
        "resolver": f"list_{plan.names[member.listing.path]}",
    }
    if member.children:
        parts["relations"] = listed(*(constant(plan, child) for child in member.children))
    if member.given:
        parts["parent_columns"] = listed(*(quoted(name) for name in dict.fromkeys(member.given.values())))
    if _has_cursor(member) and member.listing.times and member.listing.times.column:
        parts["cursor"] = call("TimeCursor", quoted(member.listing.times.column), window=quoted("month"))
    parts["description"] = quoted(
        _short(member.listing.description or f"{_words(plan, member).capitalize()}.", LONGEST)
    )
    return laid_out(call("Table", quoted(plan.table(member)), **parts).open(), before=f"{constant(plan, member)} = ")


def _column(field: Field, parent_column: str | None) -> Group:
    origin = [f"parent({quoted(parent_column)})"] if parent_column else _origin(field)
    flags: dict[str, Code] = {name: "True" for name in ("primary_key", "not_null", "masked") if getattr(field, name)}
    made = call("Column", quoted(field.name), type_code(field.type), *origin, **flags)
    if said := _short(field.description):
        room = WIDTH - len(f"{STEP * 2}{flat(made)}, description=,") - len(quoted(""))
        if len(said) > LONGEST and room >= SHORTEST:
            said = _short(field.description, min(room, LONGEST))
        made = replace(made, parts=[*made.parts, Named("description=", quoted(_short(said, LONGEST)))])
    return made


def _origin(field: Field) -> Sequence[str]:
    if field.path == (field.name,):
        return []
    if not any("." in key for key in field.path):
        return [f"path({quoted(field.place)})"]
    if field.inside:
        return [f"path({', '.join(map(quoted, field.path))})"]
    return [f"Path(({quoted(field.key)},))"]


def _short(description: str, longest: int = 0) -> str:
    """The first sentence of a description, without the format of times, which the type says."""
    return first_sentence(FORMAT.sub("", description), longest or max(LONGEST, len(description)))
