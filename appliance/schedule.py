"""When the box may train: a window of the wall clock on some days. Pure.

A window belongs to the day it begins on and may reach into the next. Times are the machine's own: on the night the
clocks change, 23:00 to 06:00 lasts an hour more or less. A clock that jumps is simply read again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from appliance.errors import UsageError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_GROUPS = {"daily": DAYS, "weekdays": DAYS[:5], "weekends": DAYS[5:]}
SHORTEST = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Schedule:
    """`days` are 0 for Monday to 6, the days on which a window begins."""

    start: time
    end: time
    days: frozenset[int]

    def __str__(self) -> str:
        days = "daily" if len(self.days) == 7 else ",".join(DAYS[day] for day in sorted(self.days))
        return f"{self.start:%H:%M}-{self.end:%H:%M} {days}"


@dataclass(frozen=True, slots=True)
class Window:
    begins: datetime
    ends: datetime


SERVICE, TIMER = "appliance-night.service", "appliance-night.timer"


def systemd_units(schedule: Schedule, command: str) -> dict[str, str]:
    """For machines that prefer their own timer to the worker's: file name → text. `command` is the program to call.

    A night that was missed is not made up at noon.
    """
    days = ",".join(DAYS[day].capitalize() for day in sorted(schedule.days))
    return {
        SERVICE: (
            "[Unit]\nDescription=Night of training of the WebGen appliance\n\n"
            f"[Service]\nType=oneshot\nExecStart={command} train night --until {schedule.end:%H:%M}\n"
            "SuccessExitStatus=130\n"
        ),
        TIMER: (
            "[Unit]\nDescription=When the WebGen appliance trains\n\n"
            f"[Timer]\nOnCalendar={days} *-*-* {schedule.start:%H:%M}:00\nPersistent=false\n\n"
            "[Install]\nWantedBy=timers.target\n"
        ),
    }


def read_schedule(window: str, days: str = "daily") -> Schedule:
    """`23:00-06:00` and `daily`, `weekdays`, `weekends` or `mon,wed`. Raises UsageError saying what is wrong."""
    found = re.fullmatch(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*", window)
    if found is None:
        raise UsageError(f"“{window}” is no window; write it like 23:00-06:00.")
    numbers = [int(part) for part in found.groups()]
    try:
        start, end = time(numbers[0], numbers[1]), time(numbers[2], numbers[3])
    except ValueError:
        raise UsageError(f"“{window}” has a time that no clock shows; write it like 23:00-06:00.") from None
    length = timedelta(minutes=(_minutes(end) - _minutes(start)) % (24 * 60))
    if length < SHORTEST:
        raise UsageError(f"A window of {int(length.total_seconds() // 60)} minutes is too short; 30 are needed.")
    return Schedule(start, end, frozenset(_days(days)))


def read_time(text: str) -> time:
    """`06:00`. Raises UsageError."""
    try:
        return time.fromisoformat(text.strip().zfill(5))
    except ValueError:
        raise UsageError(f"“{text}” is no time of the clock; write it like 06:00.") from None


def current_window(schedule: Schedule, now: datetime) -> Window | None:
    """The window that `now` is in. `now` carries a time zone; so do the window's ends."""
    return next((one for one in _around(schedule, now) if one.begins <= now < one.ends), None)


def next_window(schedule: Schedule, now: datetime) -> Window:
    """The next window that begins after `now`."""
    return next(one for one in _around(schedule, now) if one.begins > now)


def _around(schedule: Schedule, now: datetime) -> list[Window]:
    """The windows of the last two days and of the week to come, in order."""
    days = (now.date() + timedelta(days=n) for n in range(-2, 9))
    begin = (datetime.combine(day, schedule.start) for day in days if day.weekday() in schedule.days)
    return [_window(schedule, one, now) for one in begin]


def _window(schedule: Schedule, begins: datetime, now: datetime) -> Window:
    ends = datetime.combine(begins.date(), schedule.end)
    if ends <= begins:
        ends += timedelta(days=1)
    return Window(begins.replace(tzinfo=now.tzinfo), ends.replace(tzinfo=now.tzinfo))


def _days(text: str) -> list[int]:
    names = [part.strip().lower()[:3] for part in _GROUPS.get(text.strip().lower(), text.split(","))]
    if unknown := [name for name in names if name not in DAYS]:
        raise UsageError(f"“{unknown[0]}” is no day; write daily, weekdays, weekends, or days like mon,wed,fri.")
    return [DAYS.index(name) for name in names]


def _minutes(moment: time) -> int:
    return moment.hour * 60 + moment.minute
