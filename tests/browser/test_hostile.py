"""What a source says is text, whatever it says."""

from typing import Any

from assets.catalog.model import Catalog, Entry
from assets.catalog.page import write_page
from tests.browser.catalogs import GENERATED_AT, HOSTILE
from tests.browser.conftest import Look

# What HTML shows for a character that it cannot: the rest is shown as it was written.
SHOWN = {"\ud800": "\ufffd"}


def on_screen(text: str) -> str:
    return "".join(SHOWN.get(character, character) for character in text)


def test_hostile_texts_are_shown_and_nothing_runs(hostile_page: Look) -> None:
    """Every view of every resource shows its texts as they are; no script runs, no request leaves, no element is made.

    The fixture fails on a dialog, a request, a refusal by the policy, and an error.
    """
    page = hostile_page.open()
    for bad in HOSTILE:
        page.evaluate("location.hash = '#/'")
        page.locator(".result").first.wait_for()
        texts = page.evaluate("[...document.querySelectorAll('.result-title bdi')].map(bdi => bdi.textContent)")
        assert on_screen(bad) in texts
        number = texts.index(on_screen(bad))
        page.evaluate("number => document.querySelectorAll('.result')[number].click()", number)
        page.locator("article").wait_for()
        assert page.evaluate("document.querySelector('h1').textContent") == on_screen(bad)
        assert page.evaluate("document.querySelector('.description').textContent") == on_screen(bad).strip()
        assert page.evaluate("document.querySelector('pre').textContent") == on_screen(f"SELECT '{bad}' -- {bad}")
        for view in ("Lineage", "SQL"):
            page.locator(".tabs").get_by_text(view).click()
        page.locator(".tabs").get_by_text("Lineage").click()
        hostile_page.graph("cy.nodes().length")
    assert foreign(page) == []


def test_a_hostile_text_can_be_searched_and_filtered(hostile_page: Look) -> None:
    """The search box, the filters and the list of unresolved ends take the same texts."""
    page = hostile_page.open()
    for bad in HOSTILE:
        page.get_by_role("searchbox").fill(on_screen(bad).replace("\x00", ""))
        assert page.locator(".count").inner_text().strip()
    page.get_by_role("searchbox").fill("<script>alert(1)</script>")
    assert page.locator("mark").first.inner_text() == "<script>alert(1)</script>"
    page.get_by_role("searchbox").fill("")
    box = page.locator("fieldset").nth(1).locator("input")
    for number in range(box.count()):
        box.nth(number).check()
    page.evaluate("location.hash = '#/unresolved'")
    page.locator(".gap").first.wait_for()
    assert page.locator(".gap").count() == len(HOSTILE)
    assert foreign(page) == []


def test_the_pages_title_is_escaped(look: Any, tmp_path: Any) -> None:
    """The tab's title is a text too, and so is a resource's in it."""
    bad = "</title><script>alert(1)</script>"
    entry = Entry(key="k", source="s", entity_type="table", databuilder_id="k", title=bad)
    page = look(Catalog(entries={"k": entry})).open("#/r/k")
    assert page.title() == f"{bad} · Headwater"
    path = tmp_path / "titled.html"
    write_page(path, Catalog(), title=bad, generated_at=GENERATED_AT)
    other = look(Catalog())
    other.path = path
    assert other.open().title() == bad


def foreign(page: Any) -> list[str]:
    """Elements that this page never makes, and attributes that it never sets."""
    found: list[str] = page.evaluate(
        """[...document.querySelectorAll('*')].filter(element =>
             ['IMG', 'IFRAME', 'OBJECT', 'EMBED', 'LINK'].includes(element.tagName)
             || [...element.attributes].some(({ name }) => name.startsWith('on') || name === 'src')
             || !(element.getAttribute('href') ?? '#/').startsWith('#/')
           ).map(element => element.outerHTML.slice(0, 200))"""
    )
    return found
