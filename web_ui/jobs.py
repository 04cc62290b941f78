"""Work on the machine itself (import a model, check it, try the walls): the command line does it, one job at a time.

What a job says is kept here, in memory: it is over with the server, as the job is.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from appliance.errors import RunBusy

_LINES = 200
_STOP_S = 10.0
_SHARE = re.compile(r": (\d{1,3}) %, ")

JobKind = Literal["import", "pull", "verify", "check", "sandbox"]


@dataclass(frozen=True, slots=True)
class Job:
    """`lines` is what it said so far; `code` its exit code, None while it runs; `share` of its work, 0 to 1, where it
    is of a kind that tells it."""

    id: int
    kind: JobKind
    about: str
    began_at: float
    lines: tuple[str, ...] = ()
    code: int | None = None
    seconds: float = 0.0
    share: float | None = None


class Jobs:
    """`command` is the product's own command line, before its words."""

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "appliance")) -> None:
        self._command = tuple(command)
        self._lock = threading.Lock()
        self._jobs: deque[Job] = deque(maxlen=20)
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._share: float | None = None
        self._process: subprocess.Popen[str] | None = None

    def start(
        self, kind: JobKind, about: str, words: Sequence[str], afterwards: Callable[[], object] = lambda: None
    ) -> Job:
        """Raises RunBusy while another job runs. `afterwards` is done when it has ended, however it did."""
        with self._lock:
            self.require_idle()
            job = Job(self._jobs[0].id + 1 if self._jobs else 1, kind, about, time.time())
            self._lines.clear()
            self._share = None
            self._process = subprocess.Popen(
                (*self._command, *words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            self._jobs.appendleft(job)
            watched = (job, self._process, afterwards)
            threading.Thread(target=self._follow, args=watched, name="job", daemon=True).start()
        return job

    def require_idle(self) -> None:
        """Raises RunBusy."""
        if self._jobs and self._jobs[0].code is None:
            raise RunBusy(f"“{self._jobs[0].about}” is still being worked on; wait for it or stop it.")

    def list(self) -> list[Job]:
        """Newest first."""
        with self._lock:
            jobs = list(self._jobs)
            if jobs and jobs[0].code is None:
                seconds = time.time() - jobs[0].began_at
                jobs[0] = replace(jobs[0], lines=tuple(self._lines), seconds=seconds, share=self._share)
            return jobs

    def stop(self) -> None:
        """End the running job, if there is one."""
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def _follow(self, job: Job, process: subprocess.Popen[str], afterwards: Callable[[], object]) -> None:
        assert process.stdout is not None
        with process.stdout as said:
            for line in said:
                share = _SHARE.search(line)
                with self._lock:
                    if share and self._share is not None and self._lines:
                        self._lines.pop()  # the line before told less of the same
                    self._share = int(share[1]) / 100 if share else None
                    self._lines.append(line.rstrip())
        code = process.wait()
        afterwards()
        with self._lock:
            done = replace(job, lines=tuple(self._lines), code=code, seconds=time.time() - job.began_at)
            self._jobs = deque((done if one.id == job.id else one for one in self._jobs), maxlen=self._jobs.maxlen)
