"""The two base classes: SecodaIntegration for what a catalog shows, Integration for tables as well."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from integrations.sdk.errors import DeclarationError
from integrations.sdk.lineage import DeclaredLineage
from integrations.sdk.resource import Resource
from integrations.sdk.schema import Client, Node, Table, flatten
from integrations.sdk.strategies import HttpNetwork, IngestStrategy, InMemoryIngest, NetworkStrategy


class NoSpec(BaseModel, extra="forbid"):
    """An integration that needs nothing to connect."""


class SecodaIntegration(ABC):
    """Declares resources and lineage, imperatively, in `extract()`.

    Behaves as the class of the `secodadk` package (0.0.6), with two of its defects mended: `http_put` keeps
    `auth`, and `finalize` runs also after an exception, and knows that there was one.
    """

    def __init__(
        self,
        *,
        credentials: dict[str, Any],
        ingest_resources_strategy: IngestStrategy | None = None,
        network_call_strategy: NetworkStrategy | None = None,
    ) -> None:
        self.credentials = credentials
        self._ingest: IngestStrategy = ingest_resources_strategy or InMemoryIngest()
        self._network: NetworkStrategy = network_call_strategy or HttpNetwork()

    @abstractmethod
    def extract(self) -> None:
        """Declare the source's resources and lineage."""

    def start(self) -> None:
        """Extract, and then finalize, whether or not the extraction failed."""
        error: BaseException | None = None
        try:
            self.extract()
        except BaseException as raised:
            error = raised
            raise
        finally:
            _finalize(self, error)

    def finalize(self, error: BaseException | None = None) -> None:
        """Tell both strategies that it is over; one written for `secodadk` takes no argument."""
        for strategy in (self._ingest, self._network):
            _finalize(strategy, error)

    def declare_resource(self, resource: Resource) -> None:
        """Put one resource into the catalog."""
        self._ingest.declare_resource(resource)

    def declare_lineage(self, lineage: DeclaredLineage) -> None:
        """Put one edge into the catalog."""
        self._ingest.declare_lineage(lineage)

    def http_get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        follow_redirects: bool = False,
        verify: bool | str = True,
        auth: Any = None,
    ) -> Any:
        """GET; the response, whatever its status."""
        return self._request("GET", url, params, headers, None, None, follow_redirects, verify, auth)

    def http_post(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        json: Any = None,
        follow_redirects: bool = False,
        verify: bool | str = True,
        auth: Any = None,
    ) -> Any:
        """POST; the response, whatever its status."""
        return self._request("POST", url, params, headers, data, json, follow_redirects, verify, auth)

    def http_put(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        json: Any = None,
        follow_redirects: bool = False,
        verify: bool | str = True,
        auth: Any = None,
    ) -> Any:
        """PUT; the response, whatever its status."""
        return self._request("PUT", url, params, headers, data, json, follow_redirects, verify, auth)

    def http_patch(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        json: Any = None,
        follow_redirects: bool = False,
        verify: bool | str = True,
        auth: Any = None,
    ) -> Any:
        """PATCH; the response, whatever its status."""
        return self._request("PATCH", url, params, headers, data, json, follow_redirects, verify, auth)

    def http_delete(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        json: Any = None,
        follow_redirects: bool = False,
        verify: bool | str = True,
        auth: Any = None,
    ) -> Any:
        """DELETE; the response, whatever its status."""
        return self._request("DELETE", url, params, headers, data, json, follow_redirects, verify, auth)

    def _request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        data: Any,
        json: Any,
        follow_redirects: bool,
        verify: bool | str,
        auth: Any,
    ) -> Any:
        return self._network.make_request(
            method,
            url,
            params=params,
            headers=headers,
            data=data,
            json=json,
            verify=verify,
            follow_redirects=follow_redirects,
            auth=auth,
        )


def _finalize(whose: Any, error: BaseException | None) -> None:
    """Call a `finalize`, with the error unless it was written for `secodadk` and takes none."""
    if inspect.signature(whose.finalize).parameters:
        whose.finalize(error)
    else:
        whose.finalize()


class Integration(SecodaIntegration):
    """Declares tables, resources, or both.

    `spec` is a pydantic model of what a user fills in; `tables` are read with the client that `connect`
    makes. An integration whose tables are found out from the source implements `discover` and
    `tables_from`; one that also shows resources in the catalog implements `extract`.
    """

    spec: ClassVar[type[BaseModel]] = NoSpec
    tables: ClassVar[Sequence[Table]] = ()
    owners: ClassVar[Sequence[str]] = ()
    entity_types: ClassVar[Sequence[str]] = ()

    def connect(self, spec: Any) -> Client:
        """The client that the tables' resolvers are given. Opens no connection yet."""
        raise DeclarationError(
            f"{type(self).__name__} has tables but no connect(self, spec)",
            hint="return HttpClient(spec.base_url, auth=…)",
        )

    def test_connection(self, client: Client) -> None:
        """Make one cheap request that needs the credentials. Raises: LoginRefused, SourceError.

        By default the first table's first page is read, or the tables are discovered.
        """
        from integrations.sdk.reading import first_records

        if self.tables:
            first_records(self.tables[0], client)
        else:
            self.discover(client)

    def discover(self, client: Client) -> Mapping[str, Any]:
        """Ask the source for its tables; the answer, plain JSON, is kept in a file beside the config."""
        raise DeclarationError(f"{type(self).__name__} has nothing to discover: its tables are declared")

    @classmethod
    def tables_from(cls, spec: Any, snapshot: Mapping[str, Any]) -> Sequence[Table]:
        """The tables that a snapshot describes. No network here: this runs whenever the code loads."""
        return cls.tables

    @classmethod
    def discovers(cls) -> bool:
        """Whether its tables come from a snapshot."""
        return any(
            "tables_from" in vars(base)
            for base in cls.__mro__
            if issubclass(base, Integration) and base is not Integration
        )

    @classmethod
    def extracts(cls) -> bool:
        """Whether it declares resources."""
        return cls.extract is not Integration.extract

    def extract(self) -> None:
        """Declare the source's resources and lineage; none by default."""

    @classmethod
    def nodes(cls, spec: Any = None, snapshot: Mapping[str, Any] | None = None) -> list[Node]:
        """All tables, parents before children, checked. Raises: DeclarationError."""
        tables = cls.tables_from(spec, snapshot) if snapshot is not None else cls.tables
        return flatten(list(tables))
