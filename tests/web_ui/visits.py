"""What the tests of the interface share: runs made by a scripted model, and a visitor who sends forms."""

from __future__ import annotations

import threading
from dataclasses import replace

from appliance.checklist import rules_checklist
from appliance.config import load_config
from appliance.explorer import explore
from appliance.store import Store
from appliance.worker import execute, worker_lease
from tests.appliance.rooms import ITEMS, ScriptedWorkshop, fenced, page, request

SECTION = fenced(
    '<section id="news"><h2>News</h2><ul><li>Rye bread is back on Monday, baked at four in the morning</li>'
    "<li>The oven rests on Sundays, and so do we</li></ul></section>"
)
BETTER = page(
    f'<header><h1>Bakery</h1><nav><a href="#bread">Bread</a></nav></header><main><section id="bread"><h2>Our bread</h2>'
    f"<ul>{ITEMS}</ul><button>Order</button></section></main>",
    css="body{background:#fdf6ea;margin:24px}",
)


def work_on(home, replies, run=None, **more):
    """Be the worker for one run, and return it as it ended."""
    workshop = ScriptedWorkshop(replies, explore=explore, make_checklist=lambda _, brief: rules_checklist(brief))
    with Store(home) as store:
        run = run or store.add_run(request(**more))
        with worker_lease(store, workshop, lambda *_: None):
            execute(run, store, workshop, threading.Event(), lambda *_: None, on_stop="stopped")
        return store.run(run.id)


def config_of(home, **ui):
    config, origins = load_config({"APPLIANCE_HOME": str(home)})
    return replace(config, ui=replace(config.ui, **ui)) if ui else config, origins


class Visitor:
    """A browser without a window: follows forms as they are on the page."""

    def __init__(self, app):
        self.client = app.test_client()
        self.base = f"http://127.0.0.1:{app.extensions['desk'].config.ui.port}"

    def get(self, path, **more):
        return self.client.get(path, base_url=self.base, **more)

    def text(self, path, **more):
        answer = self.get(path, **more)
        assert answer.status_code == 200, answer.text
        return answer.text

    def token(self):
        text = self.text("/")
        return text.split('name="token" value="')[1].split('"')[0]

    def post(self, path, data=None, **more):
        return self.client.post(
            *(path,),
            base_url=self.base,
            data={"token": self.token(), **(data or {})},
            headers={"Origin": self.base, **more.pop("headers", {})},
            **more,
        )
