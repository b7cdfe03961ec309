"""`local`: three files in a folder, as they should be after every publication."""

from collections.abc import Callable
from pathlib import Path

import pytest

from assets.catalog.targets.local import Spec, connect
from tests.catalog.worlds import World, chain

NAMES = ("resources.jsonl", "lineage.jsonl", "index.html")


def folder_of(files: Path) -> dict[str, bytes]:
    return {name: (files / name).read_bytes() for name in NAMES}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spoil", [Path.unlink, cut])
def test_a_spoilt_file_is_written_again(tmp_path: Path, name: str, spoil: Callable[[Path], None]) -> None:
    """Though nothing has changed in the catalog; nothing is wrong afterwards."""
    world = World(tmp_path)
    world.publish(connect(Spec(directory="files"), tmp_path), chain(3))
    before = folder_of(tmp_path / "files")
    spoil(tmp_path / "files" / name)
    assert world.publish(connect(Spec(directory="files"), tmp_path), chain(3)).problems == []
    after = folder_of(tmp_path / "files")
    assert {name: len(content) for name, content in after.items()} == {
        name: len(content) for name, content in before.items()
    }


def test_another_title_is_shown(tmp_path: Path) -> None:
    """The page is written again for it; what has not changed at all is left alone."""
    world = World(tmp_path)
    world.publish(connect(Spec(directory="files", title="One"), tmp_path), chain(3))
    page = tmp_path / "files" / "index.html"
    written = page.stat().st_mtime_ns
    world.publish(connect(Spec(directory="files", title="One"), tmp_path), chain(3))
    assert page.stat().st_mtime_ns == written
    world.publish(connect(Spec(directory="files", title="{{data}} & more"), tmp_path), chain(3))
    assert "<title>{{data}} &amp; more</title>" in page.read_text()
