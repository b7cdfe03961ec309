"""Run one workload through the whole path: config, Dagster assets in process, warehouse, ledger.

    python -m tests.benchmarks.workloads WORKLOAD DB_PATH STATE_DIR --base-url URL

The last line of output is JSON: `work_s` follows imports and the loading of definitions, `startup_s` precedes it.
"""

import time

began = time.perf_counter()

import argparse  # noqa: E402 - the clock starts before the imports, which are part of the start-up
import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

CONFIG = """\
kind: source
spec:
  name: bench
  path: tests.benchmarks.integration
  destinations: [warehouse]
  concurrency: 64
  spec: {{workload: {workload}, base_url: "{base_url}"}}
---
kind: destination
spec:
  name: warehouse
  path: duckdb
  spec: {{path: "{database}"}}
"""


def main() -> int:
    """Load the workload; 0 when every table was committed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload")
    parser.add_argument("database", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("--base-url", required=True)
    arguments = parser.parse_args()
    folder = arguments.state / "project"
    folder.mkdir(parents=True, exist_ok=True)
    config_file = folder / "config.yaml"
    config_file.write_text(
        CONFIG.format(workload=arguments.workload, base_url=arguments.base_url, database=arguments.database.absolute())
    )
    (folder / "bench.tables.json").write_text("{}")
    os.environ["DAGSTER_HOME"] = str(folder / ".dagster")

    from assets.observing import Observer
    from orchestration.config import load_config
    from orchestration.home import open_instance
    from orchestration.running import prepare_run
    from orchestration.sources import load_sources

    config = load_config(config_file)
    (source,) = load_sources(config)
    with open_instance(folder) as instance:
        run = prepare_run(source, instance, Observer())
        started = time.perf_counter()
        result = run()
        finished = time.perf_counter()
    print(json.dumps({"work_s": round(finished - started, 4), "startup_s": round(started - began, 4)}))
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main())
