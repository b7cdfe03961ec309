"""Subscriptions."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import BIGINT, DATE, JSON, LIST, TEXT, TIMESTAMP
from integrations.square.tables.subscription_events import SUBSCRIPTION_EVENTS


def list_subscriptions(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the subscriptions, whatever the window.

    Source: POST /v2/subscriptions/search
    """
    yield from client.pages(
        "/v2/subscriptions/search",
        records="subscriptions",
        paginate=CursorToken("cursor", param="cursor", in_body=True),
        method="POST",
        json={"include": ["actions"]},
    )


SUBSCRIPTIONS = Table(
    "square_subscriptions",
    columns=[
        Column("id", TEXT, primary_key=True, description="The Square-assigned ID of the subscription."),
        Column("location_id", TEXT, description="The ID of the location associated with the subscription."),
        Column("plan_variation_id", TEXT, description="The ID of the subscribed-to subscription plan variation."),
        Column("customer_id", TEXT, description="The ID of the subscribing customer profile."),
        Column("start_date", DATE, description="The `YYYY-MM-DD`-formatted date to start the subscription."),
        Column("canceled_date", DATE, description="The `YYYY-MM-DD`-formatted date to cancel the subscription, when…"),
        Column(
            "charged_through_date",
            DATE,
            description="The `YYYY-MM-DD`-formatted date up to when the subscriber is invoiced for the subscription.",
        ),
        Column("status", TEXT, description="The current status of the subscription."),
        Column("tax_percentage", TEXT, description="The tax amount applied when billing the subscription."),
        Column("invoice_ids", LIST(TEXT), description="The IDs of the invoices created for the subscription, listed…"),
        Column("price_override_money", JSON, description="A custom price to apply for the subscription."),
        Column("version", BIGINT, description="The version of the object."),
        Column("created_at", TIMESTAMP, description="The timestamp when the subscription was created."),
        Column("card_id", TEXT, description="The ID of the subscriber's card used to charge for the subscription."),
        Column("timezone", TEXT, description="Timezone that will be used in date calculations for the subscription."),
        Column("source", JSON, description="The origination details of the subscription."),
        Column("actions", JSON, description="The list of scheduled actions on this subscription."),
        Column("phases", JSON, description="array of phases for this subscription"),
    ],
    resolver=list_subscriptions,
    relations=[SUBSCRIPTION_EVENTS],
    description="Plans that customers subscribe to, with what is to happen to them.",
)
