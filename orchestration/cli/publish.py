"""`headwater publish`: send the catalog to its targets, or say what would be sent."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli import output
from orchestration.cli.options import ConfigOption, DebugOption, JsonOption

if TYPE_CHECKING:
    from assets.catalog.asset import CatalogTarget, Prepared
    from assets.catalog.model import Catalog
    from assets.catalog.publishing import Plan
    from integrations.sdk.errors import HeadwaterError

MOST_SHOWN = 20
MOST_REASONS = 5


def publish(
    targets: Annotated[list[str] | None, typer.Argument(metavar="[TARGET]…", help="All by default.")] = None,
    forget: Annotated[
        list[str] | None, typer.Option(metavar="SOURCE", help="Let go of what a source declared that is no more.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent; send nothing.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Publish the catalog: what was created, changed and removed since the last time."""
    from assets.catalog.collecting import uncollected

    with uncollected():
        failed, count = _publish(config, targets or [], forget or [], dry_run=dry_run, json=json)
    if failed:
        from integrations.sdk.errors import TablesFailed

        raise typer.Exit(TablesFailed("", failed, committed=count - len(failed)).exit_code)


def _publish(
    config: Path | None, targets: list[str], forget: list[str], *, dry_run: bool, json: bool
) -> tuple[list["HeadwaterError"], int]:
    """Publish to each of the targets; what failed, and how many there are."""
    from assets.catalog.asset import contents_of, prepare
    from integrations.sdk.errors import HeadwaterError
    from orchestration.catalogs import forget_sources, load_catalogs, run_publication

    chosen = load_catalogs(config, targets, forget)
    contents = contents_of(chosen[0])  # all catalogs of a config file are of one warehouse
    documents, failed = [], []
    for target in chosen:
        made = prepare(target, contents)
        about: dict[str, Any] = {}
        wrong: list[str] = []
        error = None
        try:
            if not dry_run:
                about, wrong = run_publication(target, made)  # through Dagster: it is in its history
        except HeadwaterError as raised:
            error = raised
            failed.append(raised)
        document = _document(target, made.catalog, made.plan, list(dict.fromkeys([*made.problems, *wrong])), about)
        documents.append(document | {"error": output.error_document(error) if error else None})
        if error and not json:
            output.print_error(error)
        elif not json:
            _print(document, made, about, dry_run=dry_run)
    if forget and not dry_run and not failed:
        forget_sources(chosen[0], forget)
    if json:
        output.print_json({"catalogs": documents})
    return failed, len(chosen)


def _document(
    target: "CatalogTarget", catalog: "Catalog", planned: "Plan", problems: list[str], about: dict[str, Any]
) -> dict[str, Any]:
    from assets.catalog.publishing import counted

    return {
        "target": target.name,
        "path": target.path,
        "resources": len(catalog.entries),
        "edges": len(catalog.edges),
        "unresolved": [
            {"source": loose.source, "reason": loose.reason, "near": list(loose.near)} for loose in catalog.unresolved
        ],
        "changes": {kind: {"created": c, "changed": u, "removed": r} for kind, c, u, r in counted(planned)},
        "held_back": dict(planned.held_back),
        "problems": problems,
        **about,
    }


def _print(document: dict[str, Any], made: "Prepared", about: dict[str, Any], *, dry_run: bool) -> None:
    from assets.catalog.unresolved import reasons

    console, planned, catalog = output.console(), made.plan, made.catalog
    title = f"{'Would publish' if dry_run else 'Published'} to {document['target']}"
    rows = [
        [kind, counts["created"], counts["changed"], counts["removed"]] for kind, counts in document["changes"].items()
    ]
    output.print_table(title, ["kind", "created", "changed", "removed"], rows)
    if dry_run:
        for change in planned.changes[:MOST_SHOWN]:
            console.print(f"{change.action} {change.kind} {change.key}", markup=False)
        if len(planned.changes) > MOST_SHOWN:
            console.print(f"… and {len(planned.changes) - MOST_SHOWN:,} more")
    held_back = [f"{source}: {why}" for source, why in document["held_back"].items()]
    for said in dict.fromkeys([*held_back, *document["problems"]]):
        console.print(f"note: {said}", markup=False)
    if document["unresolved"]:
        console.print(f"{len(document['unresolved']):,} ends of lineage are not in the catalog, such as:")
        for said, times in reasons(catalog.unresolved).most_common(MOST_REASONS):
            console.print(f"  {said}{f' ({times:,} times)' if times > 1 else ''}", markup=False)
    for what, said in about.items():
        console.print(f"{what}: {said}", markup=False)
