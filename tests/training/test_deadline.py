"""When a night stops, whatever the clocks do meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from training.night import NightStopped
from training.run import Deadline

BEGAN = datetime(2026, 3, 28, 23, 0)
ENDS = datetime(2026, 3, 29, 6, 0)


class Clocks:
    """The clock on the wall and the steady one, in hours since the night began."""

    def __init__(self):
        self.passed, self.set = 0.0, 0.0

    def wall(self):
        return BEGAN + timedelta(hours=self.passed + self.set)

    def steady(self):
        return 1000 + self.passed * 3600


@pytest.mark.parametrize(
    ("change", "hours"),
    [
        (0.0, 7.0),  # as planned
        (1.0, 6.0),  # clocks go forward: the wall says six an hour earlier
        (-1.0, 8.0),  # and back
        (-30.0, 8.0),  # a clock that was wrong by days
        (30.0, 0.0),
    ],
)
def test_a_night_ends_by_the_wall_and_never_lasts_longer_than_planned_and_an_hour(change, hours):
    clocks = Clocks()
    is_over = Deadline(ENDS, clocks.wall, clocks.steady)
    is_over()
    clocks.set = change
    if hours:
        clocks.passed = hours - 0.01
        is_over()
    clocks.passed = hours
    with pytest.raises(NightStopped):
        is_over()


def test_without_an_end_it_never_stops():
    clocks = Clocks()
    is_over = Deadline(None, clocks.wall, clocks.steady)
    clocks.passed = 1e6
    is_over()
