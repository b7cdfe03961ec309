"""A large catalog, from extract() to published files: python -m tests.benchmarks.catalog

A script declares 20,000 resources and 60,000 edges, 10,000 of them queries; `headwater sync` and `headwater
publish` run as a user's do. Then ten resources change, and it is synced and published again. Prints seconds and
peak memory; the reach is 60 s and 600 MB, then 5 s and 10 writes for the second publication. Exit 1 beyond it.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TABLES, COLUMNS, CHARTS, DASHBOARDS = 1_000, 8, 10_000, 997
SCRIPT = f"""
import os

from secodadk import DeclaredLineage, ExternalTable, InternalResource, Resource, SecodaIntegration, TablesFromSQLQuery

TABLES, COLUMNS, CHARTS, DASHBOARDS = {TABLES}, {COLUMNS}, {CHARTS}, {DASHBOARDS}


class Large(SecodaIntegration):
    entity_types = ["database", "schema", "table", "column", "dashboard_group", "dashboard", "chart"]

    def resource(self, entity_type, id, parent=None, **about):
        about |= dict(entity_type=entity_type, databuilder_id=id, parent_databuilder_id=parent)
        self.declare_resource(Resource(title=id.split(".")[-1], **about))

    def edge(self, upstream, downstream):
        self.declare_lineage(DeclaredLineage(from_identifier=upstream, to_identifier=downstream))

    def extract(self):
        changed = int(os.environ.get("LARGE_CHANGED", "0"))
        self.resource("database", "db")
        self.resource("schema", "db.public", "db", database="db")
        self.resource("dashboard_group", "group")
        for t in range(TABLES):
            self.resource("table", f"db.public.t{{t}}", "db.public", database="db", schema="public")
            for c in range(COLUMNS):
                where = dict(database="db", schema="public", type="text", sort_order=c)
                self.resource("column", f"db.public.t{{t}}.c{{c}}", f"db.public.t{{t}}", **where)
        for d in range(DASHBOARDS):
            self.resource("dashboard", f"dashboard.{{d}}", "group")
        for c in range(CHARTS):
            note = "changed" if c < changed else "a chart"
            self.resource("chart", f"chart.{{c}}", f"dashboard.{{c % DASHBOARDS}}", description=note)
        for n in range(CHARTS):
            one, two = n % TABLES, (n * 7 + 1) % TABLES
            sql = (
                f"WITH recent AS (SELECT c0, c1 FROM db.public.t{{one}} WHERE c2 > {{n}}) "
                f"SELECT r.c0, sum(t.c1) FROM recent r JOIN db.public.t{{two}} t ON t.c0 = r.c0 GROUP BY 1"
            )
            self.edge(TablesFromSQLQuery(sql=sql), InternalResource(databuilder_id=f"chart.{{n}}"))
            self.edge(InternalResource(databuilder_id=f"chart.{{n}}"), InternalResource(databuilder_id="group"))
        for n in range(20_000):
            one, two = n % TABLES, (n * 3 + 1 + n // TABLES) % TABLES
            self.edge(
                InternalResource(databuilder_id=f"db.public.t{{one}}.c{{n % COLUMNS}}"),
                InternalResource(databuilder_id=f"db.public.t{{two}}.c{{n // TABLES % COLUMNS}}"),
            )
            self.edge(
                ExternalTable(database="db", schema="public", table=f"t{{(n + 5) % TABLES}}"),
                InternalResource(databuilder_id=f"dashboard.{{n % DASHBOARDS}}"),
            )
"""
CONFIG = """\
kind: source
spec: {name: large, registry: secoda, path: large.py, destinations: [warehouse]}
---
kind: destination
spec: {name: warehouse, path: duckdb}
---
kind: catalog
spec: {name: local, path: local}
"""
REACH_S, REACH_MB, REACH_AGAIN_S, CHANGES = 60.0, 600.0, 5.0, 10


class Measured:
    """One command: its seconds, those of them that a core was at work, its peak memory in MB, and what it printed."""

    def __init__(self, folder: Path, *arguments: str, changed: int = 0) -> None:
        root = Path(__file__).parent.parent.parent
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"PYTHONPATH": str(root), "DAGSTER_HOME": str(folder / ".dagster")}
        environment["LARGE_CHANGED"] = str(changed)
        began = time.monotonic()
        command = [sys.executable, "-m", "orchestration.cli", *arguments, "--json"]
        with (folder / "printed").open("w+") as output:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output)
            _, status, used = os.wait4(process.pid, 0)
            self.seconds = time.monotonic() - began
            output.seek(0)
            self.printed = json.loads(output.read())
        self.cpu_seconds, self.megabytes = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
        if status:
            sys.exit(f"headwater {' '.join(arguments)}: {self.printed}")


def main() -> int:
    """Make the project in a temporary folder; sync and publish it twice."""
    with tempfile.TemporaryDirectory(prefix="headwater-catalog-") as name:
        folder = Path(name)
        (folder / "large.py").write_text(SCRIPT)
        (folder / "config.yaml").write_text(CONFIG)
        (folder / ".dagster").mkdir()
        synced, published = Measured(folder, "sync"), Measured(folder, "publish")
        Measured(folder, "sync", changed=CHANGES)
        (planned,) = Measured(folder, "publish", "--dry-run").printed["catalogs"]
        again = Measured(folder, "publish")
        files = [folder / "data" / "catalog" / f"{each}.jsonl" for each in ("resources", "lineage")]
        resources, edges = (sum(1 for _ in file.open()) for file in files)
    seconds, megabytes = synced.seconds + published.seconds, max(synced.megabytes, published.megabytes)
    print(f"{resources:,} resources and {edges:,} edges in the catalog")
    print(f"sync {synced.seconds:.1f} s, publish {published.seconds:.1f} s: {seconds:.1f} s (the reach is {REACH_S})")
    print(f"at most {megabytes:.0f} MB (the reach is {REACH_MB:.0f})")
    print(f"with {CHANGES} changes: publish {again.seconds:.1f} s (the reach is {REACH_AGAIN_S})")
    print(f"of them {again.cpu_seconds:.1f} s of a core's time")
    print(f"it writes {planned['changes']}")
    within = seconds <= REACH_S and megabytes <= REACH_MB and again.seconds <= REACH_AGAIN_S
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
