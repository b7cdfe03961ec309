"""Subscription events of each subscription."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, ParentRow, Table, Window, parent
from integrations.sdk.types import DATE, JSON, TEXT


def list_subscription_events(client: HttpClient, subscription: ParentRow, window: Window) -> Iterator[Page]:
    """Yield the subscription events of each subscription, whatever the window.

    Source: GET /v2/subscriptions/{subscription_id}/events
    """
    yield from client.pages(
        f"/v2/subscriptions/{subscription['id']}/events",
        records="subscription_events",
        paginate=CursorToken("cursor", param="cursor"),
    )


SUBSCRIPTION_EVENTS = Table(
    "square_subscription_events",
    columns=[
        Column(
            "subscription_id",
            TEXT,
            parent("id"),
            primary_key=True,
            description="The ID of the subscription to retrieve the events for.",
        ),
        Column("id", TEXT, primary_key=True, description="The ID of the subscription event."),
        Column("subscription_event_type", TEXT, description="Type of the subscription event."),
        Column(
            "effective_date", DATE, description="The `YYYY-MM-DD`-formatted date when the subscription event occurred."
        ),
        Column("info", JSON),
        Column("phases", JSON, description="A list of Phases, to pass phase-specific information used in the swap."),
        Column(
            "plan_variation_id",
            TEXT,
            description="The ID of the subscription plan variation associated with the subscription.",
        ),
    ],
    resolver=list_subscription_events,
    parent_columns=["id"],
    description="What happened to each subscription.",
)
