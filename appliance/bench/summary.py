"""All figures of a folder of results, as `--json` prints them and the page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from appliance.bench.figures import baselines, by_mode, compared, figures, losses
from appliance.bench.lift import lift, site_rows
from appliance.bench.modes import LIFT
from appliance.bench.results import Results, SiteLine
from appliance.errors import UsageError

NOT_RECORDED = "not recorded"


def summary(results: Results) -> dict[str, Any]:
    """Raises UsageError where nothing is finished. With one shot, drafts and loop also the figures of the lift."""
    sites, cases = results.finished(), results.cases()
    if not sites:
        raise UsageError(f"{results.folder} holds no finished site; `appliance bench run` measures.")
    setting = results.setting()
    modes = by_mode(sites, cases)
    facts = {
        "model": setting.model if setting else NOT_RECORDED,
        "token_budget": setting.token_budget if setting else 0,
    }
    return {
        **(lift(sites, cases, facts) if set(modes) >= set(LIFT) else {}),
        "setting": asdict(setting) if setting else None,
        "judge": (setting.judge + ("" if setting.held_out else ", not held out")) if setting else NOT_RECORDED,
        "appearance_judges": ", ".join(sorted({line.appearance_judge for line in sites} - {""})) or NOT_RECORDED,
        "modes": {mode: figures(lines) for mode, lines in modes.items()},
        "against_one_shot": baselines(modes),
        "losses": {mode: losses(lines) for mode, lines in modes.items()},
    }


def against_other(results: Results, other: Results) -> dict[str, Any]:
    """Every mode that both have, this less the other, on the sites and seeds that both have. Raises UsageError."""
    mine, theirs = (by_mode(one.finished(), one.cases()) for one in (results, other))
    shared = [mode for mode in mine if mode in theirs]
    if not shared:
        raise UsageError(f"{results.folder} and {other.folder} have no mode in common.")
    return {mode: compared(mine[mode], theirs[mode]) for mode in shared}


_SHOWN = ("accuracy", "valid_render", "console_clean", "appearance", "tokens", "seconds", "runs", "cases")


def readable_summary(found: Mapping[str, Any], sites: Sequence[SiteLine]) -> str:
    """The figures of any modes as a page: a column for each, what each adds to one shot, then every site."""
    modes, setting = found["modes"], found["setting"] or {}
    model, budget, code = (setting.get(name, NOT_RECORDED) for name in ("model", "token_budget", "code"))
    lines = [
        f"# {', '.join(modes)}",
        "",
        f"Model {model}, completion tokens a site up to {budget}, judged by {found['judge']},"
        f" appearance by {found['appearance_judges']}, code {code}.",
        "Accuracy is (YES + ½ PARTIAL) / cases.",
        "",
        f"| | {' | '.join(modes)} |",
        "|---|" + "--:|" * len(modes),
        *(f"| {name} | {' | '.join(_told(one[name]) for one in modes.values())} |" for name in _SHOWN),
        f"| 95 % of the accuracy | {' | '.join(_range(one['interval']) for one in modes.values())} |",
        "",
    ]
    for mode, row in found["against_one_shot"].items():
        lines.append(
            f"{mode} less one shot, by site: {_range(row['accuracy_interval'])} (95 %), better on {row['better']},"
            f" the same on {row['same']}, worse on {row['worse']}."
        )
    return "\n".join([*lines, "", *site_rows(sites)]) + "\n"


def _told(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _range(values: Sequence[float]) -> str:
    low, high = (f"{100 * value:.1f}" for value in values)
    return f"{low} to {high} %"
