"""Payments of each location."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, ParentRow, Table, Window, parent
from integrations.sdk.types import JSON, LIST, TEXT, TIMESTAMP
from integrations.square.cursors import begin, by_creation


def list_payments(client: HttpClient, location: ParentRow, window: Window) -> Iterator[Page]:
    """Yield the payments of a location that were taken in the window, oldest first.

    Without a location Square gives those of the main one only; without a begin, those of the last year.

    Source: GET /v2/payments
    """
    yield from client.pages(
        "/v2/payments",
        params={
            "location_id": location["id"],
            "begin_time": begin(window),
            "end_time": window.end,
            "sort_order": "ASC",
        },
        records="payments",
        paginate=CursorToken("cursor", param="cursor"),
    )


PAYMENTS = Table(
    "square_payments",
    columns=[
        Column(
            "location_id",
            TEXT,
            parent("id"),
            primary_key=True,
            description="The ID of the location associated with the payment.",
        ),
        Column("id", TEXT, primary_key=True, description="A unique ID for the payment."),
        Column("created_at", TIMESTAMP, description="The timestamp of when the payment was created."),
        Column("updated_at", TIMESTAMP, description="The timestamp of when the payment was last updated."),
        Column("amount_money", JSON, description="The amount processed for this payment, not including `tip_money`."),
        Column("tip_money", JSON, description="The amount designated as a tip."),
        Column(
            "total_money",
            JSON,
            description="The total amount for the payment, including `amount_money` and `tip_money`.",
        ),
        Column("app_fee_money", JSON, description="The amount the developer is taking as a fee for facilitating the…"),
        Column("approved_money", JSON, description="The initial amount of money approved for this payment."),
        Column(
            "processing_fee",
            JSON,
            description="The processing fees and fee adjustments assessed by Square for this payment.",
        ),
        Column("refunded_money", JSON, description="The total amount of the payment refunded to date."),
        Column(
            "status",
            TEXT,
            description="Indicates whether the payment is APPROVED, PENDING, COMPLETED, CANCELED, or FAILED.",
        ),
        Column("delay_duration", TEXT, description="The duration of time after the payment's creation when Square…"),
        Column(
            "delay_action",
            TEXT,
            description="The action to be applied to the payment when the `delay_duration` has elapsed.",
        ),
        Column(
            "delayed_until",
            TEXT,
            description="The read-only timestamp of when the `delay_action` is automatically applied.",
        ),
        Column("source_type", TEXT, description="The source type for this payment."),
        Column("card_details", JSON, masked=True, description="Details about a card payment."),
        Column("cash_details", JSON, description="Details about a cash payment."),
        Column("bank_account_details", JSON, masked=True, description="Details about a bank account payment."),
        Column("external_details", JSON, description="Details about an external payment."),
        Column("wallet_details", JSON, masked=True, description="Details about an wallet payment."),
        Column("buy_now_pay_later_details", JSON, description="Details about a Buy Now Pay Later payment."),
        Column("order_id", TEXT, description="The ID of the order associated with the payment."),
        Column(
            "reference_id",
            TEXT,
            description="An optional ID that associates the payment with an entity in another system.",
        ),
        Column("customer_id", TEXT, description="The ID of the customer associated with the payment."),
        Column("employee_id", TEXT, description="Deprecated: Use `Payment.team_member_id` instead."),
        Column(
            "team_member_id", TEXT, description="An optional ID of the TeamMember associated with taking the payment."
        ),
        Column("refund_ids", LIST(TEXT), description="A list of `refund_id`s identifying refunds for the payment."),
        Column(
            "risk_evaluation",
            JSON,
            description="Provides information about the risk associated with the payment, as determined by Square.",
        ),
        Column("buyer_email_address", TEXT, masked=True, description="The buyer's email address."),
        Column("billing_address", JSON, masked=True, description="The buyer's billing address."),
        Column("shipping_address", JSON, masked=True, description="The buyer's shipping address."),
        Column("note", TEXT, masked=True, description="An optional note to include when creating a payment."),
        Column(
            "statement_description_identifier",
            TEXT,
            masked=True,
            description="Additional payment information that gets added to the customer's card statement as part of…",
        ),
        Column("capabilities", LIST(TEXT), description="Actions that can be performed on this payment."),
        Column("receipt_number", TEXT, description="The payment's receipt number."),
        Column("receipt_url", TEXT, description="The URL for the payment's receipt."),
        Column("device_details", JSON, description="Details about the device that took the payment."),
        Column("application_details", JSON, description="Details about the application that took the payment."),
        Column("version_token", TEXT, description="Used for optimistic concurrency."),
    ],
    resolver=list_payments,
    cursor=by_creation(),
    parent_columns=["id"],
    description="The payments taken at each location.",
)
