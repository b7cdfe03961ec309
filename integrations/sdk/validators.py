"""ETags between syncs: what a source gave for a page, sent along when that page is asked for again.

They are kept as cursors are: in the transaction that commits the rows they came with. The engine hands those
that are known to the work that a thread does, and takes back the new ones when it has succeeded.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class Validators:
    """ETags by page, as known before and as seen now. A page is named by a hash: its address may hold a secret.

    `salt` goes into the hash: what the pages are read into. `unchanged` counts the pages that still held.
    """

    known: Mapping[str, str] = field(default_factory=dict)
    salt: str = ""
    seen: dict[str, str] = field(default_factory=dict)
    unchanged: int = 0


_current: ContextVar[Validators | None] = ContextVar("headwater_validators", default=None)


@contextmanager
def validating(validators: Validators) -> Iterator[Validators]:
    """Use these validators for what this thread does inside the block."""
    token = _current.set(validators)
    try:
        yield validators
    finally:
        _current.reset(token)


class Check:
    """One page's validator: what to send, and where to keep what comes."""

    def __init__(self, page: str, headers: Mapping[str, str]) -> None:
        self._validators = _current.get() or Validators()
        self._page = hashlib.sha256(f"{self._validators.salt}{page}".encode()).hexdigest()
        self.headers_before = dict(headers)
        known = self._validators.known.get(self._page)
        self.headers = {**headers, "If-None-Match": known} if known else dict(headers)

    def still_holds(self) -> None:
        """The source says that nothing has changed: what was loaded from the page stays."""
        self._validators.unchanged += 1

    def keep(self, etag: str) -> None:
        """Remember what the source calls the page as it is now."""
        if etag:
            self._validators.seen[self._page] = etag
