"""From the store to step groups: which steps of which runs teach, and what each of them earned.

A group is all runs of one wish, whatever their seeds. A draft begins a trajectory and the repairs that go back to it
belong to it; drafts of one run share their state. Steps without tokens of the wanted weights teach nothing and are
counted by reason, so that a night can say what it had and why it was not more.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from appliance.steps import RunRequest, Step
from appliance.store import Store
from appliance.token_record import TokenRecord, unpacked
from training.batches import Turn
from training.guards import guarded
from training.rewards import RewardSettings, StepReward, reward
from training.step_grpo import StepGroup, TrainStep


@dataclass(frozen=True, slots=True)
class Collected:
    """`left_out` counts steps by the reason they cannot teach, `flags` those that tried to please the judge."""

    groups: tuple[StepGroup, ...]
    left_out: dict[str, int] = field(default_factory=dict)
    flags: dict[str, int] = field(default_factory=dict)


def step_groups(
    store: Store,
    run_ids: Iterable[str],
    weights: str,
    *,
    on_policy: bool = True,
    settings: RewardSettings | None = None,
) -> Collected:
    """Groups of these runs for a policy with these `weights`, in a fixed order.

    `on_policy` takes only tokens that were drawn from the whole distribution at temperature 1, as Step-GRPO needs.
    """
    by_wish: dict[str, list[tuple[TrainStep, ...]]] = {}
    names: dict[str, str] = {}
    left_out: Counter[str] = Counter()
    flags: Counter[str] = Counter()
    for run_id in sorted(run_ids):
        run = store.run(run_id)
        steps = {step.n: step for step in store.steps(run_id)}
        for chain in trajectories(list(steps.values())):
            taught: list[TrainStep] = []
            for step in chain:
                record = store.completion(run_id, step.n)
                found, why = _tokens(record.record if record else None, weights, on_policy)
                if found is None:
                    left_out[why] += 1
                else:
                    earned = step_reward(step, settings)
                    checked = guarded(
                        earned, step.observation.audit, page_of(store, step), run.request.brief, len(taught)
                    )
                    flags.update(checked.flags)
                    taught.append(TrainStep(checked.reward, _turns(found)))
            if taught:
                wish = wish_of(run.request)
                by_wish.setdefault(wish, []).append(tuple(taught))
                names[wish] = f"{run.request.brief} [{hashlib.sha256(wish.encode()).hexdigest()[:8]}]"
    groups = tuple(StepGroup(names[wish], tuple(chains)) for wish, chains in sorted(by_wish.items()))
    return Collected(groups, dict(left_out), dict(flags))


def wish_of(request: RunRequest) -> str:
    """The same for runs that may be compared: everything that was asked for but the seed, and for whose sake."""
    return msgspec.json.encode(replace(request, seed=0, extras={}), order="sorted").decode()


def trajectories(steps: Sequence[Step]) -> list[list[Step]]:
    """Each draft or first turn with what was built upon it, in the order it was made; rejected repairs too."""
    chains: list[list[Step]] = []
    home: dict[int, list[Step]] = {}
    for step in sorted(steps, key=lambda step: step.n):
        chain = home.get(step.parent) if step.parent is not None else None
        if chain is None:
            chain = []
            chains.append(chain)
        chain.append(step)
        home[step.n] = chain
    return chains


def step_reward(step: Step, settings: RewardSettings | None = None) -> StepReward:
    """Output that held no files is malformed; a machine that broke is nobody's fault; a page that fails earns its 0."""
    observation, scores = step.observation, step.scores
    return reward(
        scores.appearance.score,
        scores.functionality.score,
        is_malformed=observation.stage == "parse" and bool(observation.error),
        is_infra=step.signal == "broke",
        settings=settings,
    )


def page_of(store: Store, step: Step) -> str:
    """The page as it was written; empty where there is none."""
    sha256 = store.manifest(step.snapshot).get("index.html") if step.snapshot else None
    return store.blob(sha256).decode("utf-8", "replace") if sha256 else ""


def _tokens(record: object, weights: str, on_policy: bool) -> tuple[TokenRecord | None, str]:
    if not isinstance(record, dict):
        return None, "not written by a model"
    try:
        found = unpacked(record)
    except ValueError:
        return None, "damaged record"
    if found is None:
        return None, "no tokens kept"
    if found.weights != weights:
        return None, "another model or adapter"
    if on_policy and not found.is_on_policy:
        return None, "not drawn from the whole distribution"
    return found, ""


def _turns(found: TokenRecord) -> tuple[Turn, ...]:
    return tuple(Turn(piece.prompt, piece.tokens, piece.logprobs, 0, None) for piece in found.pieces)
