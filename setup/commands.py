"""Running other programs: their output goes to the log, a failure becomes one sentence."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from setup.errors import CommandFailed, NoRoom

LAST_LINES_CHARS = 300
END_TIMEOUT_S = 10
DISK_FULL = "No space left on device"


@dataclass(frozen=True, slots=True)
class Commands:
    """`environment` is added to our own."""

    log: Path
    cwd: Path

    def run(self, command: Sequence[str | Path], advice: str, environment: Mapping[str, str] | None = None) -> None:
        """Raises with the advice, the program's last words and the place of the log when it fails."""
        with self.log.open("ab") as log:
            log.write(f"\n$ {' '.join(map(str, command))}\n".encode())
            log.flush()
            start = log.tell()
            code = self._code(command, environment, log.fileno())
        if code != 0:
            self._fail(Path(command[0]).name, code, start, advice)

    def passes(self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> bool:
        with self.log.open("ab") as log:
            return self._code(command, environment, log.fileno()) == 0

    def show(self, command: Sequence[str | Path], advice: str) -> None:
        """Like run, with the program's own progress in view."""
        code = self._code(command, None, None)
        if code != 0:
            raise CommandFailed(f"{advice} ({Path(command[0]).name} ended with code {code}.)")

    def _code(self, command: Sequence[str | Path], environment: Mapping[str, str] | None, output: int | None) -> int:
        """Ended with all its descendants when we are: a compiler left behind would go on for minutes."""
        words = [str(word) for word in command]
        env = None if environment is None else {**os.environ, **environment}
        try:
            process = subprocess.Popen(
                words, cwd=self.cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
            )
        except FileNotFoundError:
            raise CommandFailed(f"The program {words[0]} is missing; run the command again.") from None
        try:
            return process.wait()
        except BaseException:
            _end_group(process)
            raise

    def _fail(self, program: str, code: int, start: int, advice: str) -> None:
        with self.log.open("rb") as log:
            log.seek(start)
            output = log.read().decode(errors="replace")
        if DISK_FULL in output:
            raise NoRoom(
                "The disk is full; free at least 6 GB and run the command again: finished steps stay finished."
            )
        raise CommandFailed(f"{advice} ({program}, code {code}: {last_words(output)}; all of it in {self.log})")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def last_words(output: str) -> str:
    """The line that most likely says why: the last that speaks of an error, else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["no output"])[-1][:LAST_LINES_CHARS]
