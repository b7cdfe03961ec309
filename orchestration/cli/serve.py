"""`serve`: an integration as a CloudQuery source plugin."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from integrations.sdk.errors import ConfigError
from orchestration.cli.options import ConfigOption

LogLevel = Literal["trace", "debug", "info", "warn", "error"]


def serve(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            envvar="HEADWATER_SOURCE",
            help="A source of the config file, or an integration's module.",
        ),
    ],
    config: ConfigOption = None,
    address: Annotated[str, typer.Option(help="Where to listen: host:port, or a socket's path.")] = "localhost:7777",
    network: Annotated[Literal["tcp", "tcp4", "tcp6", "unix"], typer.Option(help="What `address` is.")] = "tcp",
    log_level: Annotated[LogLevel, typer.Option(help="What is logged at least.")] = "info",
    log_format: Annotated[Literal["text", "json"], typer.Option(help="How lines are logged.")] = "text",
    no_sentry: Annotated[bool, typer.Option("--no-sentry", help="Accepted: nothing is ever reported.")] = False,
    license: Annotated[str, typer.Option(help="Accepted, and not needed.")] = "",
    otel_endpoint: Annotated[str, typer.Option(help="Accepted: no traces are sent.")] = "",
    otel_endpoint_insecure: Annotated[bool, typer.Option("--otel-endpoint-insecure", help="Accepted.")] = False,
) -> None:
    """Serve an integration as a CloudQuery source plugin (gRPC, protocol version 3) until a signal ends it."""
    with _extra():
        from orchestration.serving.server import listening, log_to_stdout
        from orchestration.serving.server import serve as answer

    log_to_stdout(log_level, as_json=log_format == "json")
    with listening(address, is_socket=network == "unix") as calls:
        plugin = _load(source, config)
        answer(plugin, calls, address)
    plugin.Close(None, None)


@contextmanager
def _extra() -> Iterator[None]:
    """Raises: ConfigError, where a package is missing that only serving needs."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"serving needs the package `{error.name}`", hint='install it: pip install "headwater[cloudquery]"'
        ) from None


def _load(source: str, config: Path | None) -> Any:
    """The source as a plugin. Raises: ConfigError, also where there is no such integration."""
    with _extra():
        from orchestration.serving.plugin import SourcePlugin
    from orchestration.sources import spec_model

    configured, folder, memory_mib = _find(source, config)
    spec_model(configured, folder)
    return SourcePlugin(configured, folder, memory_mib)


def _find(source: str, config: Path | None) -> tuple[Any, Path, int]:
    """The source's configuration: of the config file, if there is one that has it, else the module's alone.

    No source's name has a dot: a module in a package is served whatever is in the config file, or missing for it.
    Last how much memory its warehouse may use.
    """
    from orchestration.config import config_path, load_config
    from orchestration.specs import DuckDBSpec, SourceSpec

    path = config_path(config)
    if "." not in source and (config or path.exists()):
        loaded = load_config(path)
        for configured in loaded.sources:
            if configured.name == source:
                return configured, loaded.folder, loaded.warehouse_of(configured).spec.memory_mib
    name = source.rpartition(".")[2].replace("-", "_")
    alone = {"name": name, "path": source, "destinations": ["served"], "spec": {}}
    return SourceSpec.model_validate(alone), Path.cwd(), DuckDBSpec.model_validate({}).memory_mib
