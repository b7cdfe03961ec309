"""Whether schedules and sensors run by themselves: HEADWATER_AUTOMATION=on. Off by default, as in `headwater dev`."""

import os

import dagster as dg

from integrations.sdk.errors import ConfigError

SETTING = "HEADWATER_AUTOMATION"


def is_on() -> bool:
    """Whether the setting is on. Raises: ConfigError when it is neither on nor off."""
    value = os.environ.get(SETTING, "off").lower()
    if value not in ("on", "off", ""):
        raise ConfigError(f"{SETTING}={value} is neither on nor off")
    return value == "on"


def schedule_status() -> dg.DefaultScheduleStatus:
    """What schedules begin with; the UI can switch each."""
    return dg.DefaultScheduleStatus.RUNNING if is_on() else dg.DefaultScheduleStatus.STOPPED


def sensor_status() -> dg.DefaultSensorStatus:
    """What sensors begin with; the UI can switch each."""
    return dg.DefaultSensorStatus.RUNNING if is_on() else dg.DefaultSensorStatus.STOPPED
