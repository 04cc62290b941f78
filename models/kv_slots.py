"""Which tokens each sequence of the KV cache holds, and which sequence a prompt should go to.

Pure bookkeeping over a `Memory`; the one rule is that as little as possible is computed twice:
a prompt goes to the sequence with which it shares the most; it is continued in place when nothing of value is cut off,
and branches off into another sequence otherwise, so that a conversation left behind can be taken up again.
A sequence that is being written is held: others may copy from it, and nobody cuts it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

# Cutting fewer tokens than this is not worth a second sequence.
_WORTH_KEEPING = 64


class Memory(Protocol):
    """Positions `start` and later of a sequence are cut; models with a running state can only be cut at 0."""

    can_cut: bool

    def cut(self, sequence: int, start: int) -> None: ...

    def copy(self, source: int, target: int, end: int) -> None: ...


@dataclass(slots=True)
class Slot:
    """`batch_starts`: where each batch of prompt tokens began, oldest first."""

    tokens: list[int] = field(default_factory=list)
    batch_starts: list[int] = field(default_factory=list)
    last_used: int = 0


class KvSlots:
    def __init__(self, memory: Memory, count: int) -> None:
        self._memory = memory
        self._slots = [Slot() for _ in range(count)]
        self._clock = 0
        self._held: set[int] = set()

    @property
    def free(self) -> int:
        return len(self._slots) - len(self._held)

    def hold(self, sequence: int) -> None:
        self._held.add(sequence)

    def release(self, sequence: int) -> None:
        self._held.discard(sequence)

    def __getitem__(self, sequence: int) -> Slot:
        return self._slots[sequence]

    def take(self, prompt: Sequence[int]) -> int:
        """A sequence that holds the beginning of `prompt` and nothing else; at least one token is left to compute.

        One must be free. The caller holds it for as long as it writes."""
        best = max(range(len(self._slots)), key=lambda i: shared_prefix(self._slots[i].tokens, prompt))
        held = self._slots[best].tokens
        shared = shared_prefix(held, prompt)
        if not self._memory.can_cut:
            continues = 0 < shared == len(held) < len(prompt) and best not in self._held
            return self._touch(best if continues else self._emptied(self._oldest(but=())))
        if shared == len(prompt):
            return self._touch(self._again(best, prompt))
        if shared == 0:
            return self._touch(self._emptied(self._oldest(but=())))
        if best in self._held or (len(held) - shared > _WORTH_KEEPING and self.free > 1):
            return self._touch(self._branch(best, shared))
        self._cut(best, shared)
        return self._touch(best)

    def siblings(self, sequence: int, count: int) -> list[int]:
        """`count` further sequences that share all of `sequence`; the least recently used give way."""
        chosen: list[int] = []
        for _ in range(count):
            target = self._oldest(but=(sequence, *chosen))
            self._copy(sequence, target, len(self._slots[sequence].tokens))
            chosen.append(self._touch(target))
        return chosen

    def note(self, sequence: int, tokens: Sequence[int], *, is_prompt: bool) -> None:
        slot = self._slots[sequence]
        if is_prompt:
            slot.batch_starts.append(len(slot.tokens))
        slot.tokens.extend(tokens)

    def restore(self, sequence: int) -> None:
        """After an aborted batch: forgets whatever of it had been computed."""
        if self._memory.can_cut:
            self._memory.cut(sequence, len(self._slots[sequence].tokens))
        else:
            self._emptied(sequence)

    def drop_oldest(self, but: Sequence[int]) -> bool:
        """False when there is nothing left to drop."""
        held = [i for i, slot in enumerate(self._slots) if slot.tokens and i not in but and i not in self._held]
        if not held:
            return False
        self._emptied(min(held, key=lambda i: self._slots[i].last_used))
        return True

    def clear(self) -> None:
        for sequence in range(len(self._slots)):
            self._emptied(sequence)

    def _again(self, best: int, prompt: Sequence[int]) -> int:
        """The same prompt once more, so that the same seed gives the same text to the last bit: its last batch is
        computed again as it was, and lands in the same cells, because batch size and the order of
        cells decide how sums are rounded. Earlier answers to this prompt are in the way. No such promise where somebody
        writes after the same prompt just now."""
        last_batch = max((s for s in self._slots[best].batch_starts if s < len(prompt)), default=0)
        if best in self._held:
            return self._branch(best, last_batch)
        for sequence, slot in enumerate(self._slots):
            in_the_way = sequence != best and sequence not in self._held
            if in_the_way and shared_prefix(slot.tokens, prompt) == len(prompt):
                self._emptied(sequence)
        self._cut(best, last_batch)
        return best

    def _oldest(self, but: Sequence[int]) -> int:
        free = [i for i in range(len(self._slots)) if i not in but and i not in self._held]
        return min(free, key=lambda i: (bool(self._slots[i].tokens), self._slots[i].last_used))

    def _touch(self, sequence: int) -> int:
        self._clock += 1
        self._slots[sequence].last_used = self._clock
        return sequence

    def _branch(self, source: int, shared: int) -> int:
        target = self._oldest(but=(source,))
        self._copy(source, target, shared)
        return target

    def _copy(self, source: int, target: int, end: int) -> None:
        self._emptied(target)
        self._memory.copy(source, target, end)
        old = self._slots[source]
        self._slots[target].tokens = old.tokens[:end]
        self._slots[target].batch_starts = [s for s in old.batch_starts if s < end]

    def _emptied(self, sequence: int) -> int:
        self._cut(sequence, 0)
        return sequence

    def _cut(self, sequence: int, start: int) -> None:
        slot = self._slots[sequence]
        if start < len(slot.tokens) or start == 0:
            self._memory.cut(sequence, start)
        del slot.tokens[start:]
        slot.batch_starts = [s for s in slot.batch_starts if s < start]


def shared_prefix(held: Sequence[int], wanted: Sequence[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(held, wanted, strict=False)) if a != b), min(len(held), len(wanted)))
