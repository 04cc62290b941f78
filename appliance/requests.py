"""What a user may ask for: a new run, going on, a fork, a stop. The command line and the web UI both ask here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from appliance.brief import check_brief
from appliance.config import Config
from appliance.decide import FAITHFUL, FIXED, Rules, deliverable
from appliance.errors import ConfigError, UnknownRun, UsageError
from appliance.likeness import Likeness
from appliance.profiles import Profile, load_profiles
from appliance.steps import FROM_FILE, Checklist, LikenessRef, RunRequest, Step
from appliance.store import WORKER, Run, Store
from models.catalog import load_catalog
from models.fetch import ModelShelf


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user said on the command line or in the form; None where nothing was said."""

    profile: str | None = None
    model: str | None = None
    stack: str | None = None
    steps: int | None = None
    drafts: int | None = None
    seed: int = 1
    one_shot: bool = False
    faithful: bool = False
    base_url: str | None = None
    likeness: Likeness | None = None
    ablation: str = ""
    """A row of the method's table: the parts up to this one are on, those after it off."""


ABLATION = "ablation"
_WITHOUT: Mapping[str, Mapping[str, bool]] = {
    "execution": {"tells_looks": False, "tells_use": False, "backtracks": False},
    "screenshot": {"tells_use": False, "backtracks": False},
    "gui": {"backtracks": False},
    "backtrack": {},
}


def shelf(config: Config) -> ModelShelf:
    return ModelShelf(config.home / "models", load_catalog())


def find_profile(config: Config, name: str) -> Profile:
    """Raises UsageError."""
    profiles = load_profiles(config.profiles)
    if name not in profiles:
        raise UsageError(f"There is no profile {name!r}; there are {', '.join(sorted(profiles))}.")
    return profiles[name]


def make_request(config: Config, brief: str, wishes: Wishes) -> RunRequest:
    """Every choice made explicit, so that a resumed run does what it began. Raises UsageError and ConfigError."""
    generate = config.generate
    base_url = wishes.base_url or config.engine.base_url
    name = wishes.model or (config.engine.remote_model if base_url else generate.model)
    if base_url and not name:
        raise ConfigError("engine.base_url is set but engine.remote_model is not; name the model to ask for.")
    own = "strong" if base_url else shelf(config).get(name).profile
    profile = find_profile(config, wishes.profile or ("paper" if wishes.faithful else generate.profile or own))
    steps = 1 if wishes.one_shot else wishes.steps or generate.steps or profile.steps
    if steps < 1:
        raise UsageError("--steps must be 1 or more.")
    drafts = min(steps, wishes.drafts or generate.drafts or profile.drafts)
    return RunRequest(
        brief=check_brief(brief),
        profile=profile.name,
        model=name,
        stack=wishes.stack or generate.stack,  # type: ignore[arg-type]  # click, the form and config admit only the two
        steps=steps,
        drafts=drafts,
        seed=wishes.seed,
        token_budget=profile.token_budget,
        rules="faithful" if wishes.faithful else "fixed",
        base_url=base_url,
        likeness=_reference(wishes.likeness),
        extras={ABLATION: wishes.ablation} if wishes.ablation else {},
    )


def check_tests(wishes: Wishes, tests: Checklist | None) -> None:
    """Raises UsageError where the rules have no use for a user's own tests."""
    if wishes.faithful and tests is not None:
        raise UsageError(
            "The paper's rules test one instruction that a model writes; leave out the checklist or --faithful."
        )


def _reference(likeness: Likeness | None) -> LikenessRef | None:
    if likeness is None:
        return None
    return LikenessRef(hashlib.sha256(likeness.png).hexdigest(), likeness.background, likeness.component)


def rules_of(request: RunRequest) -> Rules:
    """The rules a run's steps are weighed by."""
    rules = FAITHFUL if request.rules == "faithful" else FIXED
    without = _WITHOUT[request.extras.get(ABLATION, "backtrack")]
    return replace(rules, steps=request.steps, token_budget=request.token_budget, **without)


def best_of(store: Store, run: Run) -> Step | None:
    """The step that would be delivered now: the user's choice, else the best; None while none shows a page."""
    return best_among(run, store.steps(run.id))


def best_among(run: Run, steps: Sequence[Step]) -> Step | None:
    """The same, for steps that were read already."""
    if run.chosen is not None:
        return next((step for step in steps if step.n == run.chosen), None)
    return deliverable(steps, rules_of(run.request))


def require_best(store: Store, run: Run) -> Step:
    """Raises UnknownRun."""
    best = best_of(store, run)
    if best is None:
        raise UnknownRun(f"Run {run.id} has no step that shows a page; resume it first.")
    return best


def find_step(store: Store, run: Run, n: int) -> Step:
    """Raises UnknownRun."""
    step = store.step(run.id, n)
    if step is None:
        raise UnknownRun(f"Run {run.id} has no step {n}; `appliance runs show {run.id}` lists them.")
    return step


def fork(
    store: Store, run: Run, step: Step, wish: str = "", *, steps: int | None = None, seed: int | None = None
) -> Run:
    """Queue a new run that starts from a step of another, which stays as it is. Raises BriefRefused."""
    request = replace(
        run.request,
        instruction=check_brief(wish) if wish else "",
        steps=steps or run.request.steps,
        seed=run.request.seed if seed is None else seed,
    )
    tests = store.checklist(run.id)
    own = tests if tests and tests.origin == FROM_FILE else None  # others are drawn from the brief again
    return store.add_run(request, origin=(run.id, step.n), base=step.snapshot, checklist=own)


def resume(store: Store, run: Run, steps: int | None = None) -> Run:
    """Queue a stopped, failed or interrupted run again; `steps` is a new limit. Raises RunBusy and UsageError."""
    store.require_idle(run.id)
    if run.status == "done" and not steps:
        raise UsageError(f"Run {run.id} is done; give it more steps with --steps, or use `runs continue`.")
    store.queue_again(run.id, steps)
    return store.run(run.id)


def cancel(store: Store, run: Run) -> str:
    """Stop a run; what is finished is kept. Returns what came of it, in words."""
    match store.cancel(run.id):
        case "asked":
            return f"Run {run.id} is being stopped."
        case "given up":
            return f"The edit of run {run.id} that was waiting is given up."
        case "stopped":
            return f"Run {run.id} is stopped."
        case _:
            return f"Run {run.id} is not running; it is {run.status}."


def shown_status(store: Store, run: Run) -> str:
    """A run whose worker died is no longer running."""
    return "interrupted" if run.status == "running" and store.lease_holder(WORKER) is None else run.status
