"""An API made from its document, for tests: every listing, paged, with sample records.

    TestAcme = conformance("integrations.acme", api_of("openapi.json", spec=SPEC), spec=SPEC)

It is strict, so that a mistake shows: a parameter that the document does not know, one that is missing, a page token
that it did not give out, and wrong credentials are refused.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlencode

from integrations.sdk.errors import DeclarationError
from integrations.sdk.openapi.document import PARAMETER, Document, Schema, Source
from integrations.sdk.openapi.filters import Form
from integrations.sdk.openapi.listings import Listing, listing_of
from integrations.sdk.openapi.logins import Login, Logins
from integrations.sdk.openapi.records import records_of
from integrations.sdk.openapi.samples import Sampler
from integrations.sdk.openapi.shapes import shape_of
from integrations.sdk.page import EACH
from integrations.sdk.pagination import CursorToken, KeysetBy, LinkHeader, NextLink, Offset, PageNumber
from integrations.sdk.testing import Answer, Api, Asked

RECORDS = 5
PAGE = 2
TOKEN = "a-token-that-lives-for-an-hour"  # noqa: S105 - what the test's own token endpoint gives
OWN = "served_from"  # the parameter of the links that it gives out


def api_of(spec: Source, *, credentials: Mapping[str, str] | None = None, records: int = RECORDS) -> Api:
    """The document's API, which lets in whoever has the credentials (`token`, `username` and `password`, …)."""
    document = Document.load(spec)
    logins = Logins(document)
    served = sorted(_served(document, records), key=lambda each: each.listing.path.count("{"))
    all_ = {logins.common, *(logins.of(each.listing.operation) for each in served)}

    def api(asked: Asked) -> Answer:
        given = credentials or {}
        if asked.method == "POST" and asked.path.endswith("/token") and any(map(_fetches_a_token, all_)):
            return Answer(json={"access_token": TOKEN, "expires_in": 3600})
        for each in served:
            if asked.method == each.listing.operation.method and (found := each.pattern.fullmatch(asked.path)):
                parts = login.parts if (login := logins.of(each.listing.operation)) else ()
                if not all(_is_let_in(part, asked, given) for part in parts):
                    break
                values = {name: unquote(value) for name, value in found.groupdict().items()}
                return each.answer(asked, values, {part.name for part in parts})
        else:
            return Answer(404, json={"message": f"{asked.method} {asked.path} is not served"})
        return Answer(401, json={"message": "who are you?"})

    return api


def _served(document: Document, records: int) -> "Iterator[_Served]":
    """Whatever the document lists, and not only what is usually read."""
    for operation in document.operations():
        with suppress(DeclarationError):
            yield _Served(document, listing_of(document, operation.path, method=operation.method), records)


class _Refused(Exception):
    """What the request lacks, or has too much."""


class _Served:
    """One listing: which requests are for it, and what they are answered."""

    def __init__(self, document: Document, listing: Listing, records: int) -> None:
        self.listing = listing
        self.pattern = re.compile(PARAMETER.sub(lambda found: f"(?P<{_group(found[1])}>[^/]+)", listing.path))
        self._names = {_group(name): name for name in PARAMETER.findall(listing.path)}
        self._sampler = Sampler(document)
        self._schema: Schema = records_of(document, listing.operation, listing.records)[1]
        self.records = max(records, len(shape_of(document, self._schema).alternatives))  # one of each kind at least

    def answer(self, asked: Asked, found: Mapping[str, str], known: set[str]) -> Answer:
        """A page of the records below the path's parameters, or a refusal that says why."""
        query = dict(asked.query)
        body = json.loads(asked.body) if asked.body else {}
        try:
            self._check(query, known, asked.headers)
            given = {self._names[name]: value for name, value in found.items()}
            given |= {need: query[need] for need in self.listing.needs if need in query}
            return self._page(self._within(self._all(given), query), query, body, asked)
        except _Refused as refused:
            return Answer(400, json={"message": str(refused)})

    def _check(self, query: Mapping[str, str], known: set[str], headers: Mapping[str, str]) -> None:
        parameters = {each.name for each in self.listing.operation.parameters if each.place == "query"}
        for name in query.keys() - parameters - known - {OWN}:
            raise _Refused(f"there is no parameter {name}")
        times = self.listing.times
        needed = {*parameters.intersection(self.listing.needs), *(times.required if times else ())}
        for name in needed - query.keys():
            raise _Refused(f"the parameter {name} is missing")
        for name, value in self.listing.headers.items():
            if headers.get(name.lower()) != (value or headers.get(name.lower(), "")):
                raise _Refused(f"the header {name} is missing" + (f", or not {value}" if value else ""))

    def _all(self, given: Mapping[str, str]) -> list[dict[str, Any]]:
        place = "/".join([self.listing.path, *given.values()])
        made = [self._sampler.record(self._schema, number, place) for number in range(1, self.records + 1)]
        if self.listing.records.endswith(EACH):
            made = [{EACH: self._sampler.value({}, n, "key", place), **each} for n, each in enumerate(made)]
        keys = [
            field.key for field in self.listing.fields if field.primary_key and not field.inside
        ]  # an `id` in the path is another's
        above = {name: value for name, value in given.items() if name not in keys}
        return [
            {**record, **{name: value for name, value in above.items() if isinstance(record.get(name), str)}}
            for record in made
        ]

    def _within(self, records: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
        """The records in the window that the request has, where the document says which time it means."""
        times = self.listing.times
        field = next((each for each in self.listing.fields if times and each.name == times.column), None)
        for name, below in ((times.since, False), (times.until, True)) if times and field else ():
            if name and name in query and times and field:
                edge = _moment(query[name], times.takes)
                records = [each for each in records if (_instant(_dug(each, field.path)) < edge) is below]
        return records

    def _page(self, records: list[dict[str, Any]], query: dict[str, str], body: Any, asked: Asked) -> Answer:
        way, count = self.listing.paginate, len(records)
        around: dict[str, Any] = {}
        headers: dict[str, str] = {}
        start, size = _number(query, OWN, 0), PAGE
        match way:
            case CursorToken():
                start = _from_token((body if way.in_body else query).get(way.param), count)
                around = {way.field: _token(start + PAGE) if start + PAGE < count else None}
                around |= {way.more: start + PAGE < count} if way.more else {}
            case PageNumber():
                start = (_number(query, way.param, way.start) - way.start) * PAGE
                around = {way.pages: -(-count // PAGE)} if way.pages else {}
            case Offset():
                start = _number(query, way.param, way.start) - way.start
                size = min(PAGE, _number(query, way.limit_param, PAGE))
                around = {way.total: count} if way.total else {}
            case KeysetBy():
                behind = query.get(way.param)
                start = next((n + 1 for n, each in enumerate(records) if str(each[way.field]) == behind), 0)
                around = {way.more: start + PAGE < count} if way.more else {}
            case NextLink() | LinkHeader() if start + PAGE < count:
                link = f"{asked.path}?{urlencode({**query, OWN: start + PAGE})}"
                around, headers = ({way.field: link}, {}) if isinstance(way, NextLink) else ({}, _linked(link))
            case None:
                size = count
        page = records[start : start + size]
        return Answer(json=_enveloped(page, self.listing.records, around), headers=headers)


def _fetches_a_token(login: Login | None) -> bool:
    return login is not None and any(part.kind == "client" for part in login.parts)


def _is_let_in(login: Login, asked: Asked, given: Mapping[str, str]) -> bool:
    said = asked.headers.get("authorization")
    match login.kind:
        case "bearer":
            return said == f"Bearer {given.get(login.setting)}"
        case "basic":
            pair = ":".join(str(given.get(name)) for name in login.own)
            return said == f"Basic {b64encode(pair.encode()).decode()}"
        case "client":
            return said == f"Bearer {TOKEN}"
        case "key":
            return _key_in(login, asked) == given.get(login.setting)


def _key_in(login: Login, asked: Asked) -> str | None:
    """The key that the request has, at its place."""
    if login.place == "header":
        return asked.headers.get(login.name.lower())
    if login.place == "query":
        return asked.query.get(login.name)
    cookies = (each.partition("=") for each in asked.headers.get("cookie", "").split("; "))
    return next((value for name, _, value in cookies if name == login.name), None)


def _enveloped(page: Any, records: str, around: Mapping[str, Any]) -> Any:
    """The page at its place in the answer, with what paging reads beside it."""
    if not records:
        return page
    answer: dict[str, Any] = {}
    if records.endswith(EACH):
        held = {each[EACH]: {name: value for name, value in each.items() if name != EACH} for each in page}
        if records == EACH:
            return held
        return _enveloped(held, records.removesuffix(f".{EACH}"), around)
    for path, value in {records: page, **around}.items():
        *above, last = path.split(".")
        holder = answer
        for name in above:
            holder = holder.setdefault(name, {})
        holder[last] = value
    return answer


def _token(start: int) -> str:
    return f"from-{start}"


def _from_token(token: Any, count: int) -> int:
    """Where a page token leads. Raises: _Refused for one that was not given out."""
    if token is None:
        return 0
    known = {_token(start): start for start in range(PAGE, count, PAGE)}
    if token not in known:
        raise _Refused(f"the page token {token!r} is not one of this listing")
    return known[token]


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError:
        raise _Refused(f"{name} is no number: {query[name]!r}") from None


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        raise _Refused(f"{text!r} is no time") from None


def _dug(record: Any, path: Sequence[str]) -> Any:
    """The value at a path of a record, which is there."""
    for key in path:
        record = record[key]
    return record


def _moment(text: str, form: Form) -> datetime:
    """The moment that a parameter's value says, as it takes them."""
    if form in ("moments", "days"):
        return _instant(text)
    if not text.isdigit():
        raise _Refused(f"{text!r} is no number of {form}")
    return datetime.fromtimestamp(int(text) / (1000 if form == "milliseconds" else 1), UTC)


def _linked(link: str) -> dict[str, str]:
    return {"Link": f'<{link}>; rel="next"'}


def _group(name: str) -> str:
    """A parameter's name as one of a pattern's groups."""
    return "p_" + re.sub(r"\W", "_", name)
