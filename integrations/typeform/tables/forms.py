"""Every form of the account."""

from collections.abc import Iterator

from integrations.sdk import Column, HttpClient, Page, PageNumber, Table, Window, path
from integrations.sdk.types import BOOLEAN, JSON, TEXT, TIMESTAMP
from integrations.typeform.tables.form_responses import FORM_RESPONSES


def list_forms(client: HttpClient, parent: None, window: Window) -> Iterator[Page]:
    """Yield every form, whatever the window: the API does not filter forms by time.

    Source: https://www.typeform.com/developers/create/reference/retrieve-forms/
    """
    yield from client.pages("/forms", paginate=PageNumber(size=200, pages="page_count"), records="items")


FORMS = Table(
    "typeform_forms",
    columns=[
        Column("id", TEXT, primary_key=True, description="The form's id, as in its address."),
        Column("title", TEXT, description="What its author calls it."),
        Column("created_at", TIMESTAMP, description="When it was made."),
        Column("last_updated_at", TIMESTAMP, description="When it was last changed."),
        Column("is_public", BOOLEAN, path("settings.is_public"), description="Whether anybody may fill it in."),
        Column("settings", JSON, description="All settings that the listing gives."),
        Column("display_url", TEXT, path("_links.display"), description="Where it is filled in."),
        Column("self_url", TEXT, path("self.href"), description="Where the API has all of it."),
        Column("theme_url", TEXT, path("theme.href"), description="Where the API has its theme."),
    ],
    resolver=list_forms,
    relations=[FORM_RESPONSES],
    description="The forms of the account.",
)
