"""Which tables a sync covers: include and skip patterns, as in CloudQuery's configuration.

Source: https://docs.cloudquery.io/docs/reference/source-spec (tables, skip_tables, skip_dependent_tables)
"""

import re
from collections.abc import Sequence

from integrations.sdk.errors import ConfigError
from integrations.sdk.names import nearest
from integrations.sdk.schema import Node


def select(
    nodes: Sequence[Node],
    tables: Sequence[str] = ("*",),
    skip_tables: Sequence[str] = (),
    skip_dependent_tables: bool = False,
) -> list[Node]:
    """The nodes that are kept, in their order; `nodes` has parents before children.

    In a pattern only `*` is special. A skipped table takes its descendants with it. A table is kept when a
    pattern names it, or its parent was named and dependent tables are not skipped; its ancestors are kept
    with it, since its rows are found through theirs.
    Raises: ConfigError for a pattern without a match, and when nothing is left.
    """
    names = [node.name for node in nodes]
    for what, patterns in (("tables", tables), ("skip_tables", skip_tables)):
        for pattern in patterns:
            if not any(_matches(pattern, name) for name in names):
                raise ConfigError(
                    f"`{what}` has the pattern `{pattern}`, which no table matches",
                    hint=nearest(pattern, names),
                )
    skipped: set[Node] = set()
    named: set[Node] = set()
    kept: set[Node] = set()
    for node in nodes:
        if node.parent in skipped or any(_matches(pattern, node.name) for pattern in skip_tables):
            skipped.add(node)
            continue
        inherits = node.parent in named and not skip_dependent_tables
        if inherits or any(_matches(pattern, node.name) for pattern in tables):
            named.add(node)
            kept.update((node, *node.ancestors()))
    if not kept:
        raise ConfigError("no table is left after `skip_tables`", hint="skip fewer tables, or remove the source")
    return [node for node in nodes if node in kept]


def _matches(pattern: str, name: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None
