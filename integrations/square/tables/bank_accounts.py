"""Bank accounts."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import BIGINT, BOOLEAN, TEXT


def list_bank_accounts(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the bank accounts, whatever the window.

    Source: GET /v2/bank-accounts
    """
    yield from client.pages(
        "/v2/bank-accounts", records="bank_accounts", paginate=CursorToken("cursor", param="cursor")
    )


BANK_ACCOUNTS = Table(
    "square_bank_accounts",
    columns=[
        Column("id", TEXT, primary_key=True, description="The unique, Square-issued identifier for the bank account."),
        Column("account_number_suffix", TEXT, masked=True, description="The last few digits of the account number."),
        Column("country", TEXT, description="The ISO 3166 Alpha-2 country code where the bank account is based."),
        Column("currency", TEXT, description="The 3-character ISO 4217 currency code indicating the operating…"),
        Column("account_type", TEXT, description="The financial purpose of the associated bank account."),
        Column("holder_name", TEXT, masked=True, description="Name of the account holder."),
        Column("primary_bank_identification_number", TEXT, description="Primary identifier for the bank."),
        Column("secondary_bank_identification_number", TEXT, description="Secondary identifier for the bank."),
        Column("debit_mandate_reference_id", TEXT, description="Reference identifier that will be displayed to UK…"),
        Column("reference_id", TEXT, description="Client-provided identifier for linking the banking account to an…"),
        Column("location_id", TEXT, description="The location to which the bank account belongs."),
        Column("status", TEXT, description="Read-only."),
        Column(
            "creditable",
            BOOLEAN,
            description="Indicates whether it is possible for Square to send money to this bank account.",
        ),
        Column(
            "debitable",
            BOOLEAN,
            description="Indicates whether it is possible for Square to take money from this bank account.",
        ),
        Column(
            "fingerprint",
            TEXT,
            description="A Square-assigned, unique identifier for the bank account based on the account information.",
        ),
        Column("version", BIGINT, description="The current version of the `BankAccount`."),
        Column("bank_name", TEXT, description="Read only."),
    ],
    resolver=list_bank_accounts,
    description="The bank accounts that are linked to the seller.",
)
