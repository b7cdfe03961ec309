"""Commands that ask the source about itself: `test-connection`, `discover`."""

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.cli import output
from orchestration.cli.options import ConfigOption, DebugOption, JsonOption

SourceArgument = Annotated[str | None, typer.Argument(metavar="[SOURCE]", help="Only this source.")]


def check_connection(
    source: SourceArgument = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make one cheap request to each source, to see whether it answers and lets us in."""
    from integrations.sdk.errors import HeadwaterError
    from orchestration.cli.targets import find_source, load

    _, sources = load(config)
    chosen = [find_source(sources, source)] if source else sources
    results: list[tuple[str, HeadwaterError | None]] = []
    for each in chosen:
        try:
            _try(each)
        except HeadwaterError as error:
            results.append((each.name, error.at(source=each.name)))
        else:
            results.append((each.name, None))
    if json:
        output.print_json(
            {
                "sources": [
                    {"source": name, "ok": not problem, "error": output.error_document(problem) if problem else None}
                    for name, problem in results
                ]
            }
        )
    else:
        for name, problem in results:
            if problem is None:
                output.console().print(f"{name}: [green]connected[/]")
            else:
                output.print_error(problem)
    raise typer.Exit(max((problem.exit_code for _, problem in results if problem), default=0))


def _try(source: Any) -> None:
    from assets.resources import extract
    from integrations.sdk.integration import Integration

    integration = source.integration
    if issubclass(integration, Integration) and (integration.tables or integration.discovers()):
        with source.connected() as (made, client):
            made.test_connection(client)
    else:
        extract(source)  # there is no smaller request to make


def discover(
    source: SourceArgument = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Ask sources for their tables, and keep each answer in SOURCE.tables.json beside the config file."""
    from integrations.sdk.errors import ConfigError, HeadwaterError, TablesFailed
    from integrations.sdk.integration import Integration
    from orchestration.cli.targets import find_source
    from orchestration.config import load_config
    from orchestration.sources import load_sources, snapshot_path

    loaded = load_config(config)
    sources = load_sources(loaded, with_tables=False)  # the snapshot that there is may be wrong
    chosen = [find_source(sources, source)] if source else sources
    discovering = [s for s in chosen if issubclass(s.integration, Integration) and s.integration.discovers()]
    if not discovering:
        what = f"source `{source}` declares" if source else "all sources declare"
        raise ConfigError(f"{what} tables in code: there is nothing to discover")
    written: dict[str, dict[str, Any]] = {}
    problems = []
    for each in discovering:
        try:
            written[each.name] = _written(each, snapshot_path(loaded, each.name))
        except HeadwaterError as error:
            problems.append(error.at(source=each.name))
    if problems and len(discovering) == 1:
        raise problems[0]
    counts = {each.name: len(each.nodes) for each in load_sources(loaded)} if written else {}
    if json:
        found = [{"source": name, "tables": counts[name], **about} for name, about in written.items()]
        output.print_json({"sources": found, "errors": [output.error_document(problem) for problem in problems]})
    else:
        for name, about in written.items():
            state = "written" if about["changed"] else "unchanged"
            output.console().print(
                f"{name}: {output.counted(counts[name], 'table')} → {about['path']} ({state})", markup=False
            )
        for problem in problems:
            output.print_error(problem)
    if problems:
        raise typer.Exit(TablesFailed("", problems, committed=len(written)).exit_code)


def _written(source: Any, path: Path) -> dict[str, Any]:
    """Ask a source for its tables, and keep the answer in the file. Raises: HeadwaterError."""
    from integrations.sdk.errors import ConfigError

    with source.connected() as (integration, client):
        snapshot = integration.discover(client)
    if not integration.nodes(source.spec, snapshot) and path.exists():
        raise ConfigError(
            f"the source has no tables: {path.name} is kept as it was", hint="check its address and permissions"
        )
    text = json_module.dumps(snapshot, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    changed = not path.exists() or path.read_text(encoding="utf-8") != text
    fresh = path.with_suffix(".tmp")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
    return {"path": str(path), "changed": changed}
