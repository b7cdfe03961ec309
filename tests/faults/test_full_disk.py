"""A disk that is full: the sync fails and says so, what was committed stays, and with room it goes on."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.faults.conftest import LONG, SEED
from tests.faults.rig import Counts, Driver, new_rig

ROUNDS = 20 if LONG else 1
SIZE_MIB = 24

pytestmark = pytest.mark.timeout(1800 if LONG else 120)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few MiB, where we may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "headwater-faults", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path, *, leave: int) -> Path:
    """Use up the disk but for so many bytes."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        file.write(bytes(max(free - leave, 0)))
    return ballast


def test_a_full_disk(small_disk: Path, tmp_path: Path, driver: Driver, counts: Counts) -> None:
    """However little room there is: rolled back, said clearly, and the database opens afterwards."""
    random = Random(SEED)
    counted = counts.setdefault("full disk", Counter())
    with new_rig(tmp_path / "project", driver, SEED, warehouse=small_disk / "warehouse.duckdb", first=24) as rig:
        rig.sync_cleanly()
        while counted["effective"] < ROUNDS:
            rig.world.grow(60)
            ballast = fill(small_disk, leave=random.choice((0, 4096, 65536, 262144, random.randrange(1 << 20))))
            sync = rig.start()
            status = sync.wait()
            rig.count(counted, effective=bool(status))
            if status:
                assert status == 1, sync.said
                assert "Traceback" not in sync.said, sync.said
                assert "disk" in sync.said or "space" in sync.said, sync.said
            ballast.unlink()
            rig.sync_cleanly()
            counted["clean syncs"] += 1
