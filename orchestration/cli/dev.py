"""`headwater dev`: the Dagster UI on this machine."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli import output
from orchestration.cli.options import ConfigOption, DebugOption, JsonOption

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def dev(
    host: Annotated[str, typer.Option(help="The address to serve on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to serve on.")] = 3000,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Serve the Dagster UI, with the daemon for schedules and backfills. Ctrl-C ends it."""
    from orchestration.config import config_path, load_config
    from orchestration.home import prepare_home

    loaded = load_config(config)
    os.environ["HEADWATER_CONFIG"] = str(config_path(config))
    home = prepare_home(loaded.folder)
    if host not in LOOPBACK:
        output.errors().print(
            f"warning: Dagster's UI has no log-in, and will answer anyone who reaches {host}:{port}",
            style="bold yellow",
        )
    url = f"http://{host}:{port}"
    if json:
        output.print_json({"url": url, "dagster_home": str(home), "config": str(loaded.path)})
    else:
        output.console().print(f"The Dagster UI is starting at {url} (Ctrl-C ends it)")
    command = [sys.executable, "-m", "dagster", "dev", "-m", "orchestration.definitions", "-h", host, "-p", str(port)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(_paths(loaded.folder)), "PYTHONWARNINGS": "ignore"}
    server = subprocess.Popen(command, env=environment, cwd=loaded.folder)  # noqa: S603 - our own interpreter
    try:
        raise typer.Exit(server.wait())
    except KeyboardInterrupt:
        server.send_signal(signal.SIGINT)
        raise typer.Exit(0 if server.wait() in (0, -signal.SIGINT, 130) else 1) from None


def _paths(folder: Path) -> list[str]:
    """Where integrations are found: beside the config file, and as installed."""
    return [str(folder), *(path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path)]
