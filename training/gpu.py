"""A graphics card that trains: cool enough, within its watts, and emptied by the engine before the trainer fills it.

Read through `nvidia-smi`, the driver's own front end to NVML, so that nothing has to be installed for it. Where it is
missing there is no such card, and nothing here does anything.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from appliance.errors import ApplianceError

FIELDS = ("temperature.gpu", "temperature.memory", "power.draw", "memory.free")
COMMAND = ("nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits")
MOST_GPU_C, MOST_MEMORY_C = 83.0, 95.0
LONGEST_HOT_S = 600.0
FREED_WITHIN_S = 30.0
_REST_S = 5.0
_TIMEOUT_S = 10.0


class TooHot(ApplianceError):
    """The card did not cool down."""

    exit_code = 1


class MemoryTaken(ApplianceError):
    """Something else holds the card's memory."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class CardState:
    """°C, watts and MiB; None where the card does not tell."""

    gpu_c: float | None
    memory_c: float | None
    watts: float | None
    free_mib: float | None


def read_cards(text: str) -> tuple[CardState, ...]:
    """Lines like `71, N/A, 212.50, 11911`."""
    rows = [[_number(cell) for cell in line.split(",")] for line in text.splitlines() if line.strip()]
    return tuple(CardState(*row) for row in rows if len(row) == len(FIELDS))


def card_states() -> tuple[CardState, ...]:
    """Empty without the driver's tool. Raises ApplianceError where the tool is there and does not answer."""
    try:
        answer = subprocess.run(COMMAND, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    except FileNotFoundError:
        return ()
    except subprocess.TimeoutExpired as error:
        raise TooHot("nvidia-smi does not answer; the card may have failed.") from error
    return read_cards(answer.stdout) if answer.returncode == 0 else ()


def too_much(card: CardState, most_watts: float) -> str:
    """What is above its limit, in words; empty where nothing is. `most_watts` 0 sets no limit."""
    limits = (
        ("the card has", card.gpu_c, MOST_GPU_C, "°C"),
        ("its memory has", card.memory_c, MOST_MEMORY_C, "°C"),
        ("the card draws", card.watts, most_watts or None, "W"),
    )
    return ", ".join(
        f"{what} {value:.0f} {unit}, {most:.0f} are allowed"
        for what, value, most, unit in limits
        if value is not None and most is not None and value > most
    )


class Cooler:
    """Called between sequences: rests while a card is too hot or draws too much. Raises TooHot after ten minutes."""

    def __init__(
        self,
        most_watts: float,
        states: Callable[[], tuple[CardState, ...]] = card_states,
        rest: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_watts, self._states, self._rest, self._clock = most_watts, states, rest, clock

    def __call__(self) -> None:
        began = self._clock()
        while why := next(filter(None, (too_much(card, self._most_watts) for card in self._states())), ""):
            if self._clock() - began > LONGEST_HOT_S:
                raise TooHot(f"For ten minutes {why}; the night is over.")
            self._rest(_REST_S)


def wait_for_memory(
    needed_mib: float,
    states: Callable[[], tuple[CardState, ...]] = card_states,
    rest: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Until one card has so much free: the engine's memory comes back a moment after its process is gone.

    Raises MemoryTaken after half a minute. Without a card that tells, there is nothing to wait for.
    """
    until = clock() + FREED_WITHIN_S
    while known := [card.free_mib for card in states() if card.free_mib is not None]:
        if max(known) >= needed_mib:
            return
        if clock() >= until:
            raise MemoryTaken(
                f"The card has {max(known):.0f} MiB free and training needs {needed_mib:.0f};"
                " end what else holds its memory."
            )
        rest(0.5)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:  # [N/A], [Not Supported]
        return None
