"""Documents in several files: what the first refers to is brought into it, so that all references lead to one place."""

import posixpath
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from integrations.sdk.names import slug

FILES = "x-files"  # where the other files are in the document, by a name made of their paths
ENDINGS = (".json", ".yaml", ".yml")


def bundled(content: Any, path: Path, read: Callable[[Path], Any]) -> Any:
    """The document with the files that it refers to, and that are there; itself when it refers to none."""
    names: dict[str, str] = {}  # by path, relative to the document's folder
    files: dict[str, Any] = {}
    waiting: list[str] = []

    def place_of(reference: str, here: str) -> str:
        """What a reference in the file `here` is in the document."""
        file, _, inside = reference.partition("#")
        if "://" in file or file.startswith("/"):
            return reference
        there = posixpath.normpath(posixpath.join(posixpath.dirname(here), file)) if file else here
        if there == path.name:
            return f"#{inside}"
        if there not in names:
            if not there.endswith(ENDINGS) or not (path.parent / there).is_file():
                return reference
            names[there] = f"{slug(there)}_{len(names)}"
            waiting.append(there)
        return f"#/{FILES}/{names[there]}/{inside.strip('/')}".rstrip("/")

    def moved(node: Any, here: str) -> Any:
        if isinstance(node, Mapping):
            given = {key: moved(value, here) for key, value in node.items()}
            if isinstance(reference := node.get("$ref"), str):
                given["$ref"] = place_of(reference, here)
            return given
        return [moved(each, here) for each in node] if isinstance(node, list) else node

    made = moved(content, path.name)
    while waiting:
        there = waiting.pop()
        files[names[there]] = moved(read(path.parent / there), there)
    return {**made, FILES: files} if files else content
