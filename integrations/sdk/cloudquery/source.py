"""A CloudQuery source plugin as an integration: its tables are discovered, and arrive in one stream."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from integrations.sdk.cloudquery.snapshots import declared
from integrations.sdk.errors import ConfigError
from integrations.sdk.integration import Integration
from integrations.sdk.redact import redact
from integrations.sdk.schema import Table
from integrations.sdk.streams import TableStream

Registry = Literal["grpc", "local", "docker", "cloudquery", "github"]
REGISTRIES: Sequence[Registry] = ("grpc", "local", "docker")
HUB: Sequence[Registry] = ("cloudquery", "github")
ON_THE_HUB = "the plugin `{path}` is on CloudQuery's Hub"
FROM_THE_HUB = (
    "downloads from there need its own command line and a login: install the plugin with that, and use "
    "`registry: local` with the file, or `docker` with the image"
)


class PluginSpec(BaseModel):
    """Whatever the plugin wants to be told: it checks its spec itself."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True, slots=True)
class PluginAt:
    """Where a plugin is: host:port, an executable, or an image."""

    registry: Registry
    path: str
    folder: Path
    deterministic_ids: bool = False


class PluginSource(Integration):
    """A source plugin. Each configured source has a subclass of its own, which knows where its plugin is."""

    spec = PluginSpec
    at: ClassVar[PluginAt]

    @classmethod
    def check(cls) -> None:
        """See that the plugin could be started, without starting it. Raises: ConfigError."""
        at = cls.at
        if at.registry in HUB:
            raise ConfigError(ON_THE_HUB.format(path=at.path), hint=FROM_THE_HUB)
        try:
            from integrations.sdk.cloudquery import client, processes  # noqa: F401 - its packages are needed, too
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"plugins need the package `{error.name}`", hint='install it: pip install "headwater[cloudquery]"'
            ) from None
        if at.registry == "local":
            processes.check_local(at.folder / at.path)
        elif at.registry == "docker":
            processes.check_docker()

    def connect(self, spec: PluginSpec) -> TableStream:
        """Start the plugin, or reach it where it runs. Raises: ConfigError, SourceUnreachable."""
        self.check()
        from integrations.sdk.cloudquery.client import Plugin
        from integrations.sdk.cloudquery.processes import Running, start_docker, start_local

        at = self.at
        if at.registry == "grpc":
            running = Running(at.path)
        else:
            running = start_local(at.folder / at.path) if at.registry == "local" else start_docker(at.path)
        return Plugin(running, spec.model_dump(), deterministic_ids=at.deterministic_ids)

    def test_connection(self, client: Any) -> None:
        """Have the plugin try its source; one that cannot is at least initialised. Raises: SourceError."""
        client.test_connection()

    def discover(self, client: Any) -> Mapping[str, Any]:
        """Its name and version, the schema of its spec, and all of its tables."""
        tables = client.tables()
        about = client.about()
        return {"plugin": about, "spec_schema": _schema_of(about.pop("spec_schema")), "tables": tables}

    @classmethod
    def tables_from(cls, spec: Any, snapshot: Mapping[str, Any]) -> Sequence[Table]:
        """The tables of a snapshot. Raises: ConfigError for a spec that the plugin's own schema does not allow."""
        if isinstance(spec, PluginSpec) and snapshot.get("spec_schema"):
            _check(spec.model_dump(), snapshot["spec_schema"])
        return declared(snapshot["tables"])


def _schema_of(text: str) -> dict[str, Any]:
    """A plugin's schema of its spec; nothing for one that is no schema."""
    try:
        schema = json.loads(text or "{}")
    except ValueError:
        return {}
    return schema if isinstance(schema, dict) else {}


def _check(spec: dict[str, Any], schema: dict[str, Any]) -> None:
    from jsonschema import exceptions, validators

    try:
        found = exceptions.best_match(validators.validator_for(schema)(schema).iter_errors(spec))
    except exceptions.SchemaError:
        return  # the plugin will say itself what it thinks of its spec
    if found is not None:
        where = ".".join(["spec", *map(str, found.absolute_path)])
        raise ConfigError(redact(f"`{where}`: {found.message}"), hint="the plugin's own schema of its spec says so")


def plugin_source(at: PluginAt) -> type[PluginSource]:
    """The integration that reads this plugin."""
    return type("PluginSource", (PluginSource,), {"at": at, "__doc__": f"The CloudQuery plugin {at.path}."})
