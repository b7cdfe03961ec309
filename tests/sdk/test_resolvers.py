"""Resolvers as classes, the row in the making, and the parent's row."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.sdk import BIGINT, TEXT, Column, ParentRow, Row, Table, TableResolver, Window
from integrations.sdk.errors import ConfigError, DeclarationError, UnknownColumn
from integrations.sdk.window import EVERYTHING


class Plain(TableResolver):
    """Resolves, and nothing else."""

    def resolve(self, client: Any, parent_resource: Any) -> Any:
        yield {"id": 1}


TABLE = Table("things", [Column("id", BIGINT), Column("user_name", TEXT)], Plain)


def test_a_row_takes_only_columns_of_its_table() -> None:
    """A typing error is told with the nearest name."""
    row = Row(TABLE, {"id": 1}, None)
    row.set("user_name", "x")
    assert (row.get("user_name"), row.get("id"), row.item) == ("x", None, {"id": 1})
    with pytest.raises(DeclarationError, match="no column `usr_name`") as caught:
        row.set("usr_name", "y")
    assert "user_name" in caught.value.hint


def test_a_parents_row_is_a_mapping() -> None:
    """Read as `form["id"]`, and as `form.item["id"]` by what was written for CloudQuery."""
    form = ParentRow("forms", {"id": 7, "title": None})
    assert form["id"] == form.item["id"] == 7
    assert dict(form) == {"id": 7, "title": None}
    assert form.get("nope") is None
    assert "7" not in repr(form)
    with pytest.raises(UnknownColumn, match="`forms` gives no column `titel`") as caught:
        form["titel"]
    assert caught.value.hint == "did you mean `title`?"
    assert isinstance(caught.value, KeyError)
    assert "titel" in str(caught.value)


@pytest.mark.parametrize("hook", ["pre_resource_resolve", "resolve_column", "post_resource_resolve"])
def test_hooks_are_noticed(hook: str) -> None:
    """Only a resolver that overrides one needs Python for each row."""
    assert not Plain().has_hooks
    hooked = type("Hooked", (Plain,), {hook: lambda self, *arguments: None})
    assert hooked().has_hooks


def test_a_window_is_bounded_or_everything() -> None:
    """False when unbounded on both sides; from start, which is in, to end, which is not."""
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
    assert not EVERYTHING
    assert Window(start)
    assert Window(None, end)
    assert str(EVERYTHING) == "everything"
    assert str(Window(start)) == "2024-01-01T00:00:00+00:00 → …"
    assert str(Window(None, end)) == "… → 2024-01-02T00:00:00+00:00"
    for wrong in ((end, start), (start, start)):
        with pytest.raises(ConfigError, match="before it starts"):
            Window(*wrong)
