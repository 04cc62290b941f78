"""gunicorn: one worker with threads, so that streams and the bell they wait for share a process."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from appliance.config import Config, Origin
from web_ui.app import create_app
from web_ui.desk import Desk
from web_ui.server import Wsgi, addresses, by_port

_GRACE_S = 3
_LOOK_EVERY_S = 0.2


def serve(config: Config, origins: Sequence[Origin]) -> None:
    """Until SIGTERM."""
    Server(config, origins).run()


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
