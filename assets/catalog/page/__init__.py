"""The catalog as a page to look at: one HTML file that needs nothing else, written by `write_page`.

What it shows is packed by encoding.py into one block of JSON. The page itself is template.html, the styles of `STYLES`
and the scripts of `SCRIPTS`, put together here as they are: there is no build step. Everything that a source said
travels in the JSON and reaches the screen as text, and the page's own policy lets the browser run nothing but the
scripts whose hashes it names, and fetch nothing at all.
"""

import base64
import hashlib
import html
import os
import re
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from assets.catalog.model import Catalog
from assets.catalog.page.encoding import encode, to_json

HERE = files(__package__)
LIBRARIES = ("cytoscape", "dagre")
SCRIPTS = (
    "dom", "catalog", "search", "routes", "format", "results",
    "resource", "columns", "unresolved", "lineage", "layout", "graph", "graph_view", "main",
)  # fmt: skip
STYLES = ("colors", "base", "bar", "results", "resource", "lineage", "unresolved", "narrow")
_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)
_MARKER = re.compile(r"\{\{(\w+)\}\}")


def write_page(path: Path, catalog: Catalog, *, title: str = "Headwater", generated_at: datetime) -> None:
    """Write the catalog's page to `path`, whole or not at all.

    `generated_at` is shown as the time at which the catalog was as the page shows it.
    """
    page = render_page(catalog, title=title, generated_at=generated_at)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_text(page, encoding="utf-8", newline="\n")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def is_current(path: Path, *, title: str = "Headwater") -> bool:
    """Whether the file is a whole page, as this version writes it under this title, whatever catalog it shows."""
    before, after = (half.encode() for half in _frame(title))
    try:
        with path.open("rb") as file:
            begins = file.read(len(before)) == before
            file.seek(-len(after), os.SEEK_END)
            return begins and file.read() == after
    except OSError:
        return False


def render_page(catalog: Catalog, *, title: str = "Headwater", generated_at: datetime) -> str:
    """The page's HTML."""
    before, after = _frame(title)
    return f"{before}{to_json(encode(catalog, title, generated_at))}{after}"


def _frame(title: str) -> tuple[str, str]:
    """What stands before the catalog's JSON, and what after it."""
    style = "".join(_read(f"styles/{name}.css") for name in STYLES)
    theme = _read("scripts/theme.js")
    libraries = [_library(name) for name in LIBRARIES]
    application = _application()
    parts = {
        "policy": _policy([theme, *libraries, application], [style, _GRAPH_STYLE]),
        "title": html.escape(title),
        "style": f"<style>{style}</style>",
        "graph_style": f'<style id="__________cytoscape_stylesheet">{_GRAPH_STYLE}</style>',
        "theme": f"<script>{theme}</script>",
        "scripts": "\n".join(f"<script>{script}</script>" for script in [*libraries, application]),
    }
    before, _, after = _read("template.html").partition("{{data}}")
    filled = [_MARKER.sub(lambda marker: parts[marker[1]], half) for half in (before, after)]
    return filled[0], filled[1]


# cytoscape adds this rule by a style element of its own, which the policy would refuse, unless there is one of this id.
_GRAPH_STYLE = ".__________cytoscape_container { position: relative; }"


def _application() -> str:
    """The page's own scripts as one: a function, so that no name of theirs is global."""
    body = "\n".join(_read(f"scripts/{name}.js") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{body}\n}})();'


def _library(name: str) -> str:
    """A vendored library behind its licence, without the comment that would make developer tools look for a map."""
    script = _SOURCE_MAP.sub("", _read(f"vendor/{name}/{name}.min.js"))
    return f"/*\n{_read(f'vendor/{name}/LICENSE')}*/\n{script}"


def _policy(scripts: list[str], styles: list[str]) -> str:
    """The Content-Security-Policy: these scripts and styles, and no request.

    `require-trusted-types-for` makes the browser refuse innerHTML and its like, should anyone ever write it.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            f"style-src {' '.join(map(_hash, styles))}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    return HERE.joinpath(name).read_text(encoding="utf-8")
