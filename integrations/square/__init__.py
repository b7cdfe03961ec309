"""Square: sales, customers, the catalog, staff, and what else the Connect API lists."""

from pydantic import BaseModel, Field, HttpUrl, SecretStr

from integrations.sdk import Bearer, HttpClient, Integration
from integrations.square.tables.bank_accounts import BANK_ACCOUNTS
from integrations.square.tables.bookings import BOOKINGS
from integrations.square.tables.break_types import BREAK_TYPES
from integrations.square.tables.cards import CARDS
from integrations.square.tables.catalog_objects import CATALOG_OBJECTS
from integrations.square.tables.customer_groups import CUSTOMER_GROUPS
from integrations.square.tables.customer_segments import CUSTOMER_SEGMENTS
from integrations.square.tables.customers import CUSTOMERS
from integrations.square.tables.disputes import DISPUTES
from integrations.square.tables.gift_card_activities import GIFT_CARD_ACTIVITIES
from integrations.square.tables.gift_cards import GIFT_CARDS
from integrations.square.tables.inventory_counts import INVENTORY_COUNTS
from integrations.square.tables.locations import LOCATIONS
from integrations.square.tables.loyalty_accounts import LOYALTY_ACCOUNTS
from integrations.square.tables.loyalty_events import LOYALTY_EVENTS
from integrations.square.tables.loyalty_rewards import LOYALTY_REWARDS
from integrations.square.tables.merchants import MERCHANTS
from integrations.square.tables.payment_links import PAYMENT_LINKS
from integrations.square.tables.refunds import REFUNDS
from integrations.square.tables.shifts import SHIFTS
from integrations.square.tables.subscriptions import SUBSCRIPTIONS
from integrations.square.tables.team_member_booking_profiles import TEAM_MEMBER_BOOKING_PROFILES
from integrations.square.tables.team_member_wages import TEAM_MEMBER_WAGES
from integrations.square.tables.team_members import TEAM_MEMBERS
from integrations.square.tables.vendors import VENDORS

# The version of the API whose description the tables were made from; a newer one may name things differently.
VERSION = "2023-07-20"


class Spec(BaseModel, extra="forbid"):
    """What a user fills in to connect."""

    access_token: SecretStr = Field(description="A personal access token, or one that OAuth gave.")
    base_url: HttpUrl = Field(
        HttpUrl("https://connect.squareup.com"), description="The sandbox is https://connect.squareupsandbox.com."
    )


class Square(Integration):
    """A seller's account."""

    spec = Spec
    tables = [
        LOCATIONS,
        REFUNDS,
        DISPUTES,
        CUSTOMERS,
        CUSTOMER_GROUPS,
        CUSTOMER_SEGMENTS,
        CARDS,
        BANK_ACCOUNTS,
        CATALOG_OBJECTS,
        INVENTORY_COUNTS,
        BOOKINGS,
        TEAM_MEMBER_BOOKING_PROFILES,
        TEAM_MEMBERS,
        TEAM_MEMBER_WAGES,
        SHIFTS,
        BREAK_TYPES,
        GIFT_CARDS,
        GIFT_CARD_ACTIVITIES,
        LOYALTY_ACCOUNTS,
        LOYALTY_EVENTS,
        LOYALTY_REWARDS,
        SUBSCRIPTIONS,
        MERCHANTS,
        PAYMENT_LINKS,
        VENDORS,
    ]

    def connect(self, spec: Spec) -> HttpClient:
        """The seller that the access token belongs to."""
        return HttpClient(spec.base_url, auth=Bearer(spec.access_token), headers={"Square-Version": VERSION})
