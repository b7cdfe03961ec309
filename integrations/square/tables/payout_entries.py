"""Payout entries of each payout."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, ParentRow, Table, Window, parent
from integrations.sdk.types import JSON, TEXT, TIMESTAMP


def list_payout_entries(client: HttpClient, payout: ParentRow, window: Window) -> Iterator[Page]:
    """Yield the payout entries of each payout, whatever the window.

    Source: GET /v2/payouts/{payout_id}/payout-entries
    """
    yield from client.pages(
        f"/v2/payouts/{payout['id']}/payout-entries",
        records="payout_entries",
        paginate=CursorToken("cursor", param="cursor"),
    )


PAYOUT_ENTRIES = Table(
    "square_payout_entries",
    columns=[
        Column(
            "payout_id",
            TEXT,
            parent("id"),
            primary_key=True,
            description="The ID of the payout entries' associated payout.",
        ),
        Column("id", TEXT, primary_key=True, description="A unique ID for the payout entry."),
        Column("effective_at", TIMESTAMP, description="The timestamp of when the payout entry affected the balance."),
        Column("type", TEXT, description="The type of activity associated with this payout entry."),
        Column("gross_amount_money", JSON, description="The amount of money involved in this payout entry."),
        Column("fee_amount_money", JSON, description="The amount of Square fees associated with this payout entry."),
        Column("net_amount_money", JSON, description="The net proceeds from this transaction after any fees."),
        Column(
            "type_app_fee_revenue_details",
            JSON,
            description="Details of any developer app fee revenue generated on a payment.",
        ),
        Column("type_app_fee_refund_details", JSON, description="Details of a refund for an app fee on a payment."),
        Column("type_automatic_savings_details", JSON, description="Details of any automatic transfer from the…"),
        Column(
            "type_automatic_savings_reversed_details",
            JSON,
            description="Details of any automatic transfer from the Square Savings account back to the processing…",
        ),
        Column("type_charge_details", JSON, description="Details of credit card payment captures."),
        Column(
            "type_deposit_fee_details",
            JSON,
            description="Details of any fees involved with deposits such as for instant deposits.",
        ),
        Column("type_dispute_details", JSON, description="Details of any balance change due to a dispute event."),
        Column("type_fee_details", JSON, description="Details of adjustments due to the Square processing fee."),
        Column("type_free_processing_details", JSON, description="Square offers Free Payments Processing for a…"),
        Column(
            "type_hold_adjustment_details",
            JSON,
            description="Details of any adjustment made by Square related to the holding or releasing of a payment.",
        ),
        Column("type_open_dispute_details", JSON, description="Details of any open disputes."),
        Column(
            "type_other_details",
            JSON,
            description="Details of any other type that does not belong in the rest of the types.",
        ),
        Column(
            "type_other_adjustment_details",
            JSON,
            description="Details of any other type of adjustments that don't fall under existing types.",
        ),
        Column("type_refund_details", JSON, description="Details of a refund for an existing card payment."),
        Column("type_release_adjustment_details", JSON, description="Details of fees released for adjustments."),
        Column("type_reserve_hold_details", JSON, description="Details of fees paid for funding risk reserve."),
        Column("type_reserve_release_details", JSON, description="Details of fees released from risk reserve."),
        Column(
            "type_square_capital_payment_details",
            JSON,
            description="Details of capital merchant cash advance (MCA) assessments.",
        ),
        Column(
            "type_square_capital_reversed_payment_details",
            JSON,
            description="Details of capital merchant cash advance (MCA) assessment refunds.",
        ),
        Column("type_tax_on_fee_details", JSON, description="Details of tax paid on fee amounts."),
        Column("type_third_party_fee_details", JSON, description="Details of fees collected by a 3rd party platform."),
        Column(
            "type_third_party_fee_refund_details",
            JSON,
            description="Details of refunded fees from a 3rd party platform.",
        ),
    ],
    resolver=list_payout_entries,
    parent_columns=["id"],
    description="What each payout is made of: charges, fees, refunds, disputes.",
)
