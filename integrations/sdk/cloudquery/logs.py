"""What a plugin writes: the lines of its log, of which the last are kept, and those that say what went wrong."""

import json
import logging
import re
import signal
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from integrations.sdk.redact import excerpt

log = logging.getLogger(__name__)
LINES_KEPT = 5
ERRORS_KEPT = 1_000
LONGEST_SHOWN = 500
LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40, "fatal": 50, "panic": 50}
LEFT_OUT = ("time", "timestamp", "stack", "level", "message", "event")
FRAME = re.compile(r'\^*$|at \S|File "|goroutine \d|created by |\S+\.(go|js|mjs|ts):\d+|[\w./*()]+\((0x|\.\.\.|\{)')
"""What is between an error and the end of a traceback, of Go, of Python or of JavaScript."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a plugin's log; `table` is empty where it does not say which one it is about."""

    level: int
    text: str
    table: str = ""


def parsed(line: str) -> LogLine:
    """A line as CloudQuery's SDKs write it, which is JSON; any other is taken as it is."""
    try:
        entry: Any = json.loads(line)
        level = LEVELS.get(str(entry.get("level", "info")), logging.INFO)
        said = entry.get("message") or entry.get("event") or ""
    except (ValueError, AttributeError, RecursionError):
        return LogLine(logging.INFO, excerpt(line, LONGEST_SHOWN))
    facts = {key: value for key, value in entry.items() if key not in LEFT_OUT and not isinstance(value, dict | list)}
    table = entry.get("table")
    name = table.get("name") if isinstance(table, dict) else table
    rest = " ".join(f"{key}={value}" for key, value in facts.items())
    return LogLine(level, excerpt(f"{said} {rest}", LONGEST_SHOWN), name if isinstance(name, str) else "")


class PluginLog:
    """Takes a plugin's lines as they come, in one thread, and is asked for them in others.

    `heard_at` is when the last one came.
    """

    def __init__(self) -> None:
        self._last: deque[str] = deque(maxlen=LINES_KEPT)
        self._errors: dict[str, LogLine] = {}
        self.heard_at = time.monotonic()

    def add(self, line: str) -> None:
        """Pass a line on to our own log, and keep it if it may be asked for."""
        self.heard_at = time.monotonic()
        entry = parsed(line)
        log.log(entry.level, "plugin: %s", entry.text)
        if not FRAME.match(entry.text):
            self._last.append(entry.text)
        if entry.level >= logging.ERROR and len(self._errors) < ERRORS_KEPT:
            self._errors.setdefault(entry.table or entry.text, entry)

    def forget_errors(self) -> None:
        """Begin anew."""
        self._errors = {}

    def errors(self) -> Sequence[LogLine]:
        """The errors since then, the first of each table."""
        return list(self._errors.values())

    def last_words(self) -> str:
        """The last lines that say something."""
        return "; ".join(self._last)


def ending(status: int) -> str:
    """How a process has ended, in words."""
    if status >= 0:
        return f"it has ended with {status}"
    try:
        return f"it was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"it was ended by the signal {-status}"
