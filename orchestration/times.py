"""`${time:…}` in config.yaml, as CloudQuery's command line reads it: a moment, or how far it is from now.

    2025-01-01 · 2025-01-01T12:00:00Z · now · 7 days ago · 1 month 4h30m from now · 7 days ago|2006-01-02

What follows a bar is how the moment is written, as Go writes its reference time; RFC 3339 without one.
"""

import re
from datetime import UTC, datetime, timedelta

from integrations.sdk.errors import ConfigError

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
    **dict.fromkeys(("day", "d"), 86400.0),
}
MONTHS = {"month": 1, "M": 1, "year": 12, "Y": 12}
GO_LAYOUT = re.compile(
    r"2006|January|Jan|01|Monday|Mon|02|15|03|04|05|\.0+|\.9+|PM|MST|Z07:00|Z0700|-07:00|-0700|[_ ]2|06|[1-5]"
)
STRFTIME = {
    "2006": "%Y", "06": "%y", "January": "%B", "Jan": "%b", "01": "%m", "1": "%-m", "Monday": "%A", "Mon": "%a",
    "02": "%d", "2": "%-d", "_2": "%e", " 2": " %-d", "15": "%H", "03": "%I", "3": "%-I", "04": "%M", "4": "%-M",
    "05": "%S", "5": "%-S", "PM": "%p", "MST": "UTC", "Z07:00": "Z", "Z0700": "Z", "-07:00": "+00:00", "-0700": "+0000",
}  # fmt: skip


def moment(expression: str, now: datetime | None = None) -> str:
    """What `${time:expression}` stands for. Raises: ConfigError.

    >>> moment("2 days ago", datetime(2025, 3, 1, tzinfo=UTC))
    '2025-02-27T00:00:00Z'
    >>> moment("1 month from now|2006-01-02", datetime(2025, 1, 31, tzinfo=UTC))
    '2025-03-03'
    """
    when, _, layout = expression.partition("|")
    found = _parsed(when.strip(), now or datetime.now(UTC))
    if not layout:
        return found.isoformat(timespec="seconds").replace("+00:00", "Z")
    in_utc = found.astimezone(UTC)
    return GO_LAYOUT.sub(lambda match: _written(match[0], in_utc), layout)


def _parsed(text: str, now: datetime) -> datetime:
    if text == "now":
        return now
    if DATE.fullmatch(text):
        given = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
        return given if given.tzinfo else given.replace(tzinfo=UTC)
    sign = SIGN.search(text)
    amount = text[: sign.start()] if sign else text
    parts = list(PART.finditer(amount))
    gaps = [0, *(match.end() for match in parts)]
    if not parts or gaps[-1] != len(amount) or any(m.start() != at for m, at in zip(parts, gaps, strict=False)):
        raise ConfigError(f"`{text}` is no time", hint="write now, 2025-01-31, 7 days ago, or 1 hour from now")
    direction = -1 if sign and sign[1] == "ago" else 1
    seconds, months = 0.0, 0.0
    for match in parts:
        number, unit = float(match[1]), match[2] if len(match[2]) <= 2 else match[2].removesuffix("s")
        if unit not in SECONDS and unit not in MONTHS:
            raise ConfigError(f"`{match[2]}` is no unit of time", hint="such as seconds, minutes, hours, days, months")
        months += number * MONTHS.get(unit, 0)
        seconds += number * SECONDS.get(unit, 0)
    return _add_months(now + timedelta(seconds=direction * seconds), direction * int(months))


def _add_months(moment: datetime, months: int) -> datetime:
    """So many months later; a day that its month does not have runs over into the next, as in Go."""
    years, month = divmod(moment.month - 1 + months, 12)
    first = moment.replace(year=moment.year + years, month=month + 1, day=1)
    return first + timedelta(days=moment.day - 1)


def _written(token: str, moment: datetime) -> str:
    if token.startswith("."):
        digits = f"{moment.microsecond:06d}000"[: len(token) - 1]
        return f".{digits}" if token[1] == "0" else f".{digits}".rstrip("0").rstrip(".")
    return moment.strftime(STRFTIME[token])
