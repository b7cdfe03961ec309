"""Commands that look and change nothing: `tables`, `validate`, `runs`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.text import Text

from orchestration.cli import output
from orchestration.cli.options import ConfigOption, DebugOption, JsonOption, between

if TYPE_CHECKING:
    from assets.source import Source
    from integrations.sdk.errors import HeadwaterError


def tables(
    source: Annotated[str | None, typer.Argument(help="Only this source; for --format also a module.")] = None,
    format: Annotated[
        Literal["json", "markdown"] | None, typer.Option(help="Write table docs instead, as `cloudquery tables` does.")
    ] = None,
    output_dir: Annotated[
        Path | None, typer.Option(help="Where to write them, a folder for each source. [default: cq-docs]")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the tables of the configured sources, with parents, keys and columns."""
    from orchestration.cli.targets import find_source, load
    from orchestration.sources import why_not_synced

    if format or output_dir:
        _write_docs(source, format or "json", output_dir or Path("cq-docs"), config, json=json)
        return
    _, sources = load(config)
    shown = [find_source(sources, source)] if source else sources
    documents = [_table_document(each.name, node) for each in shown for node in each.nodes]
    if json:
        output.print_json({"tables": documents})
        return
    if documents:
        _show_tables(documents)
    without = {each.name: why_not_synced(each) for each in shown if not each.nodes}
    resources = ("declares resources, and no tables", "")
    said = {name: (problem.what, problem.hint) if problem else resources for name, problem in without.items()}
    _say("note", [(f"{name}: {what}", hint) for name, (what, hint) in said.items()])


def _show_tables(documents: Sequence[dict[str, Any]]) -> None:
    output.print_table(
        "Tables",
        ["table", "parent", "primary key", "columns", "description"],
        [
            [
                f"{table['source']}.{table['name']}",
                table["parent"],
                ", ".join(c["name"] for c in table["columns"] if c["primary_key"]),
                len(table["columns"]),
                table["description"].partition("\n")[0],
            ]
            for table in documents
        ],
    )


def _write_docs(
    source: str | None, format: Literal["json", "markdown"], folder: Path, config: Path | None, *, json: bool
) -> None:
    from orchestration.tabledocs.described import table_docs
    from orchestration.tabledocs.found import find, find_all
    from orchestration.tabledocs.pages import documents, write

    written = {
        found.name: write(folder / found.name, documents(found.name, found.about, table_docs(found.nodes), format))
        for found in ([find(source, config)] if source else find_all(config))
    }
    if json:
        output.print_json({"docs": [{"source": name, "files": files} for name, files in written.items()]})
        return
    for name, files in written.items():
        output.console().print(
            f"{name}: {output.counted(len(files), 'file')} in {folder / name}", markup=False, soft_wrap=True
        )


def _table_document(source: str, node: Any) -> dict[str, Any]:
    return {
        "source": source,
        "name": node.name,
        "parent": node.parent.name if node.parent else None,
        "title": node.table.title,
        "description": node.table.description,
        "relations": [relation.name for relation in node.table.relations],
        "columns": [
            {
                "name": column.name,
                "type": column.type.sql,
                "description": column.description,
                "primary_key": column.primary_key,
                "not_null": column.not_null,
                "unique": column.unique,
                "incremental_key": column.incremental_key,
                "masked": column.masked,
            }
            for column in node.table.columns
        ],
    }


def validate(
    config: ConfigOption = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of the file's documents instead, for editors.")
    ] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Check the config file, the integrations and the selection of tables, without any network."""
    from orchestration.cli.targets import load
    from orchestration.definitions import build_definitions
    from orchestration.destinations import why_not_delivered
    from orchestration.sources import why_not_synced

    if schema:
        from orchestration.file_schema import file_schema

        output.print_json(file_schema())
        return
    loaded, sources = load(config)
    build_definitions(sources).get_repository_def()
    problems = {source.name: problem for source in sources if (problem := why_not_synced(source))}
    undelivered = why_not_delivered(sources)
    failing = [each for each in loaded.differences if not each.works]
    missing = [each for each in undelivered.values() if not any(known.what in each.what for known in failing)]
    found = [_source_document(source, problems.get(source.name)) for source in sources]
    if json:
        notes = [f"{each.where}, {each.field}: {each}" for each in failing] + [_in_a_line(each) for each in missing]
        output.print_json({"config": str(loaded.path), "valid": True, "sources": found, "notes": notes})
        return
    header = ["source", "integration", "tables", "resources", "warehouse"]
    output.print_table(str(loaded.path), header, [[each[name] for name in header] for each in found])
    known = {problem.what for problem in problems.values()}
    warnings = [(f"{name} cannot be synced: {problem.what}", problem.hint) for name, problem in problems.items()]
    warnings += [(f"{each.where}, {each.field}: {each.what}", each.hint) for each in failing if each.what not in known]
    warnings += [(problem.what, problem.hint) for problem in missing]
    _say("warning", warnings)
    lacking = [f"{len(problems)} of {output.counted(len(sources), 'source')} cannot be synced"] if problems else []
    lacking += [f"nothing is delivered to {', '.join(undelivered)}"] if undelivered else []
    if lacking:
        output.console().print(f"valid, but {' and '.join(lacking)}", style="yellow", markup=False)
    else:
        output.console().print("valid", style="green")


def _in_a_line(problem: "HeadwaterError") -> str:
    return ": ".join(filter(None, (problem.what, problem.hint)))


def _source_document(source: "Source", problem: "HeadwaterError | None") -> dict[str, Any]:
    from orchestration.sources import made_of

    return {
        "source": source.name,
        "integration": source.script or made_of(source),
        "tables": len(source.nodes),
        "resources": ", ".join(source.entity_types),
        "warehouse": str(source.warehouse.path),
        "note": _in_a_line(problem) if problem else "",
    }


def _say(label: str, said: Sequence[tuple[str, str]]) -> None:
    """Print what there is to say, and below what has one hint in common that hint, once."""
    stream = output.console()
    for hint in dict.fromkeys(hint for _, hint in said):
        for what in (what for what, its_hint in said if its_hint == hint):
            stream.print(f"{label}: {what}", markup=False, soft_wrap=True)
        if hint:
            stream.print(f"  → {hint}", markup=False, soft_wrap=True)


def runs(
    number: Annotated[
        int, typer.Option("-n", "--number", callback=between(1, 10_000), help="How many: 1 to 10,000.")
    ] = 20,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed, wholly or in part.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what past syncs did with each table, newest first, from the warehouse's ledger."""
    from dataclasses import asdict

    from orchestration.cli.sync import STYLES
    from orchestration.cli.targets import load

    _, sources = load(config)
    warehouses = {source.warehouse.path: source.warehouse for source in sources}
    past = []
    for warehouse in warehouses.values():
        if warehouse.exists():
            with warehouse.session() as session:
                past += session.history.past_syncs(number, failed_only=failed)
    past = sorted(past, key=lambda sync: sync.started_at, reverse=True)[:number]
    if json:
        output.print_json({"runs": [asdict(sync) for sync in past]})
        return
    if not past:
        output.console().print("no sync has failed" if failed else "nothing has been synced yet")
        return
    output.print_table(
        "Runs",
        ["started (UTC)", "table", "outcome", "mode", "rows", "rejected", "requests", "retries", "seconds", "run"],
        [
            [
                sync.started_at,
                f"{sync.source}.{sync.table}",
                Text(sync.outcome, style=STYLES.get(sync.outcome, "")),
                sync.mode if sync.mode != "full" else None,
                sync.rows,
                sync.rejected or None,
                sync.requests,
                sync.retries or None,
                sync.seconds,
                sync.run_id[:8],
            ]
            for sync in past
        ],
        spare=["run", "requests", "mode"],
    )
    for sync in past:
        if sync.error:
            place = f"{sync.source}.{sync.table}"
            said = sync.error if sync.error.startswith(place) else f"{place}: {sync.error}"
            output.console().print(said, markup=False)
