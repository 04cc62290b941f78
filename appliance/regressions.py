"""What once worked on a site is tried again on every later version of it; what breaks is a regression.

Passed GUI tests and the explorer's own successes are both kept as Replays. No model is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from appliance.replay import Expectation, Replay, ReplayAct, replay_of, run_replay, words_of
from appliance.steps import Act, Finding, Step
from sandbox.browser import Browser
from sandbox.hands import Hands, Target, Verb

KIND = "regression"
MOST_EXPLORED = 3
"""The longest of the explorer's ways: it tries the others anyway, and each costs about a second."""
MOST_TESTED = 12


def replays_of(lineage: Sequence[Step]) -> tuple[Replay, ...]:
    """The ways that worked in a trajectory, oldest step first; of two tests of one task the later one."""
    tested: dict[str, Replay] = {}
    for step in lineage:
        held = {verdict.item for verdict in step.observation.verdicts if verdict.answer == "YES"}
        for trace in step.observation.traces:
            if trace.item in held and (replay := replay_of(trace)):
                tested[replay.name] = replay
    explored = [step.observation.exploration for step in lineage if step.observation.exploration]
    ways = sorted(explored[-1].sequences, key=len, reverse=True)[:MOST_EXPLORED] if explored else []
    return (*list(tested.values())[-MOST_TESTED:], *(replay_of_acts(way) for way in ways))


def replay_of_acts(acts: Sequence[Act]) -> Replay:
    """The explorer saw the last act do what it should: that one must still change something."""
    made = []
    for n, act in enumerate(acts):
        verb = msgspec.convert(act.verb, Verb)
        target = msgspec.convert(dict(act.target), Target) if act.target else None
        words = words_of(verb, target, act.text)
        made.append(ReplayAct(verb, words, target, act.text, Expectation(changes=n == len(acts) - 1)))
    return Replay(made[-1].words, tuple(made))


def regressions(browser: Browser, replays: Iterable[Replay]) -> tuple[Finding, ...]:
    """One finding for each replay that fails: the act that broke, and how. Leaves the store of the site empty."""
    found = []
    with Hands(browser) as hands:
        for replay in replays:
            result = run_replay(hands, replay)
            if not result.passed:
                said = f"“{replay.name}” worked before; now it breaks at {result.act}: {result.reason}"
                found.append(Finding(KIND, result.act, said))
        hands.forget()
    return tuple(dict.fromkeys(found))
