"""Where DataHub's proposals go: a file for `datahub ingest`, DataHub Lite on SQLite, or a server's REST API."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec
import requests
from datahub.configuration.common import ConfigurationError, OperationalError
from datahub.emitter.mcp import MetadataChangeProposalWrapper as Proposal
from datahub.ingestion.graph.client import DataHubGraph
from datahub.ingestion.graph.config import ClientMode, DatahubClientConfig
from datahub.lite.sqlite_lite import SqliteLite
from datahub.metadata.schema_classes import StatusClass
from datahub.utilities.urns.urn import guess_entity_type

from integrations.sdk.errors import HeadwaterError, LoginRefused, SourceRefused, SourceUnreachable, WarehouseError

READ_AT_ONCE = 200


class Sink(Protocol):
    """Takes proposals; `batch` is how many entities it is given at once, and acknowledges at once."""

    batch: int

    def lost(self, urns: Set[str]) -> Set[str]:
        """Which of the entities are not there, although they were sent: somebody took the file away."""

    def send(self, proposals: Sequence[Proposal]) -> None:
        """Put them there, each in the place of what was there under its entity and aspect. Raises: HeadwaterError."""

    def removed(self, urns: Iterable[str]) -> Mapping[str, bool]:
        """For the entities that are there, whether they are marked as removed. Raises: HeadwaterError."""

    def close(self) -> None:
        """Let go of it."""


class _Line(msgspec.Struct):
    entityUrn: str  # noqa: N815 - DataHub's own words
    aspectName: str  # noqa: N815
    aspect: msgspec.Raw


class File:
    """A JSON file of proposals, one a line: all that is, and the removal of what was."""

    batch = 1_000_000_000  # it is written anew, so better once

    def __init__(self, path: Path) -> None:
        self._path = path

    def lost(self, urns: Set[str]) -> Set[str]:
        return urns - self.removed(urns).keys()

    def send(self, proposals: Sequence[Proposal]) -> None:
        lines = {key: raw for key, raw, _ in self._read()}
        for proposal in proposals:
            key = str(proposal.entityUrn), str(proposal.aspectName)
            lines[key] = msgspec.json.encode(proposal.to_obj(simplified_structure=True))
        unfinished = self._path.with_suffix(".unfinished")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                file.write(b"[\n" + b",\n".join(lines.values()) + b"\n]\n")
            os.replace(unfinished, self._path)
        except OSError as error:
            raise WarehouseError(f"the catalog cannot be written to {self._path}: {error.strerror}") from None

    def removed(self, urns: Iterable[str]) -> Mapping[str, bool]:
        found = {
            urn: bool(msgspec.json.decode(line.aspect)["json"].get("removed"))
            for (urn, name), _, line in self._read()
            if name == StatusClass.ASPECT_NAME
        }
        return {urn: found[urn] for urn in urns if urn in found}

    def close(self) -> None:
        pass

    def _read(self) -> Iterator[tuple[tuple[str, str], bytes, _Line]]:
        if not self._path.exists():
            return
        try:
            for raw in msgspec.json.decode(self._path.read_bytes(), type=list[msgspec.Raw]):
                line = msgspec.json.decode(raw, type=_Line)
                yield (line.entityUrn, line.aspectName), bytes(raw), line
        except (OSError, msgspec.DecodeError) as error:
            raise WarehouseError(
                f"{self._path} cannot be read as DataHub's proposals: {error}", hint="move it out of the way"
            ) from None


class Lite:
    """DataHub Lite, a file of SQLite; `datahub lite` reads it."""

    batch = 500

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: SqliteLite | None = None

    def lost(self, urns: Set[str]) -> Set[str]:
        return urns - self.removed(urns).keys()

    def send(self, proposals: Sequence[Proposal]) -> None:
        with self._named():
            if self._writer is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                safe_and_fast = {"journal_mode": "WAL", "synchronous": "NORMAL"}
                self._writer = SqliteLite.create({"file": str(self._path), "options": safe_and_fast})
            for proposal in proposals:
                self._writer.write(proposal)

    def removed(self, urns: Iterable[str]) -> Mapping[str, bool]:
        if not self._path.exists():
            return {}
        found = {}
        with self._named(), closing(SqliteLite.create({"file": str(self._path), "read_only": True})) as reader:
            for urn in urns:
                aspects: Mapping[str, Any] | None = reader.get(urn, [StatusClass.ASPECT_NAME])
                if aspects:
                    found[urn] = bool(aspects[StatusClass.ASPECT_NAME].get("removed"))
        return found

    def close(self) -> None:
        if self._writer is not None:
            with self._named():
                self._writer.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever SQLite, pydantic and the system say
            raise WarehouseError(f"DataHub Lite cannot be used at {self._path}: {error}") from None


class Rest:
    """A DataHub server, through DataHub's own client, which waits and tries again after 429 and 5xx."""

    batch = 100

    def __init__(self, server: str, token: str | None, *, timeout_s: float, retries: int) -> None:
        config = DatahubClientConfig(
            server=server, token=token, timeout_sec=timeout_s, retry_max_times=retries, client_mode=ClientMode.SDK
        )
        with _named(server):
            self._graph = DataHubGraph(config)
            self._graph.test_connection()  # also finds out which of its APIs the server has
        self._server = server

    def lost(self, urns: Set[str]) -> Set[str]:
        return set()  # a server keeps what it has taken, and asking costs

    def send(self, proposals: Sequence[Proposal]) -> None:
        with _named(self._server):
            self._graph.emit_mcps(proposals)

    def removed(self, urns: Iterable[str]) -> Mapping[str, bool]:
        by_type: dict[str, list[str]] = defaultdict(list)
        for urn in urns:
            by_type[guess_entity_type(urn)].append(urn)
        found = {}
        for type_, listed in by_type.items():
            for batch in _in_batches(listed, READ_AT_ONCE):
                with _named(self._server):
                    entities = self._graph.get_entities(type_, batch, [StatusClass.ASPECT_NAME])
                for urn, aspects in entities.items():
                    status, _ = aspects.get(StatusClass.ASPECT_NAME, (None, None))
                    found[urn] = isinstance(status, StatusClass) and bool(status.removed)
        return found

    def close(self) -> None:
        self._graph.close()


def _in_batches(urns: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(urns), size):
        yield list(urns[start : start + size])


@contextmanager
def _named(server: str) -> Iterator[None]:
    """Turn what DataHub's client raises into errors that say what to do."""
    try:
        yield
    except ConfigurationError as error:
        refused = "authentication error" in str(error)
        kind = LoginRefused if refused else SourceRefused
        raise kind(str(error).splitlines()[0], status=401 if refused else None) from None
    except OperationalError as error:
        raise _refused(server, error, error.__cause__) from None
    except requests.RequestException as error:
        raise _refused(server, error, error) from None


def _refused(server: str, error: Exception, cause: BaseException | None) -> HeadwaterError:
    response = getattr(cause, "response", None)
    if response is None:
        return SourceUnreachable(f"{server} does not answer: {cause or error}")
    status: int = response.status_code
    said = f"DataHub at {server} answers {status}: {getattr(error, 'info', {}).get('message') or error}"
    return (LoginRefused if status == 401 else SourceRefused)(said, status=status)
