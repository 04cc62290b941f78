"""Taking a site home: a folder, a zip, or a git repository with one commit for each step that led to it.

The export is made complete in a folder of its own and only then put where the user wants it, so a kill or a full disk
never leaves half an export behind under the final name.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal

from appliance.decide import lineage
from appliance.delivery import send
from appliance.errors import ExportRefused, NothingToExport, PartMissing
from appliance.requests import best_of
from appliance.scratch import SCRATCH, scratch, sync, sync_tree
from appliance.steps import Files, Step
from appliance.store import Run, Store
from appliance.visible import visible, visible_json

Form = Literal["folder", "zip", "git"]

_READ_ME = """{title}

site/         the website. {how}
{source}screenshots/  what the appliance saw, at desktop and phone width
report.json   steps, scores, judges, and how the site came about
"""


@dataclass(frozen=True, slots=True)
class Exported:
    path: Path
    step: Step


def export_run(store: Store, run: Run, target: Path, form: Form, stream: BinaryIO | None = None) -> Exported:
    """Put the run's best step into the folder `target`, which must be new or empty. Raises ExportRefused.

    With a `stream` the finished folder is sent there instead, for an account that may not write to the target itself.
    """
    step = chosen_step(store, run)
    if stream is None:
        _require_free(target)
    with scratch(store.folder / SCRATCH) as folder:
        made = folder / "export"
        lay_out(store, run, step, made, form)
        if stream is None:
            _place(made, target)
        else:
            with stream:
                send(made, stream)
    return Exported(target, step)


def chosen_step(store: Store, run: Run) -> Step:
    """The user's choice, else the best. Raises NothingToExport."""
    step = best_of(store, run)
    if step is None:
        raise NothingToExport(f"Run {run.id} has no step that shows a page, so there is nothing to export.")
    return step


def lay_out(store: Store, run: Run, step: Step, folder: Path, form: Form) -> None:
    """Write the export's files into a new folder."""
    folder.mkdir()
    if form == "git":
        _commit_steps(store, run, step, folder)
    elif form == "zip":
        _lay_out_site(store, run, step, folder / "site")
        _zip(folder / "site", folder / "site.zip")
        shutil.rmtree(folder / "site")
    else:
        _lay_out_site(store, run, step, folder)


def _lay_out_site(store: Store, run: Run, step: Step, folder: Path) -> None:
    files, built = store.files(step.snapshot), store.files(step.built)
    folder.mkdir(exist_ok=True)
    write_files(folder / "site", built or files)
    if built:
        write_files(folder / "source", files)
    pictures = {f"{picture.name}.png": store.blob(picture.sha256) for picture in step.observation.pictures}
    write_files(folder / "screenshots", pictures)
    told = visible_json(json.dumps(report(store, run, step), indent=2, ensure_ascii=False))
    (folder / "report.json").write_text(f"{told}\n", "utf-8")
    how = "Run `python3 -m http.server` in it, open the address." if built else "Open index.html in a browser."
    source = "source/       the React sources it was built from\n" if built else ""
    words = _READ_ME.format(title=visible(run.request.brief[:70]), how=how, source=source)
    (folder / "README.txt").write_text(words, "utf-8")


def write_files(folder: Path, files: Files) -> None:
    """Paths were checked by `sandbox.workspace` before they were stored."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        place = folder / PurePosixPath(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def report(store: Store, run: Run, step: Step) -> dict[str, Any]:
    return {
        "brief": run.request.brief,
        "instruction": run.request.instruction,
        "run": run.id,
        "model": run.request.model,
        "profile": run.request.profile,
        "engine": run.engine,
        "seed": run.request.seed,
        "best_step": step.n,
        "steps": [summary(other) for other in store.steps(run.id)],
    }


def summary(step: Step) -> dict[str, Any]:
    """One row of the step table; the keys are part of the command line's JSON."""
    return {
        "n": step.n,
        "kind": step.kind,
        "aim": step.aim,
        "parent": step.parent,
        "verdict": step.verdict,
        "appearance": step.scores.appearance.score,
        "functionality": step.scores.functionality.score,
        "reason": step.scores.appearance.reason,
        "function_reason": step.scores.functionality.reason,
        "error": step.observation.error or None,
        "notes": list(step.observation.notes),
        "seconds": step.seconds,
        "model_seconds": step.usage.model_seconds,
        "prompt_tokens": step.usage.prompt_tokens,
        "evaluated_tokens": step.usage.evaluated_tokens,
        "completion_tokens": step.usage.completion_tokens,
    }


def _commit_steps(store: Store, run: Run, step: Step, folder: Path) -> None:
    _git(folder, "init", "--quiet", "--initial-branch=main")
    for ancestor in lineage(store.steps(run.id), step.n):
        for old in [path for path in folder.iterdir() if path.name != ".git"]:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        write_files(folder, store.files(ancestor.snapshot))
        _git(folder, "add", "--all", "--force")
        _git(folder, "commit", "--quiet", "--allow-empty", "--message", _message(ancestor))


def _message(step: Step) -> str:
    score = step.scores.appearance.score
    looks = "not graded" if score is None else f"appearance {score:.1f} by {step.scores.appearance.judge}"
    return visible(f"step {step.n}: {step.aim or step.kind}\n\n{looks}")


def _git(folder: Path, *arguments: str) -> None:
    """git without anybody's configuration: an export must not depend on the user's, and one that the site brings along
    (`.gitconfig`) could name programs to run."""
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _WHO.items()}
    nobodys = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "HOME": "/nonexistent"}
    environment = {**who, **nobodys, "PATH": os.environ.get("PATH", os.defpath)}
    try:
        subprocess.run(("git", *arguments), cwd=folder, env=environment, check=True, capture_output=True)
    except FileNotFoundError as error:
        raise PartMissing("git is not installed; install the package `git`, or export as a folder or zip.") from error


_WHO: Mapping[str, str] = {"NAME": "WebGen Appliance", "EMAIL": "appliance@localhost"}


def free_name(path: Path) -> Path:
    """Beside what is there already: a run that is exported again overwrites nothing."""
    n, free = 2, path
    while free.exists():
        free, n = path.with_name(f"{path.name}-{n}"), n + 1
    return free


def _require_free(target: Path) -> None:
    try:
        taken = target.exists() and (not target.is_dir() or any(target.iterdir()))
    except OSError as error:
        raise ExportRefused(f"{target} cannot be read ({error.strerror}); choose another place.") from error
    if taken:
        raise ExportRefused(f"{target} already exists and is not empty; choose another place or remove it.")


def _place(made: Path, target: Path) -> None:
    """Copy beside the target first: a rename is only atomic within one file system."""
    try:
        with scratch(target.parent) as beside:
            shutil.copytree(made, beside / "export")
            sync_tree(beside / "export")
            (beside / "export").replace(target)
            sync(target.parent)
    except OSError as error:
        raise ExportRefused(
            f"{target} cannot be written ({error.strerror}); name another folder with --out."
        ) from error


def _zip(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, str(path.relative_to(folder)))
