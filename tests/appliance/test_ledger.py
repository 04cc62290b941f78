from __future__ import annotations

import pytest

from appliance.errors import UsageError
from appliance.ledger import Ledger
from appliance.store import Store


@pytest.fixture
def ledger(tmp_path):
    with Store(tmp_path) as store:
        yield Ledger(store)


def add(ledger, name, parent="", model="coder"):
    return ledger.add_adapter(name, model, "abc", parent, None, {"rank": 8})


def states(ledger):
    return {one.id: one.state for one in ledger.adapters()}


def test_a_promotion_retires_the_one_before_and_a_roll_back_brings_it_back(ledger):
    add(ledger, "one")
    add(ledger, "two", parent="one")
    ledger.promote("coder", "one", "gain +0.8")
    ledger.promote("coder", "two", "gain +0.3")
    assert ledger.champion("coder") == "two"
    assert states(ledger) == {"one": "retired", "two": "champion"}
    assert ledger.roll_back("coder", "crashes") == "one"
    assert states(ledger) == {"one": "champion", "two": "retired"}
    assert ledger.roll_back("coder", "crashes") == ""
    assert ledger.champion("coder") == ""
    assert states(ledger) == {"one": "retired", "two": "retired"}
    with pytest.raises(UsageError, match="nothing to roll back"):
        ledger.roll_back("coder", "again")


def test_an_adapter_serves_no_other_model(ledger):
    add(ledger, "one")
    with pytest.raises(UsageError, match="trained on coder, not on other"):
        ledger.promote("other", "one", "by hand")
    with pytest.raises(UsageError, match="There is no adapter nobody"):
        ledger.promote("coder", "nobody", "by hand")
    assert ledger.champion("other") == ledger.champion("coder") == ""


def test_a_rejected_candidate_changes_nothing_in_service(ledger):
    add(ledger, "one")
    ledger.promote("coder", "one", "gain")
    add(ledger, "two", parent="one")
    ledger.reject("two", "not surely better")
    assert ledger.champion("coder") == "one"
    assert ledger.adapter("two").reason == "not surely better"


def test_a_night_goes_from_state_to_state_and_only_one_is_open(ledger):
    night = ledger.begin_night("coder", {"briefs": ["a"]})
    with pytest.raises(UsageError, match="Night 1 is not over"):
        ledger.begin_night("coder", {})
    night = ledger.advance(night, "train", {**night.data, "runs": ["r1"]})
    assert ledger.open_night() == night
    assert night.data == {"briefs": ["a"], "runs": ["r1"]}
    ledger.advance(night, "done", night.data, "no gain")
    assert ledger.open_night() is None
    assert ledger.begin_night("coder", {}).id == 2


def test_two_crashes_in_one_state_end_the_night_and_a_new_state_counts_anew(ledger):
    night = ledger.begin_night("coder", {})
    night = ledger.crashed(night, "killed")
    night = ledger.advance(night, "train", {})
    night = ledger.crashed(night, "killed")
    assert (night.state, night.crashes) == ("train", 1)
    night = ledger.crashed(night, "killed again")
    assert (night.state, night.reason) == ("failed", "killed again")
    assert ledger.open_night() is None


def test_a_schedule_is_kept_and_a_wrong_one_leaves_it(ledger):
    assert ledger.schedule() is None
    ledger.set_schedule("23:00-06:00", "weekdays")
    with pytest.raises(UsageError):
        ledger.set_schedule("noon", "daily")
    assert str(ledger.schedule()) == "23:00-06:00 mon,tue,wed,thu,fri"
    ledger.clear_schedule()
    assert ledger.schedule() is None


def test_what_was_written_is_there_for_another_process(tmp_path):
    with Store(tmp_path) as store:
        add(Ledger(store), "one")
        Ledger(store).promote("coder", "one", "gain")
    with Store(tmp_path) as store:
        assert Ledger(store).champion("coder") == "one"
        assert Ledger(store).adapter("one").manifest == {"rank": 8}
