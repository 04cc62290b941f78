"""What tests of the executors run elsewhere: a real store, a real loop, a scripted model that may die or wait."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rooms import GOOD, LocalRooms, ScriptedWorkshop, request, tagged

from appliance.assembly import RealRooms, RealWorkshop
from appliance.config import load_config

PROSE = "I would rather talk about bread than write a page. SEED"


class FarWorkshop(ScriptedWorkshop):
    """`extras["far"]` says what the model does first: `dies`, `dies once`, or `waits` until the folder has `go`."""

    def __init__(self, folder):
        super().__init__(None, LocalRooms())
        self.folder = folder

    @contextmanager
    def parts(self, run, store, cancelled, tell):
        self.script = partial(self._reply, run, cancelled)
        with super().parts(run, store, cancelled, tell) as parts:
            yield parts

    def _reply(self, run, cancelled, messages, sampling):
        (self.folder / f"begun-{run.id}-{os.getpid()}").touch()
        match run.request.extras.get("far"):
            case "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            case "dies once" if len(list(self.folder.glob(f"begun-{run.id}-*"))) == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            case "waits":
                while not (self.folder / "go").exists() and not cancelled():
                    time.sleep(0.01)
        return run.request.extras.get("page", PROSE).replace("SEED", str(sampling.seed))


def open_far(folder):
    return Path(folder) / "home", FarWorkshop(Path(folder))


class PodmanWorkshop(ScriptedWorkshop):
    """Only the model is scripted: its page is shown in a room of Podman, behind the account's own images."""

    def __init__(self):
        self.config, _ = load_config({})
        super().__init__([tagged(GOOD)], RealRooms(self.config))

    def reap(self):
        RealWorkshop(self.config).reap()


def open_podman(folder):
    return Path(folder) / "home", PodmanWorkshop()


def asked(far="", page="", **more):
    """Two drafts without a page, which need no browser; with `page` one draft of it. SEED is each draft's seed."""
    extras = {"far": far, **({"page": tagged(page)} if page else {})}
    return request(steps=1 if page else 2, drafts=1 if page else 2, extras=extras, **more)
