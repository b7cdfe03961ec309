"""Tables from a document: relations, parameters and windows."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.sdk import BIGINT, HttpClient, ParentRow, Table, TimeCursor, Window
from integrations.sdk.errors import DeclarationError
from integrations.sdk.openapi import Document, openapi_table, openapi_tables
from integrations.sdk.openapi.families import families
from integrations.sdk.openapi.listings import Listing, listing_of, listings
from integrations.sdk.openapi.serving import api_of
from integrations.sdk.reading import read
from integrations.sdk.schema import flatten
from integrations.sdk.testing import Answer, Asked, Server, serving
from tests.sdk.openapi.documents import answers, document, listing, of, parameter

TEXT = {"type": "string"}
TIME = {"type": "string", "format": "date-time"}
SHOP = document(
    {
        "/v1/customers": listing(of(updated_at=TIME), parameter("updated_since"), key="customers"),
        "/v1/customers/{customer_id}/cards": listing(
            of(customer_id={"type": "integer"}, brand=TEXT), parameter("customer_id", place="path"), key="cards"
        ),
        "/v1/customers/{customer_id}/cards/{card_id}/uses": listing(of(at=TIME), key="uses"),
        "/v1/invoices": listing(of(), parameter("customer_id", required=True), key="invoices"),
        "/v1/rates/{currency}": listing(of(), parameter("currency", place="path"), key="rates"),
        "/v1/old": listing(of(), deprecated=True),
        "/v1/customers/{customer_id}": {"get": {"responses": answers(of(cards={"type": "array", "items": of()}))}},
    }
)


def asked(table: Table, row: dict[str, Any] | None = None, window: Window = Window()) -> list[Asked]:  # noqa: B008
    """The requests that reading the table makes."""

    def api(request: Asked) -> Answer:
        return Answer(json={name: [] for name in ("customers", "cards", "uses", "invoices", "rates", "items")})

    server: Server
    with serving(api) as server:
        list(read(table, HttpClient(server.url), ParentRow("above", row) if row else None, window))
    return server.requests


def test_a_path_below_another_is_its_relation() -> None:
    """To any depth; the parent's key is part of the child's, also where only a required parameter names it."""
    paths = [path for path in SHOP["paths"] if "rates" not in path and "old" not in path and not path.endswith("_id}")]
    tables = openapi_tables(SHOP, paths, prefix="shop")
    found = {
        node.name: (node.parent.name if node.parent else None, node.table.primary_keys) for node in flatten(tables)
    }
    assert found == {
        "shop_customers": (None, ["id"]),
        "shop_customer_cards": ("shop_customers", ["customer_id", "id"]),
        "shop_customer_card_uses": ("shop_customer_cards", ["customer_id", "card_id", "id"]),
        "shop_invoices": ("shop_customers", ["customer_id", "id"]),
    }
    uses = next(node.table for node in flatten(tables) if node.name == "shop_customer_card_uses")
    (request,) = asked(uses, {"customer_id": 7, "id": "a/b"})
    assert request.path == "/v1/customers/7/cards/a%2Fb/uses"


def test_a_parents_key_never_takes_the_place_of_the_records_own() -> None:
    """Where a path says only `id`, the column says of what; a record's object of that name stays what it is."""
    path = parameter("id", place="path")
    repo = parameter("repo", place="path"), parameter("owner", place="path")
    owners = listing({"type": "object", "properties": {"key": TEXT, "owner": {"type": "object"}}}, *repo)
    spec = document(
        {
            "/incidents": listing(of(), key="incidents"),
            "/incidents/{id}/alerts": listing(of(incident_id={"type": "integer"}), path, key="alerts"),
            "/incidents/{id}/alerts/{alert_id}/notes": listing(of(), path, parameter("alert_id", place="path")),
            "/incidents/{incidentId}/logs/{log}/lines": listing(of()),
            "/incidents/{incident}/logs": listing(of()),
        }
    )
    paths = ["/incidents", *(path for path in spec["paths"] if "{" in path)]
    found = {node.name: node.table for node in flatten(openapi_tables(spec, paths))}
    assert found["incident_alerts"].primary_keys == ["incident_id", "id"]
    assert found["incident_alert_notes"].primary_keys == ["incident_id", "alert_id", "id"]
    assert found["incident_logs"].primary_keys == ["incident", "id"]
    assert found["incident_log_lines"].primary_keys == ["incident_id", "log", "id"]
    (request,) = asked(found["incident_log_lines"], {"incident": 7, "id": 8})
    assert request.path == "/incidents/7/logs/8/lines"
    (request,) = asked(found["incident_alert_notes"], {"incident_id": 7, "id": 8})
    assert request.path == "/incidents/7/alerts/8/notes"
    forks = openapi_table(
        document({"/repos/{owner}/{repo}/forks": owners}),
        "/repos/{owner}/{repo}/forks",
        from_parent={"owner": "login", "repo": "name"},
    )
    assert [column.name for column in forks.columns] == ["owner_login", "repo", "key", "owner"]


def test_a_parameter_is_given_by_who_lists_what_it_names() -> None:
    """Wherever that is: by the thing's name, alone or with its key's, in the path or the query; no word of a few."""
    needed = {name: parameter(name, "integer", required=True) for name in ("customer", "guild_id", "type")}
    few = parameter("status", required=True, enum=["open", "closed"])
    spec = document(
        {
            "/customers": listing(of()),
            "/users/@me/guilds": listing(of()),
            "/accounts": listing(of(slug=TEXT)),
            "/statuses": listing(of()),
            "/methods": listing(of(), needed["customer"], needed["type"]),
            "/guilds/{guild_id}/channels": listing(of()),
            "/channels/{channel_id}/messages": listing(of()),
            "/{account_slug}/members": listing(of()),
            "/entries": listing(of(), few),
        }
    )
    found = {
        each.listing.path: (each.parent.listing.path if each.parent else None, each.given, each.settings)
        for each in families([each for each in listings(Document(spec)) if isinstance(each, Listing)])
        if each.listing.needs
    }
    assert found == {
        "/methods": ("/customers", {"customer": "id"}, {"type": "type"}),
        "/guilds/{guild_id}/channels": ("/users/@me/guilds", {"guild_id": "id"}, {}),
        "/channels/{channel_id}/messages": ("/guilds/{guild_id}/channels", {"channel_id": "id"}, {}),
        "/{account_slug}/members": ("/accounts", {"account_slug": "slug"}, {}),
        "/entries": (None, {}, {"status": "status"}),
    }


def test_a_name_alone_says_little() -> None:
    """It means who lists such things by such a key, at such a place, and nobody when two do; that is a guess."""
    spec = document(
        {
            "/repos": listing(of(name=TEXT)),
            "/repos/{repo}/issues": listing(of()),
            "/pulls": listing(of(), parameter("repo", required=True)),
            "/billing/groups": listing(of()),
            "/chat/groups/{groupId}/members": listing(of()),
            "/admin/users": listing(of()),
            "/staff/users": listing(of()),
            "/reports": listing(of(), parameter("user_id", required=True)),
            "/customers": listing({"type": "object", "properties": {"id": TEXT}}),
            "/cards": listing(of(), parameter("customer_id", "integer", required=True)),
            "/refunds": listing(of(), parameter("customer_id", required=True)),
        }
    )
    found = {
        each.listing.path: each
        for each in families([each for each in listings(Document(spec)) if isinstance(each, Listing)])
        if each.listing.needs
    }
    parents = {path: each.parent.listing.path for path, each in found.items() if each.parent}
    assert parents == {"/repos/{repo}/issues": "/repos", "/refunds": "/customers"}
    assert [path for path, each in found.items() if each.guessed] == ["/refunds"]


def test_one_table_is_told_where_its_parameters_are() -> None:
    """From the parent's row, from what is given, or not at all, which is said."""
    table = openapi_table(SHOP, "/v1/customers/{customer_id}/cards", from_parent={"customer_id": "number"})
    assert table.parent_columns == ("number",)
    assert table.column("customer_id").type is BIGINT  # type: ignore[union-attr]
    rates = openapi_table(SHOP, "/v1/rates/{currency}", params={"currency": "EUR", "base": "USD"})
    (request,) = asked(rates)
    assert (request.path, request.query) == ("/v1/rates/EUR", {"base": "USD"})
    with pytest.raises(DeclarationError, match="nothing gives the parameter `card_id`"):
        openapi_table(SHOP, "/v1/customers/{c}/cards/{c_id}/uses", from_parent={"customer_id": "customer_id"})
    with pytest.raises(DeclarationError, match="needs no `custmer_id`"):
        openapi_table(SHOP, "/v1/invoices", params={"customer_id": 1}, from_parent={"custmer_id": "id"})


def test_a_window_goes_where_the_api_takes_it() -> None:
    """Into the parameters that the document has for it, or those that are named, in the query or in the body."""
    start, end = datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 2, 3, tzinfo=UTC)
    customers = openapi_table(SHOP, "/v1/customers", cursor=TimeCursor("updated_at"))
    (request,) = asked(customers, window=Window(start, end))
    assert request.query == {"updated_since": "2024-01-02T00:00:00Z"}
    assert asked(customers)[0].query == {}
    named = openapi_table(SHOP, "/v1/customers", since="from", until="to")
    assert asked(named, window=Window(start, end))[0].query == {
        "from": "2024-01-02T00:00:00Z",
        "to": "2024-02-03T00:00:00Z",
    }
    search = document({"/v1/items/search": {"post": listing(of())["get"]}})
    table = openapi_table(search, "/v1/items/search", body={"f": {"a": 1}}, since="f.t.from", until="f.t.to")
    (request,) = asked(table, window=Window(start))
    assert json.loads(request.body) == {"f": {"a": 1, "t": {"from": "2024-01-02T00:00:00Z"}}}


def test_the_listings_of_a_document() -> None:
    """Each path that lists, once; not what is deprecated, and not a record that has a list of its own."""
    found = {each.path: each for each in listings(Document(SHOP)) if isinstance(each, Listing)}
    assert "/v1/old" not in found
    assert "/v1/customers/{customer_id}" not in found
    assert len(found) == 5
    times = found["/v1/customers"].times
    assert times is not None
    assert (times.since, times.column, times.follows_changes) == ("updated_since", "updated_at", True)


@pytest.mark.parametrize(
    ("parameters", "since", "until", "column"),
    [
        ([("begin_time", "In RFC 3339. By `created_at`."), ("end_time", "In RFC 3339. By `created_at`.")],
         "begin_time", "end_time", "created_at"),
        ([("updated_at_min", ""), ("updated_at_max", ""), ("created_at_min", "")],
         "updated_at_min", "updated_at_max", "updated_at"),
        ([("created_after", ""), ("updated_after", "")], "updated_after", None, "updated_at"),
        ([("since", "Only issues that changed since, in ISO 8601."), ("q", "")], "since", None, None),
        ([("date_from", "In RFC 3339."), ("date_to", "In RFC 3339."), ("from", "The sender.")],
         "date_from", "date_to", None),
        ([("created_after", "As a UNIX timestamp."), ("created_before", "")], "created_after", None, "created_at"),
        ([("start", "Where to begin."), ("from", "The sender.")], None, None, None),
        ([("CreatedAt", "In RFC 3339."), ("CreatedAt<", ""), ("CreatedAt>", "")], None, None, None),
    ],
)  # fmt: skip
def test_a_filter_by_time_is_recognised(parameters: Any, since: Any, until: Any, column: Any) -> None:
    """By its name or by what it says of itself; a time of change before one of creation, and nothing else."""
    given = [parameter(name, description=said) for name, said in parameters]
    spec = document({"/things": listing(of(created_at=TIME, updated_at=TIME), *given)})
    (found,) = (each for each in listings(Document(spec)) if isinstance(each, Listing))
    times = found.times
    assert (times and times.since, times and times.until, times and times.column) == (since, until, column)


def test_a_filter_takes_what_it_is_said_to_take() -> None:
    """Days where it takes days, a number where it says what the number counts, and nothing where it does not."""
    days = [parameter(f"{word}_date", format="date") for word in ("from", "to")]
    spec = document(
        {
            "/orders": listing(of(date={"type": "string", "format": "date"}), *days, key="items"),
            "/things": listing(of(created_at=TIME), parameter("created_after", "integer")),
        }
    )
    window = Window(datetime(2024, 1, 2, 3, tzinfo=UTC), datetime(2024, 2, 3, tzinfo=UTC))
    (request,) = asked(openapi_table(spec, "/orders"), window=window)
    assert request.query == {"from_date": "2024-01-02", "to_date": "2024-02-03"}
    (request,) = asked(openapi_table(spec, "/things"), window=window)
    assert request.query == {}
    with serving(api_of(spec)) as server:
        pages = list(read(openapi_table(spec, "/orders"), HttpClient(server.url), None, Window(window.end)))
    assert [len(page) for page in pages] == [0]  # type: ignore[arg-type]  # it has none of that time
    for said, since in (("In Unix time.", "1704164400"), ("Milliseconds of the epoch.", "1704164400000")):
        spec = document({"/things": listing(of(), parameter("created_after", "integer", description=said))})
        (request,) = asked(openapi_table(spec, "/things"), window=window)
        assert request.query == {"created_after": since}


def test_what_a_request_must_have_and_has() -> None:
    """Paging's own parameters, a default and the only possible value are no need; a choice is."""
    given = [
        parameter("page", "integer", required=True),
        parameter("per_page", "integer", required=True),
        parameter("status", required=True, enum=["pending"]),
        parameter("deep", "boolean", required=True, default=False),
        parameter("kind", required=True, enum=["a", "b"]),
    ]
    spec = document({"/things": listing(of(), *given)})
    found = listing_of(Document(spec), "/things")
    assert found.needs == ("kind",)
    (request,) = asked(openapi_table(spec, "/things", params={"kind": "a"}))
    assert request.query == {"page": "1", "per_page": "100", "status": "pending", "deep": "false", "kind": "a"}


def test_a_time_that_every_request_must_have() -> None:
    """The window's; of everything, from the first day on until now, unless another is given."""
    ends = [parameter(name, required=True, format="date-time") for name in ("start_date", "end_date")]
    spec = document(
        {"/things": listing(of(), *ends), "/parts": listing(of(), ends[0], parameter("kind", required=True))}
    )
    assert listing_of(Document(spec), "/parts").needs == ("kind",)
    (request,) = asked(openapi_table(spec, "/things"))
    assert request.query["start_date"] == "2000-01-01T00:00:00Z"
    assert request.query["end_date"] > "2026"
    (request,) = asked(openapi_table(spec, "/things", params={"start_date": "2020-01-01"}), window=Window())
    assert request.query["start_date"] == "2020-01-01"
    window = Window(datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 2, 3, tzinfo=UTC))
    (request,) = asked(openapi_table(spec, "/things"), window=window)
    assert request.query == {"start_date": "2024-01-02T00:00:00Z", "end_date": "2024-02-03T00:00:00Z"}


def test_one_record_is_no_listing() -> None:
    """Alone in a list as above it, inside an envelope, or with a list of its own."""
    tags = {"type": "array", "items": of()}
    account = of(name=TEXT)
    parts = of(tags=tags)
    one = {"/data/{id}": answers({"type": "object", "properties": {"data": parts}}), "/refund": answers(parts)}
    spec = document(
        {
            "/Accounts": listing(account, key="Accounts", beside={"id": TEXT}),
            "/Accounts/{AccountID}": listing(account, key="Accounts", beside={"id": TEXT}),
            "/Accounts/{AccountID}.json": listing(account, key="Accounts"),
            "/Accounts/{AccountID}/logs/{day}": listing(of(at=TIME)),
            **{path: {"get": {"responses": said}} for path, said in one.items()},
        }
    )
    assert [each.path for each in listings(Document(spec)) if isinstance(each, Listing)] == [
        "/Accounts",
        "/Accounts/{AccountID}/logs/{day}",
    ]


def test_paths_that_say_more_than_where() -> None:
    """The answer's format, the word for listing after a dot, a date for a version; no query, which is no path's."""
    sid = {"type": "object", "properties": {"sid": TEXT}}
    spec = document(
        {
            "/2010-04-01/Accounts.json": listing(sid, key="accounts"),
            "/2010-04-01/Accounts/{Sid}/Calls.json": listing(sid, key="calls"),
            "/users.list": listing(of(), key="members"),
            "/users.list?beta=true": listing(of(), key="members"),
        }
    )
    found = list(listings(Document(spec)))
    assert [str(each) for each in found if not isinstance(each, Listing)] == [
        "GET /users.list?beta=true: a path with a query is none\n  → give it to openapi_table in params="
    ]
    named = [each for each in found if isinstance(each, Listing)]
    assert [each.name for each in named] == ["accounts", "account_calls", "users"]
    assert families(named)[1].given == {"Sid": "sid"}


def test_options_are_for_paths_that_are_there() -> None:
    """A misspelt path is an error, not an option that nothing has."""
    with pytest.raises(DeclarationError, match="not among the paths"):
        openapi_tables(SHOP, ["/v1/customers"], tables={"/v1/customer": {"name": "x"}})
    (table,) = openapi_tables(SHOP, ["/v1/customers"], tables={"/v1/customers": {"name": "people"}})
    assert table.name == "people"


def test_who_does_not_use_it_does_not_load_it() -> None:
    """Neither the SDK, nor the command line, nor an integration that was generated."""
    code = (
        "import sys, integrations.sdk, integrations.square, orchestration.cli.app, orchestration.testing\n"
        "print([name for name in sys.modules if 'openapi' in name and 'integrations' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
