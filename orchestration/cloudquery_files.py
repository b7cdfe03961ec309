"""Config files of CloudQuery's command line: each document in our words, and what will differ.

Every field of its files is taken: honoured, or named with the reason why it is not. What can never work here is
an error when it is used, not when the file is read, so that a file can be looked at as it is.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from assets.destinations.writers import WAREHOUSE
from integrations.sdk.cloudquery.source import FROM_THE_HUB, HUB, ON_THE_HUB, REGISTRIES
from integrations.sdk.errors import ConfigError
from integrations.sdk.names import slug
from orchestration.specs import NAME

Spec = dict[str, Any]

NOT_TRANSFORMED = (
    "transformers are not run, and rows that they would change are not sent without: rename, drop and hide columns in "
    "the integration or in SQL, or leave them out here"
)
VARIABLE = re.compile(r"@@plugins\.[\w.-]+")
NO_FILE = ("md:", "motherduck:", ":memory:")
MOVED = {
    **dict.fromkeys(
        ("batch_size", "batch_size_bytes", "max_retries", "resource_concurrency", "scheduler", "table_concurrency"),
        "leave it out, or write it in the plugin's own `spec`",
    ),
    **dict.fromkeys(("backend", "backend_spec"), "leave it out, or write `backend_options`"),
}
"""Fields of older versions of CloudQuery, which the version of today refuses as well, and where they went."""

POOL = ("pool_", "default_query_exec_mode", "statement_cache_capacity", "description_cache_capacity")
TUNING = (
    "batch_size", "batch_size_bytes", "batch_timeout", "pgx_log_level", "retry_on_deadlock",
    "create_performance_indexes", "debug",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as CloudQuery's command line has it; `works` unless it cannot be had at all."""

    where: str
    field: str
    what: str
    works: bool = True
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.hint}" if self.hint else self.what


class Reader:
    """Reads one document; what it says of itself is kept in `differences`."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.differences: list[Difference] = []

    def source(self, given: Mapping[str, Any]) -> Spec:
        """A source's spec in our words. Raises: ConfigError for what CloudQuery refuses as well."""
        spec = self._plugin(given)
        if spec.get("registry", "python") in (*REGISTRIES, *HUB):
            spec.setdefault("skip_dependent_tables", True)
        if spec.get("registry") in HUB:
            self._cannot("path", ON_THE_HUB.format(path=spec.get("path")), FROM_THE_HUB)
        if isinstance(spec.get("destinations"), list):
            names = [self._legal(each, "destinations") for each in spec["destinations"]]
            spec["destinations"] = list({str(each): each for each in names}.values())
        if spec.get("backend_options") is not None:
            self._note("backend_options", "state is kept in the warehouse, with the rows that it speaks of: the first "
                       "sync starts anew, and the backend's table is neither read nor written")  # fmt: skip
        if spec.get("registry") in REGISTRIES and (named := VARIABLE.search(str(spec.get("spec")))):
            self._cannot("spec", f"nothing is put in for {named[0]}: no plugin is told another's address")
        for field in ("otel_endpoint", "otel_endpoint_insecure"):
            if spec.get(field):
                self._note(field, "no traces are sent; every sync is measured in headwater.syncs and in Dagster")
        return spec

    def destination(self, given: Mapping[str, Any]) -> Spec:
        """A destination's spec in our words. Raises: ConfigError for what CloudQuery refuses as well."""
        spec = self._plugin(given)
        self._require(spec, "send_sync_summary", lambda value: isinstance(value, bool), "true or false")
        self._require(spec, "transformers", _is_list_of_names, "a list of names")
        mode = spec.get("write_mode", "overwrite-delete-stale")
        if spec.get("sync_group_id") and mode == "overwrite-delete-stale":
            raise ConfigError(
                f"{self.where}: `sync_group_id` does not go with write_mode overwrite-delete-stale",
                hint="set write_mode to overwrite or append",
            )
        if spec.pop("send_sync_summary", None):
            self._note("send_sync_summary", "no summary is sent: headwater.syncs and headwater.deliveries have it")
        if spec.get("transformers"):
            self._cannot("transformers", NOT_TRANSFORMED)
            if spec.get("registry", "python") == "python" and spec.get("path", WAREHOUSE) == WAREHOUSE:
                raise ConfigError(f"{self.where}: the warehouse has no `transformers`", hint=NOT_TRANSFORMED)
        return self._ours(spec) if spec.get("registry") in HUB else spec

    def _plugin(self, given: Mapping[str, Any]) -> Spec:
        if old := next((field for field in given if field in MOVED), None):
            raise ConfigError(f"{self.where}: `{old}` is a field of an older CloudQuery", hint=MOVED[old])
        spec = {field: value for field, value in given.items() if value is not None}
        path, registry = str(spec.get("path", "")), spec.get("registry", "")
        if registry == "" and "/" in path:
            registry = HUB[0]
        spec["registry"] = registry
        if registry == "":
            spec.pop("registry")
        if registry in HUB:
            version = spec.get("version")
            if not version or not str(version).startswith(("v", "${")):
                what = "is missing" if not version else "does not begin with v"
                raise ConfigError(f"{self.where}: `version` {what}", hint="such as v1.0.0")
        self._require(spec, "docker_registry_auth_token", lambda value: isinstance(value, str), "a text")
        if spec.pop("docker_registry_auth_token", None):
            self._cannot("docker_registry_auth_token", "no token is handed on: log in with `docker login` before")
        if "name" in spec:
            spec["name"] = self._legal(spec["name"], "name")
        return spec

    def _ours(self, spec: Spec) -> Spec:
        """A destination of the Hub that Headwater brings itself, as that; another as it is."""
        path, own = str(spec.get("path")), spec.get("spec", {})
        translate = OURS.get(path)
        made = translate(own) if translate and isinstance(own, Mapping) else None
        if made is None or (made["path"] == WAREHOUSE and spec.get("transformers")):
            self._cannot("path", ON_THE_HUB.format(path=path), FROM_THE_HUB)
            return spec
        for field in sorted(set(own) - {"connection_string"}):
            if field in TUNING:
                self._note(f"spec.{field}", "is not used: Headwater has its own destination in place of the plugin")
            else:
                self._cannot(f"spec.{field}", f"Headwater's own `{made['path']}`, in place of the plugin, has no such")
        self._note("path", f"Headwater's own `{made['path']}` is used in place of the plugin")
        kept = {field: value for field, value in spec.items() if field not in ("registry", "version", "path", "spec")}
        return kept | made

    def _legal(self, name: Any, field: str) -> Any:
        if not isinstance(name, str) or not name:
            return name
        if re.match(NAME, name):
            return name
        if field == "name" and "${" not in name:
            self._note("name", f"it is called `{slug(name)}` here: DuckDB and Dagster want plain names")
        return slug(name)

    def _require(self, spec: Spec, field: str, fits: Callable[[Any], bool], what: str) -> None:
        """See that a field which goes no further is what it should be. Raises: ConfigError."""
        if field in spec and not fits(spec[field]):
            raise ConfigError(f"{self.where}: `{field}` must be {what}")

    def _note(self, field: str, what: str) -> None:
        self.differences.append(Difference(self.where, field, what))

    def _cannot(self, field: str, what: str, hint: str = "") -> None:
        self.differences.append(Difference(self.where, field, what, works=False, hint=hint))


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _file(own: Mapping[str, Any]) -> str:
    """The file of a connection string, without what stands before and after it."""
    return str(own.get("connection_string", "")).removeprefix("file:").removeprefix("sqlite://").partition("?")[0]


def _duckdb(own: Mapping[str, Any]) -> Spec | None:
    """The warehouse in that file; none that is in memory or at MotherDuck."""
    file = _file(own)
    return None if file.startswith(NO_FILE) else {"path": WAREHOUSE, "spec": {"path": file} if file else {}}


def _sqlite(own: Mapping[str, Any]) -> Spec | None:
    file = _file(own)
    return None if file.startswith(NO_FILE) else {"path": "sqlite", "spec": {"path": file}}


def _postgres(own: Mapping[str, Any]) -> Spec:
    """The database, as libpq has it: the schema is said beside, and what a pool would be told is left out."""
    connection = str(own.get("connection_string", ""))
    before, _, query = connection.partition("?")
    spec: Spec = {"connection": connection}
    if "://" in before and query:
        given = parse_qsl(query, keep_blank_values=True)
        left = [(name, value) for name, value in given if name != "search_path" and not name.startswith(POOL)]
        spec["connection"] = f"{before}?{urlencode(left, quote_via=quote)}" if left else before
        path = dict(given).get("search_path", "").partition(",")[0].strip(' "')
        spec |= {"schema": path} if path else {}
    return {"path": "postgres", "spec": spec}


OURS: Mapping[str, Callable[[Mapping[str, Any]], Spec | None]] = {
    "cloudquery/duckdb": _duckdb,
    "cloudquery/sqlite": _sqlite,
    "cloudquery/postgresql": _postgres,
}
