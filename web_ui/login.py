"""The one password, asked for where other machines can reach the interface."""

from __future__ import annotations

import math

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from web_ui.security import enter

views = Blueprint("login", __name__)


@views.get("/login")
def form() -> str:
    return render_template("login.html", wait_s=0, failed=False)


@views.post("/login")
def enter_() -> tuple[str, int] | Response:
    wait_s = enter(current_app, request.form.get("password", ""))
    if not wait_s:
        return redirect(url_for("pages.home"))
    status = 429 if wait_s > 1 else 401
    return render_template("login.html", wait_s=math.ceil(wait_s) if wait_s > 1 else 0, failed=True), status


@views.post("/logout")
def leave() -> Response:
    session.clear()
    return redirect(url_for("login.form"))
