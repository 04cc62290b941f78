"""A workshop for tests of the loop: scripted model, local container, but real HTTP, Chromium, audit and store."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

from appliance.agent import Parts
from appliance.grading import Judges
from appliance.judge import RulesJudge
from appliance.profiles import load_profiles
from appliance.requests import rules_of
from appliance.steps import RunRequest
from models.scripted import ScriptedModel
from sandbox.browser import Browser, BrowserSettings
from sandbox.container import ContainerSettings
from sandbox.local import LocalContainer
from sandbox.preview import Preview

MADE = ("tester", "judges")


class LocalRooms:
    def container(self, stack):
        return LocalContainer(ContainerSettings(stack=stack))

    def preview(self, container):
        return Preview(container)

    def browser(self, url):
        return Browser(BrowserSettings(), url)


class ScriptedWorkshop:
    """`script` maps a run to the model's replies."""

    def __init__(self, script, rooms=None, **parts):
        """`parts` are further ones of `Parts`; `tester` and `judges` are made from the scripted model."""
        self.script, self.rooms, self.more = script, rooms or LocalRooms(), parts
        self.models = []

    def reap(self):
        pass

    def _made(self, model):
        return {name: part(model) if name in MADE else part for name, part in self.more.items()}

    @contextmanager
    def parts(self, run, store, cancelled, tell):
        with ScriptedModel(self.script) as model:
            self.models.append(model)
            yield Parts(
                store=store,
                model=model,
                rooms=self.rooms,
                profile=load_profiles()[run.request.profile],
                cancelled=cancelled,
                tell=tell,
                **{"judges": Judges(RulesJudge()), "rules": rules_of(run.request), **self._made(model)},
            )


def request(profile="small", **more):
    return replace(RunRequest(brief="A bakery with teal buttons.", profile=profile, model="scripted", drafts=2), **more)


def page(body, *, css="", script="", title="Bakery"):
    return (
        f'<!doctype html><html lang="en"><head><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>body{{font-family:sans-serif;color:#222;background:#fff}}button{{background:teal;color:#fff}}{css}"
        f"</style></head><body>{body}<script>{script}</script></body></html>"
    )


ITEMS = "".join(f"<li>Bread number {n} is baked with rye flour and time</li>" for n in range(12))
GOOD = page(f"<header><h1>Bakery</h1></header><main><h2>Our bread</h2><ul>{ITEMS}</ul><button>Order</button></main>")
WIDE = page(
    f'<h1>Bakery</h1><ul>{ITEMS}</ul><div id="wide" style="width:900px;background:teal">wide</div>'
    "<button>Order</button>"
)
THROWS = page(f"<h1>Bakery</h1><ul>{ITEMS}</ul><button>Order</button>", script="missing.go();")
BLANK = page("")


def fenced(text, language="html"):
    return f"```{language}\n{text}\n```"


def tagged(text, path="index.html"):
    return f'A plan.\n<file path="{path}">\n{text}\n</file>'
