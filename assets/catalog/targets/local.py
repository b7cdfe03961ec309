"""Files in a folder: `resources.jsonl` and `lineage.jsonl`, as Secoda imports them, and a page to look at."""

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field

from assets.catalog.items import Item, items_of, with_kept
from assets.catalog.model import Catalog
from assets.catalog.publishing import Acknowledge, Change, TargetSpec
from integrations.sdk.errors import WarehouseError


class Spec(TargetSpec):
    """Where the files go."""

    WHERE = ("directory",)

    directory: str = Field("data/catalog", description="The folder, relative to the config file.")
    title: str = Field("Headwater", description="The page's heading.")


class Local:
    """Writes everything anew when anything has changed, or a file is not as it was written; each file at once."""

    def __init__(self, folder: Path, title: str) -> None:
        self._folder, self._title = folder, title
        self._kept: Sequence[Item] = ()

    def keep(self, items: Sequence[Item]) -> None:
        """Write these as well: they are held back from removal, or only hidden."""
        self._kept = [item for item in items if item.document]

    def publish(self, changes: Sequence[Change], catalog: Catalog, acknowledge: Acknowledge) -> Mapping[str, Any]:
        """Write the three files, then acknowledge all changes."""
        from assets.catalog.page import is_current, write_page

        if changes or self.verify(catalog) or not is_current(self._paths[2], title=self._title):
            resources, lineage, page = self._paths
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                items = [*items_of(catalog), *self._kept]
                _write(resources, (item.payload for item in items if item.kind == "resource"))
                _write(lineage, (item.payload for item in items if item.kind == "edge"))
                shown = with_kept(catalog, self._kept) if self._kept else catalog
                write_page(page, shown, title=self._title, generated_at=datetime.now(UTC))
            except OSError as error:
                raise WarehouseError(f"the catalog cannot be written to {self._folder}: {error.strerror}") from None
            acknowledge(changes)
        return {"page": str(self._paths[2])}

    def verify(self, catalog: Catalog) -> Sequence[str]:
        """See that the files have a line for each resource and edge that is in the catalog, or kept."""
        resources, lineage, _ = self._paths
        wanted = {"resource": 0, "edge": 0}
        for item in [*items_of(catalog), *self._kept]:
            wanted[item.kind] += 1
        found = {"resource": _lines_of(resources), "edge": _lines_of(lineage)}
        return [
            f"{found[kind]:,} {kind}s were written, not {wanted[kind]:,}"
            for kind in wanted
            if found[kind] != wanted[kind]
        ]

    @property
    def _paths(self) -> tuple[Path, Path, Path]:
        return self._folder / "resources.jsonl", self._folder / "lineage.jsonl", self._folder / "index.html"


def connect(spec: Spec, folder: Path) -> Local:
    """The folder that the spec names."""
    return Local(folder / spec.directory, spec.title)


def _write(path: Path, lines: Iterable[bytes]) -> None:
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        for line in lines:
            file.write(line + b"\n")
    os.replace(unfinished, path)


def _lines_of(path: Path) -> int:
    """How many whole lines there are."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(line.endswith(b"\n") for line in file)
