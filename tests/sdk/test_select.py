"""Which tables a sync covers: CloudQuery's algorithm, with its sibling defect mended."""

from typing import Any

import pytest

from integrations.sdk import TEXT, Column, Table
from integrations.sdk.errors import ConfigError
from integrations.sdk.schema import flatten
from integrations.sdk.select import select


def table(name: str, *relations: Table) -> Table:
    return Table(name, [Column("id", TEXT)], lambda client, parent, window: iter(()), relations=relations)


def tree() -> list[Table]:
    return [
        table("p", table("a"), table("b", table("c", table("d")))),
        table("q"),
        table("q_log", table("q_log_line")),
    ]


def chosen(**options: Any) -> list[str]:
    return [node.name for node in select(flatten(tree()), **options)]


ALL = ["p", "a", "b", "c", "d", "q", "q_log", "q_log_line"]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ALL),
        ({"tables": ["*"]}, ALL),
        ({"tables": ["p"]}, ["p", "a", "b", "c", "d"]),
        ({"tables": ["a"]}, ["p", "a"]),  # CloudQuery's Python SDK gives b too: it comes after a
        ({"tables": ["b"]}, ["p", "b", "c", "d"]),
        ({"tables": ["c"]}, ["p", "b", "c", "d"]),
        ({"tables": ["d"]}, ["p", "b", "c", "d"]),
        ({"tables": ["d", "a"]}, ["p", "a", "b", "c", "d"]),
        ({"tables": ["q*"]}, ["q", "q_log", "q_log_line"]),
        ({"tables": ["*_l*"]}, ["q_log", "q_log_line"]),
        ({"tables": ["q"]}, ["q"]),
        ({"skip_tables": ["b"]}, ["p", "a", "q", "q_log", "q_log_line"]),
        ({"skip_tables": ["p", "q*"], "tables": ["*"]}, None),
        ({"skip_tables": ["p"]}, ["q", "q_log", "q_log_line"]),
        ({"tables": ["d", "q"], "skip_tables": ["b"]}, ["q"]),
        ({"tables": ["a", "b"], "skip_tables": ["a"]}, ["p", "b", "c", "d"]),
        ({"tables": ["p"], "skip_dependent_tables": True}, ["p"]),
        ({"tables": ["c"], "skip_dependent_tables": True}, ["p", "b", "c"]),
        ({"tables": ["p", "d"], "skip_dependent_tables": True}, ["p", "b", "c", "d"]),
        ({"tables": ["*"], "skip_dependent_tables": True}, ALL),
    ],
)
def test_selection(options: dict[str, Any], names: list[str] | None) -> None:
    """A skip prunes its subtree, ancestors come along, dependents unless they are skipped."""
    if names is None:
        with pytest.raises(ConfigError, match="no table is left"):
            chosen(**options)
    else:
        assert chosen(**options) == names


@pytest.mark.parametrize("what", ["tables", "skip_tables"])
@pytest.mark.parametrize("pattern", ["q_lg", "Q_LOG", "?", "[pq]", "q.log", "p|q", "", "q_log_lines"])
def test_a_pattern_without_a_match_is_a_mistake(what: str, pattern: str) -> None:
    """Only `*` is special; the error names the pattern and the nearest table."""
    options = {"tables": ["*"]} | {what: [pattern]}
    with pytest.raises(ConfigError, match="which no table matches") as caught:
        chosen(**options)
    assert f"`{pattern}`" in caught.value.what
    assert f"`{what}`" in caught.value.what
    if pattern in ("q_lg", "q_log_lines"):
        assert "did you mean `q_log" in caught.value.hint


def test_no_pattern_is_no_table() -> None:
    """An empty list is not taken for all."""
    with pytest.raises(ConfigError, match="no table is left"):
        chosen(tables=[])


def test_selection_leaves_the_declarations_alone() -> None:
    """Two selections from the same tables do not meet."""
    nodes = flatten(tree())
    select(nodes, ["a"])
    assert [node.name for node in select(nodes, ["*"])] == ALL
