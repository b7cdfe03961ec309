"""The package of an integration as CloudQuery publishes it: `package.json`, `tables.json`, docs, image tars."""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from integrations.sdk.errors import ConfigError
from orchestration.packaging.images import Plan, Target, build
from orchestration.tabledocs.described import table_docs
from orchestration.tabledocs.found import Found
from orchestration.tabledocs.pages import documents, write

SCHEMA_VERSION, PROTOCOL = 1, 3
REGISTRY = "docker.cloudquery.io"
VERSION = re.compile(r"v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
TEAM = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What is published: which version, by whom, and what is new in it."""

    version: str
    team: str
    message: str

    def __post_init__(self) -> None:
        if not VERSION.fullmatch(self.version):
            raise ConfigError(f"`{self.version}` is not a version", hint="write it as v1.2.3")
        if not TEAM.fullmatch(self.team):
            what = f"`{self.team}` is no name of a team" if self.team else "a package needs the team that publishes it"
            raise ConfigError(what, hint="--team, by the name that it has at CloudQuery")


@dataclass(frozen=True, slots=True)
class Package:
    """What was written."""

    folder: Path
    tables: int
    targets: Sequence[Target]


def message_from(text: str) -> str:
    """What is new; `@FILE` is what the file holds. Raises: ConfigError."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{text[1:]} cannot be read: {error.strerror}", hint="--message takes a text or @FILE"
        ) from None


def pack(
    found: Found,
    release: Release,
    folder: Path,
    *,
    docs: Path | None = None,
    platforms: Sequence[str] = (),
    dockerfile: Path = Path("Dockerfile"),
    arguments: Sequence[str] = (),
) -> Package:
    """Write the package into the folder, its images first: they are what may fail. Raises: ConfigError."""
    if not found.module:
        raise ConfigError(
            f"source `{found.name}` is no Python integration", hint="a plugin is packaged by what it is written with"
        )
    if docs and not docs.is_dir():
        raise ConfigError(f"{docs} is not a folder", hint="--docs-dir names the folder of the plugin's own pages")
    write(folder, {})
    plan = _plan(found, release, dockerfile, arguments)
    targets = [build(plan, platform, folder) for platform in dict.fromkeys(platforms)]
    tables = table_docs(found.nodes)
    _write_docs(found, folder / "docs", docs)
    about = {
        "schema_version": SCHEMA_VERSION,
        "name": found.plugin,
        "team": release.team,
        "kind": "source",
        "version": release.version,
        "message": release.message,
        "protocols": [PROTOCOL],
        "supported_targets": [asdict(target) for target in targets],
        "package_type": "docker",
    }
    contents = {"tables.json": [asdict(table) for table in tables], "package.json": about}
    write(folder, {name: json.dumps(each, ensure_ascii=False, indent=2) + "\n" for name, each in contents.items()})
    return Package(folder, len(tables), targets)


def _plan(found: Found, release: Release, dockerfile: Path, arguments: Sequence[str]) -> Plan:
    for each in arguments:
        if "=" not in each:
            raise ConfigError(f"`{each}` is not a build argument", hint="write it as NAME=VALUE")
    return Plan(
        dockerfile=dockerfile,
        repository=f"{REGISTRY}/{release.team}/source-{found.plugin}",
        name=found.plugin,
        version=release.version,
        arguments={"SOURCE": found.module} | dict(each.split("=", 1) for each in arguments),
    )


def _write_docs(found: Found, folder: Path, own: Path | None) -> None:
    """The README as the overview, a page per table, and over them what the author has written."""
    overview = found.readme.read_text(encoding="utf-8") if found.readme else f"# {found.plugin}\n\n{found.about}\n"
    write(folder, {"overview.md": overview})
    write(folder / "tables", documents(found.plugin, found.about, table_docs(found.nodes), "markdown"))
    if own:
        shutil.copytree(own, folder, dirs_exist_ok=True)
