from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from appliance.scratch import EXPORTS, PREFIX, SCRATCH, empty, remove_dead, scratch
from sandbox.owners import Owner, started_ticks
from sandbox.reaper import orphan_folders

DEAD = Owner(1, started_ticks(1) + 1)
HELPERS = 4


def test_several_processes_may_clean_up_after_the_same_dead_one_at_once(tmp_path):
    for n in range(40):
        for parent in (SCRATCH, EXPORTS):
            for name in "abcdefgh":
                (tmp_path / parent / f"{PREFIX}{DEAD}-{n}" / name).mkdir(parents=True)
    mine = tmp_path / SCRATCH / f"{PREFIX}{Owner.this_process()}-1"
    mine.mkdir()
    with ThreadPoolExecutor(HELPERS) as helpers:
        for done in [helpers.submit(remove_dead, tmp_path) for _ in range(HELPERS)]:
            done.result()
    assert [*(tmp_path / SCRATCH).iterdir(), *(tmp_path / EXPORTS).iterdir()] == [mine]


def test_a_site_folder_is_an_orphan_only_by_the_name_of_a_dead_owner(tmp_path):
    for name, owner in {"dead": DEAD, "mine": Owner.this_process()}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "owner").write_text(str(owner))
    (tmp_path / "half made").mkdir()
    (tmp_path / "a file").touch()
    assert [*orphan_folders(tmp_path, lambda owner: owner != DEAD)] == [tmp_path / "dead"]


def test_what_a_living_process_is_making_is_not_emptied(tmp_path):
    with scratch(tmp_path) as made:
        for name in ("a", f"{PREFIX}{DEAD}-1", f"{PREFIX}odd"):
            (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / "file").touch()
        empty(tmp_path)
        assert [*tmp_path.iterdir()] == [made]
    empty(tmp_path / "never made")
