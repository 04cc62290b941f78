"""Where a process can be killed: each commit, rename, removal and start of a program, by name.

The names come from Python's audit events, of which the store raises one of its own around each commit. So the product
carries no switch for it, and every point that is added later is found by itself.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from appliance.store import COMMIT_EVENT

EVENTS = {
    COMMIT_EVENT: "commit",
    "os.remove": "remove",
    "os.rename": "rename",
    "shutil.rmtree": "remove folder",
    "subprocess.Popen": "start",
    "tempfile.mkdtemp": "new folder",
}
OURS = ("appliance", "models", "sandbox", "training", "web_ui")
ROUNDABOUT = {"_transaction", "transaction", "execute"}
"""Functions of the store that commit for others."""


@dataclass(frozen=True, slots=True)
class Point:
    """The `nth` time that a process comes by, from 1."""

    name: str
    nth: int = 1


def on_points(reached: Callable[[str], None]) -> None:
    """Call `reached` with the name of each point this process comes by. It cannot be undone: for a process that is
    started for it."""

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in EVENTS:
            side = f" {arguments[0]}" if event == COMMIT_EVENT else ""
            reached(f"{EVENTS[event]}{side} {_place(sys._getframe(1))}")

    sys.addaudithook(hook)


def _place(frame: FrameType | None) -> str:
    """The innermost function of ours, as module.function."""
    while frame is not None:
        module, function = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        if module.split(".")[0] in OURS and not (module == "appliance.store" and function in ROUNDABOUT):
            return f"{module}.{function}"
        frame = frame.f_back
    return "outside"


def die_at(point: Point) -> None:
    """From now on this process ends at `point` as by `kill -9`."""
    at_point(point, lambda: os.kill(os.getpid(), signal.SIGKILL))


def at_point(point: Point, do: Callable[[], None]) -> None:
    """Once."""
    left = Counter({point.name: point.nth})

    def reached(name: str) -> None:
        if name == point.name:
            left[name] -= 1
            if left[name] == 0:
                do()

    on_points(reached)
