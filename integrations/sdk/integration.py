"""The two base classes: SecodaIntegration for what a catalog shows, Integration for tables as well."""

import inspect
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any, ClassVar

from pydantic import BaseModel

from integrations.sdk.errors import DeclarationError
from integrations.sdk.lineage import DeclaredLineage
from integrations.sdk.resource import Resource
from integrations.sdk.schema import Client, Node, Table, flatten
from integrations.sdk.script_network import HttpNetwork
from integrations.sdk.strategies import IngestStrategy, NetworkStrategy, PrintingIngest

log = logging.getLogger(__name__)

importing: ContextVar[bool] = ContextVar("importing", default=False)
"""Whether a script is being imported: `start()` does nothing then, since loading touches no network."""

_given: ContextVar[tuple[IngestStrategy | None, NetworkStrategy | None]] = ContextVar("_given", default=(None, None))
"""The strategies of the integration that is being made: its constructor may use them, and not take them."""


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
        ingest, network = _given.get()
        self.credentials = credentials
        self.ingest_resources_strategy: IngestStrategy = ingest_resources_strategy or ingest or PrintingIngest()
        self.network_call_strategy: NetworkStrategy = network_call_strategy or network or HttpNetwork()

    @abstractmethod
    def extract(self) -> None:
        """Declare the source's resources and lineage."""

    def start(self) -> None:
        """Extract, and then finalize, whether or not the extraction failed; not while its script is imported."""
        if importing.get():
            log.warning("script_starts_itself class=%s", type(self).__name__)
            return
        error: BaseException | None = None
        try:
            if inspect.isgenerator(self.extract()):
                raise DeclarationError(
                    "extract() is a generator, of which nothing is run",
                    hint="call self.declare_resource(…) in the place of `yield`",
                )
        except BaseException as raised:
            error = raised
            raise
        finally:
            _finalize(self, error)

    def finalize(self, error: BaseException | None = None) -> None:
        """Tell both strategies that it is over; one written for `secodadk` takes no argument."""
        for strategy in (self.ingest_resources_strategy, self.network_call_strategy):
            _finalize(strategy, error)

    def declare_resource(self, resource: Resource) -> None:
        """Put one resource into the catalog."""
        self.ingest_resources_strategy.declare_resource(resource)

    def declare_lineage(self, lineage: DeclaredLineage) -> None:
        """Put one edge into the catalog."""
        self.ingest_resources_strategy.declare_lineage(lineage)

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
        return self.network_call_strategy.make_request(
            "GET", url, params=params, headers=headers, follow_redirects=follow_redirects, verify=verify, auth=auth
        )

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
        return self.network_call_strategy.make_request(
            "POST",
            url,
            params=params,
            headers=headers,
            data=data,
            json=json,
            follow_redirects=follow_redirects,
            verify=verify,
            auth=auth,
        )

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
        return self.network_call_strategy.make_request(
            "PUT",
            url,
            params=params,
            headers=headers,
            data=data,
            json=json,
            follow_redirects=follow_redirects,
            verify=verify,
            auth=auth,
        )

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
        return self.network_call_strategy.make_request(
            "PATCH",
            url,
            params=params,
            headers=headers,
            data=data,
            json=json,
            follow_redirects=follow_redirects,
            verify=verify,
            auth=auth,
        )

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
        return self.network_call_strategy.make_request(
            "DELETE",
            url,
            params=params,
            headers=headers,
            data=data,
            json=json,
            follow_redirects=follow_redirects,
            verify=verify,
            auth=auth,
        )


def instantiate(
    integration: type[SecodaIntegration], credentials: dict[str, Any], ingest: IngestStrategy, network: NetworkStrategy
) -> SecodaIntegration:
    """The integration with its strategies, whether or not its own constructor takes them.

    One that does not take them may log in there already, so they are the base class's defaults meanwhile; what it
    sets in their place is replaced.
    """
    strategies = {"ingest_resources_strategy": ingest, "network_call_strategy": network}
    parameters = inspect.signature(integration).parameters
    takes_all = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())
    taken = {name: strategy for name, strategy in strategies.items() if takes_all or name in parameters}
    token = _given.set((ingest, network))
    try:
        made = integration(credentials=credentials, **taken)  # type: ignore[arg-type]  # each has its own type
    finally:
        _given.reset(token)
    for name in strategies.keys() - taken.keys():
        setattr(made, name, strategies[name])
    return made


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
