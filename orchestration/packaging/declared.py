"""What a script declares, against Secoda's rules for resources and edges."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from integrations.sdk.lineage import DeclaredLineage, ExternalColumn, ExternalTable, InternalResource, LineageID
from integrations.sdk.redact import MASK
from integrations.sdk.resource import ENTITY_PARENT, FIELDS_OF, Resource
from integrations.sdk.strategies import Masking
from orchestration.packaging.rules import Finding, finding
from orchestration.packaging.script_rules import UNDOCUMENTED

MAX_NATIVE_TYPE = 50
LOOKS_RANDOM = {
    "an address in memory": re.compile(r"\b0x[0-9a-f]{8,16}\b", re.IGNORECASE),
    "a random UUID": re.compile(
        r"[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}", re.IGNORECASE
    ),
    "a time": re.compile(r"\b20\d\d-?[01]\d-?[0-3]\d[T_ -]?[0-2]\d:?[0-5]\d|(?<!\d)1[6-9]\d{8}(\d{3})?(?!\d)"),
}
LEGAL_ENDS = frozenset(
    {
        ("internal_resource", "internal_resource"),
        ("internal_resource", "external_table"),
        ("external_table", "internal_resource"),
        ("internal_resource", "external_column"),
        ("external_column", "internal_resource"),
        ("external_table", "external_table"),  # one page allows it, another does not
        ("tables_from_query", "internal_resource"),
    }
)
REQUIRED_PARENTS = {"column": ("table", "column"), "chart": ("dashboard",)}


def check_declared(
    resources: Sequence[Resource],
    lineage: Sequence[DeclaredLineage],
    secrets: Masking | None = None,
    *,
    stable: bool = False,
) -> Iterator[Finding]:
    """Every finding in what one run declared; `stable` when a second run has declared the same ids."""
    if not resources and not lineage:
        yield finding("nothing-declared", "the run declared neither resources nor lineage")
        return
    by_id = {each.databuilder_id: each for each in resources}
    for each in resources:
        yield from _check_fields(each)
        yield from _check_parent(each, by_id)
        yield from _check_texts(each, secrets)
        if not stable:
            for what, pattern in LOOKS_RANDOM.items():
                if pattern.search(each.databuilder_id):
                    yield finding("id-looks-random", f"{_named(each)} looks like {what}")
    yield from _check_ids(resources)
    parents = {each.databuilder_id: [each.parent_databuilder_id] for each in resources if each.parent_databuilder_id}
    yield from _check_cycles(parents, "parent")
    yield from _check_lineage(lineage, by_id, secrets)


def check_same_ids(first: Sequence[Resource], second: Sequence[Resource]) -> Iterator[Finding]:
    """The ids of two runs that followed each other."""
    before, after = ({each.databuilder_id for each in run} for run in (first, second))
    for id in sorted(before ^ after):
        which = "first" if id in before else "second"
        yield finding("id-changes", f"`{id}` is declared by the {which} run only")


def _named(resource: Resource) -> str:
    return f"{resource.entity_type} `{resource.databuilder_id}`"


def _check_fields(each: Resource) -> Iterator[Finding]:
    name = _named(each)
    if each.entity_type not in ENTITY_PARENT:
        known = ", ".join(ENTITY_PARENT)
        yield finding("entity-type-unknown", f"{name}: `{each.entity_type}` is none of {known}")
    if not each.databuilder_id.strip():
        yield finding("id-empty", f"a {each.entity_type} titled `{each.title}` has an empty id")
    match each.entity_type:
        case "table":
            if not each.schema:
                yield finding("table-schema-missing", f"{name} has no `schema`")
            if not each.database:
                yield finding("table-database-missing", f"{name} has no `database`")
        case "column":
            title = each.title or ""
            if "." in title:
                yield finding("column-title-period", f"{name} is called `{title}`")
            if title != title.lower():
                yield finding("column-title-case", f"{name} is called `{title}`")
        case "chart":
            if not each.product:
                yield finding("chart-product-missing", f"{name} has no `product`")
    if each.native_type and len(each.native_type) > MAX_NATIVE_TYPE:
        yield finding("native-type-long", f"{name} has a native_type of {len(each.native_type)} characters")
    given = {field for field in each.model_fields_set if getattr(each, field) not in (None, False)}
    for home, special in FIELDS_OF.items():
        for field in sorted(given & special) if home != each.entity_type else ():
            yield finding("field-of-other-type", f"`{field}` is for a {home}, not a {each.entity_type}")
    for field in sorted(given & UNDOCUMENTED):
        yield finding("undocumented-field", f"`{field}` is in the package and in no document")


def _check_parent(each: Resource, by_id: dict[str, Resource]) -> Iterator[Finding]:
    name, kind, parent_id = _named(each), each.entity_type, each.parent_databuilder_id
    parent, wanted = by_id.get(parent_id or ""), REQUIRED_PARENTS.get(kind)
    if wanted:
        if not parent_id:
            yield finding(f"{kind}-parent-missing", f"{name} has no parent_databuilder_id")
        elif parent is None:
            yield finding("required-parent-undeclared", f"{name}: its parent `{parent_id}` is not declared")
        elif parent.entity_type not in wanted:
            yield finding(f"{kind}-parent-kind", f"{name} is below the {_named(parent)}")
    elif parent_id:
        if parent is None:
            yield finding("parent-undeclared", f"{name}: its parent `{parent_id}` is not declared")
        elif kind in ENTITY_PARENT and parent.entity_type != ENTITY_PARENT[kind]:
            yield finding("parent-kind", f"{name} is below the {_named(parent)}")
    if kind == "dashboard" and not each.group and (parent is None or parent.entity_type != "dashboard_group"):
        yield finding("dashboard-group-missing", f"{name} has neither `group` nor a dashboard_group above it")


def _check_texts(each: Resource, secrets: Masking | None) -> Iterator[Finding]:
    for field, value in each.model_dump(mode="json").items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and _is_secret(text, secrets):
                shown = secrets.masked(each.databuilder_id) if secrets else each.databuilder_id
                yield finding("secret-in-resource", f"{each.entity_type} `{shown}`: `{field}` has a sensitive input")


def _is_secret(text: str, secrets: Masking | None) -> bool:
    return MASK in text or (secrets is not None and secrets.masked(text) != text)


def _check_ids(resources: Sequence[Resource]) -> Iterator[Finding]:
    seen: dict[str, Resource] = {}
    folded: dict[str, str] = {}
    for each in resources:
        id = each.databuilder_id
        if id in seen:
            same = seen[id].model_dump() == each.model_dump()  # whatever classes of its own the script has
            rule = "repeated-resource" if same else "duplicate-id"
            what = "is declared again" if same else f"is also the {_named(seen[id])}, which differs"
            yield finding(rule, f"{_named(each)} {what}")
        elif folded.setdefault(id.casefold(), id) != id:
            yield finding("ids-differ-in-case", f"`{id}` and `{folded[id.casefold()]}`")
        seen.setdefault(id, each)


def _check_cycles(followed_by: dict[str, list[str]], what: str) -> Iterator[Finding]:
    """Every circle once, by one of its members; iterative, since chains may be long."""
    done: set[str] = set()
    for start in followed_by:
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, int]] = [(start, 0)]
        while stack:
            node, depth = stack.pop()
            for left in path[depth:]:
                on_path.discard(left)
                done.add(left)
            del path[depth:]
            if node in on_path:
                circle = " → ".join([*path[path.index(node) :], node][:8])
                yield finding("parent-cycle" if what == "parent" else "lineage-cycle", circle)
            elif node not in done:
                path.append(node)
                on_path.add(node)
                stack += [(following, depth + 1) for following in followed_by.get(node, ())]
        done.update(path)


def _check_lineage(
    lineage: Sequence[DeclaredLineage], by_id: dict[str, Resource], secrets: Masking | None
) -> Iterator[Finding]:
    edges: Counter[tuple[str, str]] = Counter()
    onwards: dict[str, list[str]] = {}
    for edge in lineage:
        start, end = edge.from_identifier, edge.to_identifier
        named = f"{_end(start)} → {_end(end)}"
        if (start.type, end.type) not in LEGAL_ENDS:
            yield finding("lineage-ends", f"{start.type} → {end.type} may not be joined: {named}")
        elif start.type == end.type == "external_table":
            yield finding("lineage-both-external", named)
        for each in (start, end):
            if isinstance(each, InternalResource):
                if each.databuilder_id not in by_id:
                    yield finding("lineage-end-undeclared", f"`{each.databuilder_id}` is not declared: {named}")
            elif isinstance(each, ExternalTable | ExternalColumn):
                missing = [part for part in ("cluster", "database", "schema") if not getattr(each, part)]
                if missing:
                    yield finding("external-name-partial", f"{_end(each)} has no {', '.join(missing)}")
            elif not each.sql.strip():
                yield finding("sql-empty", f"the query is empty: {named}")
            elif _is_secret(each.sql, secrets):
                yield finding("secret-in-resource", f"the query of an edge to {_end(end)} has a sensitive input")
        key = start.model_dump_json(), end.model_dump_json()
        edges[key] += 1
        if edges[key] == 2:
            yield finding("lineage-duplicate", named)
        if start == end:
            yield finding("lineage-self", named)
        elif isinstance(start, InternalResource) and isinstance(end, InternalResource):
            onwards.setdefault(start.databuilder_id, []).append(end.databuilder_id)
            ends = by_id.get(start.databuilder_id), by_id.get(end.databuilder_id)
            if any(a and b and a.parent_databuilder_id == b.databuilder_id for a, b in (ends, ends[::-1])):
                yield finding("lineage-to-parent", named)
    yield from _check_cycles(onwards, "lineage")


def _end(end: LineageID) -> str:
    if isinstance(end, InternalResource):
        return f"`{end.databuilder_id}`"
    if isinstance(end, ExternalTable | ExternalColumn):
        parts = (end.cluster, end.database, end.schema, end.table, getattr(end, "column", None))
        return f"{end.type} `{'.'.join(str(part) for part in parts if part)}`"
    return "a query"
