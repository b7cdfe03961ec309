"""From configuration to the destinations that are delivered to."""

from assets.destinations.model import Destination
from integrations.sdk.redact import register_secrets_of
from orchestration.config import Config
from orchestration.probable_secrets import register_probable_secrets
from orchestration.specs import SourceSpec


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
                )
            )
    return found
