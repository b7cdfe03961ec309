"""How a listing is paged: recognised by the names of what it takes and what it answers.

An API has one of a few ways, and calls them by a few dozen names. What is in neither list is one page.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.sdk.openapi.document import Document, Operation, Schema
from integrations.sdk.openapi.naming import snake, words
from integrations.sdk.openapi.shapes import Shape, properties_of, shape_of
from integrations.sdk.pagination import CursorToken, KeysetBy, LinkHeader, NextLink, Offset, PageNumber, Paginator

TOKENS = words(
    "cursor page_token next_token continuation_token continuation pagination_token page_cursor next_cursor"
    " start_cursor starting_token next_page_token scroll_id marker continue bookmark exclusive_start_key after offset"
)
NEXT_TOKENS = words(
    "next_cursor next_page_token next_token next_page_cursor cursor continuation_token continuation"
    " next_continuation_token pagination_token end_cursor scroll_id next_marker next_page_id continue next_bookmark"
    " bookmark last_evaluated_key after next_offset offset"
)
MORE = words("has_more has_next has_next_page more is_truncated more_results")
PLAIN_NEXT = words("next next_page")  # with a parameter for a token these are tokens, unless they are links
LINKS = words("next next_link next_url next_page_url next_page next_uri next_page_uri next_href href")
BEHIND = words("starting_after after_id last_id since_id start_after after")
NUMBERS = words("page page_number page_num page_no page_index current_page p")
COUNTS = words("total_pages page_count pages last_page num_pages pages_count number_of_pages max_page")
OFFSETS = words("offset skip start start_at start_index from first_result position")
TOTALS = words("total total_count total_results total_items total_size total_records total_hits full_count")
SIZES = words("limit page_size per_page size max_results count page_limit max take top first results_per_page")
# Of these a listing that is one page has none: they are for parameters whose next value nothing tells.
SIGNS = words("page_token next_token continuation_token cursor page page_number limit page_size per_page page_limit")
NUMERIC = words("after offset")  # as a number, these are no tokens
LINK = re.compile(r"link|href|ur[il]($|[^a-z])", re.IGNORECASE)  # in a path
SAID_LINK = re.compile(r"\b(ur[il]|https?|link|href)\b", re.IGNORECASE)  # in what is said of a field
ENVELOPES = 3  # objects around what paging reads, such as `_links.next.href`
USUAL_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Paging:
    """How to page; `params` and `body` ask for the largest page, where the document says how large it may be."""

    paginate: Paginator | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


def paging_of(document: Document, operation: Operation, records: str, key: str = "id") -> Paging:
    """The way that the document describes; one page when it describes none that is known. `key` is the records'."""
    query = {each.name: each.schema for each in operation.parameters if each.place == "query"}
    body = properties_of(document, shape_of(document, operation.body)) if operation.body is not None else {}
    answer = _scalars(document, operation.answer, records)
    texts = [path for path, kind in answer.items() if kind in ("string", "uri", "integer", "")]
    plain = [path for path, kind in answer.items() if kind == "string" and not LINK.search(path)]
    for in_body, taken in ((True, body), (False, query)) if body else ((False, query),):
        size, largest = _size(document, taken)
        asked = {size: largest} if size and largest else {}
        params, sent = ({}, asked) if in_body else (asked, {})
        param = _first(TOKENS, (name for name in taken if _is_token(document, name, taken[name])))
        if param and (token := _first(NEXT_TOKENS, texts) or _first(PLAIN_NEXT, plain)):
            return Paging(CursorToken(token, param=param, more=_more(answer), in_body=in_body), params, sent)
        if told := _told_by_name(document, taken, texts):
            return Paging(CursorToken(told[0], param=told[1], more=_more(answer), in_body=in_body), params, sent)
        if not in_body and not records and param and "link" not in operation.answer_headers:
            return Paging(LinkHeader(), params)  # where else should a list that is the answer say what is next
        if not in_body and (paginate := _without_token(document, operation, query, answer, size, key)):
            sized = isinstance(paginate, PageNumber | Offset)
            return Paging(paginate, {} if sized else params)
    return Paging()


def _told_by_name(document: Document, taken: Mapping[str, Schema], texts: Sequence[str]) -> tuple[str, str] | None:
    """A field and the parameter that it is the next value of, such as `next_position`, or `next.position`."""
    for path in texts:
        *above, last = map(snake, path.split("."))
        for name, schema in taken.items():
            is_next = last == f"next_{snake(name)}" or (last == snake(name) and "next" in above)
            if is_next and shape_of(document, schema).types in (("string",), ()):
                return path, name
    return None


def unknown_paging(document: Document, operation: Operation) -> str:
    """The parameter by which a listing seems to be paged, though no way is known; "" where none is."""
    query = [each.name for each in operation.parameters if each.place == "query"]
    body = properties_of(document, shape_of(document, operation.body)) if operation.body is not None else {}
    return _first(SIGNS, [*query, *body]) or ""


def _without_token(
    document: Document,
    operation: Operation,
    query: Mapping[str, Schema],
    answer: Mapping[str, str],
    size: str | None,
    key: str,
) -> Paginator | None:
    """The other ways, the safest first: links, the last record, numbers, offsets."""
    link = _first(LINKS, (path for path, kind in answer.items() if kind in ("string", "uri") and "next" in path))
    if link:
        return NextLink(link)
    if "link" in operation.answer_headers:
        return LinkHeader()
    behind, more = _first(BEHIND, query), _more(answer)
    if behind and more:
        return KeysetBy(key, param=behind, more=more)
    if _first(NUMBERS, query):
        return _numbered(document, query, answer, size)
    return _cut(document, query, answer, size) if size and _first(OFFSETS, query) else None


def _numbered(
    document: Document, query: Mapping[str, Schema], answer: Mapping[str, str], size: str | None
) -> PageNumber:
    """Pages by number, from 0 or from 1."""
    number = _first(NUMBERS, query) or ""
    return PageNumber(
        size=_bound(document, query[size], "maximum") if size else None,
        pages=_first(COUNTS, _whole(answer)),
        param=number,
        start=0 if _bound(document, query[number], "default", "minimum") == 0 else 1,
        **({"size_param": size} if size else {}),
    )


def _cut(document: Document, query: Mapping[str, Schema], answer: Mapping[str, str], size: str) -> Offset:
    """A listing that is cut by offset and limit."""
    offset = _first(OFFSETS, query) or ""
    return Offset(
        limit=_bound(document, query[size], "maximum", "default") or USUAL_LIMIT,
        total=_first(TOTALS, _whole(answer)),
        param=offset,
        limit_param=size,
        start=1 if _bound(document, query[offset], "minimum", "default") == 1 else 0,
    )


def _more(answer: Mapping[str, str]) -> str | None:
    """The path to the boolean that says whether there is another page."""
    return _first(MORE, (path for path, kind in answer.items() if kind == "boolean"))


def _whole(answer: Mapping[str, str]) -> list[str]:
    return [path for path, kind in answer.items() if kind in ("integer", "number")]


def _scalars(document: Document, answer: Schema, records: str, depth: int = ENVELOPES) -> dict[str, str]:
    """The fields of an answer that are no lists, those inside objects included: by path, the kind, `uri` of a link."""
    found: dict[str, str] = {}
    if answer is None or depth == 0:
        return found
    for name, schema in properties_of(document, shape_of(document, answer)).items():
        shape = shape_of(document, schema)
        if "." in name or name == records or shape.is_list:
            continue
        if shape.is_object:
            inner = records.partition(".")[2] if records.partition(".")[0] == name else ""
            found |= {f"{name}.{path}": kind for path, kind in _scalars(document, schema, inner, depth - 1).items()}
        else:
            found[name] = "uri" if _is_link(shape) else shape.types[0] if len(shape.types) == 1 else ""
    return found


def _is_link(shape: Shape) -> bool:
    """Whether a text is said to be a link: by its format, its description, its example."""
    said = " ".join(str(each) for each in (shape.format, shape.description, shape.keywords.get("example", "")))
    return shape.types == ("string",) and bool(SAID_LINK.search(said))


def _first(wanted: Iterable[str], paths: Iterable[str]) -> str | None:
    """The path whose end is called so, the most usual name first, the shortest path among equals."""
    known = sorted(paths, key=lambda path: path.count("."))
    return next((path for name in wanted for path in known if snake(path.rpartition(".")[2]) == name), None)


def _size(document: Document, taken: Mapping[str, Schema]) -> tuple[str | None, int | None]:
    """What sets the page's size, and the largest that the document allows."""
    name = _first(SIZES, taken)
    return name, _bound(document, taken[name], "maximum") if name else None


def _bound(document: Document, schema: Schema, *keywords: str) -> int | None:
    said = shape_of(document, schema).keywords
    return next((said[key] for key in keywords if isinstance(said.get(key), int) and said[key] is not True), None)


def _is_token(document: Document, name: str, schema: Schema) -> bool:
    if snake(name) not in TOKENS:  # asked first: what is behind the other references does not matter
        return False
    types = shape_of(document, schema).types
    return types in (("string",), ()) or (types == ("integer",) and snake(name) not in NUMERIC)
