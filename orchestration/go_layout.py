"""A moment written as Go writes its reference time, `Mon Jan 2 15:04:05 -0700 MST 2006`."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

TOKEN = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|__2|_2(?!006)|002|0[1-6]|15|[1-5]|PM|pm"
    r"|[-Z]07(?::00:00|0000|:00|00)?|[.,](?:0+|9+)(?!\d)"
)
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def written(layout: str, moment: datetime) -> str:
    """The moment in that layout, in its own time zone.

    >>> written("Mon, 02 Jan 2006 3:04pm Z07:00", datetime.fromisoformat("2025-12-31T17:05:00+01:00"))
    'Wed, 31 Dec 2025 5:05pm +01:00'
    """
    return TOKEN.sub(lambda match: _token(match[0], moment), layout)


def _token(token: str, moment: datetime) -> str:
    if token in PARTS:
        return PARTS[token](moment)
    if token[0] in "-Z":
        return _offset(token, moment)
    digits = f"{moment.microsecond:06d}000"[: len(token) - 1].ljust(len(token) - 1, "0")
    return token[0] + digits if token[1] == "0" else f"{token[0]}{digits}".rstrip("0").rstrip(".,")


def _offset(token: str, moment: datetime) -> str:
    """How far the time zone is from UTC, with as many parts as the token has; a Z for none where the token says so."""
    offset = moment.utcoffset() or timedelta()
    if token[0] == "Z" and not offset:
        return "Z"
    minutes, seconds = divmod(abs(int(offset.total_seconds())), 60)
    parts = [minutes // 60, minutes % 60, seconds][: len(token.replace(":", "")) // 2]
    sign = "-" if offset < timedelta() else "+"
    return sign + (":" if ":" in token else "").join(f"{part:02}" for part in parts)


def _zone(moment: datetime) -> str:
    name = moment.tzname() or "UTC"
    return name if name == "UTC" or not name.startswith("UTC") else _offset("-0700", moment)


def _hour(moment: datetime) -> int:
    return moment.hour % 12 or 12


def _day_of_year(moment: datetime) -> int:
    return moment.timetuple().tm_yday


PARTS: Mapping[str, Callable[[datetime], str]] = {
    "2006": lambda moment: f"{moment.year:04}",
    "06": lambda moment: f"{moment.year % 100:02}",
    "January": lambda moment: MONTHS[moment.month - 1],
    "Jan": lambda moment: MONTHS[moment.month - 1][:3],
    "01": lambda moment: f"{moment.month:02}",
    "1": lambda moment: f"{moment.month}",
    "Monday": lambda moment: DAYS[moment.weekday()],
    "Mon": lambda moment: DAYS[moment.weekday()][:3],
    "02": lambda moment: f"{moment.day:02}",
    "_2": lambda moment: f"{moment.day:2}",
    "2": lambda moment: f"{moment.day}",
    "002": lambda moment: f"{_day_of_year(moment):03}",
    "__2": lambda moment: f"{_day_of_year(moment):3}",
    "15": lambda moment: f"{moment.hour:02}",
    "03": lambda moment: f"{_hour(moment):02}",
    "3": lambda moment: f"{_hour(moment)}",
    "04": lambda moment: f"{moment.minute:02}",
    "4": lambda moment: f"{moment.minute}",
    "05": lambda moment: f"{moment.second:02}",
    "5": lambda moment: f"{moment.second}",
    "PM": lambda moment: "AM" if moment.hour < 12 else "PM",
    "pm": lambda moment: "am" if moment.hour < 12 else "pm",
    "MST": _zone,
}
