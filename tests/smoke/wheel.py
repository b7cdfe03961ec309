"""Builds the wheel, installs it alone, and uses it as a stranger would: python -m tests.smoke.wheel

A new environment gets the locked packages and the wheel, no development dependencies and no checkout. In an
empty folder: scaffold an integration, validate, load Dagster's definitions, sync it from a local server.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from integrations.sdk.testing import serving
from tests.example import TOKEN

ROOT = Path(__file__).parent.parent.parent
CONFIG = """\
kind: source
spec: {{name: acme, path: integrations.acme, destinations: [warehouse], spec: {{token: {token}, base_url: "{url}"}}}}
---
kind: destination
spec: {{name: warehouse, path: duckdb, spec: {{path: warehouse.duckdb}}}}
"""


def main() -> None:
    """Build, install, use; a command that fails ends it."""
    with tempfile.TemporaryDirectory(prefix="headwater-wheel-") as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", str(folder / "dist"), str(ROOT))
        (wheel,) = (folder / "dist").glob("*.whl")
        python = make_environment(folder / "venv", wheel)
        use(python, folder / "project")
    print("wheel: scaffolds, validates, loads and syncs without development dependencies")


def make_environment(venv: Path, wheel: Path) -> Path:
    """An environment with the locked packages and the wheel; its interpreter."""
    python = venv / "bin" / "python"
    lock = str(ROOT / "requirements.lock")
    if uv := shutil.which("uv"):
        run(uv, "venv", "--quiet", "--python", sys.executable, str(venv))
        run(uv, "pip", "install", "--quiet", "--python", str(python), "-r", lock)
        run(uv, "pip", "install", "--quiet", "--python", str(python), "--no-deps", str(wheel))
    else:
        run(sys.executable, "-m", "venv", str(venv))
        run(str(python), "-m", "pip", "install", "--quiet", "-r", lock)
        run(str(python), "-m", "pip", "install", "--quiet", "--no-deps", str(wheel))
    return python


def use(python: Path, project: Path) -> None:
    """Scaffold, validate, load, sync, in a folder that knows nothing of this checkout."""
    project.mkdir()
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "HEADWATER_CONFIG")}
    environment["DAGSTER_HOME"] = str(project / ".dagster")
    headwater = str(python.parent / "headwater")

    def use_it(*command: str) -> None:
        run(*command, cwd=project, env=environment)

    use_it(headwater, "new", "acme")
    api = _scaffolded_api(project)
    with serving(api) as server:
        (project / "config.yaml").write_text(CONFIG.format(token=TOKEN, url=server.url))
        (project / ".dagster").mkdir()
        use_it(headwater, "validate")
        use_it(str(python), "-m", "dagster", "definitions", "validate", "-m", "orchestration.definitions")
        use_it(headwater, "sync", "--json")
        use_it(headwater, "runs")
    assert (project / "warehouse.duckdb").stat().st_size > 0


def _scaffolded_api(project: Path):
    """The API that the scaffold's own test serves, accepting our token."""
    source = (project / "tests" / "integrations" / "acme" / "test_acme.py").read_text()
    space = {"conformance": lambda *_, **__: None}
    code = source.replace("from orchestration.testing import conformance\n", "")
    exec(compile(code, "test_acme.py", "exec"), space)
    space["TOKEN"] = TOKEN
    return space["api"]


def run(*command: str, **options) -> None:
    """Run a command; show what it said and stop when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
