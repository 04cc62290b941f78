"""What a step consists of: pictures, source files, edits by hand, and the site to take home."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, send_file, url_for
from PIL import Image
from werkzeug.wrappers import Response as BaseResponse

from appliance import requests
from appliance.errors import UsageError
from appliance.export import Form, export_run, free_name, lay_out
from appliance.requests import shown_status
from appliance.scratch import EXPORTS, SCRATCH, scratch
from appliance.steps import Picture, Step
from appliance.store import Store
from sandbox.errors import SandboxError
from sandbox.workspace import check_path
from web_ui.cards import text_of
from web_ui.desk import desk, opened, shown_step

views = Blueprint("files", __name__, url_prefix="/runs/<run_id>")
MOST_EDIT_CHARS = 200_000
THUMBNAILS = "thumbnails"
_WIDTHS = {"desktop": 320, "phone": 96}
_DESKTOP_SHAPE, _PHONE_SHAPE = 0.66, 2.0
"""Height to width of what is kept of a long page: its top."""
_FOREVER = "private, max-age=31536000, immutable"


@views.get("/steps/<int:n>/<name>.png")
def picture(run_id: str, n: int, name: str) -> Response:
    with opened(run_id) as (store, run):
        found = _picture(store, run.id, n, name)
        response = make_response(store.blob(found.sha256))
    response.headers.update({"Content-Type": "image/png", "Cache-Control": _FOREVER})
    return response


@views.get("/steps/<int:n>/<name>.webp")
def thumbnail(run_id: str, n: int, name: str) -> Response:
    """The top of the page, small; made once and kept in the data folder, where it may be deleted at any time."""
    with opened(run_id) as (store, run):
        found = _picture(store, run.id, n, name)
        kept = desk().config.home / THUMBNAILS / f"{found.sha256}.webp"
        if not kept.is_file():
            kept.parent.mkdir(exist_ok=True)
            draft = kept.with_suffix(f".{id(found)}.part")
            draft.write_bytes(shrunk(store.blob(found.sha256), name))
            draft.replace(kept)
    response = make_response(kept.read_bytes())
    response.headers.update({"Content-Type": "image/webp", "Cache-Control": _FOREVER})
    return response


def _picture(store: Store, run_id: str, n: int, name: str) -> Picture:
    step = store.step(run_id, n)
    found = next((one for one in step.observation.pictures if one.name == name), None) if step else None
    if found is None:
        abort(404)
    return found


def shrunk(png: bytes, name: str) -> bytes:
    """A WebP of the picture's top in the size of a card."""
    width = _WIDTHS.get(name, 320)
    shape = _PHONE_SHAPE if name == "phone" else _DESKTOP_SHAPE
    with Image.open(io.BytesIO(png)) as opened_picture:
        top = opened_picture.convert("RGB").crop(
            (0, 0, opened_picture.width, min(opened_picture.height, round(opened_picture.width * shape)))
        )
    small = top.resize((width * 2, max(1, round(top.height * width * 2 / top.width))), Image.Resampling.BOX)
    made = io.BytesIO()
    small.save(made, "WEBP", quality=80)
    return made.getvalue()


@views.get("/code")
def code(run_id: str) -> str:
    with opened(run_id) as (store, run):
        step = shown_step(store, run, request.args.get("step", None, int))
        manifest = store.manifest(step.snapshot) if step else {}
        wanted = request.args.get("path", "")
        path = wanted if wanted in manifest else next(iter(sorted(manifest, key=_likely)), "")
        text = text_of(store.blob(manifest[path])) if path else None
        return render_template(
            "code.html",
            run=run,
            status=shown_status(store, run),
            step=step,
            steps=store.steps(run.id),
            paths=sorted(manifest),
            path=path,
            text=text if text is not None and len(text) <= MOST_EDIT_CHARS else None,
            tab="code",
        )


def _likely(path: str) -> tuple[bool, bool, str]:
    """The page first, what the appliance added last."""
    return path != "index.html", path.startswith("kit/"), path


@views.get("/raw")
def raw(run_id: str) -> Response:
    """A file's bytes, never as something that a browser would run."""
    with opened(run_id) as (store, run):
        step = shown_step(store, run, request.args.get("step", None, int))
        manifest = store.manifest(step.snapshot) if step else {}
        path = request.args.get("path", "")
        if path not in manifest:
            abort(404)
        content = store.blob(manifest[path])
    response = make_response(content)
    response.headers["Content-Type"] = "text/plain; charset=utf-8" if text_of(content) else "application/octet-stream"
    response.headers["Content-Disposition"] = "attachment"
    return response


@views.post("/edit")
def edit(run_id: str) -> BaseResponse:
    """A file changed by hand becomes a step that a worker looks at and grades."""
    path, n = request.form.get("path", ""), request.form.get("step", "")
    try:
        check_path(path)
    except SandboxError as error:
        raise UsageError(str(error)) from error
    with opened(run_id) as (store, run):
        step = requests.find_step(store, run, int(n) if n.isdecimal() else 0)
        old = _old_text(store, step, path)
        content = _as_it_was(request.form.get("content", ""), old)
        if content == old:
            raise UsageError(f"{path} is as it was in step {step.n}; nothing was changed.")
        if len(content) > MOST_EDIT_CHARS:
            raise UsageError(f"The file has {len(content)} characters, {MOST_EDIT_CHARS} are the limit here.")
        store.add_edit(run.id, step.n, path, content)
    return redirect(url_for("runs.show", run_id=run.id), 303)


def _old_text(store: Store, step: Step, path: str) -> str:
    sha256 = store.manifest(step.snapshot).get(path)
    return (text_of(store.blob(sha256)) or "") if sha256 else ""


def _as_it_was(text: str, old: str) -> str:
    """Forms send every line end as CR LF; only a file that had them keeps them."""
    return text if "\r\n" in old else text.replace("\r\n", "\n")


# -- taking it home --------------------------------------------------------------------------------------------------


@views.get("/download/<form>")
def download(run_id: str, form: str) -> Response:
    """The site with its pictures and report as a zip, or as a git repository in a tar."""
    if form not in ("zip", "git"):
        abort(404)
    with opened(run_id) as (store, run):
        n = request.args.get("step", None, int)
        step = requests.find_step(store, run, n) if n else requests.require_best(store, run)
        with scratch(store.folder / SCRATCH) as made:
            folder = made / f"site-{run.id}"
            lay_out(store, run, step, folder, "git" if form == "git" else "folder")
            packed = _tarred(folder) if form == "git" else _zipped(folder)
    name = f"site-{run.id}-step-{step.n}.{'tar.gz' if form == 'git' else 'zip'}"
    return send_file(io.BytesIO(packed), as_attachment=True, download_name=name)


def _zipped(folder: Path) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, str(path.relative_to(folder.parent)))
    return made.getvalue()


def _tarred(folder: Path) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        archive.add(folder, folder.name)
    return made.getvalue()


@views.post("/export")
def export(run_id: str) -> BaseResponse:
    """Into a new folder of this machine's data folder; the page then says where."""
    form: Form = "git" if request.form.get("form") == "git" else "folder"
    with opened(run_id) as (store, run):
        target = free_name(store.folder / EXPORTS / run.id)
        export_run(store, run, target, form)
        store.set_export(run.id, str(target))
    return redirect(url_for("runs.show", run_id=run.id), 303)
