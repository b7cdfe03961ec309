"""Every response to every form: one listing per form."""

from collections.abc import Iterator
from datetime import timedelta

from integrations.sdk import Column, HttpClient, Page, PageNumber, ParentRow, Table, TimeCursor, Window, parent, path
from integrations.sdk.types import BIGINT, JSON, TEXT, TIMESTAMP


def list_responses(client: HttpClient, form: ParentRow, window: Window) -> Iterator[Page]:
    """Yield the responses to a form that were submitted in the window, oldest first, as many a page as the spec says.

    The API's `until` is inclusive: a response at the very edge of two windows comes with both, and is one row.
    Source: https://www.typeform.com/developers/responses/reference/retrieve-responses/
    """
    yield from client.pages(
        f"/forms/{form['id']}/responses",
        params={"since": window.start, "until": window.end, "sort": "submitted_at,asc"},
        paginate=PageNumber(pages="page_count"),
        records="items",
    )


FORM_RESPONSES = Table(
    "typeform_form_responses",
    columns=[
        Column("form_id", TEXT, parent("id"), primary_key=True, description="The form that it answers."),
        Column("response_id", TEXT, primary_key=True, description="Unique within its form, not beyond."),
        Column("token", TEXT, description="The API's own name for the response."),
        Column("landing_id", TEXT, description="The visit that it came from."),
        Column("landed_at", TIMESTAMP, description="When the form was opened."),
        Column("submitted_at", TIMESTAMP, description="When the response was sent."),
        Column("score", BIGINT, path("calculated.score"), description="What its answers add up to in a quiz."),
        Column("platform", TEXT, path("metadata.platform"), description="The kind of device."),
        Column("browser", TEXT, path("metadata.browser"), description="The kind of browser."),
        Column("user_agent", TEXT, path("metadata.user_agent"), masked=True, description="The browser's own words."),
        Column("referer", TEXT, path("metadata.referer"), masked=True, description="Where from; may hold `hidden`."),
        Column("network_id", TEXT, path("metadata.network_id"), masked=True, description="The respondent's network."),
        Column("hidden", JSON, masked=True, description="Fields that came with the form's address."),
        Column("answers", JSON, masked=True, description="The answers, one object per question."),
    ],
    resolver=list_responses,
    cursor=TimeCursor("submitted_at", window="day", start="2012-01-01", lookback=timedelta(hours=1), ordered=True),
    description="The responses to each form.",
)
