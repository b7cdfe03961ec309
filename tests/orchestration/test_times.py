"""`${time:…}`: the moments that CloudQuery's command line (v6.41.1) makes of the same expressions."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from integrations.sdk.errors import ConfigError
from orchestration.times import moment

NOW = datetime(2025, 12, 9, 0, 5, 6, 120_000, tzinfo=UTC)


@pytest.fixture
def in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with a time zone that has a summer time."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("2025-12-31|Mon, 02 Jan 2006 15:04:05 -0700", "Wed, 31 Dec 2025 00:00:00 +0000"),
        ("2025-01-01|Jan _2 2006|x", "Jan  1 2025"),
        ("2025-01-01|_2006 2006-002 __2 06", "_2025 2025-001   1 25"),
        ("2025-01-01|January Jan Janet Monday Mon Month", "January Jan Janet Wednesday Wed Month"),
        ("2025-01-01|PM pm Pm 3 03 15", "AM am Pm 12 12 00"),
        ("2025-01-01T10:00:00.12Z|05.000 05,000 05.999 .9991", "00.120 00,120 00.12 .9991"),
        ("2025-01-01T10:00:00Z|-07 -07:00 -0700 -070000 Z07 Z07:00 Z0700 MST", "+00 +00:00 +0000 +000000 Z Z Z UTC"),
        ("2025-01-01T10:00:00+02:30|-07 -07:00:00 Z07 Z07:00 MST", "+02 +02:30:00 +02 +02:30 +0230"),
        ("2025-01-01T10:00:00-07:00|15:04 MST", "10:00 -0700"),
        ("now|1/2/06 3:4:5pm", "12/9/25 12:5:6am"),
        ("now|", ""),
    ],
)
def test_a_moment_is_written_as_go_writes_it(expression: str, said: str) -> None:
    """In its own time zone, with every part of the reference time, and nothing that only looks like one."""
    assert moment(expression, NOW) == said


def test_days_go_by_the_calendar_and_hours_by_the_clock() -> None:
    """Across the end of summer time, which is on 2 November."""
    now = datetime(2025, 11, 20, 12, tzinfo=ZoneInfo("America/New_York"))
    for expression, said in (
        ("30 days ago", "2025-10-21T12:00:00-04:00"),
        ("1 month 1 day ago", "2025-10-19T12:00:00-04:00"),
        ("720h ago", "2025-10-21T13:00:00-04:00"),
        ("10 days ago|15:04 MST", "12:00 EST"),
    ):
        assert moment(expression, now) == said


def test_now_is_in_the_machines_time_zone(in_new_york: None) -> None:
    """So is what is reckoned from it."""
    assert moment("now|-07:00") == datetime.now(UTC).astimezone().isoformat()[-6:]
    assert {moment(f"{months} months ago|-07 MST") for months in range(12)} == {"-05 EST", "-04 EDT"}
    assert moment("2025-07-01|MST") == "UTC"


@pytest.mark.parametrize("expression", ["2025-13-01", "2025-02-30", "1000000 days ago", "99999 years ago", "soon", ""])
def test_what_is_no_time_is_said(expression: str) -> None:
    """Also a date that no calendar has, and one that Python cannot reckon with."""
    with pytest.raises(ConfigError, match="is no time"):
        moment(expression)
