"""Files of newline-delimited JSON that records wait in, and the disk's refusal in words."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from integrations.sdk.errors import WarehouseError

FILE_BYTES = 64 << 20
FIRST_FILE_BYTES = 8 << 20  # the first are smaller, so that a small table is read by more than one thread


@contextlib.contextmanager
def naming_the_disk(folder: Path) -> Iterator[None]:
    """Say that it is our disk, not the source, when staging cannot write."""
    try:
        yield
    except OSError as error:
        raise WarehouseError(
            f"records cannot be staged in {folder}: {error.strerror}",
            hint="staging needs room for what a sync reads, beside the warehouse",
        ) from None


class LineFiles:
    """Lines appended to numbered files of 8 to 64 MB. Not safe from several threads."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder, self._kind = folder, kind
        self._file: BinaryIO | None = None
        self._size = 0
        self.paths: list[Path] = []

    def write(self, lines: bytes) -> None:
        """Append one or more lines."""
        with naming_the_disk(self._folder):
            if self._file is None:
                path = self._folder / f"{self._kind}-{len(self.paths)}.ndjson"
                self.paths.append(path)
                self._file = path.open("wb")
                self._size = 0
            self._file.write(lines + b"\n")
        self._size += len(lines) + 1
        if self._size >= min(FILE_BYTES, FIRST_FILE_BYTES << (len(self.paths) - 1)):
            self.close()

    def close(self) -> None:
        """End the file; the next line begins another."""
        file, self._file = self._file, None
        if file:
            with naming_the_disk(self._folder):
                file.close()

    def replace(self, paths: Sequence[Path]) -> None:
        """Have these in place of those that were written."""
        self.paths = list(paths)
