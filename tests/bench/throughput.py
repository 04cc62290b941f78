"""Sites an hour, one at a time and several at a time: `python -m tests.bench.throughput [--json] [--model M]`.

Needs what `make test` sets up, and an idle machine. The same briefs with the same seeds are made by the real loop, real
sandbox and browser included, first one after the other and then together, with one loaded model each time.

throughput_ratio   sites an hour together over one at a time
tokens_a_second    completion tokens over all of the time, one at a time and together
valid              runs with a step that shows a page, one at a time and together
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from appliance.assembly import RealWorkshop
from appliance.brief import bench_cases
from appliance.config import Config, load_config
from appliance.requests import Wishes, best_of, make_request
from appliance.store import Store
from appliance.worker import serve_queue

SITES = ("000005", "000031", "000071", "000021")
BUDGET = 4000
"""Completion tokens a site: four drafts and some ten repairs. A run's own budget is 7,500."""


@dataclass(frozen=True, slots=True)
class Hours:
    seconds: float
    tokens: int
    valid: int


def made(config: Config, at_once: int, model: str) -> Hours:
    """All sites to their end, in a store of their own."""
    config = replace(config, engine=replace(config.engine, at_once=at_once))
    with tempfile.TemporaryDirectory(dir=config.home) as home, Store(Path(home)) as store:
        briefs = bench_cases()
        for site in SITES:
            request = make_request(config, briefs[site].instruction, Wishes(seed=1, model=model))
            store.add_run(replace(request, token_budget=BUDGET))
        stop, ended = threading.Event(), []

        def hear(kind: str, data: Any) -> None:
            if kind == "ended":
                ended.append(data)
                print(f"  {at_once} at once: {len(ended)} of {len(SITES)}", file=sys.stderr)
                if len(ended) == len(SITES):
                    stop.set()

        began = time.monotonic()
        serve_queue(store, RealWorkshop(config), stop, hear, at_once=at_once)
        seconds = time.monotonic() - began
        tokens = sum(step.usage.completion_tokens for run in store.runs() for step in store.steps(run.id))
        valid = sum(best_of(store, run) is not None for run in store.runs())
        return Hours(seconds, tokens, valid)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    options.add_argument("--model", default="qwen2.5-coder-1.5b")
    options.add_argument("--at-once", type=int, default=4)
    asked = options.parse_args()
    config, _ = load_config(os.environ)
    one, several = (made(config, at_once, asked.model) for at_once in (1, asked.at_once))
    figures = {
        "throughput_ratio": round(one.seconds / several.seconds, 3),
        "tokens_a_second": [round(hours.tokens / hours.seconds, 1) for hours in (one, several)],
        "sites_an_hour": [round(3600 * len(SITES) / hours.seconds, 2) for hours in (one, several)],
        "valid": [one.valid, several.valid],
        "at_once": asked.at_once,
        "model": asked.model,
    }
    print(json.dumps(figures) if asked.json else "\n".join(f"{name:18} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
