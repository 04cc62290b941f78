from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.errors import UsageError
from appliance.schedule import current_window, next_window, read_schedule, systemd_units

ROME = ZoneInfo("Europe/Rome")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=ROME)


@pytest.mark.parametrize(
    ("window", "days", "said"),
    [
        ("11pm to 6", "daily", "is no window"),
        ("25:00-06:00", "daily", "no clock shows"),
        ("23:00-23:10", "daily", "10 minutes is too short"),
        ("23:00-23:00", "daily", "0 minutes is too short"),
        ("23:00-06:00", "someday", "“som” is no day"),
    ],
)
def test_what_is_no_schedule_is_refused_with_how_to_write_one(window, days, said):
    with pytest.raises(UsageError, match=said):
        read_schedule(window, days)


def test_a_schedule_reads_back_as_it_was_written():
    assert str(read_schedule("23:00-06:00")) == "23:00-06:00 daily"
    assert str(read_schedule("1:30 - 5:00", "Saturday, mon")) == "01:30-05:00 mon,sat"
    assert str(read_schedule("23:00-06:00", "weekdays")) == "23:00-06:00 mon,tue,wed,thu,fri"


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on():
    friday = read_schedule("23:00-06:00", "fri")
    assert current_window(friday, at("2026-11-28 05:59")).ends == at("2026-11-28 06:00")  # a Saturday morning
    assert current_window(friday, at("2026-11-28 06:00")) is None
    assert current_window(friday, at("2026-11-27 05:00")) is None  # a Friday morning: Thursday's would be
    assert next_window(friday, at("2026-11-28 07:00")).begins == at("2026-12-04 23:00")


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-10-24", 8), ("2026-03-28", 6), ("2026-11-26", 7)],  # clocks go back, forward, and neither
)
def test_the_night_the_clocks_change_is_an_hour_longer_or_shorter(day, hours):
    window = current_window(read_schedule("23:00-06:00"), at(f"{day} 23:30"))
    assert window.ends.timestamp() - window.begins.timestamp() == timedelta(hours=hours).total_seconds()


def test_a_window_that_began_before_the_box_was_switched_on_is_still_one():
    assert current_window(read_schedule("22:00-21:00"), at("2026-11-26 20:30")).begins == at("2026-11-25 22:00")


def test_a_timer_of_the_system_begins_and_ends_with_the_window_and_makes_up_for_nothing():
    units = systemd_units(read_schedule("23:00-06:30", "weekdays"), "/opt/appliance")
    assert "ExecStart=/opt/appliance train night --until 06:30\n" in units["appliance-night.service"]
    timer = units["appliance-night.timer"]
    assert "OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 23:00:00\n" in timer
    assert "Persistent=false" in timer
