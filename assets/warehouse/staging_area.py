"""The folder in which one run stages its records; a lock beside it tells whether the run is alive."""

import contextlib
import os
import shutil
import threading
import time
import weakref
from pathlib import Path

from filelock import FileLock, Timeout

from assets.warehouse.reader import ReadPlan
from assets.warehouse.staging import Stage

BEAT_S = 5.0
SILENT_S = 60.0


class StagingArea:
    """The folder of one run's stages, beside the warehouse; folders of runs that died are removed."""

    def __init__(self, root: Path, run_id: str) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._sweep(root)
        self.name, self._root = run_id, root
        self.folder = root / run_id
        self.folder.mkdir(exist_ok=True)
        self._lock = FileLock(root / f"{run_id}.lock")
        self._lock.acquire(timeout=10)
        self._count = 0
        self._stages: weakref.WeakSet[Stage] = weakref.WeakSet()
        self._closing = threading.Event()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def stage(self, plan: ReadPlan) -> Stage:
        """A new, empty stage."""
        self._count += 1
        stage = Stage(self.folder / f"{self._count}-{plan.table.name}", plan)
        self._stages.add(stage)
        return stage

    def file(self, name: str) -> Path:
        """The path of a file of the run's own."""
        return self.folder / name

    def is_alive(self, run_id: str) -> bool:
        """Whether the run that stages under this name is: it holds its lock, and has been heard of lately."""
        lock_file = self._root / f"{run_id}.lock"
        try:
            silent_s = time.time() - lock_file.stat().st_mtime
        except OSError:
            return False
        if silent_s > SILENT_S:
            return False
        lock = FileLock(lock_file)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def _beat(self) -> None:
        """Be heard of, until the run ends; a process that is stopped is not."""
        while not self._closing.wait(BEAT_S):
            with contextlib.suppress(OSError):
                os.utime(self._lock.lock_file)

    def close(self) -> None:
        """Remove everything of this run."""
        self._closing.set()
        for stage in list(self._stages):
            stage.discard()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.release()
        with contextlib.suppress(OSError):
            Path(self._lock.lock_file).unlink()

    @staticmethod
    def _sweep(root: Path) -> None:
        for lock_file in root.glob("*.lock"):
            lock = FileLock(lock_file)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue  # that run is alive
            shutil.rmtree(lock_file.with_suffix(""), ignore_errors=True)
            lock.release()
            with contextlib.suppress(OSError):
                lock_file.unlink()
