"""Environments that tests make once, of Python's or Node's packages: those that cannot live with ours."""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock

INSTALL_S = 1200


class NotInstallable(Exception):
    """Packages cannot be installed here; the message says why."""


def interpreter(request: pytest.FixtureRequest, name: str, packages: Sequence[str]) -> Path:
    """The interpreter of an environment beside pytest's cache. Skips, with the reason, where it cannot be made."""
    try:
        return interpreter_in(_folder(request), name, packages)
    except NotInstallable as error:
        pytest.skip(str(error))


def node_modules(request: pytest.FixtureRequest, name: str, project: Path) -> Path:
    """A folder with the packages of the project's `package-lock.json`. Skips, with the reason, where there is none."""
    home = _folder(request) / name
    done, lock = home / "done", (project / "package-lock.json").read_text(encoding="utf-8")
    try:
        with FileLock(f"{home}.lock", timeout=INSTALL_S):
            if not done.exists() or done.read_text(encoding="utf-8") != lock:
                _install_node_modules(home, project)
                done.write_text(lock, encoding="utf-8")
    except NotInstallable as error:
        pytest.skip(str(error))
    return home


def _folder(request: pytest.FixtureRequest) -> Path:
    """Where environments are: beside pytest's cache."""
    cache = getattr(request.config, "cache", None)
    return Path(cache.mkdir("environments") if cache else Path(tempfile.gettempdir()) / "headwater-tests")


def interpreter_in(folder: Path, name: str, packages: Sequence[str]) -> Path:
    """The interpreter of an environment below the folder that has these packages. Raises: NotInstallable."""
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / f"{name}-py{sys.version_info.major}.{sys.version_info.minor}"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = home / "done"
    with FileLock(f"{home}.lock", timeout=INSTALL_S):
        if not done.exists() or done.read_text(encoding="utf-8").splitlines() != list(packages):
            _install(home, python, packages)
            done.write_text("\n".join(packages), encoding="utf-8")
    return python


def _install(home: Path, python: Path, packages: Sequence[str]) -> None:
    """What is never imported is not compiled either: that takes far longer than all else together."""
    uv = shutil.which("uv")
    venv.create(home, with_pip=uv is None, clear=True)
    if uv:
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    else:
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        install += ["--no-compile", "--retries", "1"]
    _run([*install, *packages], " ".join(packages))


def _install_node_modules(home: Path, project: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstallable("Node.js and npm are not on this machine: apt-get install nodejs npm")
    home.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "package-lock.json"):
        shutil.copy(project / file, home)
    quietly = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    _run([npm, "ci", "--prefix", str(home), *quietly], f"the packages of {project.name}")


def _run(command: Sequence[str], wanted: str) -> None:
    """Run an installer. Raises: NotInstallable, with the last that it says."""
    try:
        made = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        raise NotInstallable(f"{wanted} could not be installed within {INSTALL_S} s") from None
    if made.returncode:
        last = (made.stderr.strip().splitlines() or ["the installer failed"])[-1]
        raise NotInstallable(f"{wanted} could not be installed: {last}")
