"""Runs the real `cloudquery`, away from the network and from its user's settings."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import yaml

NOWHERE = "http://127.0.0.1:9"
RUN_S = 300
DUCKDBS = ("v1.5.4", "v1.5.5")  # which one, depends on the destination's version
COMPILED_IN = ("json", "parquet")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: its status, what it printed and logged, a sync's summaries, one for each destination."""

    status: int
    said: str
    summaries: list[dict[str, Any]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows the first destination was sent."""
        return int(self.summaries[0]["resources"])

    @property
    def errors(self) -> dict[str, int] | None:
        """How many errors each table had, where it had any; None of a command line that does not count them."""
        counted = self.summaries[0].get("errors_per_table")
        return counted and {table: count for table, count in counted.items() if count}


class CommandLine:
    """The program, with a folder for its config file, its logs and its settings.

    The DuckDB destination asks for two extensions that are compiled into it: it looks for no others where files
    of their names are, and so needs no network.
    """

    def __init__(self, program: Path, folder: Path) -> None:
        self._program, self.folder = str(program), folder
        self._runs = 0
        for version in DUCKDBS:
            extensions = folder / ".duckdb" / "extensions" / version / _platform()
            extensions.mkdir(parents=True, exist_ok=True)
            for name in COMPILED_IN:
                (extensions / f"{name}.duckdb_extension").touch()

    def run(self, command: str, *documents: Mapping[str, Any], flags: tuple[str, ...] = ()) -> Ran:
        """Run a command over a config file of these documents."""
        self._runs += 1
        config = self.folder / "cloudquery.yaml"
        config.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
        summary = self.folder / f"summary-{self._runs}.jsonl"
        if command == "sync":
            flags = (*flags, "--summary-location", str(summary))
        log = self.folder / f"log-{self._runs}.txt"
        done = subprocess.run(
            [self._program, command, str(config), "--log-file-name", str(log), *flags],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=RUN_S,
        )
        lines = summary.read_text(encoding="utf-8").splitlines() if summary.exists() else []
        logged = log.read_text(encoding="utf-8")
        return Ran(done.returncode, done.stdout + done.stderr + logged, [json.loads(line) for line in lines])

    def _environment(self) -> dict[str, str]:
        home = str(self.folder)
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("CLOUDQUERY_", "CQ_"))},
            "HOME": home,
            "XDG_CONFIG_HOME": home,
            "XDG_DATA_HOME": home,
            "CQ_TELEMETRY_LEVEL": "none",
            "CLOUDQUERY_API_URL": NOWHERE,
            "HTTPS_PROXY": NOWHERE,
            "HTTP_PROXY": NOWHERE,
            "NO_PROXY": "127.0.0.1,localhost",
        }


def _platform() -> str:
    """What DuckDB calls this machine."""
    with duckdb.connect() as connection:
        (name,) = connection.execute("PRAGMA platform").fetchall()[0]
    return str(name)


def source(name: str, registry: str, path: str, *, destinations: list[str], **settings: Any) -> dict[str, Any]:
    """A source's document."""
    about = {"name": name, "registry": registry, "path": path, "tables": ["*"], "destinations": destinations}
    return {"kind": "source", "spec": {**about, **settings}}


def destination(name: str, path: str, spec: Mapping[str, Any], **settings: Any) -> dict[str, Any]:
    """A destination's document."""
    return {"kind": "destination", "spec": {"name": name, "registry": "local", "path": path, "spec": spec, **settings}}
