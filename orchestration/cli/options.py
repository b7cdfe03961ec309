"""The options that every command takes, and that of the program."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The config file. [default: HEADWATER_CONFIG, else config.yaml]"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show log lines, and tracebacks of errors.")]


def between(low: float, high: float) -> Callable[[float], float]:
    """What an option's number has to be; for its `callback`, since the words of `min` and `max` are not for users."""

    def checked(number: float) -> float:
        if not low <= number <= high:
            raise typer.BadParameter(f"{number:,} is not from {low:,} to {high:,}")
        return number

    return checked


def _say_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"headwater {version('headwater')}")
        raise typer.Exit


def headwater(
    _: Annotated[
        bool, typer.Option("--version", help="Print the version, and end.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Pull data and metadata out of any HTTP API into DuckDB, as Dagster assets."""
