"""What each kind of document in config.yaml may say. The shape of CloudQuery's file; unknown keys are errors."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from assets.destinations.writers import WAREHOUSE, WRITERS
from integrations.sdk.cloudquery.source import HUB
from integrations.sdk.schema import Contract

NAME = r"^[A-Za-z_][A-Za-z0-9_-]*$"
Registry = Literal["python", "grpc", "local", "docker", "cloudquery", "github"]


FLAGS = ("skip_dependent_tables", "deterministic_cq_id", "otel_endpoint_insecure", "send_sync_summary")
LISTS = ("tables", "skip_tables", "destinations", "transformers")
MAPPINGS = ("backend_options", "table_options", "spec")
Pattern = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: Any) -> Any:
        """Null is as if the field was missing."""
        return (
            {key: value for key, value in values.items() if value is not None} if isinstance(values, dict) else values
        )


def _mapping(value: Any) -> Any:
    """The value, if it is a mapping or the model that was made of one."""
    if not isinstance(value, Mapping | BaseModel):
        raise PydanticCustomError("mapping", "must be a mapping of names to values")
    return value


WriteMode = Literal["overwrite-delete-stale", "overwrite", "append"]


class TableOptionsSpec(_Strict):
    """What is different for one table."""

    write_mode: WriteMode | None = Field(None, description="Instead of the destination's.")
    contract: Contract | None = Field(None, description="Instead of what the integration declares.")


class BackendOptions(_Strict):
    """Where CloudQuery's command line keeps a source's state."""

    table_name: str = Field(min_length=1, description="Accepted: the warehouse keeps the state.")
    connection: str = Field(min_length=1, description="As @@plugins.NAME.connection: the destination must be there.")


class SourceSpec(_Strict):
    """One configured use of an integration."""

    name: str = Field(
        pattern=NAME,
        description="Names the source; also the DuckDB schema and the asset group.",
    )
    registry: Literal[Registry, "secoda"] = Field(
        "python",
        description="What `path` is: python is a module, secoda a script for the secodadk package; grpc, local and "
        "docker are CloudQuery plugins: the address of one that runs, an executable, an image; cloudquery and github "
        "are read, and say when they are used that they cannot be.",
    )
    path: str = Field(
        min_length=1,
        description="The integration's module, such as integrations.typeform; a script or an executable, relative to "
        "this file; host:port; or an image.",
    )
    version: str = Field("", description="Accepted from CloudQuery's files; a Python module has none.")
    backend_options: BackendOptions | None = Field(None, description="Accepted: the warehouse keeps the state.")
    otel_endpoint: str = Field("", description="Accepted: no traces are sent.")
    otel_endpoint_insecure: StrictBool = Field(False, description="Accepted: no traces are sent.")
    tables: list[Pattern] = Field(["*"], min_length=1, description="Patterns of tables to sync; * matches anything.")
    skip_tables: list[Pattern] = Field([], description="Patterns of tables to leave out, with their descendants.")
    skip_dependent_tables: StrictBool = Field(False, description="Sync only tables that a pattern names.")
    destinations: list[Pattern] = Field(
        min_length=1, description="The warehouse to load into, and further ones that are delivered to from there."
    )
    deterministic_cq_id: StrictBool = Field(False, description="Make _cq_id from the primary key, not at random.")
    concurrency: int = Field(16, ge=1, le=1024, description="How many clients and parents are read at a time.")
    requests_per_second: float | None = Field(None, gt=0, description="At most so many requests per second.")
    parallel_requests: int | None = Field(None, ge=1, description="At most so many requests at a time.")
    schedule: str | None = Field(None, description="A cron expression; without one the source is synced by hand.")
    schedule_timezone: str = Field("UTC", description="The time zone of `schedule`, such as Europe/Berlin.")
    probe_every_s: int = Field(300, ge=30, description="How often its probe sensor asks for news, in seconds.")
    table_options: dict[str, TableOptionsSpec] = Field({}, description="What is different for single tables, by name.")
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
    """A warehouse, or what is delivered to from one."""

    name: str = Field(
        pattern=NAME,
        description="What sources call it; also the asset group and the beginning of asset keys of its deliveries.",
    )
    registry: Registry = Field(
        "python",
        description="python is a destination that Headwater brings; grpc, local and docker are CloudQuery plugins: "
        "the address of one that runs, an executable, an image; cloudquery and github say that they cannot be used.",
    )
    path: str = Field(
        WAREHOUSE,
        min_length=1,
        description=f"{WAREHOUSE} is the warehouse; delivered to are {', '.join(WRITERS)}, and plugins.",
    )
    version: str = Field("", description="Accepted from CloudQuery's files; not used.")
    write_mode: WriteMode = Field("overwrite-delete-stale", description="What happens to rows that are there already.")
    migrate_mode: Literal["safe", "forced"] = Field(
        "safe", description="safe: nothing is dropped; forced: what does not fit is replaced."
    )
    pk_mode: Literal["default", "cq-id-only"] = Field(
        "default", description="cq-id-only: the key of delivered tables is _cq_id."
    )
    sync_group_id: str | None = Field(
        None,
        description="A column _cq_sync_group_id of delivered tables, part of their key; {{YEAR}}, {{MONTH}}, {{DAY}}, "
        "{{HOUR}}, {{MINUTE}} and {{SYNC_ID}} in it are the delivery's.",
    )
    transformers: list[str] = Field(
        [], description="Names of CloudQuery's transformers. They are not run: a destination that has any gets no rows."
    )
    spec: Annotated[Any, BeforeValidator(_mapping), WithJsonSchema({"type": "object"})] = Field(
        {}, description="What the destination needs to be told; checked by its own model."
    )

    @property
    def is_warehouse(self) -> bool:
        """Whether sources land in it."""
        return (self.registry, self.path) == ("python", WAREHOUSE)


class CatalogSpec(_Strict):
    """A catalog to publish to."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Names its asset: catalog/<name>.")
    registry: Literal["python"] = Field("python", description="python is a target that Headwater brings.")
    path: str = Field("local", description="Which target: local, secoda, datahub or openlineage.")
    removal_threshold: float = Field(
        0.75, gt=0, le=1, description="Removals are held back when they are a larger part of a source than this."
    )
    spec: dict[str, Any] = Field({}, description="What the target needs to be told.")


class TransformerSpec(_Strict):
    """What CloudQuery would send rows through; it is read, and not run."""

    name: str = Field(min_length=1, description="What destinations call it.")
    registry: Literal[Registry, ""] = Field("", description="Not used.")
    path: str = Field(min_length=1, description="Not used.")
    version: str = Field(
        "", validate_default=True, description="Not used; needed of one that is on CloudQuery's Hub or on GitHub."
    )
    docker_registry_auth_token: str = Field("", description="Not used.")
    spec: dict[str, Any] | None = Field(None, description="Not used.")

    @field_validator("version")
    @classmethod
    def _is_a_tag(cls, version: str, info: ValidationInfo) -> str:
        if info.data.get("registry") in ("", *HUB) and not version.startswith(("v", "${")):
            raise PydanticCustomError("tag", "must be a version, such as v1.0.0")
        return version
