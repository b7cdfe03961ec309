"""What a listing does not have of a dataset: its columns and metrics."""

from collections.abc import Sequence

from integrations.sdk import HttpClient
from integrations.sdk.errors import PageUnreadable, SourceRefused
from integrations.superset.listing import Record

GONE = 404


def parts_of_dataset(client: HttpClient, dataset_id: int, part: str, fields: Sequence[str]) -> list[Record]:
    """A dataset's `columns` or `metrics`; none of one that was deleted since it was listed."""
    query = f"(columns:!({','.join(f'{part}.{field}' for field in fields)}))"
    try:
        response = client.get(f"/api/v1/dataset/{dataset_id}", params={"q": query})
    except SourceRefused as refused:
        if refused.status != GONE:
            raise
        return []
    answer = response.json()
    result = answer.get("result") if isinstance(answer, dict) else None
    found = result.get(part) if isinstance(result, dict) else None
    if not isinstance(found, list):
        raise PageUnreadable(f"the dataset has no `{part}`", request=response.request, hint="report it to the source")
    return found
