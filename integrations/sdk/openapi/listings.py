"""Listings: what a document says of an endpoint that lists records, ready to be made a table of.

`openapi_table` makes the table; `headwater new --openapi` writes it down as Python.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.sdk.errors import DeclarationError
from integrations.sdk.names import nearest
from integrations.sdk.openapi.columns import (
    KEYS,
    Field,
    Overrides,
    field_at,
    fields_of,
    key_of_each,
    keyed,
    overridden,
    settled_by,
)
from integrations.sdk.openapi.document import PARAMETER, Document, Operation
from integrations.sdk.openapi.filters import TimeFilter, time_filter_of
from integrations.sdk.openapi.headers import headers_of
from integrations.sdk.openapi.logins import is_credential
from integrations.sdk.openapi.naming import ACTION, collection, first_sentence, snake, table_name
from integrations.sdk.openapi.paging import SIZES, USUAL_LIMIT, paging_of, unknown_paging
from integrations.sdk.openapi.records import AROUND, has_key, records_of
from integrations.sdk.openapi.shapes import properties_of, shape_of
from integrations.sdk.page import EACH
from integrations.sdk.pagination import Paginator

READING = ("GET", "POST")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """An endpoint that lists records. `unpaged` is a parameter for paging, where no way of paging is known.

    `needs` are the parameters that every request must have, outermost first, beside those of its time filter and its
    paging, and those that have a value already, in `params`.
    `headers` are those that it must have; None is for a value that the document does not have.
    """

    operation: Operation
    name: str
    records: str
    fields: tuple[Field, ...]
    needs: tuple[str, ...] = ()
    paginate: Paginator | None = None
    unpaged: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    times: TimeFilter | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    description: str = ""

    @property
    def path(self) -> str:
        """Its path in the document."""
        return self.operation.path

    @property
    def keys(self) -> list[str]:
        """The columns that tell its records apart."""
        return [each.name for each in self.fields if each.primary_key]


def listing_of(
    document: Document,
    path: str,
    *,
    name: str | None = None,
    method: str | None = None,
    records: str | None = None,
    columns: Overrides | None = None,
    primary_key: Sequence[str] | None = None,
) -> Listing:
    """What the document says of a path. Raises: DeclarationError when it lists nothing there."""
    operation = _operation(document, path, method)
    called = name or table_name(operation.path)
    place, record = records_of(document, operation, records)
    overrides = columns or {}
    noun = table_name(operation.path)
    fields = fields_of(document, record, noun, settled_by(overrides))
    if place.endswith(EACH):
        fields = [key_of_each(fields), *fields]
    fields = overridden(fields, overrides, called)
    if not fields:
        raise DeclarationError(f"{operation}: the document says nothing of what a record has")
    if primary_key is not None:
        places = [each for each in primary_key if "." in each and each not in [field.place for field in fields]]
        fields = [*(made for each in places if (made := field_at(document, record, each))), *fields]
        fields = keyed(fields, primary_key, called)
    keys = [each.key for each in fields if each.primary_key and not each.inside]
    paging = paging_of(document, operation, place, keys[0] if len(keys) == 1 else KEYS[0])
    posts = operation.method == "POST"
    times = time_filter_of(document, operation, fields)
    asked = _paged_by(paging.paginate) | paging.params.keys() | (times.required if times else frozenset())
    needs = [need for need in _needs(document, operation) if need not in asked]
    only = {need: value for need in needs if (value := _only_value(document, operation, need)) is not None}
    return Listing(
        operation=operation,
        name=called,
        records=place,
        fields=tuple(fields),
        needs=tuple(need for need in needs if need not in only),
        paginate=paging.paginate,
        unpaged="" if paging.paginate else unknown_paging(document, operation),
        params={**only, **paging.params},
        body=paging.body if posts else None,
        times=times,
        headers=headers_of(document, operation),
        description=first_sentence(operation.description or operation.summary),
    )


def listings(document: Document) -> Iterator[Listing | DeclarationError]:
    """Every listing of a document; for each other path that seems to be one, why it is none.

    One listing a path: a search beside a listing of the same things is left out, and so is what is deprecated.
    """
    seen: set[str] = set()
    yield from (each for each in document.each_operation() if isinstance(each, DeclarationError))
    for operation in sorted(document.operations(), key=_is_search):
        if operation.deprecated or not _may_list(operation) or _is_one_record(document, operation):
            continue
        if "?" in operation.path or "#" in operation.path:
            yield DeclarationError(
                f"{operation}: a path with a query is none", hint="give it to openapi_table in params="
            )
            continue
        try:
            found = listing_of(document, operation.path, method=operation.method)
        except DeclarationError as error:
            if operation.method == "GET" and not collection(operation.path).endswith("}"):
                yield DeclarationError(f"{operation}: {error.what.removeprefix(f'{operation} ')}", hint=error.hint)
            continue
        if (key := collection(operation.path)) not in seen:
            seen.add(key)
            yield found


def _operation(document: Document, path: str, method: str | None) -> Operation:
    """The operation that reads there: the one that was asked for, else GET, else POST."""
    for each in [method.upper()] if method else READING:
        if found := document.operation(path, each):
            return found
    raise DeclarationError(
        f"{document.name}: {path} has no {method.upper() if method else 'GET or POST'}",
        hint=nearest(path, [each.path for each in document.operations() if each.method in READING]),
    )


def _needs(document: Document, operation: Operation) -> list[str]:
    """The parameters without which there is no answer: required ones of the query, then those of the path.

    Not the token of a log-in, which documents name among them.
    """
    required = [each for each in operation.parameters if each.place == "query" and each.required]
    asked = [each.name for each in required if not is_credential(document, operation, each)]
    return [*asked, *PARAMETER.findall(operation.path)]


def _paged_by(paginate: Paginator | None) -> set[str]:
    """The parameters that paging sees to; that for the page's size when it has one."""
    sent = ("param", "limit_param", *(("size_param",) if getattr(paginate, "size", None) else ()))
    return {name for each in sent if (name := getattr(paginate, each, None))}


def _only_value(document: Document, operation: Operation, need: str) -> Any:
    """What a parameter of the query is when nobody says: its default, the only thing that it may be, a page's size."""
    parameter = operation.parameter(need)
    shape = shape_of(document, parameter.schema) if parameter else None
    if shape is None or shape.types == ("array",):
        return None
    size = USUAL_LIMIT if snake(need) in SIZES and shape.types == ("integer",) else None
    return shape.keywords.get("default", shape.enum[0] if len(shape.enum) == 1 else size)


def _may_list(operation: Operation) -> bool:
    return operation.method == "GET" or (operation.method == "POST" and bool(ACTION.search(operation.path)))


def _is_one_record(document: Document, operation: Operation) -> bool:
    """Whether it answers what the end of its path names, which may have lists in it, or be alone in one."""
    above, _, last = collection(operation.path).rpartition("/")
    parameter = PARAMETER.fullmatch(last)
    if parameter is None or operation.answer is None:
        return False
    try:
        answered = properties_of(document, shape_of(document, operation.answer))
        inner = [shape_of(document, answered[name]) for name in AROUND if name in answered]
        if not {KEYS[0], parameter[1]}.isdisjoint(answered) or any(has_key(document, each) for each in inner):
            return True
        return _fields_at(document, operation.path, operation.method) == _fields_at(document, above, operation.method)
    except DeclarationError:
        return False


def _fields_at(document: Document, path: str, method: str) -> set[str]:
    """What the records of a path have. Raises: DeclarationError when there are none."""
    found = document.operation(path, method)
    return set(properties_of(document, shape_of(document, records_of(document, found)[1]))) if found else set()


def _is_search(operation: Operation) -> bool:
    return operation.method != "GET"
