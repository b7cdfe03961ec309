"""config.yaml: which sources, with which spec, where to, how often. The shape of CloudQuery's file.

Several YAML documents, each `kind: source` or `kind: destination` with a `spec`. Unknown keys are errors.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integrations.sdk.errors import ConfigError
from integrations.sdk.names import first_repeated, nearest, slug
from integrations.sdk.redact import redact
from orchestration.substitution import substitute

DEFAULT_PATH = "config.yaml"
KINDS = ("source", "destination")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SourceSpec(_Strict):
    """One configured use of an integration."""

    name: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$",
        description="Names the source; also the DuckDB schema and the asset group.",
    )
    registry: Literal["python"] = Field("python", description="What `path` is: python is a module.")
    path: str = Field(min_length=1, description="The integration's module, such as integrations.typeform.")
    version: str = Field("", description="Accepted from CloudQuery's files; a Python module has none.")
    tables: list[str] = Field(["*"], min_length=1, description="Patterns of tables to sync; * matches anything.")
    skip_tables: list[str] = Field([], description="Patterns of tables to leave out, with their descendants.")
    skip_dependent_tables: bool = Field(False, description="Sync only tables that a pattern names.")
    destinations: list[str] = Field(min_length=1, max_length=1, description="The warehouse to load into.")
    deterministic_cq_id: bool = Field(False, description="Make _cq_id from the primary key, not at random.")
    concurrency: int = Field(16, ge=1, le=1024, description="How many clients and parents are read at a time.")
    requests_per_second: float | None = Field(None, gt=0, description="At most so many requests per second.")
    parallel_requests: int | None = Field(None, ge=1, description="At most so many requests at a time.")
    schedule: str | None = Field(None, description="A cron expression; without one the source is synced by hand.")
    description: str = Field("", description="What the source is, for people.")
    owners: list[Annotated[str, Field(pattern=r"^(team:\w+|[^@\s]+@[^@\s]+\.[^@\s]+)$")]] = Field(
        [], description="Owners of its assets: an e-mail address, or team:name."
    )
    spec: dict[str, Any] = Field({}, description="What the integration needs to connect.")


class DuckDBSpec(_Strict):
    """Where the warehouse is, and what it may use."""

    path: str = Field("data/warehouse.duckdb", description="The DuckDB file, relative to the config file.")
    memory_mib: int = Field(
        256, ge=64, description="MiB that DuckDB may use while it loads; 4 a column where a table is wide."
    )
    lock_timeout_s: float = Field(600, gt=0, description="How long to wait for another run to finish writing.")
    open_timeout_s: float = Field(60, gt=0, description="How long to wait for another program to close the file.")


class DestinationSpec(_Strict):
    """A warehouse."""

    name: str = Field(min_length=1, description="What sources call it.")
    registry: Literal["python"] = Field("python", description="python is the warehouse that Headwater brings.")
    path: Literal["duckdb"] = Field("duckdb", description="duckdb.")
    version: str = Field("", description="Accepted from CloudQuery's files; not used.")
    write_mode: Literal["overwrite-delete-stale", "overwrite", "append"] = Field(
        "overwrite-delete-stale", description="What happens to rows that are there already."
    )
    migrate_mode: Literal["safe"] = Field("safe", description="safe: columns are added, nothing is dropped.")
    spec: DuckDBSpec = Field(
        default_factory=lambda: DuckDBSpec.model_validate({}), description="The file and its limits."
    )


@dataclass(frozen=True, slots=True)
class Config:
    """A config file, read and checked by itself; `folder` is what its relative paths start from."""

    path: Path
    sources: tuple[SourceSpec, ...]
    destinations: tuple[DestinationSpec, ...]

    @property
    def folder(self) -> Path:
        """The config file's folder."""
        return self.path.parent

    def destination(self, name: str) -> DestinationSpec:
        """The destination of that name; `load_config` has checked that it is there."""
        return next(destination for destination in self.destinations if destination.name == name)


def config_path(given: str | Path | None = None) -> Path:
    """The config file: as given, else HEADWATER_CONFIG, else config.yaml here."""
    return Path(given or os.environ.get("HEADWATER_CONFIG") or DEFAULT_PATH).expanduser().absolute()


def load_config(given: str | Path | None = None) -> Config:
    """Read and check the config file. Raises: ConfigError."""
    path = config_path(given)
    sources: list[SourceSpec] = []
    destinations: list[DestinationSpec] = []
    for number, document in enumerate(_documents(path), start=1):
        where = f"{path.name}, document {number}"
        if not isinstance(document, dict) or "kind" not in document:
            raise ConfigError(f"{where}: a document needs `kind` and `spec`", hint=f"kinds: {', '.join(KINDS)}")
        _refuse_unknown(where, document, ("kind", "spec"))
        kind = document["kind"]
        if kind not in KINDS:
            raise ConfigError(f"{where}: `{kind}` is not a kind of document", hint=nearest(str(kind), KINDS))
        spec = substitute(document.get("spec") or {}, path.parent)
        if kind == "source":
            sources.append(_checked(SourceSpec, spec, where))
        else:
            destinations.append(_checked(DestinationSpec, spec, where))
    config = Config(path, tuple(sources), tuple(destinations))
    _cross_check(config)
    return config


def validated(model: type[BaseModel], values: Any, where: str) -> Any:
    """The model made from the values. Raises: ConfigError that names every wrong key."""
    return _checked(model, values, where)


def _documents(path: Path) -> Iterable[Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(
            f"the config file {path} cannot be read: {reason}",
            hint="name it with --config or HEADWATER_CONFIG, or start from the README's example",
        ) from None
    try:
        return [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        raise ConfigError(f"{path.name} is not YAML: {' '.join(str(error).split())}") from None


def _checked(model: type[Any], values: Any, where: str) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = [_problem(model, problem) for problem in error.errors(include_url=False, include_input=False)]
        shown = "; ".join(problem for problem, _ in problems)
        hints = [hint for _, hint in problems if hint]
        raise ConfigError(redact(f"{where}: {shown}"), hint="; ".join(hints)) from None


def _problem(model: type[Any], problem: Any) -> tuple[str, str]:
    location = [str(part) for part in problem["loc"]]
    key = ".".join(location)
    if problem["type"] == "extra_forbidden":
        holder = model
        for part in location[:-1]:
            inner = holder.model_fields[part].annotation if part in holder.model_fields else None
            holder = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else holder
        return f"unknown key `{key}`", nearest(location[-1], holder.model_fields)
    if problem["type"] == "missing":
        return f"`{key}` is missing", ""
    return f"`{key}`: {problem['msg']}", ""


def _refuse_unknown(where: str, document: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in document:
        if key not in known:
            raise ConfigError(f"{where}: unknown key `{key}`", hint=nearest(str(key), known))


def _cross_check(config: Config) -> None:
    for what, names in (
        ("source", [slug(source.name) for source in config.sources]),
        ("destination", [destination.name for destination in config.destinations]),
    ):
        if repeated := first_repeated(names):
            raise ConfigError(f"two {what}s are called `{repeated}`", hint="names differ in more than case and signs")
    known = [destination.name for destination in config.destinations]
    for source in config.sources:
        for name in source.destinations:
            if name not in known:
                raise ConfigError(
                    f"source `{source.name}` names the destination `{name}`, which is not defined",
                    hint=nearest(name, known),
                )
