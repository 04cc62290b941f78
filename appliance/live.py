"""A run as it happens, on stderr: stage names, tokens, steps with their scores. On a terminal the last line is live."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.status import Status

from appliance.checklist import lines
from appliance.export import summary
from appliance.output import score
from appliance.store import Store
from appliance.visible import visible

_STAGES = {
    "loading": "loading the model",
    "thinking": "the model is writing",
    "continuing": "the reply was cut off; the model goes on",
    "starting": "starting the sandbox and the browser",
    "running": "writing the files into the sandbox",
    "looking": "looking at the page",
    "planning": "drawing up the checklist",
    "exploring": "trying every control",
    "replaying": "trying again what worked before",
    "testing": "clicking through the checklist",
    "judging": "judging",
}
_PLAIN_EVERY_S = 15.0


class Live:
    """Call it with each event's kind and data. As a context manager it closes the live line."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store, self._run_id = store, run_id
        self._console = Console(stderr=True, highlight=False)
        self._status: Status | None = None
        self._chars = 0
        self._began = self._told = time.monotonic()
        self._stage = ""

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def __call__(self, kind: str, data: Mapping[str, Any]) -> None:
        match kind:
            case "stage":
                self._begin(_STAGES.get(data["stage"], data["stage"]), data.get("drafts", 1))
            case "text":
                self._chars += sum(len(text) for text in data.values())
                self._progress()
            case "checklist":
                for line in lines(data):
                    self._line(f"  {line}")
            case "step":
                self._step(data["n"])
            case "backtrack":
                where = "the empty workspace" if data.get("to") is None else f"step {data['to']}"
                self._line(f"  → {where}: {data.get('reason', '')}")
            case "compaction":
                self._line(f"  the conversation was shortened: {data['turns']} earlier turns left out")
            case "compared":
                better = {"first": f"step {data['with']}", "second": f"step {data['n']}"}.get(data["better"], "neither")
                self._line(f"  looks better: {better} ({data['why']})")
            case "judges":
                for line in data["roles"]:
                    self._line(f"  {line}")
            case "warning":
                self._line(f"  ! {data['text']}", "red")
            case "error":
                self._line(f"  failed: {data['error']}", "red")
            case _:
                pass

    def _begin(self, stage: str, drafts: int) -> None:
        self._stage = f"{stage} ({drafts} drafts at once)" if drafts > 1 else stage
        self._chars, self._began = 0, time.monotonic()
        if self._console.is_terminal:
            self._status = self._status or self._console.status("")
            self._status.start()
        self._show(self._stage)

    def _progress(self) -> None:
        waited = time.monotonic() - self._told
        if waited > (0.5 if self._console.is_terminal else _PLAIN_EVERY_S):
            self._show(f"{self._stage}: {self._chars} characters, {time.monotonic() - self._began:.0f} s")

    def _show(self, text: str) -> None:
        self._told = time.monotonic()
        if self._status:
            self._status.update(text)
        else:
            self._console.print(f"  … {text}")

    def _step(self, n: int) -> None:
        row = summary(next(step for step in self._store.steps(self._run_id) if step.n == n))
        verdict = "" if row["verdict"] == "kept" else "  rejected"
        self._line(f"step {n}  {row['aim'] or row['kind']}")
        self._line(
            f"        appearance {score(row['appearance'])}  function {score(row['functionality'])}"
            f"  {row['seconds']:.0f} s  {row['completion_tokens']} tokens{verdict}  {row['error'] or row['reason']}"
        )
        if row["functionality"] is not None:
            self._line(f"        {row['function_reason']}")

    def _line(self, text: str, style: str = "") -> None:
        self._console.print(visible(text), style=style, markup=False, soft_wrap=True)
