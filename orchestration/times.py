"""`${time:…}` in config.yaml, as CloudQuery's command line reads it: a moment, or how far it is from now.

    2025-01-01 · 2025-01-01T12:00:00Z · now · 7 days ago · 1 month 4h30m from now · 7 days ago|2006-01-02

What follows a bar is how the moment is written, as Go writes its reference time; RFC 3339 without one. What is
reckoned from now is in the time zone of the machine.
"""

import re
from datetime import UTC, datetime, timedelta

from integrations.sdk.errors import ConfigError
from orchestration.go_layout import written

DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[-+]\d{2}:\d{2}))?")
SIGN = re.compile(r"\s+(ago|from\s+now)$")
PART = re.compile(r"([-+]?\d+(?:\.\d*)?)\s*([a-zA-Zµμ]+)\s*")
SECONDS = {
    **dict.fromkeys(("nanosecond", "ns"), 1e-9),
    **dict.fromkeys(("microsecond", "us", "µs", "μs"), 1e-6),
    **dict.fromkeys(("millisecond", "ms"), 1e-3),
    **dict.fromkeys(("second", "s"), 1.0),
    **dict.fromkeys(("minute", "m"), 60.0),
    **dict.fromkeys(("hour", "h"), 3600.0),
}
DAYS = {"day": 1, "d": 1}
MONTHS = {"month": 1, "M": 1, "year": 12, "Y": 12}


def moment(expression: str, now: datetime | None = None) -> str:
    """What `${time:expression}` stands for. Raises: ConfigError.

    >>> moment("2 days ago", datetime(2025, 3, 1, tzinfo=UTC))
    '2025-02-27T00:00:00Z'
    >>> moment("1 month from now|2006-01-02", datetime(2025, 1, 31, tzinfo=UTC))
    '2025-03-03'
    """
    when, *layouts = expression.split("|")
    try:
        found = _parsed(when.strip(), now)
    except (ValueError, OverflowError):
        raise _no_time(when.strip()) from None
    if layouts:
        return written(layouts[0], found)
    return found.isoformat(timespec="seconds").replace("+00:00", "Z")


def _no_time(text: str) -> ConfigError:
    return ConfigError(f"`{text}` is no time", hint="write now, 2025-01-31, 7 days ago, or 1 hour from now")


def _parsed(text: str, now: datetime | None) -> datetime:
    if text == "now":
        return now or datetime.now(UTC).astimezone()
    if DATE.fullmatch(text):
        given = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
        return given if given.tzinfo else given.replace(tzinfo=UTC)
    sign = SIGN.search(text)
    amount = text[: sign.start()] if sign else text
    parts = list(PART.finditer(amount))
    gaps = [0, *(match.end() for match in parts)]
    if not parts or gaps[-1] != len(amount) or any(m.start() != at for m, at in zip(parts, gaps, strict=False)):
        raise _no_time(text)
    direction = -1 if sign and sign[1] == "ago" else 1
    seconds, days, months = 0.0, 0.0, 0.0
    for match in parts:
        number, unit = direction * float(match[1]), match[2] if len(match[2]) <= 2 else match[2].removesuffix("s")
        if not any(unit in units for units in (SECONDS, DAYS, MONTHS)):
            raise ConfigError(f"`{match[2]}` is no unit of time", hint="such as seconds, minutes, hours, days, months")
        months += number * MONTHS.get(unit, 0)
        days += number * DAYS.get(unit, 0)
        seconds += number * SECONDS.get(unit, 0)
    return _from(now, int(months), timedelta(days=days), timedelta(seconds=seconds))


def _from(now: datetime | None, months: int, days: timedelta, rest: timedelta) -> datetime:
    """So far from now: months and days by the calendar, at the same time of the day; hours as they pass."""
    zone = now.tzinfo if now else None  # without one, Python takes the machine's
    wall = (now or datetime.now(UTC)).astimezone(zone).replace(tzinfo=None)
    shifted = _add_months(wall, months) + days
    there = shifted.replace(tzinfo=zone) if zone else shifted.astimezone()
    return (there.astimezone(UTC) + rest).astimezone(zone)


def _add_months(moment: datetime, months: int) -> datetime:
    """So many months later; a day that its month does not have runs over into the next, as in Go."""
    years, month = divmod(moment.month - 1 + months, 12)
    first = moment.replace(year=moment.year + years, month=month + 1, day=1)
    return first + timedelta(days=moment.day - 1)
