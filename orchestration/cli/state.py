"""`headwater state`: see how far tables have been read, and set that back."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli import output
from orchestration.cli.options import ConfigOption, DebugOption, JsonOption

if TYPE_CHECKING:
    from assets.source import Source
    from assets.warehouse.session import Session
    from integrations.sdk.schema import Node

app = typer.Typer(help="See how far tables have been read, and set that back.", no_args_is_help=True)
Targets = Annotated[list[str] | None, typer.Argument(metavar="[SOURCE[.TABLE]]…", help="Everything by default.")]
Required = Annotated[list[str], typer.Argument(metavar="SOURCE[.TABLE]…", help="Which tables.")]


@app.command("show")
def show(
    targets: Targets = None, config: ConfigOption = None, json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Show the saved cursors: for each client and, for a relation, each parent's row."""
    found = []
    for source, tables in _chosen(config, targets or []):
        if source.warehouse.exists():
            with source.warehouse.session() as session:
                found += session.all_cursors(source.name, [node.name for node in tables])
    header = ["source", "table", "client", "parent", "kind", "value", "saved (UTC)", "run"]
    rows = [[c.source, c.table, c.client, c.parent, c.kind, c.value, c.updated_at, c.run_id[:8]] for c in found]
    if json:
        names = ["source", "table", "client", "parent", "kind", "value", "updated_at", "run_id"]
        output.print_json({"cursors": [{name: getattr(cursor, name) for name in names} for cursor in found]})
    elif rows:
        output.print_table("Cursors", header, rows)
    else:
        output.console().print("nothing is saved: the next sync of each table reads everything")


@app.command("reset")
def reset(targets: Required, config: ConfigOption = None, json: JsonOption = False, debug: DebugOption = False) -> None:
    """Forget how far tables have been read: their next sync reads everything. Rows stay."""

    def change(session: "Session", source: "Source", node: "Node") -> int:
        return session.reset_state(source.name, node.name)

    _change(targets, config, change, "reset", as_json=json)


@app.command("rewind")
def rewind(
    targets: Required,
    to: Annotated[str, typer.Option(help="Where the next sync begins: a time (ISO 8601), or a number.")],
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Set cursors back to a value, those that are beyond it: the next sync begins there. Rows stay."""
    places: dict[tuple[str, str], tuple[str, str]] = {}
    for source, nodes in _chosen(config, targets):
        movable = [node for node in nodes if node.table.cursor_column is not None]
        places |= {(source.name, node.name): _place(node, to) for node in movable or nodes}

    def change(session: "Session", source: "Source", node: "Node") -> int:
        place = places.get((source.name, node.name))
        return session.rewind_state(source.name, node.name, *place) if place else 0

    _change(targets, config, change, "set back", as_json=json)


def _place(node: "Node", to: str) -> tuple[str, str]:
    """A cursor's kind, and the value as it is saved. Raises: ConfigError."""
    from assets.tables import parse_window
    from integrations.sdk.cursor import SequenceCursor, TimeCursor
    from integrations.sdk.errors import ConfigError

    cursor = node.table.cursor
    if isinstance(cursor, TimeCursor):
        start = parse_window(to, None, ("--to", "")).start
        return "time", start.isoformat() if start else ""
    if isinstance(cursor, SequenceCursor):
        try:
            return "sequence", str(int(to))
        except ValueError:
            raise ConfigError(f"--to {to}: `{node.name}` follows a number") from None
    if cursor is None:
        raise ConfigError(
            f"`{node.name}` has no cursor to set back: every sync reads all of it",
            hint="headwater state show lists the tables that have one",
        )
    raise ConfigError(
        f"`{node.name}` has an opaque token: it cannot be set back to a value",
        hint="headwater state reset forgets it, so that the next sync reads everything",
    )


def _change(targets: list[str], config: Any, change: Any, done: str, *, as_json: bool) -> None:
    """Change the state of tables, unless a run is at them."""
    changed = []
    for source, nodes in _chosen(config, targets):
        incremental = [node for node in nodes if node.table.cursor or any(n.table.cursor for n in node.ancestors())]
        if not source.warehouse.exists() or not incremental:
            continue
        area = source.warehouse.staging("state")
        try:
            with source.warehouse.session() as session:
                tables = [node.name for node in incremental]
                session.take_leases(source.name, tables, run_id="state", staging=area.name, is_alive=area.is_alive)
                with_cursor = [node for node in incremental if node.table.cursor or done == "reset"]
                changed += [(source.name, node.name, change(session, source, node)) for node in with_cursor]
        finally:
            area.close()
    if as_json:
        output.print_json({"tables": [{"source": s, "table": t, "cursors": n} for s, t, n in changed]})
        return
    for source_name, table, count in changed:
        output.console().print(f"{source_name}.{table}: {output.counted(count, 'cursor')} {done}", markup=False)
    if not changed:
        output.console().print("none of these tables is incremental, or nothing has been synced yet")


def _chosen(config: Any, targets: list[str]) -> "list[tuple[Source, list[Node]]]":
    from orchestration.cli.targets import find_targets, load

    _, sources = load(config)
    return [
        (target.source, [n for n in target.source.nodes if target.assets is None or n.name in target.assets])
        for target in find_targets(sources, targets)
    ]
