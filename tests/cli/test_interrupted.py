"""Ctrl-C during a command, as a shell sends it."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from integrations.sdk.testing import Answer, Asked, serving
from orchestration.testing import Project
from tests.example import TOKEN, library

HEARING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have made its jobs deaf to it
import orchestration.cli.__main__
"""


def test_an_interrupted_sync_says_one_line(tmp_path: Path) -> None:
    """Also while readers wait for answers with the warehouse open: nothing is said of objects that are still in use."""
    asked, end = threading.Event(), threading.Event()

    def slow(request: Asked) -> Answer:
        if "chapters" in request.path:
            asked.set()
            end.wait(60)
        return library(request)

    with serving(slow) as server:
        project = Project(tmp_path, "tests.example", {"token": TOKEN, "base_url": server.url})
        command = [sys.executable, "-c", HEARING, "sync", "--config", str(project.config)]
        sync = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "DAGSTER_HOME": str(project.home)},
        )
        assert asked.wait(60)
        sync.send_signal(signal.SIGINT)
        _, said = sync.communicate(timeout=30)
        end.set()
    assert (sync.returncode, said) == (130, "stopped; what was committed stays\n")
