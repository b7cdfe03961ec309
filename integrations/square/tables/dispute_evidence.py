"""Dispute evidence of each dispute."""

from collections.abc import Iterator

from integrations.sdk import Column, CursorToken, HttpClient, Page, ParentRow, Table, Window, parent
from integrations.sdk.types import JSON, TEXT, TIMESTAMP


def list_dispute_evidence(client: HttpClient, dispute: ParentRow, window: Window) -> Iterator[Page]:
    """Yield the dispute evidence of each dispute, whatever the window.

    Source: GET /v2/disputes/{dispute_id}/evidence
    """
    yield from client.pages(
        f"/v2/disputes/{dispute['id']}/evidence", records="evidence", paginate=CursorToken("cursor", param="cursor")
    )


DISPUTE_EVIDENCE = Table(
    "square_dispute_evidence",
    columns=[
        Column(
            "dispute_id",
            TEXT,
            parent("id"),
            primary_key=True,
            description="The ID of the dispute the evidence is associated with.",
        ),
        Column("evidence_id", TEXT, description="The Square-generated ID of the evidence."),
        Column("id", TEXT, primary_key=True, description="The Square-generated ID of the evidence."),
        Column("evidence_file", JSON, description="Image, PDF, TXT"),
        Column("evidence_text", TEXT, description="Raw text"),
        Column("uploaded_at", TIMESTAMP, description="The time when the evidence was uploaded."),
        Column("evidence_type", TEXT, description="The type of the evidence."),
    ],
    resolver=list_dispute_evidence,
    parent_columns=["id"],
    description="What was handed in to contest each dispute.",
)
