"""A whole job in a process of its own, to be broken: `python -m appliance.chaos.job HOME`.

Two sites, one by drafts and repairs and one step by step, written by a scripted model; container, browser, audit,
explorer, grades, store and exports are real. `--short` makes one site, `--plain` leaves the explorer out, `--local`
takes rooms without walls. It says `up SECONDS` by the machine's clock when a site runs, `step RUN N` after each commit,
with `--list` also `point NAME` at each point, and `over` at the end. Called again it goes on, as the worker does, and
with `--again` failed sites do too. With `--engine GGUF` a real engine writes two tokens before each scripted answer,
and its process is killed at the point after `--engine-at`, which is said as `shot`. `--say FILE` says it all there.
With `--wait` it makes what others ask for, until SIGTERM.
"""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from appliance.agent import Parts
from appliance.assembly import RealRooms, podman_settings
from appliance.chaos.points import Point, at_point, die_at, on_points
from appliance.config import Config, load_config
from appliance.errors import ApplianceError
from appliance.explorer import explore
from appliance.grading import Judges
from appliance.judge import RulesJudge
from appliance.profiles import load_profiles
from appliance.requests import resume, rules_of
from appliance.scratch import remove_dead
from appliance.site import Rooms
from appliance.steps import RunRequest
from appliance.store import Run, Store
from appliance.worker import serve_queue, stop_on_signals
from models.chat import ChatMessage, Sampling
from models.errors import ModelError
from models.llama import LlamaChild, LlamaSettings
from models.scripted import Reply, ScriptedModel
from sandbox.browser import Browser, BrowserSettings
from sandbox.container import Container, ContainerSettings
from sandbox.image import build_image
from sandbox.local import LocalContainer
from sandbox.owners import is_alive
from sandbox.preview import Preview
from sandbox.reaper import reap, reap_browsers

BRIEF = "A page for a bakery with teal buttons."
JOBS = (
    RunRequest(brief=BRIEF, profile="small", model="scripted", drafts=2, steps=4),
    RunRequest(brief=BRIEF, profile="strong", model="scripted", steps=3),
)
SHORT_JOB = (RunRequest(brief=BRIEF, profile="strong", model="scripted", steps=2),)
BREAD = "".join(f"<li>Bread number {n} is baked with rye flour and time</li>" for n in range(12))
PAGE = (
    '<!doctype html><html lang="en"><head><title>Bakery {seed}</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><style>body{{font-family:sans-serif;'
    "color:#222;background:#fff}}button{{background:teal;color:#fff}}</style></head><body><h1>Bakery {seed}</h1>"
    '<ul>{bread}</ul><div style="width:900px">As wide as our oven number {seed}</div><button>Order</button></body>'
    "</html>"
)


def script_of(profile: str) -> Reply:
    """The same question always has the same answer, so that a job that was broken can be compared with a whole one."""

    def reply(messages: Sequence[ChatMessage], sampling: Sampling) -> str:
        page = PAGE.format(seed=sampling.seed, bread=BREAD)
        fenced = f"```html\n{page}\n```"
        return fenced if profile == "small" else f'A plan.\n<file path="index.html">\n{page}\n</file>'

    return reply


class LocalRooms:
    """Rooms without walls, for counting writes where the sandbox is not what is tried."""

    def container(self, stack: str) -> Container:
        return LocalContainer(ContainerSettings(stack=stack))  # type: ignore[arg-type]

    def preview(self, container: Container) -> Preview:
        return Preview(container)

    def browser(self, url: str) -> Browser:
        return Browser(BrowserSettings(), url)


class Rehearsal:
    """The workshop of a broken job."""

    def __init__(
        self, config: Config, home: Path, *, local: bool, plain: bool, engine: LlamaChild | None = None
    ) -> None:
        self._config, self._home, self._local, self._plain, self._engine = config, home, local, plain, engine

    def reap(self) -> None:
        remove_dead(self._home)
        if self._local:
            list(reap_browsers(BrowserSettings().profiles_in, is_alive))
        else:
            reap(podman_settings(self._config), BrowserSettings())

    @contextmanager
    def parts(
        self, run: Run, store: Store, cancelled: Callable[[], bool], tell: Callable[[str, Mapping[str, Any]], None]
    ) -> Iterator[Parts]:
        rooms: Rooms = LocalRooms() if self._local else RealRooms(self._config)
        if not self._local:
            build_image("static", podman_settings(self._config), lambda text: tell("stage", {"stage": text}))
        script = script_of(run.request.profile)

        def reply(messages: Sequence[ChatMessage], sampling: Sampling) -> str:
            if self._engine is not None:
                self._engine.chat([ChatMessage("user", "Go.")], Sampling(max_tokens=2))
            return script(messages, sampling)

        with ScriptedModel(reply) as model:
            yield Parts(
                store=store,
                model=model,
                rooms=rooms,
                judges=Judges(RulesJudge()),
                profile=load_profiles()[run.request.profile],
                rules=rules_of(run.request),
                cancelled=cancelled,
                tell=tell,
                explore=None if self._plain else explore,
            )


def do_job(
    home: Path, workshop: Rehearsal, say: Callable[[str], None], jobs: Sequence[RunRequest], again: bool
) -> None:
    stop = threading.Event()

    def tell(kind: str, data: Mapping[str, Any]) -> None:
        if kind == "stage" and data["stage"] in ("thinking", "running"):
            say(f"up {time.monotonic()}")
        if kind == "run":
            current.append(data["run"])
        if kind == "step":
            say(f"step {current[-1]} {data['n']}")
        if kind in ("warning", "error"):
            say(f"{kind} {data}")

    current: list[str] = []
    with Store(home) as store:
        for request in jobs[len(store.runs()) :]:
            store.add_run(request)
        if again:
            for run in store.runs(status="failed"):
                resume(store, run)

        def between() -> None:
            if all(run.status not in ("queued", "running") for run in store.runs()):
                stop.set()

        serve_queue(store, workshop, stop, tell, between)
    say("over")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--local", action="store_true")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--at", nargs=2, metavar=("NAME", "NTH"))
    parser.add_argument("--engine", type=Path)
    parser.add_argument("--engine-at", nargs=2, metavar=("NAME", "NTH"))
    parser.add_argument("--say", type=Path)
    parser.add_argument("--wait", action="store_true")
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    notes = options.say.open("w", buffering=1) if options.say else sys.stdout

    def say(text: str) -> None:
        print(text, file=notes, flush=True)

    config, _ = load_config(os.environ)  # its sandbox is used; the sites lie apart
    if options.list:
        on_points(lambda name: say(f"point {name}"))
    if options.at:
        die_at(Point(options.at[0], int(options.at[1])))
    with ExitStack() as stack:
        try:
            engine = _engine(options.engine, stack)
            if options.engine_at:
                at_point(Point(options.engine_at[0], int(options.engine_at[1])), lambda: _shoot(engine, say))
            workshop = Rehearsal(config, options.home, local=options.local, plain=options.plain, engine=engine)
            if options.wait:
                with Store(options.home) as store, stop_on_signals() as stop:
                    return serve_queue(store, workshop, stop, lambda kind, data: None)
            do_job(options.home, workshop, say, SHORT_JOB if options.short else JOBS, again=options.again)
        except (ApplianceError, ModelError) as error:
            sys.exit(f"appliance: {error}")


def _engine(gguf: Path | None, stack: ExitStack) -> LlamaChild | None:
    if gguf is None:
        return None
    return stack.enter_context(LlamaChild(LlamaSettings(gguf, context_tokens=4096, threads=1)))


def _shoot(engine: LlamaChild | None, say: Callable[[str], None]) -> None:
    if engine is not None and engine.process_id is not None:
        os.kill(engine.process_id, signal.SIGKILL)
        say("shot")


if __name__ == "__main__":
    main()
