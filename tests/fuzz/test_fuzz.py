"""Each reader of untrusted input keeps its promise: the shapes that break readers, and a few hundred random cases.

`python -m tests.fuzz` does the same a million times, with runs four times as long. A case that ever broke
a reader stands in `test_found`.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.cases import LONG, hard, mutated
from tests.fuzz.target import tried
from tests.fuzz.targets import TARGETS

CASES = 60


@pytest.mark.parametrize("name", TARGETS)
def test_a_sound_input_is_read(name, tmp_path):
    target = TARGETS[name]
    assert target.read(target.seeds[0], tmp_path) is not False


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_long_deep_or_cut_is_read_or_refused(name, tmp_path):
    target = TARGETS[name]
    tries = ((shape, tried(target, case, tmp_path)) for shape, case in hard(target, LONG // 4))
    assert not [(shape, fault.what) for shape, fault in tries if fault]


@pytest.mark.parametrize("name", TARGETS)
def test_any_input_is_read_or_refused(name, tmp_path_factory):
    target, folder = TARGETS[name], tmp_path_factory.mktemp("case")
    pieces = st.sampled_from([*target.words, *target.seeds, b"\0", b"\n", b"\\ud800"]) | st.binary(max_size=30)
    changed = st.randoms(use_true_random=False).map(lambda random: mutated(target, random))

    @settings(max_examples=CASES, derandomize=True, deadline=None, database=None)
    @given(st.lists(pieces, max_size=12).map(b"".join) | changed)
    def holds(case):
        fault = tried(target, case, folder)
        assert fault is None, fault.told

    holds()
