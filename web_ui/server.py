"""The production server, on two ports: the interface on one, sites on the other. gunicorn, or waitress without it.

`python -m web_ui.server` is a child of `appliance serve`, which hands its flags over as `APPLIANCE_UI__…` variables. It
ends with SIGTERM.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

from appliance.config import UiSettings, load_config
from appliance.errors import ApplianceError, PartMissing
from web_ui.desk import Desk

Wsgi = Callable[..., Iterable[bytes]]


def addresses(settings: UiSettings, port: int) -> list[str]:
    """Where to listen for a port: on this machine, names such as `x.localhost` may mean either family's loopback."""
    host = settings.host
    if host not in ("127.0.0.1", "localhost"):
        return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    return [f"127.0.0.1:{port}", *([f"[::1]:{port}"] if _has_ipv6() else [])]


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def require_free(settings: UiSettings) -> None:
    """Raises PartMissing with what to do when somebody listens there already."""
    for port, flag in ((settings.port, "--port"), (settings.preview_port, "--preview-port")):
        for address in addresses(settings, port):
            host = address.rpartition(":")[0].strip("[]")
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                except OSError as error:
                    why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
                    raise PartMissing(f"Port {port} on {host} {why}; choose another with {flag}.") from error


def by_port(ui: Flask, settings: UiSettings) -> Wsgi:
    """The interface, or on the preview's port the previews."""
    its: Desk = ui.extensions["desk"]
    preview_port = str(settings.preview_port)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        chosen: Wsgi = its.previews if environ.get("SERVER_PORT") == preview_port else ui.wsgi_app
        return chosen(environ, start_response)

    return answer


def main() -> None:
    config, origins = load_config(os.environ)
    try:
        from web_ui.gunicorn_server import serve
    except ImportError:  # it needs fcntl and other parts of Unix
        from web_ui.waitress_server import serve

        print("gunicorn cannot be had here, so waitress serves.", file=sys.stderr)
    try:
        serve(config, origins)
    except ApplianceError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
