"""Secrets of specs: those that a model or a manifest names, and those that nobody does, by what they are called."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from integrations.sdk.manifest import Manifest, Secrets
from integrations.sdk.redact import register_secret, secrets_of
from orchestration.packaging.script_text import speaks_of_a_secret

SPEAKING = re.compile(r"pass|pwd|secret|token|key|cred|auth(?!ors?(_|$))|cookie|signature|json|dsn", re.IGNORECASE)
LONG_VALUE = 12
SHORTEST_NAMED = 8


def register_probable_secrets(values: object, key: str = "") -> None:
    """Keep from sight what may be secret, at any depth."""
    if isinstance(values, Mapping):
        for name, value in values.items():
            register_probable_secrets(value, str(name))
    elif isinstance(values, list | tuple):
        for value in values:
            register_probable_secrets(value, key)
    elif isinstance(values, str) and _may_be_secret(key, values):
        register_secret(values)


def secrets_in(spec: object, manifest: Manifest | None) -> Secrets | None:
    """What of a source's spec may stand in nothing that it declares; None when there is nothing.

    Where nobody names them, only what is called like a credential: to mask more would spoil names and ids.
    """
    if manifest and isinstance(spec, dict):
        return manifest.secrets(spec)
    if isinstance(spec, dict):
        named = [value for key, value in spec.items() if isinstance(value, str) and speaks_of_a_secret(str(key))]
        values = [value for value in named if len(value) >= SHORTEST_NAMED]
    else:
        values = list(secrets_of(spec))
    return Secrets(values) if values else None


def _may_be_secret(key: str, value: str) -> bool:
    """Addresses, and short values whose key does not speak of a secret, are wanted in messages.

    An address is secret when somebody logs in with it.
    """
    if "://" in value:
        return urlsplit(value).password is not None
    return SPEAKING.search(key) is not None or ("@" not in value and len(value) >= LONG_VALUE)
