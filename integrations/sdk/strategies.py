"""Where a SecodaIntegration's declarations go, and how its requests are made; both can be put in.

The two protocols are those of the `secodadk` package (0.0.6); `finalize` may take the exception that ended
the extraction, so that a failed one is not taken for a small one.
"""

import json as json_module
import sys
from abc import ABC, abstractmethod
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from integrations.sdk.lineage import DeclaredLineage
from integrations.sdk.resource import Resource

Model = TypeVar("Model", Resource, DeclaredLineage)


class IngestStrategy(Protocol):
    """Takes what is declared."""

    def declare_resource(self, resource: Resource) -> None:
        """Take one resource."""

    def declare_lineage(self, lineage: DeclaredLineage) -> None:
        """Take one edge."""

    def finalize(self, error: BaseException | None = None) -> None:
        """The extraction is over; `error` is what ended it early."""


class NetworkStrategy(Protocol):
    """Makes requests."""

    def make_request(
        self,
        method: str,
        url: str,
        *,
        params: Any = None,
        headers: Any = None,
        data: Any = None,
        json: Any = None,
        verify: bool | str = True,
        follow_redirects: bool = False,
        auth: Any = None,
    ) -> Any:
        """The response, whatever its status."""

    def finalize(self, error: BaseException | None = None) -> None:
        """The extraction is over."""


class Allowed(Protocol):
    """Which requests may be made: a manifest's endpoints."""

    def check(self, method: str, url: str) -> None:
        """Raises: RequestForbidden for a request that may not be made."""


class Masking(Protocol):
    """Which texts may appear nowhere: a manifest's sensitive inputs."""

    def masked(self, text: str) -> str:
        """The text without them."""


class IngestResourcesStrategy(ABC):
    """The base that `secodadk` has for strategies of a script's own."""

    @abstractmethod
    def declare_resource(self, resource: Resource) -> None:
        """Take one resource."""

    @abstractmethod
    def declare_lineage(self, lineage: DeclaredLineage) -> None:
        """Take one edge."""

    @abstractmethod
    def finalize(self) -> None:
        """The extraction is over."""


class NetworkCallStrategy(ABC):
    """The base that `secodadk` has for strategies of a script's own."""

    @abstractmethod
    def make_request(
        self,
        method: str,
        url: str,
        *,
        params: Any = None,
        headers: Any = None,
        data: Any = None,
        json: Any = None,
        verify: bool | str = True,
        follow_redirects: bool = False,
        auth: Any = None,
    ) -> Any:
        """The response, whatever its status."""

    def finalize(self) -> None:  # noqa: B027 - nothing to do is the default
        """The extraction is over."""


class PrintingIngest:
    """Prints what is declared, one JSON document per line: what `secodadk` does by default."""

    def declare_resource(self, resource: Resource) -> None:
        """Print one resource."""
        sys.stdout.write(_line(resource))

    def declare_lineage(self, lineage: DeclaredLineage) -> None:
        """Print one edge."""
        sys.stdout.write(_line(lineage))

    def finalize(self, error: BaseException | None = None) -> None:
        """Nothing is left to do."""


class FilesIngest:
    """Writes what is declared into two files of JSON lines: `secodadk`'s JSONLIngestResourcesStrategy."""

    def __init__(self, *, resources_path: str, lineages_path: str) -> None:
        self.resources_file = open(resources_path, "w", encoding="utf-8")  # noqa: SIM115 - until finalize
        self.lineages_file = open(lineages_path, "w", encoding="utf-8")  # noqa: SIM115 - until finalize

    def declare_resource(self, resource: Resource) -> None:
        """Write one resource."""
        self.resources_file.write(_line(resource))

    def declare_lineage(self, lineage: DeclaredLineage) -> None:
        """Write one edge."""
        self.lineages_file.write(_line(lineage))

    def finalize(self, error: BaseException | None = None) -> None:
        """Close both files."""
        self.resources_file.close()
        self.lineages_file.close()


def _line(declared: Resource | DeclaredLineage) -> str:
    return json_module.dumps(declared.model_dump(mode="json")) + "\n"


class InMemoryIngest:
    """Keeps what is declared, in order, for whoever runs the integration."""

    def __init__(self) -> None:
        self.resources: list[Resource] = []
        self.lineage: list[DeclaredLineage] = []
        self.error: BaseException | None = None

    def declare_resource(self, resource: Resource) -> None:
        """Keep one resource."""
        self.resources.append(resource)

    def declare_lineage(self, lineage: DeclaredLineage) -> None:
        """Keep one edge."""
        self.lineage.append(lineage)

    def finalize(self, error: BaseException | None = None) -> None:
        """Remember whether the extraction failed."""
        self.error = error


class MaskedIngest:
    """Hands on what is declared, without the sensitive inputs: a catalog is read by everyone."""

    def __init__(self, ingest: IngestStrategy, masking: Masking) -> None:
        self._ingest, self._masking = ingest, masking

    def declare_resource(self, resource: Resource) -> None:
        """Hand on one resource."""
        self._ingest.declare_resource(self._masked(resource))

    def declare_lineage(self, lineage: DeclaredLineage) -> None:
        """Hand on one edge."""
        self._ingest.declare_lineage(self._masked(lineage))

    def finalize(self, error: BaseException | None = None) -> None:
        """Hand on that it is over."""
        from integrations.sdk.integration import _finalize

        _finalize(self._ingest, error)

    def _masked(self, declared: Model) -> Model:
        masked: Model = _masked_value(declared, self._masking)
        return masked


def _masked_value(value: Any, masking: Masking) -> Any:
    """The value without them; a model is copied, not made anew: a script's own may not take its fields back."""
    if isinstance(value, str):
        return masking.masked(value)
    if isinstance(value, BaseModel):
        before = vars(value)
        after = {key: _masked_value(item, masking) for key, item in before.items()}
        changed = {key: item for key, item in after.items() if item != before[key]}
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, dict):
        return {key: _masked_value(item, masking) for key, item in value.items()}
    return type(value)(_masked_value(item, masking) for item in value) if isinstance(value, list | tuple) else value
