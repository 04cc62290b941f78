"""waitress, where gunicorn cannot be had: threads in this process, and no TLS."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any

from waitress import create_server  # type: ignore[import-untyped]

from appliance.config import Config, Origin
from appliance.errors import PartMissing
from web_ui.app import create_app
from web_ui.desk import Desk
from web_ui.server import addresses, by_port


def serve(config: Config, origins: Sequence[Origin]) -> None:
    """Until SIGTERM. Raises PartMissing where TLS is wanted: waitress has none."""
    ui = config.ui
    if ui.tls_cert or ui.tls_key:
        raise PartMissing("TLS needs gunicorn, which cannot be had here; listen on 127.0.0.1 without TLS files.")
    app = create_app(config, origins)
    its: Desk = app.extensions["desk"]
    listen = " ".join([*addresses(ui, ui.port), *addresses(ui, ui.preview_port)])
    server = create_server(by_port(app, ui), listen=listen, threads=ui.threads, ident=None)

    def end(*_: Any) -> None:
        # Streams first: they would hold a stopping server for its whole grace.
        its.stop.set()
        raise SystemExit

    signal.signal(signal.SIGTERM, end)
    try:
        server.run()
    finally:
        its.stop.set()
        its.jobs.stop()
