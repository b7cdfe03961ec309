"""Secrets of specs that have no model, as a Secoda script's and a plugin's: nobody says which values are secret."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from integrations.sdk.redact import register_secret

SPEAKING = re.compile(r"pass|pwd|secret|token|key|cred|auth(?!ors?(_|$))|cookie|signature|json|dsn", re.IGNORECASE)
LONG_VALUE = 12


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


def _may_be_secret(key: str, value: str) -> bool:
    """Addresses, and short values whose key does not speak of a secret, are wanted in messages.

    An address is secret when somebody logs in with it.
    """
    if "://" in value:
        return urlsplit(value).password is not None
    return SPEAKING.search(key) is not None or ("@" not in value and len(value) >= LONG_VALUE)
