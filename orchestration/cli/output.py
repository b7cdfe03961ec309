"""What commands print: tables for people, one JSON document for programs, errors on stderr."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from integrations.sdk.errors import HeadwaterError

RIGHT = frozenset(
    {
        "rows",
        "rejected",
        "duplicates",
        "removed",
        "pages",
        "requests",
        "retries",
        "seconds",
        "rows/s",
        "columns",
        "tables",
    }
)
WIDTH_ELSEWHERE = 160  # where there is no terminal, lines need not fit one


class _Console(Console):
    """Shows what a terminal would take for commands, in names from a source, as characters that cannot be shown."""

    def print(self, *objects: Any, **how: Any) -> None:
        """Print, as rich does; where no terminal shows it, without the spaces at the ends of lines."""
        shown = [printable(each) if isinstance(each, str) else each for each in objects]
        if self.is_terminal:
            super().print(*shown, **how)
            return
        with self.capture() as captured:
            super().print(*shown, **how)
        self.file.write("\n".join(line.rstrip(" ") for line in captured.get().split("\n")))


def printable(text: str) -> str:
    r"""The text without control characters, but for line breaks and tabs.

    >>> printable("\x1b[31mred")
    '�[31mred'
    """
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


def console() -> Console:
    """Where people read."""
    return _console(stderr=False)


def errors() -> Console:
    """Where errors go."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    made = _Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else _Console(stderr=stderr, highlight=False, width=WIDTH_ELSEWHERE)


def print_json(document: Any) -> None:
    """Print the one document of a command that was given --json; NaN and the infinities, which JSON lacks, as texts."""
    try:
        compact = json.dumps(document, default=_plain, ensure_ascii=False, allow_nan=False)
    except ValueError:
        compact = json.dumps(_finite(document), default=_plain, ensure_ascii=False)
    indented = msgspec.json.format(compact.encode(errors="replace"), indent=2)  # json's own way is ten times slower
    sys.stdout.write(indented.decode() + "\n")


def print_table(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    footer: Any = None,
    spare: Sequence[str] = (),
) -> None:
    """Print rows in columns; numbers stand right, and a column without any value is left out.

    Where the terminal is too narrow `spare` columns are left out as well, one after the other until the rest fits.
    """
    stream = console()
    kept = _with_values(header, rows)
    table = _table(title, header, rows, kept, footer)
    for column in spare:
        if _fits(stream, table):
            break
        kept = [position for position in kept if header[position] != column]
        table = _table(title, header, rows, kept, footer)
    stream.print(table)


def print_records(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows in columns where they fit, else one below another, each as its columns and their values."""
    stream = console()
    kept = _with_values(header, rows)
    wide = _table(title, header, rows, kept)
    if _fits(stream, wide):
        stream.print(wide)
        return
    made = Table(title=printable(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("column", max_width=stream.width // 2, overflow="fold")
    made.add_column("value", overflow="fold")
    for number, row in enumerate(rows, start=1):
        made.add_row(f"[bold]row {number:,}[/]")
        for position in kept:
            made.add_row(escape(printable(header[position])), escape(printable(shown(row[position]))))
        made.add_section()
    stream.print(made)


def _fits(stream: Console, table: Table) -> bool:
    """Whether no cell must be folded."""
    return stream.measure(table, options=stream.options.update(max_width=sys.maxsize)).maximum <= stream.width


def _table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[Any]], kept: Sequence[int], footer: Any = None
) -> Table:
    table = Table(
        title=printable(title),
        title_justify="left",
        title_style="bold",
        header_style="bold",
        footer_style="bold",
        box=box.SIMPLE_HEAD,
        show_footer=bool(footer),
        pad_edge=False,
    )
    for position in kept:
        column = header[position]
        is_number = column in RIGHT or any(isinstance(row[position], int | float) for row in rows)
        justify: Literal["right", "left"] = "right" if is_number else "left"
        foot = footer[position] if footer else ""
        table.add_column(column, footer=foot, justify=justify, overflow="fold", no_wrap=is_number)
    for row in rows:
        cells = [row[position] for position in kept]
        table.add_row(
            *(_harmless(cell) if isinstance(cell, Text) else escape(printable(shown(cell))) for cell in cells)
        )
    return table


def _with_values(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Sequence[int]:
    """The positions of columns that have any value; of all where there are no rows."""
    return [n for n, _ in enumerate(header) if not rows or any(_has_value(row[n]) for row in rows)]


def _harmless(cell: Text) -> Text:
    cell.plain = printable(cell.plain)  # as long as before, so that colours stay where they are
    return cell


def _has_value(cell: Any) -> bool:
    return cell is not None and cell != ""


def shown(value: Any) -> str:
    """A value as a cell shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return str(value)


def counted(number: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "page"), counted(2000, "page")
    ('1 page', '2,000 pages')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_error(error: HeadwaterError, *, label: str = "error") -> None:
    """One clear message: what, where, which request, and the next step."""
    text = printable(str(error))
    what, _, hint = text.partition("\n  → ")
    stream = errors()
    stream.print(Text.assemble((f"{label}: ", "bold red" if label == "error" else "bold yellow"), what), soft_wrap=True)
    if hint:
        stream.print(Text.assemble(("  → ", "bold"), hint), soft_wrap=True)


def error_document(error: HeadwaterError) -> Mapping[str, Any]:
    """An error as JSON."""
    return {
        "kind": type(error).__name__,
        "message": error.what,
        "hint": error.hint,
        "source": error.source,
        "table": error.table,
        "client": error.client,
        "request": error.request,
        "status": error.status,
    }


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return json.dumps(value) if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
