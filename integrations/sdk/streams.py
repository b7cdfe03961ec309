"""Sources that send all of their tables in one stream, as CloudQuery's plugins do, and are not asked for each."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.sdk import types as t
from integrations.sdk.errors import DeclarationError
from integrations.sdk.types import ColumnType

INTERNAL: Mapping[str, ColumnType] = {"_cq_id": t.UUID, "_cq_parent_id": t.UUID, "_cq_client_id": t.TEXT}
"""Internal columns whose values a stream's rows may bring with them."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """What is peculiar to a table that arrives in a stream.

    `name` is what the source calls it. `incremental`: it, or a table above it, goes on from the source's state.
    `brings` are the internal columns that its rows have already.
    """

    name: str
    incremental: bool = False
    brings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a table; `data` has Arrow's C stream."""

    table: str
    data: Any
    count: int


@dataclass(frozen=True, slots=True)
class TableFailed:
    """The source could not read all of a table."""

    table: str
    reason: str


@dataclass(frozen=True, slots=True)
class RowsDeleted:
    """The source wants rows gone, of those that it has sent until now, in this sync or an earlier one.

    `any_of`: the values that they have, by column, in one way or another; `{}` are all rows. `relations` are tables
    that lose the rows below these, each with its parent, which is this table or one of them.
    """

    table: str
    any_of: Sequence[Mapping[str, Any]]
    relations: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class FailedSomewhere:
    """The source has said that something went wrong, and not where: what did not come is not known to be gone."""

    reason: str


@dataclass(frozen=True, slots=True)
class Announced:
    """A table is going to be sent, with these columns."""

    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StateSaved:
    """The source wants this kept, and given to it next time: it speaks of all rows that were sent before it.

    `is_checkpoint`: that holds even if a table fails.
    """

    values: Mapping[str, str]
    is_checkpoint: bool = False


Event = Rows | RowsDeleted | TableFailed | FailedSomewhere | Announced | StateSaved


class TableStream(ABC):
    """A client that reads all of a source's tables at once."""

    @abstractmethod
    def stream(self, tables: Sequence[str], state: Mapping[str, str]) -> Iterator[Event]:
        """Read these tables, from where `state` says. Raises: SourceError, SourceUnreachable, SourceTimeout."""

    @abstractmethod
    def close(self) -> None:
        """End the stream, from whichever thread; a second time does nothing."""


def arrives(client: Any, parent: Any, window: Any) -> Iterator[Any]:
    """The resolver of a table that arrives in its source's stream: it has none of its own."""
    raise DeclarationError("this table arrives in its source's stream, and cannot be read alone")
