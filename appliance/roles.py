"""Which models of the shelf look, click and judge in a run, and in words who does it where none is qualified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from appliance.cards import load_card, qualified
from appliance.config import JudgeSettings
from appliance.grading import AppearanceJudge
from appliance.gui_agent import FAITHFUL, GuiSettings
from appliance.judge import RulesJudge
from appliance.reference import ReferenceSettings, ReferenceTester
from appliance.rubric import RubricJudge, RubricSettings
from appliance.steps import Checklist
from appliance.tester import SiteTester, Tester
from appliance.vision_judge import FAITHFUL_EYES, FIXED_EYES, VisionJudge
from models.chat import ChatModel
from models.fetch import InstalledModel, ModelShelf
from models.hardware import detect_hardware
from models.llama import LlamaChild, LlamaSettings
from models.memory import plan
from models.residency import LentModel, Residency, ResidencySettings, arrange

EYES_CONTEXT_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class Roles:
    """`told` says for each role who has it, and why."""

    appearance: AppearanceJudge
    tester: SiteTester | None
    told: tuple[str, ...]
    plan: Callable[[str], Checklist] | None = None
    """Writes the acceptance tests where the way of testing has its own."""


def judging_model(shelf: ModelShelf, settings: JudgeSettings, coder: InstalledModel) -> InstalledModel:
    return shelf.get(settings.model) if settings.model else coder


def choose_roles(
    shelf: ModelShelf,
    settings: JudgeSettings,
    judge: InstalledModel,
    eyes: Callable[[], ChatModel],
    *,
    faithful: bool,
    cancelled: Callable[[], bool],
) -> Roles:
    """A model has a role only by its card. `eyes` gives the loaded model; it is asked for nothing before that."""
    card = load_card(shelf.root, judge.name, judge.weights.sha256)
    looks, by_whom = qualified(card, "appearance-judge")
    clicks, who_clicks = qualified(card, "agent")
    decides, who_decides = qualified(card, "function-judge")
    sees = judge.projector is not None
    told = (f"appearance: {by_whom}", f"clicking: {who_clicks}", f"functions: {who_decides}")
    appearance: AppearanceJudge = RulesJudge()
    if looks and sees:
        chosen = FAITHFUL_EYES if faithful else replace(FIXED_EYES, votes=settings.votes)
        appearance = VisionJudge(eyes, judge.name, chosen, cancelled)
    tester: SiteTester | None = None
    if clicks and decides and faithful:
        model = LentModel(eyes)
        as_published = ReferenceSettings(gui=replace(FAITHFUL, vision=sees))
        reference = ReferenceTester(model, model, as_published, cancelled)
        return Roles(appearance, reference, told, reference.plan)
    if clicks and decides:
        model = LentModel(eyes)
        rubric = RubricJudge(model, RubricSettings(votes=settings.votes, vision=sees), cancelled)
        tester = Tester(model, rubric, GuiSettings(vision=sees), cancelled)
    return Roles(appearance, tester, told)


def residency(coder: LlamaSettings, judge: InstalledModel) -> Residency:
    """The coder and another model beside it, together or in turns as the memory plan says."""
    facts = detect_hardware()
    gpu_mib = max((gpu.free_mib or 0 for gpu in facts.gpus), default=0)
    memory_bytes, on_gpu = (gpu_mib or facts.ram_free_mib) << 20, bool(gpu_mib)
    eyes = LlamaSettings(
        path=judge.path,
        projector=judge.projector_path,
        context_tokens=min(EYES_CONTEXT_TOKENS, judge.context_tokens),
        parallel=1,
    )
    plans = [
        plan(one.path, one.context_tokens, memory_bytes=memory_bytes, projector=one.projector, on_gpu=on_gpu)
        for one in (coder, eyes)
    ]
    arrangement = arrange(plans[0], plans[1], ResidencySettings())
    return Residency(arrangement, lambda: LlamaChild(coder), lambda: LlamaChild(eyes))
