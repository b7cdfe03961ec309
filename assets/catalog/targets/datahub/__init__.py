"""DataHub: datasets with their fields, charts, dashboards and containers, and the lineage between them.

An entity is told by its aspects, each of them whole: a change to one edge or column sends all of what is
downstream, or of its table, again. So a change that comes twice does not double, and what is gone is
marked as removed (a soft deletion), as DataHub's own ingestion does it.
"""

import importlib.util
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, HttpUrl, SecretStr, model_validator

from assets.catalog.gather import WAREHOUSE
from assets.catalog.items import Item
from assets.catalog.model import Catalog
from assets.catalog.publishing import Acknowledge, Change, TargetSpec
from integrations.sdk.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from assets.catalog.targets.datahub.naming import Naming
    from assets.catalog.targets.datahub.sinks import Sink
    from assets.catalog.targets.datahub.view import Part, View

FILES = {"file": "data/datahub.json", "lite": "data/datahub.db"}
MOST_LISTED = 3


class Spec(TargetSpec):
    """Where to, and how things are called there."""

    WHERE = ("sink", "file", "server")

    sink: Literal["file", "lite", "rest"] = Field(
        "file", description="A file for `datahub ingest`, DataHub Lite on SQLite, or a server."
    )
    file: str = Field("", description="Of `file` and `lite`, relative to the config file; data/datahub.json or .db.")
    server: HttpUrl | None = Field(None, description="Of `rest`: GMS, as in `https://datahub.example.com:8080`.")
    token: SecretStr | None = Field(None, description="Of `rest`: a personal access token.")
    env: str = Field("PROD", pattern=r"^[A-Z_]+$", description="The environment in the datasets' URNs.")
    platforms: dict[str, str] = Field(
        {}, description="DataHub's platform for a source, where that is not its name; `warehouse` is duckdb."
    )
    timeout_s: float = Field(30, gt=0, description="Of `rest`: for one request.")
    retries: int = Field(4, ge=0, description="Of `rest`: after 429, 5xx and broken connections.")

    @model_validator(mode="after")
    def _knows_its_server(self) -> "Spec":
        if (self.sink == "rest") != (self.server is not None):
            raise ValueError("`sink: rest` needs a server" if self.sink == "rest" else "`server` is for `sink: rest`")
        return self


class DataHub:
    """One DataHub, or what stands for it."""

    def __init__(self, spec: Spec, folder: Path) -> None:
        self._spec = spec
        self._path = folder / (spec.file or FILES.get(spec.sink, ""))
        self._kept: Sequence[Item] = ()
        self._gone: Set[str] = set()

    def keep(self, items: Sequence[Item]) -> None:
        """Describe entities with these columns and edges too, for an aspect without them would remove them."""
        self._kept = items

    def publish(self, changes: Sequence[Change], catalog: Catalog, acknowledge: Acknowledge) -> Mapping[str, Any]:
        """Send what has changed, and what is not there any more, in batches. Raises: HeadwaterError."""
        from assets.catalog.targets.datahub.aspects import proposals, removal

        view = self._view(catalog)
        with closing(self._sink()) as sink:
            work = _Work(view, changes, sink.lost(set(view.urns.values())))
            urns = list(work.told)
            for start in range(0, len(urns), sink.batch):
                batch = urns[start : start + sink.batch]
                sent = []
                for urn in batch:
                    key = work.keys.get(urn)
                    sent += [removal(urn)] if key is None else proposals(view, key, work.told[urn])
                sink.send(sent)
                acknowledge(work.taken(batch))
        acknowledge([change for change in changes if change.position in work.nowhere])
        self._gone = work.told.keys() - work.keys.keys()
        about: dict[str, Any] = {"entities": len(urns) - len(self._gone), "removed": len(self._gone)}
        if view.left_out:
            about["left out"] = f"{len(view.left_out):,}: {', '.join(view.left_out[:MOST_LISTED])}"
        return about

    def verify(self, catalog: Catalog) -> Sequence[str]:
        """Read back whether every entity is there, and whether what was removed is marked so."""
        urns = set(self._view(catalog).urns.values())
        try:
            with closing(self._sink()) as sink:
                removed = sink.removed(urns | self._gone)
        except SourceError as error:
            return [f"what DataHub holds cannot be read back: {error.what}"]
        found = {
            "are not there": urns - removed.keys(),
            "are marked as removed": {urn for urn in urns if removed.get(urn)},
            "are not marked as removed": {urn for urn in self._gone if not removed.get(urn, True)},
        }
        return [
            f"{len(wrong):,} entities {what}: {', '.join(sorted(wrong)[:MOST_LISTED])}"
            for what, wrong in found.items()
            if wrong
        ]

    def _view(self, catalog: Catalog) -> "View":
        from assets.catalog.targets.datahub.view import View

        return View(catalog, self._kept, self._naming())

    def _naming(self) -> "Naming":
        from assets.catalog.targets.datahub.naming import Naming

        return Naming(env=self._spec.env, platforms={WAREHOUSE: "duckdb", **self._spec.platforms})

    def _sink(self) -> "Sink":
        from assets.catalog.targets.datahub.sinks import File, Lite, Rest

        if self._spec.sink == "file":
            return File(self._path)
        if self._spec.sink == "lite":
            return Lite(self._path)
        token = self._spec.token.get_secret_value() if self._spec.token else None
        server = str(self._spec.server).rstrip("/")
        return Rest(server, token, timeout_s=self._spec.timeout_s, retries=self._spec.retries)


class _Work:
    """What to send: the parts that each URN is told of, the living first; and which changes each of them carries."""

    def __init__(self, view: "View", changes: Sequence[Change], lost: Set[str]) -> None:
        self.keys = {urn: key for key, urn in view.urns.items()}
        self.told: dict[str, set[Part]] = {urn: set() for urn in self.keys if urn in lost}
        self.nowhere: set[int] = set()
        self._of: dict[str, list[Change]] = defaultdict(list)
        self._open: dict[int, int] = {}
        gone: dict[str, list[Change]] = defaultdict(list)
        for change in changes:
            parts, removed = view.told(change)
            for key, part in parts:
                self.told.setdefault(view.urns[key], set()).add(part)
            urns = {view.urns[key] for key, _ in parts}
            for urn in urns:
                self._of[urn].append(change)
            for urn in removed:
                gone[urn].append(change)
            self._open[change.position] = len(urns) + len(removed)
            if not urns and not removed:
                self.nowhere.add(change.position)
        self.told |= {urn: set() for urn in gone}
        self._of |= gone

    def taken(self, urns: Sequence[str]) -> list[Change]:
        """The changes that are told wholly, now that these are."""
        whole = []
        for urn in urns:
            for change in self._of[urn]:
                self._open[change.position] -= 1
                if not self._open[change.position]:
                    whole.append(change)
        return whole


def connect(spec: Spec, folder: Path) -> DataHub:
    """The DataHub that the spec names. Raises: ConfigError without the package."""
    os.environ.setdefault("DATAHUB_TELEMETRY_ENABLED", "false")  # its client would tell its makers what it does
    if importlib.util.find_spec("datahub") is None:
        raise ConfigError("the catalog `datahub` needs acryl-datahub", hint="pip install 'headwater[datahub]'")
    return DataHub(spec, folder)
