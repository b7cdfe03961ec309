"""A small integration, and the API that it reads, for tests of everything around it."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, HttpUrl, SecretStr

from integrations.sdk import (
    BIGINT,
    JSON,
    TEXT,
    TIMESTAMP,
    Bearer,
    Column,
    DeclaredLineage,
    HttpClient,
    Integration,
    InternalResource,
    Page,
    PageNumber,
    Resource,
    Table,
    parent,
)
from integrations.sdk.testing import Answer, Asked

TOKEN = "a-token-that-must-not-leak"


class Spec(BaseModel, extra="forbid"):
    """What a user fills in."""

    token: SecretStr
    base_url: HttpUrl


def list_books(client: HttpClient, parent_row: Any, window: Any) -> Iterator[Page]:
    """All books."""
    yield from client.pages("/books", records="books", paginate=PageNumber(pages="pages"))


def list_chapters(client: HttpClient, book: Any, window: Any) -> Iterator[Page]:
    """The chapters of a book."""
    yield from client.pages(f"/books/{book['id']}/chapters", params={"since": window.start, "until": window.end})


def list_authors(client: HttpClient, parent_row: Any, window: Any) -> Iterator[Page]:
    """All authors."""
    yield from client.pages("/authors")


CHAPTERS = Table(
    "chapters",
    [
        Column("book_id", BIGINT, parent("id"), primary_key=True, description="The book that it is in."),
        Column("number", BIGINT, primary_key=True),
        Column("title", TEXT),
    ],
    list_chapters,
)
BOOKS = Table(
    "books",
    [
        Column("id", BIGINT, primary_key=True, description="Unique."),
        Column("title", TEXT, not_null=True),
        Column("published_at", TIMESTAMP, incremental_key=True),
        Column("tags", JSON),
        Column("reader_email", TEXT, masked=True),
    ],
    list_books,
    relations=[CHAPTERS],
)
AUTHORS = Table("authors", [Column("name", TEXT, primary_key=True)], list_authors)


class Library(Integration):
    """A library's books."""

    spec = Spec
    tables = [BOOKS, AUTHORS]
    owners = ("team:library",)
    entity_types = ("dashboard_group", "dashboard")

    def connect(self, spec: Spec) -> HttpClient:
        return HttpClient(spec.base_url, auth=Bearer(spec.token))

    def extract(self) -> None:
        self.declare_resource(Resource(entity_type="dashboard_group", databuilder_id="g", title="All"))
        self.declare_resource(Resource(entity_type="dashboard", databuilder_id="d", parent_databuilder_id="g"))
        ends = [InternalResource(databuilder_id=each) for each in ("g", "d")]
        self.declare_lineage(DeclaredLineage(from_identifier=ends[0], to_identifier=ends[1]))


def book(number: int) -> dict[str, Any]:
    """One book as the API gives it."""
    return {
        "id": number,
        "title": f"Book {number}",
        "published_at": "2024-01-01T00:00:00Z",
        "tags": ["a"],
        "reader_email": "someone@example.com",
    }


def library(asked: Asked) -> Answer:
    """The API: four books on two pages, two chapters each, two authors."""
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return Answer(401, json={"message": "no such token"})
    if asked.path == "/books":
        page = int(asked.query["page"])
        return Answer(json={"books": [book(2 * page - 1), book(2 * page)], "pages": 2})
    if asked.path.endswith("/chapters"):
        return Answer(json=[{"number": n, "title": f"Chapter {n}"} for n in (1, 2)])
    if asked.path == "/authors":
        return Answer(json=[{"name": "Ada"}, {"name": "Grace"}])
    return Answer(404, json={"message": "nothing here"})
