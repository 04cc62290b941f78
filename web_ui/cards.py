"""What a page says of each step, made from the store's records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from appliance.decide import lineage
from appliance.steps import Checklist, ChecklistItem, Picture, Step, Verdict
from appliance.store import Run, Store
from web_ui.timeline import Standing, standing

_BINARY_SAMPLE = 4096


@dataclass(frozen=True, slots=True)
class FileChange:
    """Lines that came and went in one file; both 0 for one that is no text."""

    path: str
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class StepCard:
    step: Step
    standing: Standing
    changes: tuple[FileChange, ...]
    desktop: Picture | None
    phone: Picture | None
    against: tuple[str, str] | None = None
    """For a rejected step: by how much its scores differ from its parent's, as text."""

    @property
    def added(self) -> int:
        return sum(change.added for change in self.changes)

    @property
    def removed(self) -> int:
        return sum(change.removed for change in self.changes)

    @property
    def why(self) -> str:
        """One line: what failed, else what the judge of looks says."""
        return self.step.observation.error or self.step.scores.appearance.reason


@dataclass(frozen=True, slots=True)
class Tick:
    """A checklist item with the answer that the shown step got; None before anything was judged."""

    item: ChecklistItem
    verdict: Verdict | None


class LineCounts:
    """How many lines came and went between files. Remembers the last texts: consecutive steps share most of theirs."""

    def __init__(self, most: int = 512) -> None:
        self._kept: dict[str, Counter[str]] = {}
        self._most = most

    def changes(self, store: Store, before: Mapping[str, str], after: Mapping[str, str]) -> tuple[FileChange, ...]:
        """Files of two manifests that differ, by path."""
        paths = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
        return tuple(self._change(store, path, before.get(path), after.get(path)) for path in paths)

    def _change(self, store: Store, path: str, old: str | None, new: str | None) -> FileChange:
        had, has = self._lines(store, old), self._lines(store, new)
        return FileChange(path, (has - had).total(), (had - has).total())

    def _lines(self, store: Store, sha256: str | None) -> Counter[str]:
        if sha256 is None:
            return Counter()
        counted = self._kept.get(sha256)
        if counted is None:
            counted = count_lines(store.blob(sha256))
            while len(self._kept) >= self._most:
                self._kept.pop(next(iter(self._kept)), None)
            self._kept[sha256] = counted
        return counted


def count_lines(content: bytes) -> Counter[str]:
    """How often each line stands in a text; moved lines thus count as unchanged. Empty for what is no text."""
    text = text_of(content)
    return Counter(text.splitlines()) if text is not None else Counter()


def text_of(content: bytes) -> str | None:
    """None for what is no UTF-8 text."""
    try:
        return None if b"\0" in content[:_BINARY_SAMPLE] else content.decode()
    except UnicodeDecodeError:
        return None


def cards(store: Store, run: Run, steps: Sequence[Step], best: int | None, counts: LineCounts) -> list[StepCard]:
    line = {step.n for step in lineage(steps, best)} if best is not None else set()
    manifests = {"": {}, run.base: store.manifest(run.base)}
    by_n = {step.n: step for step in steps}
    made = []
    for step in steps:
        before = by_n[step.parent].snapshot if step.parent in by_n else run.base
        for snapshot in (before, step.snapshot):
            if snapshot not in manifests:
                manifests[snapshot] = store.manifest(snapshot)
        pictures = {picture.name: picture for picture in step.observation.pictures}
        found = counts.changes(store, manifests[before], manifests[step.snapshot])
        state = standing(step, best, line)
        against = _against(step, by_n[step.parent]) if state == "rejected" and step.parent in by_n else None
        made.append(StepCard(step, state, found, pictures.get("desktop"), pictures.get("phone"), against))
    return made


def _against(step: Step, parent: Step) -> tuple[str, str]:
    pairs = (
        (step.scores.appearance.score, parent.scores.appearance.score),
        (step.scores.functionality.score, parent.scores.functionality.score),
    )
    looks, works = (signed(new - old) if new is not None and old is not None else "–" for new, old in pairs)
    return looks, works


def signed(difference: float) -> str:
    """`+0.5`, `−0.5`, `±0.0`."""
    rounded = round(difference, 1)
    return "±0.0" if rounded == 0 else f"{rounded:+.1f}".replace("-", "−")


def ticks(checklist: Checklist | None, step: Step | None) -> list[Tick]:
    """The acceptance tests, each with what the step's judge says of it."""
    verdicts = {verdict.item: verdict for verdict in step.observation.verdicts} if step else {}
    return [Tick(item, verdicts.get(i)) for i, item in enumerate(checklist.items)] if checklist else []
