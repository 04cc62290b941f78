"""The app factory: walls, words, views, and what is said when something goes wrong."""

from __future__ import annotations

import errno
import hashlib
import math
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, render_template, request
from werkzeug.exceptions import HTTPException, default_exceptions

from appliance.config import Config, Origin
from appliance.errors import ApplianceError
from appliance.likeness import MOST_BYTES
from models.errors import ModelError
from web_ui import bench, files, login, machine, manual, pages, runs
from web_ui.cards import LineCounts, signed
from web_ui.desk import Desk, status_of
from web_ui.events import Bell
from web_ui.files import MOST_EDIT_CHARS
from web_ui.jobs import Jobs
from web_ui.pool import StorePool
from web_ui.preview import Labels, Previews, frame_sources
from web_ui.security import Tries, protect, require_safe, secret
from web_ui.words import languages, spoken

MOST_FORM_BYTES = 256 * 1024
"""A brief, a checklist. A file edited by hand has its own limit, a model sent from the browser the disk's."""


def create_app(
    config: Config,
    origins: Sequence[Origin] = (),
    *,
    command: Sequence[str] = (sys.executable, "-m", "appliance"),
    tries: Tries | None = None,
) -> Flask:
    """Raises ConfigError where the address wants more protection than there is."""
    require_safe(config.ui, config.home)
    app = Flask("web_ui", static_folder="static", template_folder="templates")
    app.config["MAX_FORM_MEMORY_SIZE"] = MOST_FORM_BYTES
    app.config["MAX_CONTENT_LENGTH"] = MOST_FORM_BYTES
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 365 * 24 * 3600
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    pool = StorePool(config.home)
    previews = Previews(config.ui, pool, Labels(secret(config.home)))
    app.extensions["desk"] = Desk(config, tuple(origins), pool, Bell(pool), previews, LineCounts(), Jobs(command))
    app.before_request(_allow_files)
    protect(app, config.ui, config.home, frame_sources(config.ui), tries)
    for blueprint in (pages.views, runs.views, files.views, machine.views, bench.views, login.views, manual.views):
        app.register_blueprint(blueprint)
    _speak(app)
    _answer_errors(app)
    _name_by_content(app)
    return app


def _allow_files() -> None:
    """Where files are sent: a picture beside the form, and a model as the whole body, which its view measures."""
    if request.endpoint == "pages.make":
        request.max_content_length = MOST_BYTES + MOST_FORM_BYTES
    elif request.endpoint == "machine.upload_model":
        request.max_content_length = sys.maxsize
    elif request.endpoint == "files.edit":
        request.max_content_length = request.max_form_memory_size = 12 * MOST_EDIT_CHARS + MOST_FORM_BYTES


def _name_by_content(app: Flask) -> None:
    """Shipped files may be kept by the browser for ever, because an update gives them another address."""
    static = Path(str(app.static_folder))

    @cache
    def digest(filename: str) -> str:
        return hashlib.sha256((static / filename).read_bytes()).hexdigest()[:10]

    @app.url_defaults
    def add_digest(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values["v"] = digest(values["filename"])


def _speak(app: Flask) -> None:
    """Texts and the forms of numbers for templates."""
    app.jinja_env.filters.update(
        score=_score, signed=signed, seconds=told_seconds, size=_size, when=_when, moment=_moment
    )

    @app.context_processor
    def words() -> dict[str, Any]:
        return {"t": spoken(), "languages": languages()}


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def told_seconds(value: float) -> str:
    """`7 s`, `3 min 20 s`, `1 h 5 min`."""
    seconds = round(value)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def _size(count: float) -> str:
    """Bytes as people read them, in powers of 1024."""
    if count < 1024:
        return f"{count:.0f} B"
    power = min(4, int(math.log(count, 1024)))
    return f"{count / 1024**power:.1f} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


def _when(text: str) -> str:
    """A stored moment in this machine's time."""
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M}"


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"


_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)


def _answer_errors(app: Flask) -> None:
    """Every expected failure is one clear sentence on a page; none of them loses what was typed."""

    def told(error: Exception) -> tuple[str, int]:
        status = status_of(error)
        said = spoken()("error.404") if status == 404 else str(error)
        return render_template("error.html", status=status, said=said), status

    def refused(error: HTTPException) -> tuple[str, int]:
        status = error.code or 500
        return render_template("error.html", status=status, said=spoken().of("error", str(status))), status

    def too_large(error: OverflowError) -> tuple[str, int]:
        """A number in an address that no step, page or event can have."""
        app.logger.exception("a number is too large")
        return render_template("error.html", status=404, said=spoken()("error.404")), 404

    def machine_said(error: OSError) -> tuple[str, int]:
        """Such as a full disk below a thumbnail or a download; any other is a mistake of ours."""
        if error.errno not in _DISK_ERRORS:
            raise error
        said = f"{error.strerror or error}; free some space or check the data folder, then try again."
        return render_template("error.html", status=507, said=said), 507

    app.register_error_handler(OverflowError, too_large)
    app.register_error_handler(OSError, machine_said)
    app.register_error_handler(ApplianceError, told)
    app.register_error_handler(ModelError, told)
    handler: Callable[[HTTPException], Any] = refused
    for code in default_exceptions:
        app.register_error_handler(code, handler)
