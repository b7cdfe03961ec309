"""Keeps what an author's module does to the root logger, such as `basicConfig`, to that module's own code."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary


@dataclass(slots=True)
class _Setting:
    """What a module has set: more handlers, another level."""

    handlers: list[logging.Handler] = field(default_factory=list)
    level: int | None = None


_settings: WeakKeyDictionary[object, _Setting] = WeakKeyDictionary()


@contextmanager
def root_logging_of(module: object) -> Iterator[None]:
    """Have the root logger inside the block as the module has set it up, and outside of it as it was.

    Set up for good, it would have every library of this program speak, on a command's own output as well.
    """
    root, setting = logging.getLogger(), _settings.setdefault(module, _Setting())
    handlers, level = root.handlers[:], root.level
    for handler in setting.handlers:
        root.addHandler(handler)
    root.setLevel(level if setting.level is None else setting.level)
    try:
        yield
    finally:
        setting.handlers = [each for each in root.handlers if each not in handlers]
        setting.level = root.level if root.level != level else None
        root.handlers[:] = handlers
        root.setLevel(level)
