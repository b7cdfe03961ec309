"""`headwater preview`: the first rows of a table, read and typed as in a sync, and thrown away."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli import output
from orchestration.cli.options import ConfigOption, DebugOption, JsonOption, between


def preview(
    table: Annotated[str, typer.Argument(metavar="[SOURCE.]TABLE", help="The table to look at.")],
    number: Annotated[
        int, typer.Option("-n", "--number", callback=between(1, 10_000), help="How many rows: 1 to 10,000.")
    ] = 10,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show the first rows of a table. Writes nothing; personal columns are masked."""
    from assets.engine import sync_tables
    from assets.order import SyncOrder
    from assets.warehouse.duckdb import DuckDBWarehouse, WarehouseSettings
    from assets.warehouse.reader import ReadPlan
    from orchestration.cli.targets import find_table, load

    _, sources = load(config)
    source, node = find_table(sources, table)
    nodes = [*reversed(node.ancestors()), node]
    with tempfile.TemporaryDirectory(prefix="headwater-preview-") as folder:
        warehouse = DuckDBWarehouse(WarehouseSettings(path=Path(folder) / "warehouse.duckdb"))
        order = SyncOrder(
            source=source.name,
            nodes=nodes,
            connect=source.connect,
            warehouse=warehouse,
            run_id="preview",
            concurrency=source.concurrency,
            limit=number,
        )
        for outcome in sync_tables(order):
            if outcome.error and not outcome.record.rows:
                raise outcome.error
        with warehouse.session() as session:
            rows = session.preview(source.name, ReadPlan(node), number)
            masked = {column.name for column in node.table.columns if column.masked}
            found = session.history.rejected(node.name)
            rejected = [(column, "***" if column in masked else value, reason) for column, value, reason in found]
    header = [column.name for column in node.table.columns]
    if json:
        output.print_json(
            {
                "table": f"{source.name}.{node.name}",
                "rows": [dict(zip(header, row, strict=True)) for row in rows],
                "rejected": [
                    {"column": column, "value": value, "reason": reason} for column, value, reason in rejected
                ],
            }
        )
        return
    if rows:
        output.print_records(f"{source.name}.{node.name}", header, rows)
    else:
        output.console().print(f"{source.name}.{node.name} has no rows", markup=False)
    for column, value, reason in rejected:
        output.console().print(f"rejected: {column} = {value}: {reason}", markup=False)
