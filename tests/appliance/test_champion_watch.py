"""A champion that fails people is taken back; one that had bad luck, or a broken machine under it, is not."""

from __future__ import annotations

import time
from dataclasses import replace
from uuid import uuid4

import pytest

from appliance.champion_watch import ChampionWatch, asked_again, worse_by_chance
from appliance.ledger import Ledger
from appliance.steps import RunRequest
from appliance.store import Store
from tests.appliance.builders import step


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path) as store:
        yield store


def sites(store, pages, *, has_steps=True, **request):
    """A site each, oldest first; those that are False have no page."""
    for page in pages:
        brief = request.get("brief") or f"A bakery in {uuid4()} Street"
        run = store.add_run(RunRequest(**{"profile": "small", "model": "tiny", **request, "brief": brief}))
        if has_steps:
            store.add_step(run.id, step(1, error=not page), {}, (), {}, tip=None)
        store.set_status(run.id, "done" if page else "failed", best=1 if page else None)


def promoted(store):
    time.sleep(0.002)  # sites before it are of an earlier millisecond
    ledger = Ledger(store)
    ledger.add_adapter("ad1", "tiny", "abc", "", None, {})
    ledger.promote("tiny", "ad1", "better")


def looked(store):
    told = []
    ChampionWatch(store, lambda kind, data: told.append(data["text"]))()
    return Ledger(store).champion("tiny"), told


def test_three_sites_in_a_row_without_a_page_take_it_back_and_say_so(store):
    promoted(store)
    sites(store, [True, False, False, False])
    champion, told = looked(store)
    assert champion == ""
    assert told == ["tiny now writes as it came: taken back in service: 3 sites in a row had no page"]
    assert Ledger(store).adapter("ad1").reason == "taken back in service: 3 sites in a row had no page"
    assert Ledger(store).adapter("ad1").state == "retired"


def test_more_failures_than_chance_allows_take_it_back(store):
    sites(store, [True] * 20)
    promoted(store)
    sites(store, [False, True] * 5)
    champion, told = looked(store)
    assert champion == ""
    assert "5 of 10 sites had no page or were asked for again, 0 of 20 before it" in told[0]


def test_sites_that_people_ask_for_once_more_count_against_it(store):
    sites(store, [True] * 20)
    promoted(store)
    sites(store, [True] * 3)
    assert looked(store) == ("ad1", [])
    for name in ("cafe", "shop"):
        sites(store, [True] * 3, brief=f"A {name}")
    champion, told = looked(store)
    assert champion == ""
    assert "4 of 9 sites had no page or were asked for again, 0 of 20 before it" in told[0]


def test_going_on_with_a_site_is_not_asking_for_it_again_nor_is_the_same_wish_days_later(store):
    runs = [store.add_run(RunRequest(brief="A bakery", profile="small", model="tiny")) for _ in range(2)]
    first = replace(runs[0], created_at="2026-01-01T00:00:00.000+00:00")
    later = replace(runs[1], created_at="2026-01-02T00:00:00.001+00:00")
    assert asked_again([later, first]) == set()
    assert asked_again([replace(later, created_at=first.created_at), first]) == {first.id}
    assert asked_again([replace(later, created_at=first.created_at, origin_run=first.id), first]) == set()


@pytest.mark.parametrize("pages", [[True], [False, False], [False, False, True], [True, False] * 2])
def test_bad_luck_is_no_reason(store, pages):
    sites(store, [True, True, False] * 4)
    promoted(store)
    sites(store, pages)
    assert looked(store) == ("ad1", [])


def test_what_the_model_did_not_write_says_nothing_about_it(store):
    promoted(store)
    sites(store, [False] * 5, has_steps=False)
    sites(store, [False] * 5, extras={"night": "1"})
    sites(store, [False] * 5, base_url="http://127.0.0.1:1/v1")
    assert looked(store) == ("ad1", [])


def test_failures_before_the_promotion_are_not_its_own(store):
    sites(store, [False] * 5)
    promoted(store)
    assert looked(store) == ("ad1", [])


@pytest.mark.parametrize(
    ("table", "chance"),
    [((1, 1, 0, 1), 0.5), ((3, 4, 1, 4), 17 / 70), ((0, 5, 3, 5), 1.0), ((0, 5, 0, 5), 1.0)],
)
def test_the_chance_is_fishers(table, chance):
    assert worse_by_chance(*table) == pytest.approx(chance)
