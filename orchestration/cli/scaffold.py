"""`headwater new`: an integration to start from, with its test and its README."""

import keyword
from pathlib import Path
from typing import Annotated

import typer

from integrations.sdk.errors import ConfigError
from integrations.sdk.names import NAME, slug
from orchestration.cli import output
from orchestration.cli.options import ConfigOption, DebugOption, JsonOption

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
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a new integration that runs, its test and its README."""
    import jinja2

    if not NAME.match(name) or name == "sdk" or keyword.iskeyword(name):
        raise ConfigError(
            f"`{name}` cannot be an integration's name",
            hint=f"call it `{slug(name) if not NAME.match(name) else f'my_{name}'}`",
        )
    target = folder / "integrations" / name
    if target.exists():
        raise ConfigError(f"{target} is there already", hint="choose another name, or remove it")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - these are Python and Markdown files, and the name is checked
    )
    title = "".join(part.capitalize() for part in name.split("_"))
    written = []
    for template, place in FILES.items():
        path = folder / place.format(name=name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(environment.get_template(template).render(name=name, title=title), encoding="utf-8")
        written.append(path)
    for place in PACKAGES:
        path = folder / place.format(name=name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(f'"""Part of {title}."""\n' if "integrations/" in place[:13] else "", encoding="utf-8")
    if json:
        output.print_json({"name": name, "files": [str(path) for path in written]})
        return
    for path in written:
        output.console().print(f"wrote {path}", markup=False)
    output.console().print(
        f"\nNext: python -m pytest tests/integrations/{name}, then add it to config.yaml:\n\n"
        f"kind: source\nspec:\n  name: {name}\n  path: integrations.{name}\n  destinations: [warehouse]\n"
        f'  spec: {{token: "${{{name.upper()}_TOKEN}}"}}\n',
        markup=False,
    )
