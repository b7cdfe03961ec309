"""The page's file: what is in it, and how it is written. No browser needed."""

import base64
import hashlib
import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assets.catalog import page as page_package
from assets.catalog.model import Catalog, Edge, Entry
from assets.catalog.page import render_page, write_page
from assets.catalog.page.encoding import encode, to_json
from tests.browser.catalogs import GENERATED_AT, hostile, shop

HERE = Path(page_package.__file__).parent


def entry(key: str) -> Entry:
    return Entry(key=key, source="s", entity_type="table", databuilder_id=key)


def test_the_policy_names_exactly_the_scripts_and_styles_in_the_page() -> None:
    """A changed script has another hash, and nothing but what we wrote may run."""
    page = render_page(hostile(), generated_at=GENERATED_AT)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    for kind, pattern in (("script-src", r"<script>(.*?)</script>"), ("style-src", r"<style[^>]*>(.*?)</style>")):
        blocks = re.findall(pattern, page, re.DOTALL)
        hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()}'" for block in blocks}
        named = re.search(rf"{kind} ([^;]*)", policy[1])
        assert named
        assert set(named[1].split()) == hashes
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]


def test_no_name_is_declared_twice() -> None:
    """All scripts are one function: a second declaration would quietly take the place of the first."""
    scripts = [path.read_text() for path in HERE.glob("scripts/*.js")]
    declared = Counter(
        name for text in scripts for name in re.findall(r"^(?:function|const|let) (\w+)", text, re.MULTILINE)
    )
    assert [name for name, count in declared.items() if count > 1] == []


def test_vendored_files_are_those_that_the_readme_names() -> None:
    """Each library is the published file, with its licence beside it."""
    rows = re.findall(r"\| `(\S+\.js)` .*\| MIT \| `([0-9a-f]{64})` \|", (HERE / "vendor/README.md").read_text())
    assert {name for name, _ in rows} == {f"{path.parent.name}/{path.name}" for path in HERE.glob("vendor/*/*.js")}
    for name, digest in rows:
        assert hashlib.sha256((HERE / "vendor" / name).read_bytes()).hexdigest() == digest
        licence = (HERE / "vendor" / name).with_name("LICENSE").read_text()
        assert licence in render_page(Catalog(), generated_at=GENERATED_AT)


def test_the_page_names_nothing_outside_itself() -> None:
    """No address to load from, no map to look for, no path of the machine that wrote it."""
    page = render_page(shop(), generated_at=GENERATED_AT)
    assert "sourceMappingURL" not in page
    assert not re.search(r"<(link|img|iframe|script src)", page)
    assert str(HERE) not in page


def test_json_in_a_script_cannot_end_it() -> None:
    """No `<`, no line separators, no half characters; else the value that comes back is the one that went in."""
    value = {"a": "</script><!--\u2028\u2029 & é 👩 \\u003c"}
    packed = to_json(value)
    assert "<" not in packed
    assert to_json({"a": "\ud800"}) == '{"a":"\ufffd"}'
    assert json.loads(packed) == value


def test_keys_are_packed_in_units_of_javascript() -> None:
    """What keys share is counted as JavaScript counts, where a character beyond 0xFFFF is two."""
    packed = encode(Catalog(entries={key: entry(key) for key in ("👩a", "👩b")}), "t", GENERATED_AT)
    assert packed["keys"] == [0, "👩a", 2, "b"]


def test_an_edge_to_nothing_is_told() -> None:
    """An edge whose end the catalog lacks is not drawn, and not lost: it is among the unresolved."""
    catalog = Catalog(entries={"a": entry("a")}, edges=[Edge(upstream="a", downstream="gone", source="s")])
    packed = encode(catalog, "t", GENERATED_AT)
    assert packed["edges"]["upstream"] == []
    assert packed["unresolved"][0][3] == "The catalog has no entry for its downstream key"


def test_zero_and_absent_are_told_apart() -> None:
    """No rows is a number; an unknown number of rows is none."""
    entries = {
        "a": Entry(key="a", source="s", entity_type="table", databuilder_id="a", rows=0, sort_order=0),
        "b": Entry(key="b", source="s", entity_type="table", databuilder_id="b"),
        "c": Entry(key="c", source="s", entity_type="table", databuilder_id="c", rows=7, sort_order=-1),
    }
    packed = encode(Catalog(entries=entries), "t", datetime(1970, 1, 2, tzinfo=UTC))
    assert packed["entries"]["rows"] == [1, 0, 8]
    assert packed["entries"]["sort_order"] == [1, 0, -1]
    assert packed["generated_at"] == 86_400


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When writing fails the old page stays, and nothing is left beside it."""
    path = tmp_path / "index.html"
    write_page(path, shop(), title="Ours", generated_at=GENERATED_AT)
    before = path.read_bytes()
    assert b"<title>Ours</title>" in before

    def full_disk(self: Path, *arguments: object, **options: object) -> int:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_page(path, Catalog(), generated_at=GENERATED_AT)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.glob("*") if one.is_file()] == ["index.html"]


def test_an_empty_catalog_is_a_page_too() -> None:
    """Nothing to show is not an error."""
    assert '"keys":[]' in render_page(Catalog(), generated_at=GENERATED_AT)
