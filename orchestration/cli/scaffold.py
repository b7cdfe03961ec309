"""`headwater new`: an integration to start from, with its test and its README."""

import keyword
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from integrations.sdk.errors import ConfigError
from integrations.sdk.names import NAME, slug
from orchestration.cli import output
from orchestration.cli.options import ConfigOption, DebugOption, JsonOption
from orchestration.scaffolding import title_of

if TYPE_CHECKING:
    from orchestration.scaffolding.plan import Plan

TEMPLATES = Path(__file__).parent / "templates"
FILES = {
    "integration.py.j2": "integrations/{name}/__init__.py",
    "items.py.j2": "integrations/{name}/tables/items.py",
    "README.md.j2": "integrations/{name}/README.md",
    "test.py.j2": "tests/integrations/{name}/test_{name}.py",
}
PACKAGES = ("integrations/{name}/tables/__init__.py", "tests/integrations/{name}/__init__.py")


def new(
    name: Annotated[str, typer.Argument(help="What to call it: lower-case letters, digits, underscores.")],
    folder: Annotated[Path, typer.Option("--folder", help="The project to write into.")] = Path(),
    openapi: Annotated[
        Path | None, typer.Option("--openapi", help="An OpenAPI document to make tables of, JSON or YAML.")
    ] = None,
    path: Annotated[
        list[str] | None, typer.Option("--path", help="Only these paths of the document; * is anything.")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", help="A path's primary key: /v1/rates=currency,date.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a new integration that runs, its test and its README."""
    if not NAME.match(name) or name == "sdk" or keyword.iskeyword(name):
        raise ConfigError(
            f"`{name}` cannot be an integration's name",
            hint=f"call it `{slug(name) if not NAME.match(name) else f'my_{name}'}`",
        )
    target = folder / "integrations" / name
    if target.exists():
        raise ConfigError(f"{target} is there already", hint="choose another name, or remove it")
    if openapi is None and (path or key):
        raise ConfigError("--path and --key are for --openapi", hint="name the document with --openapi")
    if openapi is None:
        _report(name, _write(folder, name, _from_templates(name)), None, json)
    else:
        from orchestration.scaffolding.openapi import integration_from

        plan, files = integration_from(name, str(openapi), path or (), _keys(key or ()))
        _report(name, _write(folder, name, files), plan, json)


def _from_templates(name: str) -> dict[str, str]:
    """The files of an integration of two tables, by path below the project."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - these are Python and Markdown files, and the name is checked
    )
    return {
        place.format(name=name): environment.get_template(template).render(name=name, title=title_of(name))
        for template, place in FILES.items()
    }


def _keys(said: Sequence[str]) -> dict[str, list[str]]:
    """Primary keys by path. Raises: ConfigError."""
    keys: dict[str, list[str]] = {}
    for each in said:
        path, _, columns = each.rpartition("=")
        names = [name.strip() for name in columns.split(",") if name.strip()]
        if not path or not names:
            raise ConfigError(f"--key {each!r} is no key", hint="write it as --key /v1/rates=currency,date")
        keys[path] = names
    return keys


def _write(folder: Path, name: str, files: Mapping[str, str]) -> list[Path]:
    """Write the files, and make packages of their folders; the files' paths."""
    part = f'"""Part of {title_of(name)}."""\n'
    packages = {place.format(name=name): part if "/tables/" in place else "" for place in PACKAGES}
    for place, text in {**packages, **files}.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if place in files or not path.exists():
            path.write_text(text, encoding="utf-8")
    return [folder / place for place in files]


def _report(name: str, written: list[Path], plan: "Plan | None", json: bool) -> None:
    left_out = plan.left_out if plan else []
    if json:
        document: dict[str, object] = {"name": name, "files": [str(path) for path in written]}
        if plan:
            document["tables"] = [plan.table(member) for member in plan.members]
            document["left_out"] = [error.what for error in left_out]
            document["to_confirm"] = plan.to_confirm
        output.print_json(document)
        return
    for path in written:
        output.console().print(f"wrote {path}", markup=False, soft_wrap=True)
    for error in left_out:
        output.console().print(f"left out: {error}", markup=False, soft_wrap=True)
    for said in plan.to_confirm if plan else ():
        output.console().print(f"to confirm: {said}", markup=False, soft_wrap=True)
    given = {field: f"${{{name.upper()}_{field.upper()}}}" for field in _settings(plan)}
    spec = ", ".join(f'{field}: "{value}"' for field, value in given.items())
    output.console().print(
        f"\nNext: python -m pytest tests/integrations/{name}, then add it to config.yaml:\n\n"
        f"kind: source\nspec:\n  name: {name}\n  path: integrations.{name}\n  destinations: [warehouse]\n"
        f"  spec: {{{spec}}}\n",
        markup=False,
    )


def _settings(plan: "Plan | None") -> list[str]:
    """What a user has to give."""
    if plan is None:
        return ["token"]
    unknown = [] if plan.base_url.startswith("http") else ["base_url"]
    return [*plan.secrets, *plan.settings, *unknown]
