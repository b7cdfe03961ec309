"""The folder in which one run stages its records, told from those of runs that died by a lock beside it."""

import contextlib
import shutil
import weakref
from pathlib import Path

from filelock import FileLock, Timeout

from assets.warehouse.reader import ReadPlan
from assets.warehouse.staging import Stage


class StagingArea:
    """The folder of one run's stages, beside the warehouse; folders of runs that died are removed."""

    def __init__(self, root: Path, run_id: str) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._sweep(root)
        self.folder = root / run_id
        self.folder.mkdir(exist_ok=True)
        self._lock = FileLock(root / f"{run_id}.lock")
        self._lock.acquire(timeout=10)
        self._count = 0
        self._stages: weakref.WeakSet[Stage] = weakref.WeakSet()

    def stage(self, plan: ReadPlan) -> Stage:
        """A new, empty stage."""
        self._count += 1
        stage = Stage(self.folder / f"{self._count}-{plan.table.name}", plan)
        self._stages.add(stage)
        return stage

    def close(self) -> None:
        """Remove everything of this run."""
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
