"""Dagster's own folder: runs, events and logs, in `.dagster/` beside the config file unless DAGSTER_HOME says else."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from filelock import FileLock

from orchestration.event_log import kept_connections

DEFAULT_FOLDER = ".dagster"
OPENED_WITHIN_S = 120.0
NO_COPIES = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
SETTINGS = """\
# Dagster's settings for this project. Source: https://docs.dagster.io/deployment/oss/dagster-yaml
telemetry:
  enabled: false
nux:
  enabled: false  # no dialog before the first look
"""


def prepare_home(folder: Path) -> Path:
    """Make sure that DAGSTER_HOME is set and has settings; the folder it names."""
    home = Path(os.environ.get("DAGSTER_HOME") or folder / DEFAULT_FOLDER).expanduser().absolute()
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(SETTINGS, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(home)
    return home


@contextmanager
def open_instance(folder: Path) -> Iterator[dg.DagsterInstance]:
    """The instance that the UI shows, for the length of the block.

    What a run in this process prints is on this terminal, so that Dagster starts no processes to copy it.
    """
    home = prepare_home(folder)
    reference = InstanceRef.from_dir(str(home), overrides={"compute_logs": NO_COPIES})
    with FileLock(home / ".opening.lock", timeout=OPENED_WITHIN_S):  # two that make its databases at once spoil them
        opened = dg.DagsterInstance.from_ref(reference)
    with opened as instance, kept_connections(instance):
        yield instance
