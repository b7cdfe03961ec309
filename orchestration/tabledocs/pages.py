"""Table docs as files: an index and a page per table in Markdown, or one JSON file with all of them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from integrations.sdk.errors import ConfigError
from orchestration.tabledocs.described import ColumnDoc, TableDoc, below, nested

Format = Literal["json", "markdown"]
INDEX, JSON_FILE = "README.md", "__tables.json"


def documents(name: str, about: str, tables: Sequence[TableDoc], format: Format) -> dict[str, str]:
    """What the files hold, by name. `about` is the integration's own first sentence."""
    if format == "json":
        return {JSON_FILE: json.dumps(nested(tables), ensure_ascii=False, indent=2) + "\n"}
    return {INDEX: _index(name, about, tables)} | {f"{table.name}.md": _page(table) for table in tables}


def write(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write the files into the folder; what else is there stays. Raises: ConfigError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}", hint="choose another folder") from None
    return [folder / name for name in files]


def _index(name: str, about: str, tables: Sequence[TableDoc]) -> str:
    lines = [f"# Source: {name}", "", *([about, ""] if about else []), "## Tables", "", *_entries(tables)]
    return "\n".join(lines) + "\n"


def _entries(tables: Sequence[TableDoc], parent: str = "", indent: str = "") -> Iterator[str]:
    for table in below(tables, parent):
        said = _one_sentence(table.description)
        yield f"{indent}- {_link(table.name)}{' (incremental)' if table.is_incremental else ''}{said and f': {said}'}"
        yield from _entries(tables, table.name, f"{indent}  ")


def _page(table: TableDoc) -> str:
    lines = [f"# Table: {table.name}", ""]
    lines += [f"**{table.title}**", ""] if table.title else []
    lines += [table.description.strip(), ""] if table.description else []
    lines += [_keys(table), ""]
    if table.parent or table.relations:
        lines += ["## Relations", "", *_relations(table)]
    lines += ["## Columns", "", "| column | type | | description |", "|---|---|---|---|"]
    lines += [
        f"| `{each.name}` | `{each.type}` | {_marks(each)} | {_cell(each.description)} |" for each in table.columns
    ]
    return "\n".join(lines) + "\n"


def _keys(table: TableDoc) -> str:
    keys = ", ".join(f"`{each.name}`" for each in table.columns if each.primary_key)
    said = f"Primary key: {keys}."
    if table.is_incremental:
        followed = ", ".join(f"`{each.name}`" for each in table.columns if each.incremental_key)
        said += f" Incremental{f', by {followed}' if followed else ''}."
    return said


def _relations(table: TableDoc) -> Iterator[str]:
    if table.parent:
        yield from (f"It is read for each row of {_link(table.parent)}.", "")
    if table.relations:
        yield from ("These are read for each of its rows:", "")
        yield from (f"- {_link(name)}" for name in sorted(table.relations))
        yield ""


def _marks(column: ColumnDoc) -> str:
    """What holds of the column. A key is never null, and an id is known to be unique."""
    marks = {
        "primary key": column.primary_key,
        "incremental key": column.incremental_key,
        "not null": column.not_null and not column.primary_key,
        "unique": column.unique,
    }
    return ", ".join(mark for mark, is_set in marks.items() if is_set)


def _link(table: str) -> str:
    return f"[{table}]({table}.md)"


def _one_sentence(text: str) -> str:
    """The first sentence, in one line."""
    return re.split(r"(?<=[^.\s]{2}[.!?])\s+(?=[A-Z`\"(])", " ".join(text.split()))[0]


def _cell(text: str) -> str:
    """A text that keeps to its cell."""
    return " ".join(text.split()).replace("|", "\\|")
