from __future__ import annotations

from pathlib import Path

import pytest

from setup.errors import CommandFailed
from setup.steps import Stamps, Step, content_hash, run_steps


class Workshop:
    """Steps that note what they did."""

    def __init__(self, folder: Path) -> None:
        self.stamps = Stamps(folder / "stamps.json")
        self.made: list[str] = []
        self.broken: set[str] = set()
        self.gone: set[str] = set()

    def step(self, name: str, inputs: str) -> Step:
        return Step(name, inputs, lambda: name not in self.gone, lambda: self.make(name))

    def make(self, name: str) -> str:
        if name in self.broken:
            raise CommandFailed(f"{name} broke")
        self.made.append(name)
        return "done"

    def run(self, **inputs: str) -> list[str]:
        self.made.clear()
        run_steps([self.step(name, value) for name, value in inputs.items()], self.stamps)
        return self.made


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_a_second_run_does_nothing(workshop: Workshop) -> None:
    assert workshop.run(packages="1", engine="1") == ["packages", "engine"]
    assert workshop.run(packages="1", engine="1") == []


def test_only_the_step_whose_inputs_changed_is_repeated(workshop: Workshop) -> None:
    workshop.run(packages="1", engine="1")
    assert workshop.run(packages="2", engine="1") == ["packages"]


def test_what_was_removed_is_made_again(workshop: Workshop) -> None:
    workshop.run(model="1")
    workshop.gone.add("model")
    assert workshop.run(model="1") == ["model"]


def test_after_a_failure_it_goes_on_where_it_stopped(workshop: Workshop) -> None:
    workshop.broken.add("engine")
    with pytest.raises(CommandFailed):
        workshop.run(packages="1", engine="1", model="1")
    workshop.broken.clear()
    assert workshop.run(packages="1", engine="1", model="1") == ["engine", "model"]


def test_stamps_cut_short_by_a_crash_count_as_none(workshop: Workshop, tmp_path: Path) -> None:
    workshop.run(packages="1")
    (tmp_path / "stamps.json").write_text('{"packa')
    assert workshop.run(packages="1") == ["packages"]


def test_the_hash_sees_content_names_and_new_files(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    folder.mkdir()
    (folder / "a.py").write_text("1")
    seen = {content_hash([folder])}
    (folder / "a.py").write_text("2")
    seen.add(content_hash([folder]))
    (folder / "a.py").rename(folder / "b.py")
    seen.add(content_hash([folder]))
    (folder / "c.py").touch()
    seen.add(content_hash([folder]))
    assert len(seen) == 4
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "c.pyc").touch()
    assert content_hash([folder]) in seen
