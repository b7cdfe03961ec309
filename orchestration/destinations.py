"""From configuration to the destinations that are delivered to."""

from assets.destinations.model import Destination
from integrations.sdk.cloudquery.source import FROM_THE_HUB, HUB, ON_THE_HUB
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


def _unusable(configured: DestinationSpec) -> str:
    """Why nothing can be delivered to a destination; empty where it can."""
    if configured.transformers:
        return NOT_TRANSFORMED
    return f"{ON_THE_HUB.format(path=configured.path)}: {FROM_THE_HUB}" if configured.registry in HUB else ""
