"""`openapi_table`: a table, ready to be read, from an endpoint's description."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from integrations.sdk.cursor import Cursor
from integrations.sdk.errors import DeclarationError
from integrations.sdk.names import nearest
from integrations.sdk.openapi.columns import Overrides
from integrations.sdk.openapi.document import PARAMETER, Document, Source
from integrations.sdk.openapi.families import Member, families, names_above
from integrations.sdk.openapi.filters import FIRST, Form, written
from integrations.sdk.openapi.listings import Listing, listing_of
from integrations.sdk.openapi.naming import first_sentence, snake
from integrations.sdk.openapi.values import type_of
from integrations.sdk.page import Page
from integrations.sdk.pagination import Paginator
from integrations.sdk.resolvers import ParentRow
from integrations.sdk.schema import Client, Column, Multiplexer, Table, parent
from integrations.sdk.types import TEXT
from integrations.sdk.urls import query_text
from integrations.sdk.window import AnyWindow, Window


def openapi_table(
    spec: Source,
    path: str,
    *,
    name: str | None = None,
    method: str | None = None,
    records: str | None = None,
    columns: Overrides | None = None,
    primary_key: Sequence[str] | None = None,
    params: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    paginate: Paginator | None = None,
    since: str | None = None,
    until: str | None = None,
    from_parent: Mapping[str, str] | None = None,
    relations: Sequence[Table] = (),
    multiplex: Multiplexer | None = None,
    cursor: Cursor | None = None,
    description: str | None = None,
) -> Table:
    """The table that the document describes at this path. Whatever is said here counts before the document.

    `columns` changes columns, by name: a type, an `Override`, or `DROP`. `records` is the path to the list in the
    answer. `params`, `body` and `headers` go with each request, and so do required headers whose value the document
    has; a parameter of the path is filled from `params`, or from the
    parent's row: `from_parent={"customer_id": "id"}`, by default its `id` for the last one. `since` and `until` name
    the parameters that take the window's start and end, or their places in the body, such as `"filter.from"`.
    Raises: DeclarationError when the document does not say enough.
    """
    document = Document.load(spec)
    listing = listing_of(
        document, path, name=name, method=method, records=records, columns=columns, primary_key=primary_key
    )
    given = _given(listing, params or {}, from_parent)
    times = listing.times
    return Table(
        listing.name,
        _columns(document, listing, given),
        _resolver(
            listing,
            given,
            params={**listing.params, **(params or {})},
            body=None if listing.body is None else {**listing.body, **(body or {})},
            headers={**{name: value for name, value in listing.headers.items() if value}, **(headers or {})},
            paginate=paginate or listing.paginate,
            since=since or (times.since if times else None),
            until=until or (times.until if times and not since else None),
        ),
        relations=relations,
        multiplex=multiplex,
        cursor=cursor,
        parent_columns=tuple(dict.fromkeys(given.values())) if given else None,
        description=listing.description if description is None else description,
    )


def _given(listing: Listing, params: Mapping[str, Any], from_parent: Mapping[str, str] | None) -> dict[str, str]:
    """Which of the parent's columns each parameter is that `params` does not have.

    Raises: DeclarationError for one that nothing gives, and for one that is not needed.
    """
    missing = [need for need in listing.needs if need not in params]
    given = dict(from_parent or {need: "id" if need == missing[-1] else snake(need) for need in missing})
    if lacking := [need for need in missing if need not in given]:
        raise DeclarationError(
            f"table `{listing.name}`: nothing gives the parameter `{lacking[0]}` of {listing.operation}",
            hint="say which of the parent's columns it is in from_parent=, or its value in params=",
        )
    if unknown := [need for need in given if need not in listing.needs]:
        raise DeclarationError(
            f"table `{listing.name}`: {listing.operation} needs no `{unknown[0]}`",
            hint=nearest(unknown[0], listing.needs),
        )
    return given


def openapi_tables(
    spec: Source, paths: Sequence[str], *, prefix: str = "", tables: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Table]:
    """The tables at these paths, those of paths below others as their relations.

    `prefix` and an underscore go before each name. `tables` has further arguments of `openapi_table`, by path.
    """
    document = Document.load(spec)
    options = {path: dict(given) for path, given in (tables or {}).items()}
    for path in options:
        if path not in paths:
            raise DeclarationError(f"tables= has {path}, which is not among the paths", hint=nearest(path, paths))
    read = {"name", "method", "records", "columns", "primary_key"}
    found = [listing_of(document, each, **_only(options.get(each, {}), read)) for each in paths]
    by_path = dict(zip((listing.path for listing in found), paths, strict=True))

    def made(member: Member) -> Table:
        own = options.get(by_path[member.listing.path], {})
        return openapi_table(
            document,
            member.listing.path,
            **{
                "name": f"{prefix}_{member.listing.name}" if prefix else member.listing.name,
                **({"from_parent": member.given} if member.given else {}),
                **own,
                "relations": [*own.get("relations", ()), *map(made, member.children)],
            },
        )

    return [made(member) for member in families(found) if member.parent is None]


def _only(options: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name in names}


def _columns(document: Document, listing: Listing, given: Mapping[str, str]) -> list[Column]:
    """The parent's columns, as part of the key, before the record's own; one that both have is the parent's."""
    own = {each.name: each for each in listing.fields}
    above = []
    for need, name in names_above(listing, given).items():
        found = next((each for each in listing.operation.parameters if each.name == need), None)
        said = own.get(name)
        type_ = said.type if said else type_of(document, found.schema, need) if found else TEXT
        description = said.description if said else first_sentence(found.description) if found else ""
        keyed = bool(listing.keys)
        above.append(Column(name, type_, parent(given[need]), primary_key=keyed, description=description))
    names = {column.name for column in above}
    return above + [each.column() for each in listing.fields if each.name not in names]


def _resolver(
    listing: Listing,
    given: Mapping[str, str],
    *,
    params: Mapping[str, Any],
    body: Mapping[str, Any] | None,
    headers: Mapping[str, str],
    paginate: Paginator | None,
    since: str | None,
    until: str | None,
) -> Callable[[Client, ParentRow | None, AnyWindow], Iterator[Page]]:
    """A resolver that asks as the document says: path and parameters filled, the window where the API takes it."""
    in_path = set(PARAMETER.findall(listing.path))
    times = listing.times
    forms: dict[str | None, Form] = {times.since: times.takes, times.until: times.takes} if times else {}
    required = times.required if times else ()

    def list_records(client: Client, parent: ParentRow | None, window: AnyWindow) -> Iterator[Page]:
        values = {**params, **{need: parent[column] for need, column in given.items() if parent is not None}}
        asked = {name: value for name, value in values.items() if name not in in_path}
        sent = body
        for name, end in ((since, "start"), (until, "end")):
            moment = _edge(window, end)
            if moment is None and name in required and name not in params:
                moment = FIRST if end == "start" else datetime.now(UTC)
            if name and moment is not None:
                if sent is None:
                    asked[name] = written(moment, forms.get(name, "moments"))
                else:
                    sent = _planted(sent, name.split("."), query_text(moment))
        yield from client.pages(
            PARAMETER.sub(lambda found: quote(str(values[found[1]]), safe=""), listing.path),
            params=asked,
            records=listing.records,
            paginate=paginate,
            method=listing.operation.method,
            json=sent,
            headers=headers,
        )

    return list_records


def _edge(window: AnyWindow, end: str) -> Any:
    return getattr(window, end) if isinstance(window, Window) else None


def _planted(body: Mapping[str, Any], keys: Sequence[str], value: Any) -> dict[str, Any]:
    """The body, with a value at a place in it."""
    key, *below = keys
    inner = body.get(key)
    return {**body, key: _planted(inner if isinstance(inner, Mapping) else {}, below, value) if below else value}
