"""The one place that picks real parts: the model's child process, Podman, Chromium, the judges."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from appliance.account import cgroup_name, product_account
from appliance.agent import Parts
from appliance.cards import Card, store_card
from appliance.checklist import derive_checklist, rules_checklist
from appliance.config import Config
from appliance.errors import PartMissing
from appliance.explorer import explore
from appliance.grading import AppearanceJudge, Judges
from appliance.judge import RulesJudge
from appliance.ledger import AdapterRow, Ledger
from appliance.profiles import Profile
from appliance.qualification import Subject, check_model
from appliance.requests import find_profile, rules_of, shelf
from appliance.roles import Roles, choose_roles, judging_model, residency
from appliance.scratch import remove_dead
from appliance.site import FAITHFUL_SITE, FIXED_SITE
from appliance.steps import Checklist, RunRequest
from appliance.store import Run, Store
from appliance.vision_judge import VisionJudge
from appliance.writing import Cancelled
from models.catalog import load_thresholds
from models.chat import ChatModel, Sampling
from models.fetch import InstalledModel
from models.hardware import detect_hardware, engine_in_use
from models.lending import Lending
from models.llama import LlamaChild, LlamaSettings
from models.residency import LentModel
from models.router import remote_model
from sandbox.browser import Browser, BrowserSettings
from sandbox.container import Container, ContainerSettings
from sandbox.errors import SandboxError
from sandbox.image import build_image
from sandbox.podman import PodmanContainer, PodmanSettings
from sandbox.preview import Preview
from sandbox.reaper import reap

CHECK_CONTEXT_TOKENS = 8192
DRAFTS_TOGETHER = 4
ADAPTERS = "adapters"
MAX_TOKENS = "max_tokens"
ADAPTER = "adapter"
"""The extra of a request that names an adapter; empty for none, absent for the champion."""


def podman_settings(config: Config) -> PodmanSettings:
    return PodmanSettings(home=config.home / "sandbox", cgroup_group=cgroup_name(product_account()))


@dataclass(frozen=True, slots=True)
class RealRooms:
    config: Config

    def container(self, stack: str) -> Container:
        own = self.config.sandbox
        settings = ContainerSettings(
            memory_mib=own.memory_mib,
            pids=own.pids,
            cpus=own.cpus,
            without_minimum_walls=own.run_untrusted_code_without_minimum_walls,
            stack=stack,  # type: ignore[arg-type]
        )
        return PodmanContainer(settings, podman_settings(self.config))

    def preview(self, container: Container) -> Preview:
        return Preview(container)

    def browser(self, url: str) -> Browser:
        return Browser(BrowserSettings(), url)


def _checklist_maker(
    profile: Profile, cancelled: Callable[[], bool], plan: Callable[[str], Checklist] | None
) -> Callable[[ChatModel, str], Checklist]:
    if plan is not None:
        return lambda _, brief: plan(brief)
    if profile.checklist == "rules":
        return lambda _, brief: rules_checklist(brief)
    sampling = Sampling(temperature=0.2, top_p=profile.top_p, max_tokens=profile.max_tokens)
    return lambda model, brief: derive_checklist(model, brief, sampling, cancelled)


def _limited(profile: Profile, request: RunRequest) -> Profile:
    """A night may ask for shorter replies than the profile allows."""
    most = int(request.extras.get(MAX_TOKENS, profile.max_tokens))
    return replace(profile, max_tokens=min(most, profile.max_tokens))


def adapter_path(config: Config, adapter: str) -> Path:
    """What the engine loads of an adapter; PEFT's files and the manifest lie beside it."""
    return config.home / ADAPTERS / adapter / "adapter.gguf"


def judges_of(appearance: AppearanceJudge, config: Config) -> Judges:
    pairs = appearance if config.judge.pairwise and isinstance(appearance, VisionJudge) else None
    return Judges(appearance, pairs=pairs)


def check_installed(config: Config, name: str, tell: Callable[[str], None]) -> Card:
    """Measure an installed model and keep its card on the shelf. Raises what loading the model raises."""
    own = shelf(config)
    installed = own.get(name)
    profile = find_profile(config, installed.profile)
    engine = config.engine
    settings = LlamaSettings(
        path=installed.path,
        projector=installed.projector_path,
        context_tokens=min(CHECK_CONTEXT_TOKENS, installed.context_tokens),
        threads=engine.threads,
        gpu_layers=engine.gpu_layers,
        parallel=3,
    )
    with suppress(SandboxError):  # the card says then what could not be tried
        build_image("static", podman_settings(config), tell)
    subject = Subject(installed.name, installed.weights.sha256, profile, installed.projector is not None)
    tell("loading the model")
    with LlamaChild(settings) as model:
        card = check_model(model, subject, RealRooms(config), load_thresholds(), tell)
    store_card(own.root, card)
    return card


class RealWorkshop:
    """Opens the parts for a run; several runs that want the same model share it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._lending: Lending[LlamaSettings] = Lending(LlamaChild)
        self._building = threading.Lock()

    def reap(self) -> None:
        remove_dead(self.config.home)
        reap(podman_settings(self.config), BrowserSettings())

    @contextmanager
    def parts(
        self, run: Run, store: Store, cancelled: Callable[[], bool], tell: Callable[[str, Mapping[str, Any]], None]
    ) -> Iterator[Parts]:
        profile = _limited(find_profile(self.config, run.request.profile), run.request)
        tell("stage", {"stage": "loading", "model": run.request.model})
        if not run.request.base_url and (unused := engine_in_use(detect_hardware()).unused_gpu):
            tell("warning", {"text": unused})
        if run.request.stack == "static":  # needs no network, and takes seconds after an update changed what goes in
            with self._building:
                build_image("static", podman_settings(self.config), lambda text: tell("stage", {"stage": text}))
        faithful = run.request.rules == "faithful"
        adapter = self._adapter(run.request, store)
        if adapter:
            tell("stage", {"stage": f"adapter {adapter.id}"})

        def warn(text: str) -> None:
            tell("warning", {"text": text})

        with self._models(run, profile, cancelled, adapter, warn) as (model, roles, begin_step):
            tell("judges", {"roles": list(roles.told)})
            yield Parts(
                store=store,
                model=model,
                rooms=RealRooms(self.config),
                judges=judges_of(roles.appearance, self.config),
                profile=profile,
                rules=rules_of(run.request),
                cancelled=cancelled,
                tell=tell,
                explore=None if faithful else explore,
                make_checklist=_checklist_maker(profile, cancelled, roles.plan),
                site=FAITHFUL_SITE if faithful else FIXED_SITE,
                tester=roles.tester,
                begin_step=begin_step,
                sees=self._sees(run.request),
                weights=self._weights(run.request, adapter),
            )

    def _adapter(self, request: RunRequest, store: Store) -> AdapterRow | None:
        """The one the request names, else the champion. Raises PartMissing where it cannot serve this file."""
        if request.base_url:
            return None
        ledger = Ledger(store)
        name = request.extras.get(ADAPTER, ledger.champion(request.model))
        if not name:
            return None
        row = ledger.adapter(name)
        if row.weights != shelf(self.config).get(request.model).weights.sha256:
            raise PartMissing(
                f"Adapter {name} was trained on another file of {request.model} than the one installed; bring that file"
                f" back, or serve without it: `appliance train rollback {request.model}`."
            )
        if not adapter_path(self.config, name).exists():
            raise PartMissing(
                f"The file of adapter {name} is gone; restore a backup, or `appliance train rollback {request.model}`."
            )
        return row

    def _weights(self, request: RunRequest, adapter: AdapterRow | None) -> str:
        if request.base_url or not self.config.training.record:
            return ""
        weights = shelf(self.config).get(request.model).weights.sha256
        return f"{weights}+{adapter.id}" if adapter else weights

    def _sees(self, request: RunRequest) -> bool:
        if request.base_url:
            return self.config.engine.remote_sees
        return shelf(self.config).get(request.model).projector is not None

    @contextmanager
    def _models(
        self,
        run: Run,
        profile: Profile,
        cancelled: Callable[[], bool],
        adapter: AdapterRow | None,
        warn: Callable[[str], None],
    ) -> Iterator[tuple[ChatModel, Roles, Callable[[], None]]]:
        """The coder, and who judges: the coder itself, another model beside it or in turns with it, or exact rules."""
        own, engine, request = self.config.judge, self.config.engine, run.request
        faithful = request.rules == "faithful"
        if request.base_url:
            told = ("a remote model was never checked here; rules@1 and explorer@1 judge",)
            with remote_model(
                request.base_url, request.model, run.id, warn, context_tokens=engine.remote_context_tokens
            ) as remote:
                yield remote, Roles(RulesJudge(), None, told), lambda: None
            return

        def check() -> None:
            if cancelled():
                raise Cancelled

        models = shelf(self.config)
        coder = models.get(request.model)
        judge = judging_model(models, own, coder)
        settings = self._settings(request, profile, coder, adapter)
        if judge.name == coder.name and (adapter or ADAPTER in request.extras):  # both arms of a gate alike
            told = (
                f"{coder.name} writes with an adapter, or against one, so it does not judge; rules@1 and explorer@1 do",
            )
            with self._lending.lend(settings, check) as model:
                yield model, Roles(RulesJudge(), None, told), lambda: None
            return
        if judge.name == coder.name:
            with self._lending.lend(settings, check) as model:
                roles = choose_roles(models, own, judge, lambda: model, faithful=faithful, cancelled=cancelled)
                yield model, roles, lambda: None
            return
        with self._lending.alone(check), residency(settings, judge) as both:
            roles = choose_roles(models, own, judge, both.eyes, faithful=faithful, cancelled=cancelled)
            yield LentModel(both.coder), roles, both.begin_step

    def _settings(
        self, request: RunRequest, profile: Profile, coder: InstalledModel, adapter: AdapterRow | None
    ) -> LlamaSettings:
        engine = self.config.engine
        return LlamaSettings(
            path=coder.path,
            projector=coder.projector_path,
            context_tokens=self.config.generate.context_tokens or min(profile.context_tokens, coder.context_tokens),
            threads=engine.threads,
            gpu_layers=engine.gpu_layers,
            parallel=self._parallel(request),
            adapters=((adapter_path(self.config, adapter.id), 1.0),) if adapter else (),
        )

    def _parallel(self, request: RunRequest) -> int:
        """Sequences for the drafts of each run in hand; of several runs all alike, so that they share one model."""
        at_once = self.config.engine.at_once
        return max(1, request.drafts) if at_once == 1 else at_once * max(DRAFTS_TOGETHER, request.drafts)
