import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.errors import EngineRefused
from models.lending import Lending
from models.scripted import ScriptedModel


class Shelf:
    """Models by name; counts what is open."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.open = 0
        self.most_open = 0

    def __call__(self, name: str) -> ScriptedModel:
        if name == "broken":
            raise EngineRefused("it does not load")
        self.opened.append(name)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        model = ScriptedModel([])
        model.close = self._close  # type: ignore[method-assign]
        return model

    def _close(self) -> None:
        self.open -= 1


class GivenUp(Exception):
    pass


def patient() -> None:
    pass


def test_those_who_want_the_same_share_it_and_the_last_one_closes_it() -> None:
    shelf = Shelf()
    lending = Lending(shelf)
    with lending.lend("a", patient) as first:
        with lending.lend("a", patient) as second:
            assert first is second
        assert shelf.open == 1
    assert (shelf.open, shelf.opened) == (0, ["a"])
    with lending.lend("a", patient):
        assert shelf.opened == ["a", "a"]


def test_never_two_models_at_once() -> None:
    shelf = Shelf()
    lending = Lending(shelf)
    met = threading.Barrier(2)

    def use(name: str, meets: Callable[[], object]) -> None:
        with lending.lend(name, patient):
            meets()

    with ThreadPoolExecutor(6) as pool:
        together = [pool.submit(use, "a", met.wait) for _ in range(2)]  # both have it at the same time
        others = [pool.submit(use, name, patient) for name in "bcbc"]
        for one in (*together, *others):
            one.result(20)
    assert shelf.most_open == 1
    assert shelf.open == 0


def test_who_waits_may_give_up() -> None:
    lending = Lending(Shelf())

    def impatient() -> None:
        raise GivenUp

    with lending.lend("a", patient):
        with pytest.raises(GivenUp), lending.lend("b", impatient):
            pass
        with pytest.raises(GivenUp), lending.alone(impatient):
            pass
    with lending.alone(patient), pytest.raises(GivenUp), lending.lend("a", impatient):
        pass
    with lending.lend("b", impatient):
        pass


def test_a_model_that_does_not_load_leaves_the_place_free() -> None:
    lending = Lending(Shelf())
    for _ in range(2):
        with pytest.raises(EngineRefused), lending.lend("broken", patient):
            pass
    with lending.lend("a", patient):
        pass
