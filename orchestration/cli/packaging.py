"""`headwater check` and `headwater package`: a script and its archive, an integration and its package."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from orchestration.cli import output
from orchestration.cli.options import ConfigOption, DebugOption, JsonOption

if TYPE_CHECKING:
    from assets.source import Source
    from orchestration.packaging.checking import Report
    from orchestration.packaging.plugin import Package

STYLES = {"error": "red", "warning": "yellow"}
FAILED = 2


def check(
    target: Annotated[str, typer.Argument(metavar="SCRIPT|SOURCE|ARCHIVE", help="A .py file, a source, or a .zip.")],
    run: Annotated[
        bool, typer.Option("--run", help="Run the extraction twice now, and look at what it declares.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Check a script against Secoda's rules: its text, its manifest, and what it declares. Writes nothing."""
    from orchestration.packaging.checking import check_source, check_text

    if target.lower().endswith(".zip"):
        _check_archive(Path(target), json=json)
        return
    script = _script(target)
    report = check_text(script) if script and not run else check_source(_source(target, script, config), run=run)
    if json:
        output.print_json(_document(report))
    else:
        _print(report, target)
    raise typer.Exit(FAILED if report.errors else 0)


def package(
    target: Annotated[str, typer.Argument(metavar="SCRIPT|SOURCE", help="A .py file, a source, or a module.")],
    version: Annotated[str | None, typer.Argument(help="An integration's version, such as v1.2.3.")] = None,
    out: Annotated[Path, typer.Option("--out", help="The folder to write into.")] = Path("dist"),
    team: Annotated[str, typer.Option(help="Whose plugin it is, at CloudQuery.")] = "",
    message: Annotated[str, typer.Option("--message", "-m", help="What is new; @FILE is a file's text.")] = "",
    docs_dir: Annotated[Path | None, typer.Option(help="Pages of your own, beside the generated ones.")] = None,
    image: Annotated[
        list[str] | None, typer.Option(metavar="PLATFORM", help="Build an image for it, too, such as linux/amd64.")
    ] = None,
    dockerfile: Annotated[Path, typer.Option(help="What images are built of.")] = Path("Dockerfile"),
    build_arg: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="For the Dockerfile.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Build the archive of a script, or the package of an integration as a CloudQuery plugin."""
    from integrations.sdk.errors import ConfigError

    file = _script(target)
    if file:
        if version:
            raise ConfigError("a script's version is in its manifest", hint=f"headwater package {target}")
        _package_script(file, target, out, json=json)
        return
    if not version:
        raise ConfigError(
            "an integration is packaged with a version", hint=f"headwater package {target} v1.0.0; or name a .py file"
        )
    from orchestration.packaging.plugin import Release, message_from, pack
    from orchestration.tabledocs.found import find

    release = Release(version=version, team=team, message=message_from(message))
    build: Any = {"platforms": image or (), "dockerfile": dockerfile, "arguments": build_arg or ()}
    _print_package(pack(find(target, config), release, out, docs=docs_dir, **build), json=json)


def _print_package(packed: "Package", *, json: bool) -> None:
    targets = [asdict(each) for each in packed.targets]
    if json:
        output.print_json({"package": str(packed.folder), "tables": packed.tables, "supported_targets": targets})
        return
    files = ["package.json", "tables.json", "docs/", *(each.path for each in packed.targets)]
    said = f"wrote {packed.folder}: {', '.join(files)}; {packed.tables} tables"
    output.console().print(said, markup=False, soft_wrap=True)


def _package_script(file: Path, script: str, out: Path, *, json: bool) -> None:
    """Refused while `check` finds an error. Raises: DeclarationError, ConfigError."""
    from integrations.sdk.errors import DeclarationError
    from orchestration.packaging.archive import pack, refusals
    from orchestration.packaging.checking import check_text

    report = check_text(file)
    if report.errors:
        first = next(each for each in report.findings.shown if each.rule.severity == "error")
        raise DeclarationError(
            f"{file.name} is not packaged: {report.errors} errors; the first: {first.message} ({first.rule.id})",
            hint=f"headwater check {script}",
        )
    if report.manifest is None:
        raise DeclarationError(
            f"{file.name} has no manifest", hint=f"write {file.stem}.manifest.yaml beside it: docs/secoda.md"
        )
    packed = pack(file, report.manifest, out)
    if reasons := refusals(packed.path):
        packed.path.unlink()
        raise DeclarationError(f"the archive would be refused: {'; '.join(reasons)}")
    if json:
        output.print_json(
            {
                "archive": str(packed.path),
                "sha256": packed.sha256,
                "entries": list(packed.entries),
                "warnings": report.warnings,
            }
        )
        return
    console = output.console()
    console.print(f"wrote {packed.path} ({', '.join(packed.entries)})", markup=False, soft_wrap=True)
    console.print(f"sha256 {packed.sha256}", markup=False, soft_wrap=True)
    if report.warnings:
        console.print(f"{report.warnings} warnings: headwater check {script}", markup=False, soft_wrap=True)


def _script(target: str) -> Path | None:
    """The script that the argument names, None when it names a source. Raises: ConfigError."""
    from orchestration.scripts import script_path

    is_path = target.endswith(".py") or "/" in target or "\\" in target
    return script_path(target, Path.cwd()) if is_path else None


def _source(target: str, script: Path | None, config: Path | None) -> "Source":
    """The source of that name, or the one whose script it is. Raises: ConfigError."""
    from integrations.sdk.errors import ConfigError
    from orchestration.cli.targets import find_source, load

    loaded, sources = load(config)
    if script is None:
        source = find_source(sources, target)
    else:
        names = [
            each.name
            for each in loaded.sources
            if each.path.endswith(".py") and (loaded.folder / each.path).resolve() == script.resolve()
        ]
        if len(names) != 1:
            what = f"{len(names)} sources of the config use" if names else "no source of the config uses"
            raise ConfigError(f"{what} {script.name}: its credentials are not known", hint="name the source instead")
        source = find_source(sources, names[0])
    if not source.entity_types:
        raise ConfigError(
            f"source `{source.name}` declares no resources", hint="check looks at what extract() declares"
        )
    return source


def _document(report: "Report") -> dict[str, Any]:
    from integrations.sdk.redact import redact

    return {
        "script": str(report.script) if report.script else None,
        "manifest": str(report.manifest.path) if report.manifest else None,
        "looked_at": report.looked_at,
        "errors": report.errors,
        "warnings": report.warnings,
        "findings": [
            {
                "rule": each.rule.id,
                "severity": each.rule.severity,
                "line": each.line,
                "message": redact(each.message),
                "sentence": each.rule.sentence,
                "documentation": "docs/secoda.md#rules",
            }
            for each in report.findings.shown
        ],
        "counts": dict(report.findings.counts),
        "resources": report.resources,
        "lineage": report.lineage,
        "asked": [redact(each) for each in report.asked],
    }


def _print(report: "Report", target: str) -> None:
    from integrations.sdk.redact import redact

    shown = sorted(report.findings.shown, key=lambda each: (each.rule.severity, each.line or 0))
    if shown:
        output.print_table(
            target,
            ["severity", "rule", "line", "message"],
            [
                [
                    Text(each.rule.severity, style=STYLES[each.rule.severity]),
                    each.rule.id,
                    each.line,
                    redact(each.message),
                ]
                for each in shown
            ],
        )
    console = output.console()
    for id, count in report.findings.counts.items():
        if (left := count - sum(each.rule.id == id for each in shown)) > 0:
            console.print(f"… and {left:,} more of {id}", markup=False)
    looked_at = ", ".join(report.looked_at)
    found = f"{output.counted(report.errors, 'error')}, {output.counted(report.warnings, 'warning')}"
    console.print(f"{found}; looked at: {looked_at}", markup=False)
    if report.asked:
        console.print(redact("asked: " + ", ".join(report.asked[:10])), markup=False)


def _check_archive(archive: Path, *, json: bool) -> None:
    from orchestration.packaging.archive import refusals

    reasons = refusals(archive)
    if json:
        output.print_json({"archive": str(archive), "refused": bool(reasons), "reasons": reasons})
    else:
        for reason in reasons:
            output.console().print(f"refused: {reason}", markup=False, soft_wrap=True)
        output.console().print("refused" if reasons else "fit to be unpacked", markup=False)
    raise typer.Exit(FAILED if reasons else 0)
