"""What an entry of the catalog is called in OpenLineage: a dataset's namespace and name.

Source: https://openlineage.io/docs/spec/naming: the namespace is the data source's address, and a table's name
is database.schema.table. DuckDB is not listed there; it is named in the same way.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from assets.catalog.gather import ENDPOINT, WAREHOUSE
from assets.catalog.model import Entry

OWN = {WAREHOUSE: "duckdb://warehouse"}
EXTERNAL = "external"
API = "api:"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset's place; `key` is that of its entry, or its name where the catalog has none."""

    key: str
    namespace: str
    name: str

    @property
    def identifier(self) -> dict[str, str]:
        """As events refer to it."""
        return {"namespace": self.namespace, "name": self.name}


class Naming:
    """Names by the namespaces of the sources; a source that has none is `headwater://<source>`."""

    def __init__(self, namespaces: Mapping[str, str]) -> None:
        self._namespaces = OWN | dict(namespaces)

    def dataset(self, entry: Entry) -> Dataset:
        """A table of a source with a namespace is database.schema.table, what is else is called by its id."""
        if entry.entity_type == ENDPOINT and entry.databuilder_id.startswith(API):
            parts = urlsplit(entry.databuilder_id.removeprefix(API))
            return Dataset(entry.key, f"{parts.scheme}://{parts.netloc}", parts.path or "/")
        name = entry.databuilder_id
        if entry.source in self._namespaces and entry.entity_type == "table" and entry.database and entry.schema:
            name = f"{entry.database}.{entry.schema}.{entry.title}"
        return Dataset(entry.key, self._namespace(entry.source), name or entry.key)

    def unknown(self, key: str) -> Dataset:
        """What the catalog does not have any more, or never had, by its key."""
        source, _, name = key.partition("/")
        return Dataset(key, self._namespace(source), name or key)

    def external(self, end: Mapping[str, object]) -> Dataset:
        """A table that lineage names, and that was not found."""
        name = ".".join(str(end[part]) for part in ("database", "schema", "table") if end.get(part))
        return Dataset(f"{EXTERNAL}/{name}", EXTERNAL, name)

    def shared(self, entries: Iterable[Entry]) -> dict[tuple[str, str], list[str]]:
        """The keys of entries that have one name between them, by namespace and name."""
        keys: dict[tuple[str, str], list[str]] = {}
        for entry in entries:
            if entry.entity_type != "column":
                dataset = self.dataset(entry)
                keys.setdefault((dataset.namespace, dataset.name), []).append(entry.key)
        return {place: found for place, found in keys.items() if len(found) > 1}

    def _namespace(self, source: str) -> str:
        return self._namespaces.get(source, f"headwater://{source}")
