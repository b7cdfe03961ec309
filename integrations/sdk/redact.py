"""Keeps secrets out of every text that leaves the program: logs, errors, metadata, pages.

A secret is registered once, where it is read (a credential of a spec, an OAuth token), and from then on
`redact` replaces it, and the forms in which it travels (base64, percent-encoded), by `***`.
"""

import base64
import logging
import re
import threading
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

from pydantic import BaseModel, SecretBytes, SecretStr

MASK = "***"
SHORTEST = 4  # shorter values would blank out ordinary words

_lock = threading.Lock()
_secrets: set[str] = set()
_pattern: re.Pattern[str] | None = None


def register_secret(value: object) -> None:
    """Remember a secret; text, bytes and pydantic's secret types are known, anything else is ignored."""
    text = _plain(value)
    if len(text) < SHORTEST:
        return
    raw = text.encode("utf-8", "surrogatepass")
    encoded = base64.b64encode(raw).decode().rstrip("=")
    forms = {text, quote(text, safe="", errors="replace"), quote_plus(text, errors="replace"), encoded}
    forms.add(base64.urlsafe_b64encode(raw).decode().rstrip("="))
    with _lock:
        global _pattern
        _secrets.update(form for form in forms if len(form) >= SHORTEST)
        _pattern = re.compile("|".join(re.escape(s) for s in sorted(_secrets, key=len, reverse=True)))


def register_secrets_of(spec: object) -> None:
    """Register every secret field of a pydantic model, at any depth."""
    if isinstance(spec, BaseModel):
        for name in type(spec).model_fields:
            register_secrets_of(getattr(spec, name))
    elif isinstance(spec, Mapping):
        for value in spec.values():
            register_secrets_of(value)
    elif isinstance(spec, list | tuple | set):
        for value in spec:
            register_secrets_of(value)
    elif isinstance(spec, SecretStr | SecretBytes):
        register_secret(spec)


def redact(text: str) -> str:
    """The text with every registered secret replaced by `***`.

    >>> register_secret("correct-horse")
    >>> redact("Authorization: Bearer correct-horse")
    'Authorization: Bearer ***'
    """
    return _pattern.sub(MASK, text) if _pattern else text


class RedactingFilter(logging.Filter):
    """A logging filter that redacts the finished message and the traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; it is always let through."""
        if _pattern:
            record.msg, record.args = redact(record.getMessage()), None
            if record.exc_info:
                record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
                record.exc_info = None
        return True


def _plain(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, SecretBytes):
        return value.get_secret_value().decode("utf-8", "replace")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""
