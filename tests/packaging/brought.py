"""The table docs of the integrations that Headwater brings: python -m tests.packaging.brought writes them anew."""

from pathlib import Path

from integrations.sdk.integration import Integration
from orchestration.sources import find_integration
from orchestration.tabledocs.described import table_docs
from orchestration.tabledocs.found import find
from orchestration.tabledocs.pages import documents, write

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "docs" / "integrations"


def integrations() -> list[str]:
    """Those whose tables are declared; the others' are known only once they are discovered, or they have none."""
    names = sorted(each.parent.name for each in (ROOT / "integrations").glob("*/__init__.py"))
    found = {name: find_integration(f"integrations.{name}", ROOT) for name in names if name != "sdk"}
    return [name for name, each in found.items() if issubclass(each, Integration) and each.tables]


def documents_of(name: str) -> dict[str, str]:
    """An integration's pages as they should be."""
    found = find(f"integrations.{name}", None)
    return documents(found.name, found.about, table_docs(found.nodes), "markdown")


def main() -> None:
    """Write docs/integrations/; pages of tables that are gone go."""
    for name in integrations():
        files = documents_of(name)
        for page in (FOLDER / name).glob("*.md"):
            if page.name not in files:
                page.unlink()
        write(FOLDER / name, files)


if __name__ == "__main__":
    main()
