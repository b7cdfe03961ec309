"""Superset's listings, read whole, though they are not sorted and change while they are read."""

from collections.abc import Iterator, Sequence
from typing import Any

from integrations.sdk import HttpClient
from integrations.sdk.errors import PageUnreadable

PAGE = 100  # the most that Superset gives, whatever is asked for; unasked, it gives 20

Record = dict[str, Any]


def list_all(client: HttpClient, kind: str, columns: Sequence[str]) -> Iterator[list[Record]]:
    """Yield all records of `kind` (chart, dashboard, dataset), in lists, none twice, by rising ranges of ids.

    Numbered pages leave out records: what is deleted or edited meanwhile moves the others, ids cannot be sorted
    by, and equal times have no order. A range of ids that fits into one page has none of that, and what is made
    meanwhile has a higher id. Where all fit into one page, one request is made.
    Source: https://superset.apache.org/docs/api; a filter by id is allowed for these three.
    """
    after, width = 0, PAGE - 1
    while True:
        records, count = _between(client, kind, columns, after)
        if _is_whole(records, count):
            yield records
            return
        room = len(records)
        rest = max(count, room)
        while rest >= room:
            records, found = _between(client, kind, columns, after, after + width)
            if width > 1 and not _is_whole(records, found):
                width //= 2
                continue
            yield records
            after += width
            rest = rest - len(records) if records else 0  # nothing here: ask whether there is more at all
            width = width * 2 if found < room // 2 else width


def list_databases(client: HttpClient, columns: Sequence[str]) -> list[Record]:
    """All connections, in one page: of them, Superset gives as many as there are, and cannot filter by id."""
    return _ask(client, "database", f"(columns:!({','.join(columns)}),page_size:-1)")[0]


def _is_whole(records: Sequence[Record], count: int) -> bool:
    """Whether a page holds all that was asked for: as many as there are, and it could have held one more."""
    return count <= len(records) < PAGE


def _between(
    client: HttpClient, kind: str, columns: Sequence[str], after: int, last: int | None = None
) -> tuple[list[Record], int]:
    """A page of the records with ids above `after`, up to `last`, and how many such there are."""
    filters = f"(col:id,opr:gt,value:{after})" + (f",(col:id,opr:lt,value:{last + 1})" if last is not None else "")
    query = f"(columns:!({','.join(columns)}),filters:!({filters}),page_size:{PAGE})"
    records, count = _ask(client, kind, query)
    if count and not records:
        raise PageUnreadable(f"Superset counts {count} of `{kind}`, and gives none", hint="report it to the source")
    return records, count


def _ask(client: HttpClient, kind: str, query: str) -> tuple[list[Record], int]:
    """The records of one page, and the count beside them; `query` is in Rison, as Superset wants it."""
    response = client.get(f"/api/v1/{kind}/", params={"q": query})
    answer = response.json()
    records, count = (answer.get(key) for key in ("result", "count")) if isinstance(answer, dict) else (None, None)
    if not isinstance(records, list) or not isinstance(count, int):
        raise PageUnreadable("the answer has no `result` and `count`", request=response.request, hint="check base_url")
    return records, count
