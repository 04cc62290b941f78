from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from appliance.ledger import Ledger
from appliance.night_watch import NightWatch, due, on_battery
from appliance.steps import RunRequest
from appliance.store import Store

REQUEST = RunRequest(brief="A bakery", profile="small", model="tiny")


def tonight(hour=23, minute=30):
    return datetime.now().astimezone().replace(hour=hour, minute=minute)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path) as store:
        yield store


def watched(store, tmp_path, clock=tonight, power=None, least_free=0):
    told = []
    mark = tmp_path / "started"
    command = ["sh", "-c", f'echo "$@" >> {mark}', "night"]
    watch = NightWatch(
        store, lambda kind, data: told.append(data["text"]), command, clock, power or tmp_path / "power", least_free
    )
    return watch, told, mark


def after(watch, mark, times=3):
    for _ in range(times):
        watch()
        if watch._process is not None:
            watch._process.wait(30)
    return mark.read_text().splitlines() if mark.exists() else []


def test_a_night_begins_in_its_window_and_is_told_when_to_end(store, tmp_path):
    Ledger(store).set_schedule("23:00-06:00", "daily")
    watch, told, mark = watched(store, tmp_path)
    with watch:
        assert after(watch, mark, 1) == ["--until 06:00"]
    assert told == ["a night of training begins, until 06:00"]


@pytest.mark.parametrize("hour", [12, 22])
def test_outside_of_the_window_and_without_one_nothing_begins(store, tmp_path, hour):
    watch, told, mark = watched(store, tmp_path, lambda: tonight(hour))
    assert after(watch, mark) == []
    Ledger(store).set_schedule("23:00-06:00", "daily")
    assert after(watch, mark) == []
    assert told == []


def test_a_site_that_somebody_waits_for_goes_first_and_one_of_the_night_does_not(store, tmp_path):
    Ledger(store).set_schedule("23:00-06:00", "daily")
    watch, _, mark = watched(store, tmp_path)
    run = store.add_run(REQUEST)
    assert after(watch, mark) == []
    store.set_status(run.id, "done")
    store.add_run(replace(REQUEST, extras={"night": "1"}))
    with watch:
        assert len(after(watch, mark, 1)) == 1


def test_a_night_that_is_over_is_not_begun_again_in_its_window_and_an_open_one_goes_on(store):
    ledger = Ledger(store)
    ledger.set_schedule("00:00-23:59", "daily")
    night = ledger.begin_night("tiny", {})
    now = datetime.now().astimezone()
    assert due(ledger, now) is not None
    ledger.advance(night, "done", {}, "no gain")
    assert due(ledger, now) is None
    assert due(ledger, now + timedelta(days=1)) is not None


def test_a_laptop_on_battery_waits_and_says_so_once(store, tmp_path):
    Ledger(store).set_schedule("23:00-06:00", "daily")
    plug = tmp_path / "power" / "AC"
    plug.mkdir(parents=True)
    (plug / "type").write_text("Mains\n")
    (plug / "online").write_text("0\n")
    watch, told, mark = watched(store, tmp_path)
    assert after(watch, mark) == []
    assert told == ["the night waits: this machine runs on its battery"]
    (plug / "online").write_text("1\n")
    with watch:
        assert len(after(watch, mark, 1)) == 1


def test_a_full_disk_waits_and_says_so(store, tmp_path):
    Ledger(store).set_schedule("23:00-06:00", "daily")
    watch, told, mark = watched(store, tmp_path, least_free=1 << 60)
    assert after(watch, mark) == []
    assert len(told) == 1
    assert re.fullmatch(r"the night waits: [\d.]+ GiB are free and it may need 1073741824", told[0])


def test_a_machine_without_a_plug_is_not_on_battery(tmp_path):
    assert not on_battery(tmp_path)


def test_people_come_before_nights_in_the_queue(store):
    first = store.add_run(replace(REQUEST, extras={"night": "1"}))
    second = store.add_run(REQUEST)
    assert store.next_queued().id == second.id
    store.set_status(second.id, "done")
    assert store.next_queued().id == first.id
    assert [run.id for run in store.runs(for_people=True)] == [second.id]
    assert (store.count_runs(), store.count_runs(for_people=True)) == (2, 1)


def test_a_night_that_fails_is_not_begun_again_and_again(store, tmp_path):
    Ledger(store).set_schedule("23:00-06:00", "daily")
    told, mark = [], tmp_path / "started"
    command = ["sh", "-c", f"echo once >> {mark}; exit 3"]
    with NightWatch(store, lambda kind, data: told.append(data["text"]), command, tonight, tmp_path / "power") as watch:
        assert after(watch, mark, 5) == ["once"]
    assert told[-1] == "the night ended with exit code 3 and is not tried again before the next window"
