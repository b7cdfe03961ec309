"""Keeps secrets out of every text that leaves the program: logs, errors, metadata, pages.

A secret is registered once, where it is read (a credential of a spec, an OAuth token), and from then on
`redact` replaces it, and the forms in which it travels (base64, percent-encoded), by `***`.
"""

import base64
import json
import logging
import re
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, quote_plus

from pydantic import BaseModel, SecretBytes, SecretStr

MASK = "***"
SHORTEST = 4  # shorter values would blank out ordinary words
SHORTEST_INNER = 8  # the same for pieces of base64

_lock = threading.Lock()
_secrets: set[str] = set()
_pattern: re.Pattern[str] | None = None


def register_secret(value: object) -> None:
    """Remember a secret; text, bytes and pydantic's secret types are known, anything else is ignored."""
    text = _plain(value)
    if len(text) < SHORTEST:
        return
    forms = {form for form in _forms(text) if len(form) >= SHORTEST}
    with _lock:
        global _pattern
        if forms <= _secrets:
            return
        _secrets.update(forms)
        _pattern = re.compile("|".join(re.escape(s) for s in sorted(_secrets, key=len, reverse=True)))


def register_secrets_of(spec: object) -> None:
    """Register every secret field of a pydantic model, at any depth."""
    for secret in secrets_of(spec):
        register_secret(secret)


def secrets_of(spec: object) -> Iterator[str]:
    """Every secret field of a pydantic model, at any depth, in the clear."""
    if isinstance(spec, BaseModel):
        for name in type(spec).model_fields:
            yield from secrets_of(getattr(spec, name))
    elif isinstance(spec, Mapping):
        for value in spec.values():
            yield from secrets_of(value)
    elif isinstance(spec, list | tuple | set):
        for value in spec:
            yield from secrets_of(value)
    elif isinstance(spec, SecretStr | SecretBytes):
        yield _plain(spec)


def redact(text: str) -> str:
    """The text with every registered secret replaced by `***`.

    >>> register_secret("correct-horse")
    >>> redact("Authorization: Bearer correct-horse")
    'Authorization: Bearer ***'
    """
    return _pattern.sub(MASK, text) if _pattern else text


def excerpt(text: str, length: int) -> str:
    """The text's beginning on one line, redacted before it is cut: half a secret would not be known for one."""
    return " ".join(redact(text[: 16 * length]).split())[:length]


class _RedactingStream:
    """A text stream that redacts what is written to another one; its `buffer` takes bytes, and redacts those."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write it, redacted; as many characters as were given."""
        self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write them, each redacted."""
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> "_RedactingBytes":
        """What takes bytes."""
        return _RedactingBytes(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _RedactingBytes:
    """The bytes of a text stream, redacted as its text is."""

    def __init__(self, text: _RedactingStream) -> None:
        self._text = text

    def write(self, content: bytes) -> int:
        """Write them, redacted; as many bytes as were given."""
        self._text.write(bytes(content).decode("utf-8", "replace"))
        return len(content)

    def writelines(self, lines: Iterable[bytes]) -> None:
        """Write them, each redacted."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._text, name)


@contextmanager
def redacted_output() -> Iterator[None]:
    """Redact what is printed inside the block: an author's `print` ends up in Dagster's logs, too."""
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _RedactingStream(out), _RedactingStream(err)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err


class RedactingFilter(logging.Filter):
    """A logging filter that redacts the finished message and the traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; it is always let through."""
        if _pattern:
            record.msg, record.args = redact(_message(record)), None
            if record.exc_info:
                record.exc_text = logging.Formatter().formatException(record.exc_info)
                record.exc_info = None
            record.exc_text = redact(record.exc_text) if record.exc_text else None
            record.stack_info = redact(record.stack_info) if record.stack_info else None
        return True


def _message(record: logging.LogRecord) -> str:
    """The finished message; one whose arguments do not fit must not stop the program that logs it."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args!r}"


def _forms(text: str) -> Iterator[str]:
    """The secret as it travels: percent-encoded, quoted in JSON or by `repr`, in base64, alone or inside a pair."""
    yield from (text, text.strip(), repr(text)[1:-1], json.dumps(text)[1:-1])
    for quoted in (
        quote(text, "", errors="replace"),
        quote(text, errors="replace"),
        quote_plus(text, errors="replace"),
    ):
        yield quoted
        yield re.sub("%..", lambda escape: escape[0].lower(), quoted)
    raw = text.encode("utf-8", "surrogatepass")
    for before in range(3):  # `user:secret` shifts the secret by as many bytes, modulo three
        whole = base64.b64encode(bytes(before) + raw).decode().rstrip("=")
        start, partial = (0, 2, 3)[before], (before + len(raw)) % 3 > 0
        for form in (whole, whole[start : len(whole) - partial]):
            if len(form) >= (SHORTEST_INNER if before or form != whole else SHORTEST):
                yield form
                yield form.replace("+", "-").replace("/", "_")


def _plain(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, SecretBytes):
        return value.get_secret_value().decode("utf-8", "replace")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""
