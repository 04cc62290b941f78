"""The machine: models, sandbox, training, settings, disk. Long work is done by the command line, as a job."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from appliance import requests
from appliance.account import cgroup_name, product_account
from appliance.cards import ROLES, Card, load_card, qualified
from appliance.errors import ApplianceError, RunBusy, UsageError
from appliance.ledger import AdapterRow, Ledger, Night
from appliance.requests import find_profile
from appliance.scratch import SCRATCH, empty
from appliance.store import WORKER, Run, Store
from models.errors import ModelError
from models.fetch import InstalledModel
from models.hardware import HardwareFacts, detect_hardware, engine_in_use
from models.memory import MemoryPlan
from models.memory import plan as memory_plan
from sandbox.host import GIVEN_UP, gather_facts, missing_walls
from web_ui.desk import desk, status_of
from web_ui.files import THUMBNAILS
from web_ui.jobs import JobKind
from web_ui.pages import night_until
from web_ui.words import spoken

views = Blueprint("machine", __name__, url_prefix="/machine")
UPLOADS = "uploads"
_CLEARABLE = (THUMBNAILS, SCRATCH, UPLOADS)
_SPARE_BYTES = 1 << 30
_MADE = 200
"""Sites that the training page shows, the latest."""
_PAIRS = 8


@dataclass(frozen=True, slots=True)
class Shelved:
    """An installed model with what is known of it."""

    model: InstalledModel
    context_tokens: int
    plan: MemoryPlan
    card: Card | None
    roles: tuple[tuple[str, bool, str], ...]


@views.get("")
def index() -> BaseResponse:
    return redirect(url_for("machine.models"))


@views.get("/models")
def models() -> str:
    shelf = requests.shelf(desk().config)
    facts = detect_hardware()
    names = shelf.names()
    installed, damaged = [], {}
    for name in names:
        try:
            installed.append(_shelved(shelf.get(name), facts))
        except (ModelError, ApplianceError, OSError) as error:
            damaged[name] = str(error)
    with desk().pool.store() as store:
        ledger = Ledger(store)
        adapters = ledger.adapters()
        champions = {model: ledger.champion(model) for model in {one.model for one in adapters}}
    return render_template(
        "models.html",
        installed=installed,
        damaged=damaged,
        others=[model for model in shelf.catalog if model.name not in names],
        facts=facts,
        engine=engine_in_use(facts),
        champion=desk().config.generate.model,
        adapters=adapters,
        champions=champions,
        jobs=desk().jobs.list(),
        page="models",
    )


def _shelved(model: InstalledModel, facts: HardwareFacts) -> Shelved:
    config = desk().config
    gpu_mib = max((gpu.total_mib or 0 for gpu in facts.gpus), default=0)
    context = min(find_profile(config, model.profile).context_tokens, model.context_tokens)
    found = memory_plan(
        *(model.path, context),
        memory_bytes=(gpu_mib or facts.ram_free_mib) * 2**20,
        projector=model.projector_path,
        on_gpu=bool(gpu_mib),
    )
    card = load_card(requests.shelf(config).root, model.name, model.weights.sha256)
    roles = tuple((role, *qualified(card, role)) for role in ROLES)
    return Shelved(model, context, found, card, roles)


@views.post("/models/import")
def import_model() -> BaseResponse:
    """From a path on this machine, such as a stick: a GGUF, with its projector, or a safetensors folder."""
    path, projector = request.form.get("path", "").strip(), request.form.get("projector", "").strip()
    name = request.form.get("name", "").strip()
    for given in filter(None, (path, projector)):
        if not Path(given).is_absolute() or not os.access(given, os.R_OK):
            raise UsageError(f"There is no file {given} that this account can read; give the whole path, from / on.")
    if not path:
        raise UsageError("Name the file to import, by its whole path on this machine.")
    more = [*(("--projector", projector) if projector else ()), *(("--name", name) if name else ())]
    desk().jobs.start("import", Path(path).name, ["models", "import", *more, "--", path])
    return redirect(url_for("machine.models"), 303)


@views.post("/models/upload")
def upload_model() -> tuple[str, int]:
    """The whole body is a GGUF file. Its beginning and the room for it are checked before the rest is read."""
    name = request.args.get("name", "")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,90}\.gguf", name):
        return "Only a file whose name is plain and ends in .gguf can be imported.", 400
    try:
        desk().jobs.require_idle()
    except RunBusy as busy:
        return str(busy), 409
    folder = desk().config.home / UPLOADS
    folder.mkdir(exist_ok=True)
    size = request.content_length or 0
    if size + _SPARE_BYTES > shutil.disk_usage(folder).free // 2:  # the import makes a copy
        return "The disk has no room for this file; free some space.", 507
    beginning = request.stream.read(4)
    if beginning != b"GGUF":
        return f"{name} is no GGUF file, whatever its name says; nothing was kept.", 400
    scratch = Path(tempfile.mkdtemp(dir=folder))
    remove = partial(shutil.rmtree, scratch, ignore_errors=True)
    try:
        _receive(scratch / name, beginning)
        if (scratch / name).stat().st_size != size:
            raise UsageError(f"{name} did not arrive whole; send it again.")
        desk().jobs.start("import", name, ["models", "import", "--", str(scratch / name)], remove)
    except OSError as error:
        remove()
        return f"{name} could not be kept: {error.strerror}; free some space.", 507
    except ApplianceError as error:
        remove()
        return str(error), status_of(error)
    except BaseException:  # such as a connection that broke
        remove()
        raise
    return "", 204


def _receive(path: Path, beginning: bytes) -> None:
    with path.open("wb") as file:
        file.write(beginning)
        while part := request.stream.read(1 << 20):
            file.write(part)


@views.post("/models/<name>/<act>")
def work_on_model(name: str, act: str) -> BaseResponse:
    kinds: dict[str, JobKind] = {"pull": "pull", "verify": "verify", "check": "check"}
    if act == "remove":
        requests.shelf(desk().config).remove(name)
    elif act in kinds:
        desk().jobs.start(kinds[act], name, ["models", act, "--", name])
    else:
        abort(404)
    return redirect(url_for("machine.models"), 303)


@views.get("/jobs")
def jobs() -> str:
    return render_template("_jobs.html", jobs=desk().jobs.list())


@views.post("/jobs/stop")
def stop_job() -> BaseResponse:
    desk().jobs.stop()
    return redirect(request.form.get("back", "") if _is_own(request.form.get("back", "")) else "/machine", 303)


def _is_own(path: str) -> bool:
    return path.startswith("/machine/")


@views.get("/sandbox")
def sandbox() -> str:
    host = gather_facts(cgroup_name(product_account()))
    given_up = (GIVEN_UP,) if desk().config.sandbox.run_untrusted_code_without_minimum_walls else ()
    walls = (*given_up, *missing_walls(host))
    return render_template("sandbox.html", host=host, walls=walls, jobs=desk().jobs.list(), page="sandbox")


@views.post("/sandbox/check")
def check_sandbox() -> BaseResponse:
    desk().jobs.start("sandbox", "sandbox", ["sandbox", "check"])
    return redirect(url_for("machine.sandbox"), 303)


@dataclass(frozen=True, slots=True)
class Made:
    """A finished site and the grades of the version that was delivered."""

    run: Run
    looks: float | None
    works: float | None


@views.get("/training")
def training() -> str:
    with desk().pool.store() as store:
        runs = store.runs(status="done", limit=_MADE, for_people=True)
        scores = store.best_scores([run.id for run in runs])
        learned = _learned(store)
    made = [Made(run, *scores[run.id]) for run in reversed(runs) if any(scores.get(run.id, ()))]
    t = spoken()
    curves = {
        "over": t("training.site"),
        "names": [t("score.looks"), t("score.works")],
        "values": [list(range(1, len(made) + 1)), [one.looks for one in made], [one.works for one in made]],
        "range": [0, 5],
    }
    ended = [night for night in reversed(learned.nights) if night.data.get("reward") is not None]
    night_curves = {
        "over": t("training.night"),
        "names": [t("training.reward"), t("training.gain")],
        "values": [
            [night.id for night in ended],
            [night.data["reward"] for night in ended],
            [night.data.get("gate", {}).get("gain") for night in ended],
        ],
    }
    return render_template(
        "training.html",
        made=made,
        curves=curves,
        night_curves=night_curves,
        means=_means(made),
        learned=learned,
        page="training",
    )


@dataclass(frozen=True, slots=True)
class Learned:
    """`pairs`: of the last night that got so far, sites of both arms by brief, for the eyes."""

    schedule: str
    night_until: str
    nights: list[Night]
    adapters: list[AdapterRow]
    champions: dict[str, str]
    pairs: list[tuple[Run, Run]]


def _learned(store: Store) -> Learned:
    ledger = Ledger(store)
    nights, adapters, schedule = ledger.nights(30), ledger.adapters(), ledger.schedule()
    champions = {model: ledger.champion(model) for model in sorted({one.model for one in adapters})}
    gated = next((night for night in nights if night.data.get("gate_runs")), None)
    runs = [store.run(run_id) for run_id in gated.data["gate_runs"]] if gated else []
    by_arm = {(run.request.brief, run.request.seed, run.request.extras["arm"]): run for run in runs}
    pairs = [
        (run, by_arm[brief, seed, "candidate"])
        for (brief, seed, arm), run in sorted(by_arm.items())
        if arm == "champion" and (brief, seed, "candidate") in by_arm
    ]
    return Learned(str(schedule or ""), night_until(store), nights, adapters, champions, pairs[:_PAIRS])


@views.post("/training/schedule")
def set_schedule() -> BaseResponse:
    with desk().pool.store() as store:
        if request.form.get("clear"):
            Ledger(store).clear_schedule()
        else:
            Ledger(store).set_schedule(request.form.get("window", ""), request.form.get("days", "daily"))
    return redirect(url_for("machine.training"), 303)


@views.post("/training/adapters/<adapter>/<act>")
def serve_adapter(adapter: str, act: str) -> BaseResponse:
    if act not in ("promote", "rollback"):
        abort(404)
    with desk().pool.store() as store:
        ledger = Ledger(store)
        row = ledger.adapter(adapter)
        if act == "promote":
            ledger.promote(row.model, adapter, "promoted by hand")
        elif ledger.champion(row.model) == adapter:
            ledger.roll_back(row.model, "rolled back by hand")
    return redirect(url_for("machine.training"), 303)


def _means(made: Sequence[Made]) -> tuple[float | None, float | None]:
    looks = [one.looks for one in made if one.looks is not None]
    works = [one.works for one in made if one.works is not None]
    return (mean(looks) if looks else None, mean(works) if works else None)


@views.get("/settings")
def settings() -> str:
    its = desk()
    return render_template("settings.html", origins=its.origins, home=its.config.home, page="settings")


@dataclass(frozen=True, slots=True)
class Share:
    """A folder of the data folder and what it takes; `clearable` where it can be emptied without loss."""

    name: str
    size_bytes: int
    clearable: bool


@views.get("/disk")
def disk() -> str:
    home = desk().config.home
    shares = [_share(path) for path in sorted(home.iterdir()) if path.is_dir()]
    database = sum(path.stat().st_size for path in home.glob("appliance.db*"))
    shares = [Share("appliance.db", database, False), *shares]
    usage = shutil.disk_usage(home)
    return render_template(
        "disk.html", shares=sorted(shares, key=lambda one: -one.size_bytes), usage=usage, home=home, page="disk"
    )


def _share(folder: Path) -> Share:
    size = 0
    for inner, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # gone meanwhile
                size += (Path(inner) / name).lstat().st_blocks * 512
    return Share(folder.name, size, folder.name in _CLEARABLE)


@views.post("/disk/clear")
def clear() -> BaseResponse:
    """Empty a folder whose content is made anew when it is wanted."""
    name = request.form.get("folder", "")
    if name not in _CLEARABLE:
        abort(400)
    its = desk()
    its.jobs.require_idle()
    with its.pool.store() as store:
        if store.runs(status="running", limit=1) and store.lease_holder(WORKER):
            raise RunBusy("A site is being made and may need what lies there; empty it when it is done.")
    empty(its.config.home / name)
    return redirect(url_for("machine.disk"), 303)
