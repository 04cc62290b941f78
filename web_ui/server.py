"""The production server: one gunicorn worker with threads, two listeners, the interface on one and sites on the other.

`python -m web_ui.server` is a child of `appliance serve`, which hands its flags over as `APPLIANCE_UI__…` variables. It
ends with SIGTERM.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from appliance.config import Config, Origin, UiSettings, load_config
from appliance.errors import PartMissing
from web_ui.app import create_app
from web_ui.desk import Desk

_GRACE_S = 3
_LOOK_EVERY_S = 0.2
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


class Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, config: Config, origins: Sequence[Origin]) -> None:
        self.settings, self.origins = config, origins
        self.ui: Flask | None = None
        super().__init__()

    def load_config(self) -> None:
        ui = self.settings.ui
        options = {
            "bind": [*addresses(ui, ui.port), *addresses(ui, ui.preview_port)],
            "workers": 1,
            "worker_class": "gthread",
            "threads": ui.threads,
            "keepalive": 15,
            "graceful_timeout": _GRACE_S,
            "timeout": 120,
            "loglevel": "warning",
            "control_socket_disable": True,
            "post_worker_init": self._watch_for_the_end,
            "certfile": ui.tls_cert or None,
            "keyfile": ui.tls_key or None,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Wsgi:
        self.ui = create_app(self.settings, self.origins)
        return by_port(self.ui, self.settings.ui)

    def _watch_for_the_end(self, worker: Any) -> None:
        """Streams that stay open would hold a stopping server for its whole grace; jobs would outlive it."""
        assert self.ui is not None
        its: Desk = self.ui.extensions["desk"]

        def watch() -> None:
            while worker.alive:
                time.sleep(_LOOK_EVERY_S)
            its.stop.set()
            its.jobs.stop()

        threading.Thread(target=watch, name="end", daemon=True).start()


def main() -> None:
    config, origins = load_config(os.environ)
    Server(config, origins).run()


if __name__ == "__main__":
    main()
