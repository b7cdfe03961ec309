"""`headwater dev`: the Dagster UI on this machine."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from integrations.sdk.errors import ConfigError
from orchestration.cli import output
from orchestration.cli.options import ConfigOption, DebugOption, JsonOption, between

WORKSPACE = """\
load_from:
  - python_module: {module_name: orchestration.definitions, location_name: headwater}
"""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def dev(
    host: Annotated[str, typer.Option(help="The address to serve on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(callback=between(1, 65535), help="The port to serve on.")] = 3000,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Serve the Dagster UI, with the daemon for schedules and backfills. Ctrl-C ends it."""
    from orchestration.config import config_path, load_config
    from orchestration.home import prepare_home

    loaded = load_config(config)
    _require_free(host, port)
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
    workspace = home / "workspace.yaml"
    workspace.write_text(WORKSPACE, encoding="utf-8")
    raise typer.Exit(_serve(["-w", str(workspace), "-h", host, "-p", str(port)], loaded.folder))


def _require_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"the UI cannot be served on {host}:{port}: {error.strerror}", hint="choose another with --port"
            ) from None


def _serve(arguments: list[str], folder: Path) -> int:
    """Run `dagster dev` until it ends or we are asked to; then end it, and everything that it started."""
    command = [sys.executable, "-m", "dagster", "dev", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(_paths(folder)), "PYTHONWARNINGS": "ignore"}
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    server = subprocess.Popen(command, env=environment, cwd=folder, start_new_session=True)  # noqa: S603 - our own
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _end(server)


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _end(server: "subprocess.Popen[bytes]") -> None:
    """Ask, then insist: the UI, the daemon and the code server are one process group."""
    for number, patience_s in ((signal.SIGINT, 10), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        try:
            if server.poll() is None:
                server.send_signal(number)
                server.wait(timeout=patience_s)
            os.killpg(server.pid, number)  # what it may have left behind
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


def _paths(folder: Path) -> list[str]:
    """Where integrations are found: beside the config file, and as installed."""
    return [str(folder), *(path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path)]
