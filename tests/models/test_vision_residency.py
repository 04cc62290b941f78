"""Coder and eyes in one memory: who is loaded when, counted on scripted models."""

from pathlib import Path

import pytest

from models.chat import ChatMessage, ChatModel, Sampling
from models.errors import EngineRefused, SwapRefused
from models.llama import LlamaChild, LlamaSettings
from models.memory import MemoryPlan, plan
from models.residency import Arrangement, LentModel, Residency, ResidencySettings, arrange
from models.scripted import ScriptedModel
from models.tiny_vision import write_tiny_vision_pair
from tests.models.contracts import GREEDY, ChatModelContract

GIB = 1 << 30
NO_SCRATCH = ResidencySettings(picture_mib=0)


def needing(gib: float, of: float) -> MemoryPlan:
    return MemoryPlan(int(gib * GIB), 0, 0, 0, int(of * GIB), 1, 1)


@pytest.mark.parametrize(
    ("coder", "eyes", "memory", "expected"),
    [(5.6, 7.4, 8, "swap"), (5.6, 4.8, 12, "together"), (5.6, 5.6, 12, "swap"), (1, 1, 3, "together")],
)
def test_they_are_together_only_where_both_and_a_picture_fit(
    coder: float, eyes: float, memory: float, expected: Arrangement
) -> None:
    assert arrange(needing(coder, memory), needing(eyes, memory), ResidencySettings()) == expected


def test_apart_on_demand_even_where_both_fit() -> None:
    assert arrange(needing(1, 24), needing(1, 24), ResidencySettings(keep_apart=True)) == "swap"


def test_real_plans_decide(tmp_path: Path) -> None:
    pair = write_tiny_vision_pair(tmp_path)
    for memory_gib, expected in ((4, "together"), (0.5, "swap")):
        memory = int(memory_gib * GIB)
        coder = plan(pair.weights, 4096, memory_bytes=memory)
        eyes = plan(pair.weights, 4096, memory_bytes=memory, projector=pair.projector)
        assert arrange(coder, eyes, NO_SCRATCH) == expected


class Ledger:
    """Opens scripted models and writes down who is open."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        self.open: set[str] = set()
        self.most_open = 0

    def load(self, name: str) -> ChatModel:
        ledger = self

        class Watched(ScriptedModel):
            def close(self) -> None:
                ledger.open.discard(name)

        self.loads.append(name)
        self.open.add(name)
        self.most_open = max(self.most_open, len(self.open))
        return Watched(lambda messages, sampling: "yes", name=name)

    def residency(self, arrangement: Arrangement) -> Residency:
        return Residency(arrangement, lambda: self.load("coder"), lambda: self.load("eyes"))


def test_apart_they_are_never_open_together_and_each_step_swaps_once() -> None:
    ledger = Ledger()
    with ledger.residency("swap") as residency:
        for _ in range(3):
            residency.begin_step()
            residency.coder()
            residency.coder()
            residency.eyes()
            residency.eyes()
        assert residency.swaps == 3
    assert ledger.loads == ["coder", "eyes"] * 3
    assert (ledger.most_open, ledger.open) == (1, set())


def test_together_each_is_loaded_once_for_all_steps() -> None:
    ledger = Ledger()
    with ledger.residency("together") as residency:
        for _ in range(3):
            residency.begin_step()
            residency.coder()
            residency.eyes()
    assert (ledger.loads, residency.swaps, ledger.open) == (["coder", "eyes"], 0, set())


def test_a_second_swap_in_one_step_is_refused_and_the_coder_stays() -> None:
    ledger = Ledger()
    with ledger.residency("swap") as residency:
        residency.begin_step()
        residency.eyes()
        residency.coder()
        with pytest.raises(SwapRefused):
            residency.eyes()
        assert ledger.open == {"coder"}
        residency.begin_step()
        assert residency.eyes().name == "eyes"


def test_eyes_that_do_not_load_leave_the_way_free_for_the_coder() -> None:
    ledger = Ledger()

    def broken() -> ChatModel:
        raise EngineRefused("no room")

    with Residency("swap", lambda: ledger.load("coder"), broken) as residency:
        residency.coder()
        with pytest.raises(EngineRefused):
            residency.eyes()
        assert residency.coder().name == "coder"
    assert ledger.loads == ["coder", "coder"]


def test_a_lent_model_comes_back_for_its_next_call() -> None:
    ledger = Ledger()
    with ledger.residency("swap") as residency:
        coder = LentModel(residency.coder)
        residency.eyes()
        assert ledger.open == {"eyes"}
        assert coder.name == "coder"
        assert ledger.open == {"eyes"}
        assert coder.chat([ChatMessage("user", "there?")], Sampling(max_tokens=5)).text == "yes"
        assert ledger.open == {"coder"}


def test_memory_comes_back_because_the_process_ends(tmp_path: Path) -> None:
    pair = write_tiny_vision_pair(tmp_path)

    def load() -> LlamaChild:
        return LlamaChild(LlamaSettings(pair.weights, pair.projector, context_tokens=4096, threads=1))

    with Residency("swap", load, load) as residency:
        coder = residency.coder()
        assert isinstance(coder, LlamaChild)
        process_id = coder.process_id
        residency.eyes().chat([ChatMessage("user", "there?")], GREEDY)
        assert not Path(f"/proc/{process_id}").exists()


class TestLentModel(ChatModelContract):
    def open_model(self) -> ChatModel:
        story = "There was a lighthouse on a rock and its keeper read letters to the gulls."
        model = ScriptedModel(lambda messages, sampling: story + " And so on." * 1000)
        return LentModel(lambda: model)
