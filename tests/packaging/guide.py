"""What docs/creating-a-cloudquery-plugin.md shows, as files: its integration and API, executable, Dockerfile."""

import re
from pathlib import Path

from integrations.sdk.testing import Api

ROOT = Path(__file__).parent.parent.parent
GUIDE = ROOT / "docs" / "creating-a-cloudquery-plugin.md"


def block(words: str) -> str:
    """The first block of code that is marked so."""
    found = re.search(rf"^```{words}\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found, words
    return found[1]


def write_integration(project: Path) -> Api:
    """Write `integrations/acme` into the project; its API."""
    code = block("python complete")
    folder = project / "integrations" / "acme"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(code.partition("\ndef api(")[0], encoding="utf-8")
    example: dict[str, Api] = {"__name__": "example"}  # type: ignore[dict-item]
    exec(compile(code, str(GUIDE), "exec"), example)
    return example["api"]
