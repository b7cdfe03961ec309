"""Square's API on a socket, made from its description: records that fit it, pages by cursor, filters by time.

What it serves, and how, is written here by hand after Square's reference, and not taken from what the integration, or
the transformer that its tables were made with, makes of the description: only the records' schemas are.
"""

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from integrations.sdk.openapi import Document
from integrations.sdk.openapi.samples import Sampler
from integrations.sdk.testing import Answer, Asked

DOCUMENT = Document.load(Path(__file__).with_name("openapi.json"))
VERSION = "2023-07-20"
MAIN = "the-main-location"
LOCATIONS = (MAIN, "another-location")
LONGEST_STRETCH = timedelta(days=31)
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Listing:
    """How one listing answers: the key of its list, and the definition of a record.

    `by` is the record's time that `since` and `until` (places in the query, or in the body) filter by. `years` says
    that only the last year is given unless a begin is named; `exclusive` that the begin is. `per_location` listings
    are of one location: `main` of the main one when none is named, `required` refuse. `sorts` is where the order
    stands. `below` names the path's parameter, which the records carry.
    """

    key: str
    record: str
    _: KW_ONLY
    by: str = ""
    since: str = "begin_time"
    until: str = "end_time"
    sorts: str = "sort_order"
    years: bool = False
    exclusive: bool = False
    per_location: str = ""
    below: str = ""
    numbered: bool = False


RANGE = "query.filter.{}.start_at", "query.filter.{}.end_at"


def _ranged(name: str) -> dict[str, Any]:
    return {"since": RANGE[0].format(name), "until": RANGE[1].format(name)}


CREATED: dict[str, Any] = {"by": "created_at", "years": True}
ORDERED = _ranged("date_time_filter.updated_at")
EVENTS = _ranged("date_time_filter.created_at")
LISTINGS: Mapping[tuple[str, str], Listing] = {
    ("GET", "/v2/locations"): Listing("locations", "Location"),
    ("GET", "/v2/payments"): Listing("payments", "Payment", **CREATED, per_location="main"),
    ("GET", "/v2/payouts"): Listing("payouts", "Payout", **CREATED, per_location="main"),
    ("GET", "/v2/payouts/{payout_id}/payout-entries"): Listing("payout_entries", "PayoutEntry", below="payout_id"),
    ("POST", "/v2/orders/search"): Listing(
        "orders", "Order", by="updated_at", sorts="query.sort.sort_order", per_location="body", **ORDERED
    ),
    ("GET", "/v2/invoices"): Listing("invoices", "Invoice", per_location="required"),
    ("GET", "/v2/cash-drawers/shifts"): Listing(
        "cash_drawer_shifts", "CashDrawerShiftSummary", by="opened_at", per_location="required"
    ),
    ("GET", "/v2/cash-drawers/shifts/{shift_id}/events"): Listing(
        "cash_drawer_shift_events", "CashDrawerShiftEvent", below="shift_id"
    ),
    ("GET", "/v2/refunds"): Listing("refunds", "PaymentRefund", **CREATED),
    ("GET", "/v2/disputes"): Listing("disputes", "Dispute"),
    ("GET", "/v2/disputes/{dispute_id}/evidence"): Listing("evidence", "DisputeEvidence", below="dispute_id"),
    ("POST", "/v2/customers/search"): Listing("customers", "Customer", by="updated_at", **_ranged("updated_at")),
    ("GET", "/v2/customers/groups"): Listing("groups", "CustomerGroup"),
    ("GET", "/v2/customers/segments"): Listing("segments", "CustomerSegment"),
    ("GET", "/v2/cards"): Listing("cards", "Card"),
    ("GET", "/v2/bank-accounts"): Listing("bank_accounts", "BankAccount"),
    ("POST", "/v2/catalog/search"): Listing("objects", "CatalogObject", by="updated_at", exclusive=True),
    ("POST", "/v2/inventory/counts/batch-retrieve"): Listing(
        "counts", "InventoryCount", by="calculated_at", since="updated_after", exclusive=True
    ),
    ("GET", "/v2/bookings"): Listing("bookings", "Booking", by="start_at", since="start_at_min", until="start_at_max"),
    ("GET", "/v2/bookings/team-member-booking-profiles"): Listing(
        "team_member_booking_profiles", "TeamMemberBookingProfile"
    ),
    ("POST", "/v2/team-members/search"): Listing("team_members", "TeamMember"),
    ("GET", "/v2/labor/team-member-wages"): Listing("team_member_wages", "TeamMemberWage"),
    ("POST", "/v2/labor/shifts/search"): Listing(
        "shifts", "Shift", by="start_at", sorts="query.sort.order", **_ranged("start")
    ),
    ("GET", "/v2/labor/break-types"): Listing("break_types", "BreakType"),
    ("GET", "/v2/gift-cards"): Listing("gift_cards", "GiftCard"),
    ("GET", "/v2/gift-cards/activities"): Listing("gift_card_activities", "GiftCardActivity", **CREATED),
    ("POST", "/v2/loyalty/accounts/search"): Listing("loyalty_accounts", "LoyaltyAccount"),
    ("POST", "/v2/loyalty/events/search"): Listing("events", "LoyaltyEvent", by="created_at", **EVENTS),
    ("POST", "/v2/loyalty/rewards/search"): Listing("rewards", "LoyaltyReward"),
    ("POST", "/v2/subscriptions/search"): Listing("subscriptions", "Subscription"),
    ("GET", "/v2/subscriptions/{subscription_id}/events"): Listing(
        "subscription_events", "SubscriptionEvent", below="subscription_id"
    ),
    ("GET", "/v2/merchants"): Listing("merchant", "Merchant", numbered=True),
    ("GET", "/v2/online-checkout/payment-links"): Listing("payment_links", "PaymentLink"),
    ("POST", "/v2/vendors/search"): Listing("vendors", "Vendor"),
}
UNPAGED = ("/v2/locations",)


class Refused(Exception):
    """A request that Square would answer with 400."""


@dataclass
class SquareServer:
    """A seller's account, `page_size` records a page. `stuck` gives the first page's cursor again and again."""

    token: str
    page_size: int = 3
    stuck: str = ""
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    cursors: dict[str, tuple[str, str, int]] = field(default_factory=dict)

    def fill(self, count: int = 4, first: datetime | None = None) -> None:
        """Give every listing so many records, a day apart, the newest of yesterday; below others for each of those."""
        first = first or datetime.now(UTC) - timedelta(days=count)
        for (_, path), listing in LISTINGS.items():
            self.records[path] = [self.make(path, listing, number, first) for number in range(1, count + 1)]
        self.records["/v2/locations"] = self.records["/v2/locations"][: len(LOCATIONS)]
        for location, id in zip(self.records["/v2/locations"], LOCATIONS, strict=True):
            location["id"] = id

    def make(self, path: str, listing: Listing, number: int, first: datetime) -> dict[str, Any]:
        """A record as the description has it, of the main location or the other one."""
        record = Sampler(DOCUMENT).record({"$ref": f"#/definitions/{listing.record}"}, number, path)
        if listing.by:
            record[listing.by] = _text(first + timedelta(days=number - 1))
        if "location_id" in record:
            record["location_id"] = LOCATIONS[number % 2]
        return record

    def answer(self, asked: Asked) -> Answer:
        """What Square answers."""
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return _refusal(401, "UNAUTHORIZED", "This request could not be authorized.")
        try:
            return Answer(json=self._page(asked))
        except Refused as refused:
            return _refusal(400, "BAD_REQUEST", str(refused))

    def _page(self, asked: Asked) -> dict[str, Any]:
        path, below = _route(asked)
        listing = LISTINGS[asked.method, path]
        body = json.loads(asked.body) if asked.method == "POST" else {}
        given = body if asked.method == "POST" else dict(asked.query)
        _check(asked.method, path, given)
        if asked.headers.get("square-version") != VERSION:
            raise Refused("no Square-Version")
        records = self._chosen(listing, path, below, given)
        if path in UNPAGED:
            return {listing.key: records}
        start = self._start(path, given, listing.numbered)
        page: dict[str, Any] = {listing.key: records[start : start + self.page_size]}
        if start + self.page_size < len(records):
            page["cursor"] = self._cursor(path, given, start + self.page_size, listing.numbered)
        return page

    def _chosen(self, listing: Listing, path: str, below: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The records that the request is for, in its order."""
        records = self.records[path]
        if listing.below:
            named = {listing.below: below} if listing.below in records[0] else {}
            return [{**each, **named, "id": f"{each['id']}-of-{below}"} for each in records]
        if listing.per_location:
            places = _places(listing, given)
            records = [each for each in records if each.get("location_id", places[0]) in places]
        if not listing.by:
            return records
        since, until = _bounds(listing, given)
        kept = [each for each in records if _is_within(listing, _time(each[listing.by]), since, until)]
        return sorted(kept, key=lambda each: str(each[listing.by]), reverse=_at(given, listing.sorts) != "ASC")

    def _cursor(self, path: str, given: Mapping[str, Any], start: int, numbered: bool) -> str | int:
        """An opaque cursor, good for this listing and these filters only."""
        if numbered:
            return start
        start = self.page_size if path == self.stuck else start
        cursor = f"cursor-{len(self.cursors)}" if path != self.stuck else "cursor-that-stands-still"
        self.cursors[cursor] = path, _filters(given), start
        return cursor

    def _start(self, path: str, given: Mapping[str, Any], numbered: bool) -> int:
        cursor = given.get("cursor")
        if cursor is None:
            return 0
        if numbered:
            return int(cursor)
        if cursor not in self.cursors:
            raise Refused(f"the cursor {cursor} was not given out")
        known, filters, start = self.cursors[cursor]
        if (known, filters) != (path, _filters(given)):
            raise Refused("the filters are not those that the cursor was given for")
        return start


def _route(asked: Asked) -> tuple[str, str]:
    """The path in the description, and its parameter's value."""
    parts = asked.path.split("/")
    for method, path in LISTINGS:
        names = path.split("/")
        pairs = list(zip(names, parts, strict=False))
        if method == asked.method and len(names) == len(parts) and all(n == p or n.startswith("{") for n, p in pairs):
            return path, next((part for name, part in pairs if name.startswith("{")), "")
    raise Refused(f"no {asked.method} {asked.path}")


def _check(method: str, path: str, given: Mapping[str, Any]) -> None:
    """Refuse what the description does not know, and what it requires and is not there."""
    operation = DOCUMENT.content["paths"][path][method.lower()]
    if method == "POST":
        _check_body(given, operation["parameters"][0]["schema"], "body")
        return
    known = {each["name"]: each for each in operation.get("parameters", ())}
    for name in given:
        if name not in known:
            raise Refused(f"there is no parameter {name}")
    for name, each in known.items():
        if each["required"] and each["in"] == "query" and name not in given:
            raise Refused(f"the parameter {name} is missing")


def _check_body(value: Any, schema: Mapping[str, Any], place: str) -> None:
    """Refuse a body that has what its definition has not, at any depth."""
    if "$ref" in schema:
        schema = DOCUMENT.content["definitions"][schema["$ref"].rpartition("/")[2]]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    if not isinstance(value, kinds[schema["type"]]):
        raise Refused(f"{place} is no {schema['type']}")
    for key, inner in value.items() if isinstance(value, dict) else ():
        if key not in schema["properties"]:
            raise Refused(f"{place} has no {key}")
        _check_body(inner, schema["properties"][key], f"{place}.{key}")


def _places(listing: Listing, given: Mapping[str, Any]) -> list[str]:
    """The locations that are asked for."""
    if listing.per_location == "body":
        if not given.get("location_ids"):
            raise Refused("location_ids is missing")
        return list(given["location_ids"])
    return [given.get("location_id", MAIN)]


def _bounds(listing: Listing, given: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """The window that is asked for, with Square's defaults."""
    since, until = (_at(given, place) for place in (listing.since, listing.until))
    start, end = (_time(text) if text else None for text in (since, until))
    if listing.record == "Booking":
        start = start or datetime.now(UTC)
        end = end or start + LONGEST_STRETCH
        if end - start > LONGEST_STRETCH:
            raise Refused("start_at_min and start_at_max are too far apart")
    if listing.record == "Order" and since and _at(given, "query.sort.sort_field") != "UPDATED_AT":
        raise Refused("the sort field must be the filter's")
    if listing.years and start is None:
        start = datetime.now(UTC) - YEAR
    return start, end


def _is_within(listing: Listing, moment: datetime, since: datetime | None, until: datetime | None) -> bool:
    late_enough = since is None or moment > since or (moment == since and not listing.exclusive)
    return late_enough and (until is None or moment <= until)


def _at(given: Mapping[str, Any], place: str) -> Any:
    value: Any = given
    for key in place.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _filters(given: Mapping[str, Any]) -> str:
    return json.dumps({key: value for key, value in given.items() if key != "cursor"}, sort_keys=True)


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise Refused(f"{text} is no RFC 3339 time")
    return moment


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _refusal(status: int, code: str, detail: str) -> Answer:
    return Answer(status, json={"errors": [{"category": "API_ERROR", "code": code, "detail": detail}]})
