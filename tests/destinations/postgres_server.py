"""A PostgreSQL server of our own: started in a temporary folder on a free port, stopped at the end."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("initdb", "pg_ctl")
PACKAGE = "postgresql"
SETTINGS = "-h 127.0.0.1 -p {port} -k '' -c fsync=off -c jit=off"


def programs() -> Path | None:
    """The folder of the server's programs: HEADWATER_POSTGRES, Debian's, or that of the PATH."""
    given = os.environ.get("HEADWATER_POSTGRES")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    found = [Path(given)] if given else [*debian, *([Path(on_path).parent] if on_path else [])]
    return next((each for each in found if all((each / program).exists() for program in PROGRAMS)), None)


@contextmanager
def serving(bin_: Path) -> Iterator[str]:
    """The address of a server with an empty database. It does not run as root, so root becomes somebody else."""
    with tempfile.TemporaryDirectory(prefix="headwater-postgres-") as folder:
        user = _user()
        if user:
            os.chmod(folder, 0o755)
            shutil.chown(folder, user)
        data = Path(folder) / "data"
        _run(
            user,
            folder,
            bin_ / "initdb",
            "-D",
            data,
            "-U",
            "headwater",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-A",
            "trust",
        )
        port = _free_port()
        log = Path(folder) / "log"
        _run(user, folder, bin_ / "pg_ctl", "-D", data, "-w", "-l", log, "-o", SETTINGS.format(port=port), "start")
        try:
            yield f"postgresql://headwater@127.0.0.1:{port}/postgres"
        finally:
            _run(user, folder, bin_ / "pg_ctl", "-D", data, "-m", "immediate", "stop")


def _user() -> str | None:
    if os.geteuid():
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def _run(user: str | None, folder: str, *command: object) -> None:
    made = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        stdout=subprocess.PIPE if "start" not in command else subprocess.DEVNULL,
        stderr=subprocess.STDOUT if "start" not in command else subprocess.DEVNULL,
        env={**os.environ, "HOME": folder},
        text=True,
    )
    assert made.returncode == 0, made.stdout


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
