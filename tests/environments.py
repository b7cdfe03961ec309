"""Python environments that tests make once, beside pytest's cache: packages that cannot live with ours."""

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

INSTALL_S = 600


def interpreter(request: pytest.FixtureRequest, name: str, packages: Sequence[str]) -> Path:
    """The interpreter of an environment that has these packages. Skips, with the reason, where it cannot be made."""
    cache = getattr(request.config, "cache", None)
    folder = Path(cache.mkdir("environments") if cache else Path(tempfile.gettempdir()) / "headwater-tests")
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / f"{name}-py{sys.version_info.major}.{sys.version_info.minor}"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = home / "done"
    with FileLock(f"{home}.lock", timeout=INSTALL_S):
        if not done.exists():
            _install(home, python, packages)
            done.touch()
    return python


def _install(home: Path, python: Path, packages: Sequence[str]) -> None:
    uv = shutil.which("uv")
    venv.create(home, with_pip=uv is None, clear=True)
    if uv:
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
    else:
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    wanted = " ".join(packages)
    try:
        made = subprocess.run([*install, *packages], capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{wanted} could not be installed within {INSTALL_S} s")
    if made.returncode:
        last = (made.stderr.strip().splitlines() or ["the installer failed"])[-1]
        pytest.skip(f"{wanted} could not be installed: {last}")
