"""Square from config.yaml to DuckDB, over a socket: what is read, from when on, and that paging moves."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import integrations.square
from integrations.sdk.errors import LoginRefused
from integrations.sdk.openapi.columns import fields_of
from integrations.sdk.testing import Asked, Server
from integrations.sdk.window import Window
from integrations.square import Spec, Square
from tests.integrations import Project
from tests.integrations.square.server import DOCUMENT, LISTINGS, LOCATIONS, VERSION, SquareServer

DAY = timedelta(days=1)
PATHS = {
    "square_catalog_objects": "/v2/catalog/search",
    "square_customers": "/v2/customers/search",
    "square_orders": "/v2/orders/search",
    "square_payments": "/v2/payments",
    "square_refunds": "/v2/refunds",
}


def only(project: Project, *tables: str) -> None:
    """Let the source have these tables alone, and those above them."""
    config = project.folder / "config.yaml"
    wanted = json.dumps(list(tables))
    text = config.read_text(encoding="utf-8").replace(
        "  spec:\n    access_token", f"  tables: {wanted}\n  spec:\n    access_token"
    )
    assert wanted in text
    config.write_text(text, encoding="utf-8")


def ids(project: Project, table: str) -> list[str]:
    return sorted(id for (id,) in project.query(f"SELECT id FROM square.{table}"))


def asked_for(http: Server, path: str) -> list[Asked]:
    return [asked for asked in http.requests if asked.path == path]


def body_of(asked: Asked) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(asked.body)
    return made


def moved(square: SquareServer, path: str, number: int, moment: datetime) -> dict[str, Any]:
    """A record of the listing, at another time."""
    listing = LISTINGS["GET" if ("GET", path) in LISTINGS else "POST", path]
    return square.make(path, listing, number, moment - (number - 1) * DAY)


def test_every_page_of_every_location_is_read(square: SquareServer, http: Server, project: Project) -> None:
    """250 payments at two locations are 250 rows: each location is asked for, and each cursor leads on.

    CloudQuery's plugin asks for the first page again and again, since it never sends the cursor that it was given.
    """
    only(project, "square_payments")
    square.page_size = 40
    first = datetime.now(UTC) - timedelta(days=250)
    square.records["/v2/payments"] = [
        square.make("/v2/payments", LISTINGS["GET", "/v2/payments"], number, first) for number in range(1, 251)
    ]
    run = project.run()
    assert run.succeeded
    assert ids(project, "square_payments") == sorted(each["id"] for each in square.records["/v2/payments"])
    requests = asked_for(http, "/v2/payments")
    assert len(requests) == run.tables["square_payments"].record.requests == 2 * 4
    cursors = [asked.query.get("cursor") for asked in requests]
    assert cursors.count(None) == len(LOCATIONS)
    assert len(set(cursors)) == 7
    assert {asked.query["location_id"] for asked in requests} == set(LOCATIONS)


@pytest.mark.parametrize("table", ["square_payments", "square_customers"])
def test_a_cursor_that_stands_still_is_noticed(square: SquareServer, project: Project, table: str) -> None:
    """The same page twice is an error, not an endless loop, and what was there before stays."""
    only(project, table)
    square.fill(8)
    square.page_size = 1
    project.run()
    before = ids(project, table)
    square.stuck = PATHS[table]
    run = project.run(full_refresh=True)
    error = run.tables[table].error
    assert not run.succeeded
    assert "the same page" in str(error)  # of two reads either may be the first to be named
    assert ids(project, table) == before


def test_what_is_older_than_a_year_is_read(square: SquareServer, http: Server, project: Project) -> None:
    """Square gives the last year unless a begin is said: the first sync says one that is before all sales."""
    only(project, "square_refunds", "square_gift_card_activities", "square_payouts")
    old = datetime(2015, 6, 1, tzinfo=UTC)
    for path in ("/v2/refunds", "/v2/gift-cards/activities", "/v2/payouts"):
        square.records[path].append(moved(square, path, 9, old))
    project.run()
    for table in ("square_refunds", "square_gift_card_activities", "square_payouts"):
        assert len(ids(project, table)) == 5
    assert {asked.query["begin_time"] for asked in asked_for(http, "/v2/refunds")} == {"2009-01-01T00:00:00Z"}


def test_the_next_sync_asks_for_what_is_new(square: SquareServer, http: Server, project: Project) -> None:
    """By creation from a month before the newest, since a payment is settled later; older ones are not asked for."""
    only(project, "square_refunds")
    old = moved(square, "/v2/refunds", 8, datetime.now(UTC) - timedelta(days=100))
    square.records["/v2/refunds"].append(old)
    project.run()
    newest = max(each["created_at"] for each in square.records["/v2/refunds"])
    http.requests.clear()
    pending = square.records["/v2/refunds"][0]
    pending["status"] = "COMPLETED"
    new = moved(square, "/v2/refunds", 9, datetime.now(UTC) - timedelta(hours=1))
    square.records["/v2/refunds"].append(new)
    run = project.run()
    assert run.tables["square_refunds"].record.mode == "incremental"
    assert run.tables["square_refunds"].record.rows == 5
    begin = {asked.query["begin_time"] for asked in asked_for(http, "/v2/refunds")}
    assert {datetime.fromisoformat(text) for text in begin} == {datetime.fromisoformat(newest) - timedelta(days=31)}
    assert set(ids(project, "square_refunds")) >= {old["id"], new["id"]}
    assert project.query(f"SELECT status FROM square.square_refunds WHERE id = '{pending['id']}'") == [("COMPLETED",)]


@pytest.mark.parametrize("table", ["square_orders", "square_customers", "square_catalog_objects"])
def test_searches_go_on_from_the_latest_change(
    square: SquareServer, http: Server, project: Project, table: str
) -> None:
    """An edit of something old is seen, and what has not changed is not asked for again."""
    only(project, table)
    path = PATHS[table]
    project.run()
    http.requests.clear()
    edited = square.records[path][0]
    edited["updated_at"] = datetime.now(UTC).isoformat(timespec="milliseconds")
    edited["version"] = 77
    run = project.run()
    rows = run.tables[table].record.rows
    assert rows < len(square.records[path])
    assert project.query(f"SELECT version FROM square.{table} WHERE id = '{edited['id']}'") == [(77,)]
    for asked in asked_for(http, path):
        assert datetime.now(UTC).isoformat()[:4] in json.dumps(body_of(asked))


def test_the_pages_of_a_search_repeat_its_query(square: SquareServer, http: Server, project: Project) -> None:
    """Square wants the same query with each cursor: only the cursor differs from page to page."""
    only(project, "square_customers")
    square.page_size = 1
    project.run()
    bodies = [body_of(asked) for asked in asked_for(http, "/v2/customers/search")]
    assert len(bodies) == 4
    assert len({json.dumps({**body, "cursor": ""}, sort_keys=True) for body in bodies}) == 1
    assert len({body.get("cursor") for body in bodies}) == 4


def test_a_deleted_object_of_the_catalog_is_marked(square: SquareServer, project: Project) -> None:
    """What is deleted comes again with `is_deleted`; it is not left as if it were still sold."""
    only(project, "square_catalog_objects")
    for each in square.records["/v2/catalog/search"]:
        each["is_deleted"] = False
    project.run()
    gone = square.records["/v2/catalog/search"][1]
    gone.update(is_deleted=True, updated_at=datetime.now(UTC).isoformat(timespec="milliseconds"))
    project.run()
    deleted = project.query("SELECT id FROM square.square_catalog_objects WHERE is_deleted")
    assert deleted == [(gone["id"],)]


def test_bookings_to_come_are_read_again(square: SquareServer, http: Server, project: Project) -> None:
    """A booking of next month is there, is seen when it moves, and does not push the cursor into the future."""
    only(project, "square_bookings")
    soon = moved(square, "/v2/bookings", 9, datetime.now(UTC) + timedelta(days=40))
    square.records["/v2/bookings"].append(soon)
    project.run()
    assert soon["id"] in ids(project, "square_bookings")
    soon["start_at"] = (datetime.now(UTC) + timedelta(days=60)).isoformat(timespec="milliseconds")
    sooner = moved(square, "/v2/bookings", 10, datetime.now(UTC) + timedelta(days=2))
    square.records["/v2/bookings"].append(sooner)
    http.requests.clear()
    project.run()
    assert sooner["id"] in ids(project, "square_bookings")
    (start,) = project.query(f"SELECT start_at FROM square.square_bookings WHERE id = '{soon['id']}'")
    assert start[0] > datetime.now(UTC) + timedelta(days=59)
    assert len(asked_for(http, "/v2/bookings")) < 20  # and not the years before


def test_a_window_brings_what_is_in_it(square: SquareServer, project: Project) -> None:
    """`--since` and `--until` reach the API, in the query and in the body."""
    only(project, "square_refunds", "square_customers", "square_shifts")
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2, hours=12)
    run = project.run(Window(start, start + 2 * DAY))
    for table in ("square_refunds", "square_customers", "square_shifts"):
        assert run.tables[table].record.rows == 2, table


def test_columns_are_those_of_the_description(project: Project) -> None:
    """Each table has each property of its records, as the type that the description has it; and nothing else."""
    by_key = {listing.key: listing.record for listing in LISTINGS.values()}
    special = {"catalog_objects": "objects", "dispute_evidence": "evidence", "customer_groups": "groups"}
    special |= {"customer_segments": "segments", "inventory_counts": "counts", "loyalty_events": "events"}
    special |= {"loyalty_rewards": "rewards", "merchants": "merchant"}
    for node in Square.nodes():
        name = node.name.removeprefix("square_")
        schema = {"$ref": f"#/definitions/{by_key[special.get(name, name)]}"}
        found = {each.name: each.type for each in fields_of(DOCUMENT, schema, name, settled=["info"])}
        from_parent = {"location_id", "payout_id", "shift_id", "dispute_id", "subscription_id"} - found.keys()
        declared = {column.name: column.type for column in node.table.columns if column.name not in from_parent}
        assert declared == found, node.name


def test_records_of_the_server_fit_the_description() -> None:
    """What the tests are made with is what Square may answer, by a validator that is not ours."""
    jsonschema = pytest.importorskip("jsonschema", reason="pip install 'headwater[dev]'")
    definitions = dict(DOCUMENT.content["definitions"])
    for missing in _missing(DOCUMENT.content, definitions):
        definitions[missing] = {}
    server = SquareServer("x")
    server.fill()
    for (_, path), listing in LISTINGS.items():
        validator = jsonschema.Draft4Validator({"$ref": f"#/definitions/{listing.record}", "definitions": definitions})
        for record in server.records[path]:
            assert [error.message for error in validator.iter_errors(record)] == [], path


def _missing(node: Any, definitions: dict[str, Any]) -> set[str]:
    """Definitions that are referred to, and that Square's description does not have."""
    if isinstance(node, dict):
        own = {node["$ref"].rpartition("/")[2]} if isinstance(node.get("$ref"), str) else set()
        return (own - definitions.keys()).union(*(_missing(value, definitions) for value in node.values()))
    return set().union(*(_missing(value, definitions) for value in node)) if isinstance(node, list) else set()


def test_a_wrong_token_is_refused_by_name(http: Server, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says where, and to log in again; nothing is tried a second time."""
    monkeypatch.setenv("SQUARE_TOKEN", "EAAA-wrong")
    only(project, "square_payments")
    run = project.run()
    error = run.tables["square_locations"].error
    assert isinstance(error, LoginRefused)
    assert error.exit_code == 3
    assert run.outcomes == {"square_locations": "failed", "square_payments": "skipped"}
    assert len(http.requests) == 1


def test_every_request_says_its_version(http: Server, project: Project) -> None:
    """The tables were made for one version of the API; Square is told which."""
    only(project, "square_orders", "square_disputes")
    project.run()
    assert {asked.headers["square-version"] for asked in http.requests} == {VERSION}


def test_personal_data_stays_in_the_warehouse(
    square: SquareServer, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """Dagster, where more people look, is shown no name, address or telephone number of a customer."""
    only(project, "square_customers")
    for each in square.records["/v2/customers/search"]:
        each.update(
            given_name="Ada", email_address="ada@example.com", phone_number="+1 555 0100", birthday="1815-12-10"
        )
    with caplog.at_level(logging.DEBUG):
        project.run()
    assert "ada@example.com" in project.written()
    shown = project.written_by_dagster() + caplog.text
    assert [personal for personal in ("Ada", "ada@example.com", "+1 555 0100", "1815-12-10") if personal in shown] == []


def test_the_readme_names_everything() -> None:
    """Every setting, table and column is in the README, and so is where the tables come from."""
    readme = Path(str(integrations.square.__file__)).with_name("README.md").read_text(encoding="utf-8")
    names = [*Spec.model_fields]
    for node in Square.nodes():
        names += [node.name, *(column.name for column in node.table.columns)]
    assert [name for name in names if f"`{name}`" not in readme] == []
    assert "Apache License" in readme
    assert VERSION in readme
