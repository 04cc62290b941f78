"""What every executor promises; each one's tests inherit this and say how to open one."""

from __future__ import annotations

import abc
import time
from functools import partial

import pytest
from far_rooms import FarWorkshop, asked, open_far

from appliance.executor import Came, Lost
from appliance.fan_out import take
from appliance.run_copy import send
from appliance.store import Store
from appliance.worker import execute

LONG_S = 120.0


def told(kind, data):
    """Nobody listens."""


def contents(store):
    """How many rows there are of what a run is made of."""
    return {name: store.rows(f"SELECT count(*) FROM {name}")[0][0] for name in ("steps", "completions", "events")}


class ExecutorContract(abc.ABC):
    @abc.abstractmethod
    def open_executor(self, open_workshop, retries=3): ...

    @pytest.fixture
    def executor(self, tmp_path):
        with self.open_executor(partial(open_far, str(tmp_path))) as opened:
            yield opened

    def submit(self, executor, store, *requests):
        tickets = [send(store, store.add_run(one)) for one in requests]
        for ticket in tickets:
            executor.submit(ticket)
        return tickets

    def wait(self, executor, count):
        outcomes, until = [], time.monotonic() + LONG_S
        while len(outcomes) < count:
            outcomes += executor.wait(1)
            assert time.monotonic() < until, "nothing came back"
        return outcomes

    def test_a_run_is_the_same_as_one_made_here(self, executor, store, tmp_path):
        self.submit(executor, store, asked())
        (outcome,) = self.wait(executor, 1)
        take(store, outcome, told)
        there = store.run(outcome.ticket.run_id)
        with Store(tmp_path / "here") as other:
            here = other.add_run(asked())
            execute(here, other, FarWorkshop(tmp_path), _Never(), told, on_stop="queued")
            here = other.run(here.id)
            assert (there.status, there.stop_reason, there.engine) == (here.status, here.stop_reason, here.engine)
            assert _timeless(store.steps(there.id)) == _timeless(other.steps(here.id))
            assert len(store.steps(there.id)) == 2
            for n in (1, 2):
                said = store.completion(there.id, n)
                assert said.reply == other.completion(here.id, n).reply
                assert said.messages == other.completion(here.id, n).messages

    def test_many_runs_come_back_each_once(self, executor, store):
        tickets = self.submit(executor, store, *(asked(seed=seed) for seed in range(4)))
        outcomes = self.wait(executor, 4)
        assert sorted(one.ticket.run_id for one in outcomes) == sorted(ticket.run_id for ticket in tickets)
        for outcome in outcomes:
            take(store, outcome, told)
        for ticket in tickets:
            seed = store.run(ticket.run_id).request.seed
            assert store.completion(ticket.run_id, 1).reply.endswith(f" {seed * 1000 + 1}")

    def test_an_outcome_that_is_taken_twice_counts_once(self, executor, store):
        self.submit(executor, store, asked())
        (outcome,) = self.wait(executor, 1)
        take(store, outcome, told)
        once = contents(store)
        take(store, outcome, told)
        assert contents(store) == once

    def test_a_process_that_dies_in_the_middle_is_replaced_and_its_run_counts_once(self, executor, store, tmp_path):
        self.submit(executor, store, asked("dies once"))
        (outcome,) = self.wait(executor, 1)
        assert isinstance(outcome, Came)
        take(store, outcome, told)
        assert len(list(tmp_path.glob("begun-*"))) == 2
        assert len(store.steps(outcome.ticket.run_id)) == 2

    def test_a_run_that_kills_whoever_makes_it_has_failed_by_name_and_can_be_resumed(self, store, tmp_path):
        with self.open_executor(partial(open_far, str(tmp_path)), retries=1) as executor:
            self.submit(executor, store, asked("dies"))
            (outcome,) = self.wait(executor, 1)
            assert isinstance(outcome, Lost)
            take(store, outcome, told)
            assert len(list(tmp_path.glob("begun-*"))) == 2
            run = store.run(outcome.ticket.run_id)
            assert run.status == "failed"
            assert "was lost" in run.stop_reason
            store.queue_again(run.id)
            assert store.next_queued().id == run.id

    def test_a_cancelled_run_comes_back_stopped_and_the_executor_goes_on(self, executor, store, tmp_path):
        (ticket,) = self.submit(executor, store, asked("waits"))
        while not list(tmp_path.glob("begun-*")):
            assert executor.wait(0.05) == []
        store.request_cancel(ticket.run_id)
        executor.cancel(ticket)
        (outcome,) = self.wait(executor, 1)
        take(store, outcome, told)
        run = store.run(ticket.run_id)
        assert (run.status, run.stop_reason) == ("stopped", "cancelled")
        self.submit(executor, store, asked())
        (outcome,) = self.wait(executor, 1)
        assert isinstance(outcome, Came)


class _Never:
    """A stop that nobody asks for."""

    def is_set(self):
        return False

    def wait(self, timeout):
        return False


def _timeless(steps):
    return [(step.n, step.kind, step.parent, step.snapshot, step.observation.error, step.scores) for step in steps]
