"""From configuration to the destinations that are delivered to."""

from collections.abc import Sequence

from assets.destinations.model import Destination
from assets.destinations.writers import check
from assets.source import Source
from integrations.sdk.cloudquery.source import FROM_THE_HUB, HUB, ON_THE_HUB
from integrations.sdk.errors import ConfigError, HeadwaterError
from integrations.sdk.redact import register_secrets_of
from orchestration.cloudquery_files import NOT_TRANSFORMED
from orchestration.config import Config
from orchestration.probable_secrets import register_probable_secrets
from orchestration.specs import DestinationSpec, SourceSpec


def destinations_of(config: Config, source: SourceSpec) -> list[Destination]:
    """What a source is delivered to, besides the warehouse that it lands in."""
    found = []
    for configured in map(config.destination, source.destinations):
        if not configured.is_warehouse:
            register_secrets_of(configured.spec)
            register_probable_secrets(configured.spec.model_extra)
            found.append(
                Destination(
                    name=configured.name,
                    path=configured.path,
                    spec=configured.spec,
                    folder=config.folder,
                    registry=configured.registry,
                    write_mode=configured.write_mode,
                    forced_migration=configured.migrate_mode == "forced",
                    pk_mode=configured.pk_mode,
                    sync_group=configured.sync_group_id,
                    unusable=_unusable(configured),
                )
            )
    return found


def why_not_delivered(sources: Sequence[Source]) -> dict[str, HeadwaterError]:
    """Why nothing can be delivered to destinations of these sources, as far as can be told here, by their names."""
    problems: dict[str, HeadwaterError] = {}
    for destination in {each.name: each for source in sources for each in source.destinations}.values():
        try:
            check(destination)
        except ConfigError as error:
            what = f"nothing is delivered to `{destination.name}`: {error.what}"
            problems[destination.name] = ConfigError(what, hint=error.hint)
    return problems


def _unusable(configured: DestinationSpec) -> str:
    """Why nothing can be delivered to a destination; empty where it can."""
    if configured.transformers:
        return NOT_TRANSFORMED
    return f"{ON_THE_HUB.format(path=configured.path)}: {FROM_THE_HUB}" if configured.registry in HUB else ""
