"""What has to happen to a destination's table before a delivery fits: columns added, widened, or a refusal."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from integrations.sdk.errors import SchemaFrozen

Holds = Callable[[str, str], bool]
"""Whether a column of the first type keeps every value of the second as it is."""


@dataclass(frozen=True, slots=True)
class Migration:
    """Columns to add and to widen, and why it cannot be done without dropping anything."""

    added: Sequence[str] = ()
    widened: Sequence[str] = ()
    refused: Sequence[str] = ()


def compare(
    present: Mapping[str, str], wanted: Mapping[str, str], holds: Holds, fixed: Collection[str] = ()
) -> Migration:
    """The way from the columns that a table has, with their types, to those that it is to have.

    Columns that only the destination has stay as they are; those that are `fixed` are not widened.
    """
    added, widened, refused = [], [], []
    for column, type_ in wanted.items():
        had = present.get(column)
        if had is None:
            added.append(column)
        elif had == type_ or holds(had, type_):
            continue
        elif column not in fixed and holds(type_, had):
            widened.append(column)
        else:
            refused.append(f"column `{column}` is {had} there and would be {type_}")
    return Migration(added, widened, refused)


def compare_keys(present: Sequence[str], wanted: Sequence[str]) -> str:
    """Why a table's primary key does not fit; empty when it does."""
    if list(present) == list(wanted):
        return ""
    return f"its primary key is {_listed(present)} there and would be {_listed(wanted)}"


def refusal(table: str, reasons: Sequence[str]) -> SchemaFrozen:
    """What a safe migration says when it would have to drop something."""
    return SchemaFrozen(
        f"the table `{table}` at the destination does not fit: {'; '.join(reasons)}",
        hint="set `migrate_mode: forced`, which drops it and delivers all of it anew; or drop it yourself",
    )


def _listed(columns: Sequence[str]) -> str:
    return f"({', '.join(columns)})" if columns else "none"
