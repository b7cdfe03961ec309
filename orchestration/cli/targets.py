"""What a command is about: `SOURCE`, `SOURCE.TABLE`, or everything."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from assets.source import Source
from assets.translator import asset_keys
from integrations.sdk.errors import ConfigError
from integrations.sdk.names import nearest
from integrations.sdk.schema import Node
from orchestration.config import Config, load_config
from orchestration.sources import load_sources


@dataclass(frozen=True, slots=True)
class Target:
    """A source, and which of its assets; None is all of them."""

    source: Source
    assets: tuple[str, ...] | None = None


def load(config: Path | None) -> tuple[Config, list[Source]]:
    """The config file and its sources, at least one. Raises: ConfigError, DeclarationError."""
    loaded = load_config(config)
    if not loaded.sources:
        raise ConfigError("the config file has no source", hint="add a document with `kind: source`")
    return loaded, load_sources(loaded)


def find_source(sources: Sequence[Source], name: str) -> Source:
    """The source of that name. Raises: ConfigError with the nearest right one."""
    for source in sources:
        if source.name == name:
            return source
    raise ConfigError(f"there is no source `{name}`", hint=nearest(name, [source.name for source in sources]))


def find_targets(sources: Sequence[Source], wanted: Sequence[str]) -> list[Target]:
    """What the arguments name, one target per source; all sources when there are none. Raises: ConfigError."""
    if not wanted:
        return [Target(source) for source in sources]
    chosen: dict[str, set[str] | None] = {}
    for argument in wanted:
        name, dot, pattern = argument.partition(".")
        source = find_source(sources, name)
        if not dot:
            chosen[name] = None
        elif chosen.get(name, set()) is not None:
            matching = chosen.setdefault(name, set())
            if matching is not None:
                matching.update(_matching(source, pattern))
    return [
        Target(find_source(sources, name), None if assets is None else tuple(sorted(assets)))
        for name, assets in chosen.items()
    ]


def find_table(sources: Sequence[Source], argument: str) -> tuple[Source, Node]:
    """The table that `SOURCE.TABLE` names, or `TABLE` where only one source has it. Raises: ConfigError."""
    name, dot, table = argument.rpartition(".")
    holders = [find_source(sources, name)] if dot else sources
    found = [(source, node) for source in holders if (node := source.node(table))]
    if len(found) == 1:
        return found[0]
    if found:
        names = " or ".join(f"{source.name}.{table}" for source, _ in found)
        raise ConfigError(f"several sources have a table `{table}`", hint=f"say {names}")
    known = [node.name for source in holders for node in source.nodes]
    raise ConfigError(f"there is no table `{argument}`", hint=nearest(table, known))


def _matching(source: Source, pattern: str) -> list[str]:
    known = [key.path[-1] for key in asset_keys(source)]
    found = [name for name in known if fnmatchcase(name, pattern)]
    if not found:
        raise ConfigError(f"source `{source.name}` has no table `{pattern}`", hint=nearest(pattern, known))
    return found
