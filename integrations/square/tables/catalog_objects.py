"""Catalog objects."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, Table, Window
from integrations.sdk.types import BIGINT, BOOLEAN, JSON, LIST, TEXT, TIMESTAMP
from integrations.square.cursors import after, by_change


def list_catalog_objects(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield the objects of the catalog that were changed since the window's start, deleted ones included.

    Square knows no end of a window: what was changed later comes with it.

    Source: POST /v2/catalog/search
    """
    yield from client.pages(
        "/v2/catalog/search",
        records="objects",
        paginate=CursorToken("cursor", param="cursor", in_body=True),
        method="POST",
        json={"begin_time": after(window), "include_deleted_objects": True, "limit": 1000},
    )


CATALOG_OBJECTS = Table(
    "square_catalog_objects",
    columns=[
        Column("type", TEXT, description="The type of this object."),
        Column("id", TEXT, primary_key=True, description="An identifier to reference this object in the catalog."),
        Column("updated_at", TIMESTAMP, description="When it was last changed."),
        Column("version", BIGINT, description="The version of the object."),
        Column("is_deleted", BOOLEAN, description="If `true`, the object has been deleted from the database."),
        Column(
            "custom_attribute_values",
            JSON,
            description="A map (key-value pairs) of application-defined custom attribute values.",
        ),
        Column("catalog_v1_ids", JSON, description="The Connect v1 IDs for this object at each location where it is…"),
        Column("present_at_all_locations", BOOLEAN, description="If `true`, this object is present at all locations…"),
        Column("present_at_location_ids", LIST(TEXT), description="A list of locations where the object is present…"),
        Column("absent_at_location_ids", LIST(TEXT), description="A list of locations where the object is not…"),
        Column(
            "item_data", JSON, description="Structured data for a `CatalogItem`, set for CatalogObjects of type `ITEM`."
        ),
        Column(
            "category_data",
            JSON,
            description="Structured data for a `CatalogCategory`, set for CatalogObjects of type `CATEGORY`.",
        ),
        Column("item_variation_data", JSON, description="Structured data for a `CatalogItemVariation`, set for…"),
        Column(
            "tax_data", JSON, description="Structured data for a `CatalogTax`, set for CatalogObjects of type `TAX`."
        ),
        Column(
            "discount_data",
            JSON,
            description="Structured data for a `CatalogDiscount`, set for CatalogObjects of type `DISCOUNT`.",
        ),
        Column(
            "modifier_list_data",
            JSON,
            description="Structured data for a `CatalogModifierList`, set for CatalogObjects of type `MODIFIER_LIST`.",
        ),
        Column(
            "modifier_data",
            JSON,
            description="Structured data for a `CatalogModifier`, set for CatalogObjects of type `MODIFIER`.",
        ),
        Column(
            "time_period_data",
            JSON,
            description="Structured data for a `CatalogTimePeriod`, set for CatalogObjects of type `TIME_PERIOD`.",
        ),
        Column(
            "product_set_data",
            JSON,
            description="Structured data for a `CatalogProductSet`, set for CatalogObjects of type `PRODUCT_SET`.",
        ),
        Column(
            "pricing_rule_data",
            JSON,
            description="Structured data for a `CatalogPricingRule`, set for CatalogObjects of type `PRICING_RULE`.",
        ),
        Column(
            "image_data",
            JSON,
            description="Structured data for a `CatalogImage`, set for CatalogObjects of type `IMAGE`.",
        ),
        Column("measurement_unit_data", JSON, description="Structured data for a `CatalogMeasurementUnit`, set for…"),
        Column("subscription_plan_data", JSON, description="Structured data for a `CatalogSubscriptionPlan`, set…"),
        Column(
            "item_option_data",
            JSON,
            description="Structured data for a `CatalogItemOption`, set for CatalogObjects of type `ITEM_OPTION`.",
        ),
        Column("item_option_value_data", JSON, description="Structured data for a `CatalogItemOptionValue`, set for…"),
        Column(
            "custom_attribute_definition_data",
            JSON,
            description="Structured data for a `CatalogCustomAttributeDefinition`, set for CatalogObjects of type…",
        ),
        Column("quick_amounts_settings_data", JSON, description="Structured data for a…"),
        Column(
            "subscription_plan_variation_data",
            JSON,
            description="Structured data for a `CatalogSubscriptionPlanVariation`, set for CatalogObjects of type…",
        ),
    ],
    resolver=list_catalog_objects,
    cursor=by_change(),
    description="Items, variations within them, categories, taxes, discounts, images and the like.",
)
