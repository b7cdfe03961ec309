"""OpenLineage: the catalog as dataset, job and run events, to a file and over HTTP. Plain JSON, without a package."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field, HttpUrl, SecretStr, model_validator

from assets.catalog.model import Catalog
from assets.catalog.publishing import Acknowledge, Change, TargetSpec
from assets.catalog.targets.openlineage.events import KINDS, Event, EventKind, Events, Touched
from assets.catalog.targets.openlineage.naming import Naming
from assets.catalog.targets.openlineage.sending import Sender, over_http, to_file
from integrations.sdk.auth import Bearer

DATASETS_AT_ONCE = 100  # between two acknowledgements
MOST_NAMED = 3


class Spec(TargetSpec):
    """Where events go, which, and what things are called in them."""

    WHERE = ("file", "url", "endpoint")

    file: str = Field("", description="A file of JSON lines that is appended to, relative to the config file.")
    url: HttpUrl | None = Field(None, description="A consumer's address, such as Marquez's.")
    endpoint: str = Field("api/v1/lineage", description="Where events are posted, below the address.")
    api_key: SecretStr | None = Field(None, description="Sent to the address as a bearer token.")
    events: list[EventKind] = Field(list(KINDS), min_length=1, description="What is sent: dataset, job, run.")
    namespace: str = Field("headwater", min_length=1, description="The namespace of jobs.")
    namespaces: dict[str, str] = Field(
        {}, description="The namespace of a source's datasets, such as `snowflake://org-account`."
    )

    @model_validator(mode="after")
    def _goes_somewhere(self) -> "Spec":
        if not self.file and self.url is None:
            raise ValueError("set `file`, `url` or both")
        return self


class OpenLineage:
    """A log of events, in a file or at a consumer."""

    def __init__(self, spec: Spec, senders: Sequence[Callable[[], Sender]]) -> None:
        self._spec, self._senders = spec, senders
        self._naming = Naming(spec.namespaces)
        self._unsaid: list[str] = []

    def publish(self, changes: Sequence[Change], catalog: Catalog, acknowledge: Acknowledge) -> Mapping[str, Any]:
        """Send the events of every dataset that is touched; acknowledge what was accepted, also when it fails."""
        events = Events(catalog, changes, self._naming, self._spec.namespace, datetime.now(UTC))
        touched = list(events.touched.values())
        sent = 0
        with ExitStack() as stack:
            senders = [stack.enter_context(sender()) for sender in self._senders] if touched else []
            for at in range(0, len(touched), DATASETS_AT_ONCE):
                accepted: list[Change] = []
                try:
                    for each in touched[at : at + DATASETS_AT_ONCE]:
                        for event in self._chosen(events, each):
                            for sender in senders:
                                sender.send(event)
                            sent += 1
                        accepted += each.changes
                finally:
                    for sender in senders:
                        sender.flush()
                    if accepted:
                        acknowledge(accepted)
        return {"events": sent, **({"file": self._spec.file} if self._spec.file else {})}

    def verify(self, catalog: Catalog) -> Sequence[str]:
        """Name what the events cannot tell; OpenLineage has no way to ask what a consumer holds."""
        said = [
            f"{len(keys)} entries are one dataset, `{name}` in `{namespace}`: {', '.join(keys[:MOST_NAMED])}"
            for (namespace, name), keys in self._naming.shared(catalog.entries.values()).items()
        ]
        if self._unsaid:
            some = ", ".join(self._unsaid[:MOST_NAMED])
            said.append(f"{len(self._unsaid):,} datasets have no job, and dataset events are not sent: {some}")
        return said

    def _chosen(self, events: Events, touched: Touched) -> Iterator[Event]:
        """The events of a dataset that are to be sent; a change that no event tells is named."""
        count = 0
        for kind, event in events.of(touched, all_jobs="dataset" not in self._spec.events):
            if kind in self._spec.events:
                count += 1
                yield event
        if not count and "dataset" not in self._spec.events:
            self._unsaid.append(f"`{touched.dataset.key}`")


def connect(spec: Spec, folder: Path) -> OpenLineage:
    """The file and the address that the spec names. Writes and asks nothing yet."""
    senders: list[Callable[[], Sender]] = []
    if spec.file:
        path = folder / spec.file
        senders.append(lambda: to_file(path))
    if spec.url is not None:
        url, auth = spec.url, Bearer(spec.api_key) if spec.api_key else None
        senders.append(lambda: over_http(url, spec.endpoint, auth))
    return OpenLineage(spec, senders)
