"""A headless Chromium, and pages that fail the test when they request, log or raise anything."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from assets.catalog.model import Catalog
from assets.catalog.page import write_page
from tests.browser.catalogs import GENERATED_AT, hostile, shop

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Look:
    """A written page, opened from disk, and everything in it that went wrong."""

    def __init__(self, context: Any, path: Path) -> None:
        self.page = context.new_page()
        self.path = path
        self.problems: list[str] = []
        self.page.on("request", self._asked)
        self.page.on("console", self._logged)
        self.page.on("pageerror", lambda error: self.problems.append(f"raised: {error}"))
        self.page.on("dialog", self._spoke)
        self.page.add_init_script(
            "addEventListener('securitypolicyviolation', event => console.error('refused:', event.violatedDirective));"
        )

    def open(self, place: str = "") -> Any:
        """The playwright page, at a place of the written one."""
        self.page.goto(self.path.as_uri() + place)
        self.until("performance.getEntriesByName('headwater-ready').length === 1")
        return self.page

    def graph(self, script: str) -> Any:
        """What a JavaScript expression on `cy`, the drawn graph, is."""
        self.until("Boolean(document.getElementById('graph')?._cyreg?.cy)")
        return self.page.evaluate(f"() => (cy => {script})(document.getElementById('graph')._cyreg.cy)")

    def until(self, expression: str) -> None:
        """Wait until an expression is true. (playwright's own way is eval, which the page's policy refuses.)"""
        deadline = time.monotonic() + 10
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, f"not within 10 s: {expression}"
            time.sleep(0.02)

    def names(self, selector: str) -> list[str]:
        """The labels of nodes in the graph, sorted."""
        return sorted(self.graph(f"cy.nodes('{selector}').map(node => node.data('label'))"))

    def _asked(self, request: Any) -> None:
        if request.url.partition("#")[0] != self.path.as_uri():
            self.problems.append(f"requested: {request.url}")

    def _logged(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"logged: {message.text}")

    def _spoke(self, dialog: Any) -> None:
        self.problems.append(f"ran a script: {dialog.message}")
        dialog.dismiss()


def at(key: str, query: str = "") -> str:
    """The place of a resource in a page."""
    return f"#/r/{quote(key, safe='')}{query and '?'}{query}"


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """Chromium, started once. Its tests are left out, with the reason, where it or playwright is not installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="left out: the package playwright is not installed")
    program = os.environ.get("HEADWATER_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"left out: none of {', '.join(NAMES)} is installed; HEADWATER_CHROMIUM may name one")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@pytest.fixture
def look(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    """A function from a catalog (and options of the browser's context) to its `Look`."""
    looks: list[Look] = []

    def open_catalog(catalog: Catalog, **options: Any) -> Look:
        path = tmp_path / "a page & more.html"
        write_page(path, catalog, generated_at=GENERATED_AT)
        options = {"viewport": {"width": 1360, "height": 900}, "reduced_motion": "reduce"} | options
        context = chromium.new_context(**options)
        context.set_default_timeout(10_000)
        looks.append(Look(context, path))
        return looks[-1]

    yield open_catalog
    problems = [problem for one in looks for problem in one.problems]
    for one in looks:
        one.page.context.close()
    assert problems == []


@pytest.fixture
def shop_page(look: Any) -> Look:
    """The shop's page."""
    opened: Look = look(shop())
    return opened


@pytest.fixture
def hostile_page(look: Any) -> Look:
    """The page whose every text means harm."""
    opened: Look = look(hostile())
    return opened
