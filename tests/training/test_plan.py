"""The memory plan against the worked table for a 7B, and what a card gets."""

from __future__ import annotations

import pytest

from training.plan import GIB, Sizes, choose_base, plan_training

SEVEN_B = Sizes(
    **{"hidden": 3584, "inner": 18944, "kv": 512, "layers": 28, "vocabulary": 152_064},
    **{"blocks": int(3.4 * GIB), "vocabulary_blocks": int(0.8 * GIB), "tied": False},
)


def planned(kind, tokens, *, offload=False, available=0, on_gpu=True, rank=32):
    return plan_training(
        SEVEN_B,
        kind,
        tokens=tokens,
        rank=rank,
        available=int(available * GIB),
        chunk_tokens=512,
        on_gpu=on_gpu,
        offload=offload,
    )


@pytest.mark.parametrize(
    ("tokens", "plain", "offloaded"),
    [(2048, 8.4, 8.0), (4096, 9.2, 8.5), (8192, 10.8, 9.4), (16384, 14.1, 11.2), (32768, 20.6, 14.9)],
)
def test_a_7b_in_nf4_needs_what_the_worked_table_says_and_half_a_gib_for_adam(tokens, plain, offloaded):
    assert planned("nf4", tokens).needed / GIB == pytest.approx(plain + 0.45, rel=0.05)
    assert planned("nf4", tokens, offload=True).needed / GIB == pytest.approx(offloaded + 0.45, rel=0.05)


def test_counts_of_weights_are_those_of_the_architecture():
    assert SEVEN_B.linears == pytest.approx(6.525e9, rel=1e-3)
    assert SEVEN_B.adapter(32) == pytest.approx(2.523e6 * 32, rel=1e-3)


def test_the_served_blocks_come_first_where_they_fit_and_the_reason_is_told():
    plans = {kind: planned(kind, 4096, available=10.8) for kind in ("gguf", "int8", "bf16", "nf4")}
    assert choose_base(plans) == ("gguf", "gguf, the served weights themselves")
    tight = {"gguf": planned("gguf", 4096, available=5), "nf4": planned("nf4", 4096, available=10.8)}
    assert choose_base(tight) == ("nf4", "nf4, what comes before it does not fit")
    none = {kind: planned(kind, 4096, available=1) for kind in ("gguf", "bf16", "nf4")}
    assert choose_base(none)[1].endswith("is the smallest, and even that does not fit")


def test_the_sentence_says_whether_it_fits_and_where_the_checkpoints_lie():
    assert planned("nf4", 4096, available=24).sentence().startswith("fits: nf4: base ")
    assert planned("nf4", 4096, offload=True).sentence().endswith("of 0.00 GiB, checkpoints in main memory")
