from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import click

from appliance.config import UiSettings, load_config
from appliance.output import say
from appliance.store import WORKER, Store
from appliance.supervisor import Child, supervise
from appliance.worker import stop_on_signals
from web_ui.security import require_safe, shown_host
from web_ui.security import set_password as keep_password
from web_ui.server import require_free


@click.command()
@click.option("--host", help="Address to listen on; others can reach any but 127.0.0.1.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the interface.  [default: 8731]")
@click.option("--preview-port", type=click.IntRange(1, 65535), help="Port that shows sites.  [default: 8732]")
@click.option("--tls-cert", type=click.Path(), help="Certificate (PEM), needed where others can reach it.")
@click.option("--tls-key", type=click.Path(), help="Its private key (PEM).")
@click.option("--no-worker", is_flag=True, help="Only the interface; another process works on the queue.")
@click.option("--set-password", is_flag=True, help="Ask for the interface's password, keep its hash, and end.")
def command(
    host: str | None,
    port: int | None,
    preview_port: int | None,
    tls_cert: str | None,
    tls_key: str | None,
    no_worker: bool,
    set_password: bool,
) -> int:
    """The web interface and a worker, until Ctrl-C. Prints the address."""
    config, _ = load_config(os.environ)
    if set_password:
        return _ask_password(config.home)
    flags = {"host": host, "port": port, "preview_port": preview_port, "tls_cert": tls_cert, "tls_key": tls_key}
    given = {name: value for name, value in flags.items() if value is not None}
    ui = replace(config.ui, **given)  # type: ignore[arg-type]  # click gives each its type
    require_safe(ui, config.home)
    require_free(ui)
    with Store(config.home) as store, stop_on_signals() as stop:
        variables = {f"APPLIANCE_UI__{name.upper()}": str(value) for name, value in given.items()}
        server = Child("the interface", (sys.executable, "-m", "web_ui.server"), {**os.environ, **variables})
        # Where another process works on the queue already, it does so for the interface too.
        worker = Child(
            *("the worker", (sys.executable, "-m", "appliance", "worker"), dict(os.environ)),
            needed=lambda: store.lease_holder(WORKER) is None,
        )
        print(f"The interface is at {_address(ui)}; stop it with Ctrl-C", flush=True)
        supervise([server] if no_worker else [server, worker], stop, say)
    return 0


def _address(ui: UiSettings) -> str:
    host = shown_host(ui)
    return f"{'https' if ui.tls_cert else 'http'}://{f'[{host}]' if ':' in host else host}:{ui.port}"


def _ask_password(home: Path) -> int:
    password = click.prompt("Password for the interface", hide_input=True, confirmation_prompt=True)
    print(f"Its hash is in {keep_password(home, password)}.")
    return 0
