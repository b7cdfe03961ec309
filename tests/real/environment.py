"""A real Apache Superset in an environment of its own: installed once, set up anew and started for every run."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.environments import interpreter_in
from tests.integrations.superset.recorded import PASSWORD, USER

ROOT = Path(__file__).parent.parent.parent
CACHE = ROOT / ".cache"
PINS = (
    "apache-superset==6.1.0",
    "flask-caching==2.3.1",  # later ones have moved what Superset imports
    "rich",  # these two it imports, and does not ask for
    "cachetools",
)
TOKEN_S = 6  # tokens run out in the midst of a sync
SET_UP_S, START_S, STOP_S = 300, 180, 20

CONFIG = """
SECRET_KEY = {key!r}
SQLALCHEMY_DATABASE_URI = "sqlite:///{database}"
PREVENT_UNSAFE_DB_CONNECTIONS = False
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
RATELIMIT_ENABLED = False
FEATURE_FLAGS = {{"ENABLE_TEMPLATE_PROCESSING": True}}
JWT_ACCESS_TOKEN_EXPIRES = {token_s}
"""


@dataclass(frozen=True, slots=True)
class Superset:
    """A running Superset: its address, and its own database, which is the truth."""

    url: str
    database: Path


def install() -> Path:
    """The folder of the environment's programs. Raises: NotInstallable."""
    return interpreter_in(CACHE, "superset", PINS).parent


@contextmanager
def running(programs: Path, folder: Path) -> Iterator[Superset]:
    """A new Superset in the folder, with one administrator and nothing else, for the length of the block."""
    database = folder / "superset.db"
    config = folder / "superset_config.py"
    config.write_text(CONFIG.format(key=os.urandom(32).hex(), database=database, token_s=TOKEN_S), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"SUPERSET_CONFIG_PATH": str(config), "SUPERSET_HOME": str(folder), "FLASK_APP": "superset"}
    _set_up(programs, folder, environment)
    with _served(programs, folder, environment) as url:
        yield Superset(url, database)


def _set_up(programs: Path, folder: Path, environment: Mapping[str, str]) -> None:
    """Make its tables, its administrator and its roles."""
    who = ["--username", USER, "--password", PASSWORD, "--firstname", "Ada", "--lastname", "Lovelace"]
    for words in (["db", "upgrade"], ["fab", "create-admin", *who, "--email", "ada@example.com"], ["init"]):
        made = subprocess.run(
            [str(programs / "superset"), *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SET_UP_S,
        )
        assert made.returncode == 0, f"superset {words[0]} failed: {made.stderr[-2000:]}"


@contextmanager
def _served(programs: Path, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The server's address; the server is ended, whatever happens in the block."""
    port = free_port()
    log = folder / "gunicorn.log"
    command = [str(programs / "gunicorn"), "--workers", "1", "--worker-class", "gthread", "--threads", "4"]
    command += ["--timeout", "120", "--bind", f"127.0.0.1:{port}", "superset.app:create_app()"]
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_healthy(url, server, log)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_until_healthy(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert server.poll() is None, f"Superset has ended: {log.read_text(encoding='utf-8')[-2000:]}"
        try:
            if requests.get(f"{url}/health", timeout=5).ok:
                return
        except requests.RequestException:  # it loads, or is slow to answer for the first time
            time.sleep(0.5)
    raise AssertionError(f"Superset does not answer within {START_S} s: {log.read_text(encoding='utf-8')[-2000:]}")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port: int = made.getsockname()[1]
        return port
