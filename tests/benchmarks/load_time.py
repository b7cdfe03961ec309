"""How long a project with 500 tables takes to load: python -m tests.benchmarks.load_time

Prints the CPU seconds of `dagster definitions validate`, imports and all; the reach is 4. Exit 1 beyond it.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

TABLES = 500
REACH_CPU_S = 4.0
INTEGRATION = '''\
"""Five hundred tables of ten columns."""

from integrations.sdk import BIGINT, TEXT, Column, Integration, Table


ID = Column("id", BIGINT, primary_key=True)


def read(client, parent, window):
    """Nothing: this is about loading."""
    yield from ()


class Many(Integration):
    """Many tables."""

    tables = [
        Table(f"t{{n:03d}}", [ID, *(Column(f"c{{k}}", TEXT) for k in range(9))], read)
        for n in range({tables})
    ]
'''
CONFIG = """\
kind: source
spec: {name: many, path: integrations.many_tables, destinations: [warehouse]}
---
kind: destination
spec: {name: warehouse, path: duckdb}
"""


def main() -> int:
    """Make the project in a temporary folder, and load it three times."""
    root = Path(__file__).parent.parent.parent
    seconds = []
    with tempfile.TemporaryDirectory(prefix="headwater-load-") as name:
        folder = Path(name)
        package = folder / "integrations" / "many_tables"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(INTEGRATION.format(tables=TABLES))
        (folder / "config.yaml").write_text(CONFIG)
        (folder / ".dagster").mkdir()
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"DAGSTER_HOME": str(folder / ".dagster"), "PYTHONPATH": f"{folder}{os.pathsep}{root}"}
        command = [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "orchestration.definitions"]
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    median = sorted(seconds)[1]
    print(f"{TABLES} tables load in {median:.2f} CPU-seconds (median of {len(seconds)}; the reach is {REACH_CPU_S})")
    return 0 if median <= REACH_CPU_S else 1


if __name__ == "__main__":
    sys.exit(main())
