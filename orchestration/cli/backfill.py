"""`headwater backfill`: read windows of a table again, in one run."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli import output
from orchestration.cli.options import ConfigOption, DebugOption, JsonOption

if TYPE_CHECKING:
    from assets.partitions import Part
    from orchestration.running import Asked


def backfill(
    table: Annotated[str, typer.Argument(metavar="[SOURCE.]TABLE", help="A table whose cursor has windows.")],
    begin: Annotated[str, typer.Option("--from", help="The beginning: a time (ISO 8601), or a number.")],
    end: Annotated[str, typer.Option("--to", help="The end, not included: a time (ISO 8601), or a number.")],
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Read windows of a table again, with the tables below it, in one run. No cursor moves."""
    from assets.partitions import part_of
    from integrations.sdk.cursor import SequenceCursor
    from integrations.sdk.errors import ConfigError
    from orchestration.cli.sync import finish, run_targets
    from orchestration.cli.targets import Target, find_table, load

    loaded, sources = load(config)
    source, node = find_table(sources, table)
    part = part_of(source, [node.name])
    if part is None:
        raise ConfigError(
            f"`{node.name}` has no windows: its cursor, if it has one, follows neither a time nor a number",
            hint="headwater sync --full-refresh reads all of it anew",
        )
    asked = _by_range(begin, end) if isinstance(part.cursor, SequenceCursor) else _by_windows(part, begin, end)
    below = [each.name for each in source.nodes if each is node or node in each.ancestors()]
    if not json:
        what = f"windows {asked.partitions.start} to {asked.partitions.end}" if asked.partitions else str(asked.window)
        output.errors().print(f"backfill {source.name}: {', '.join(below)}: {what}", markup=False)
    finish(run_targets([Target(source, tuple(below))], loaded.folder, asked=asked, quiet=json), as_json=json)


def _by_windows(part: "Part", begin: str, end: str) -> "Asked":
    """The partitions that hold this stretch of time; whole ones."""
    from assets.partitions import key_range
    from assets.tables import parse_window
    from integrations.sdk.errors import ConfigError
    from orchestration.running import Asked

    window = parse_window(begin, end, ("--from", "--to"))
    if window.start is None or window.end is None:
        raise ConfigError("a backfill needs both --from and --to", hint="such as --from 2024-01-01 --to 2024-02-01")
    return Asked(partitions=key_range(part, window.start, window.end))


def _by_range(begin: str, end: str) -> "Asked":
    from integrations.sdk.errors import ConfigError
    from integrations.sdk.window import Range
    from orchestration.running import Asked

    try:
        return Asked(window=Range(int(begin), int(end)))
    except ValueError:
        raise ConfigError(f"--from {begin} --to {end}: the table follows a number", hint="give two integers") from None
