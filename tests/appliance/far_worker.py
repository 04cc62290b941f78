"""A worker in a process of its own, whose runs are made by Ray: `far_worker.py FOLDER ADDRESS`; ends when told to."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from far_rooms import FarWorkshop, open_far

from appliance.errors import PartMissing
from appliance.fan_out import serve_fanned
from appliance.ray_pool import RayPool
from appliance.store import Store
from appliance.worker import stop_on_signals


def main(folder: str, address: str) -> None:
    with Store(Path(folder)) as store, stop_on_signals() as stop:
        try:
            with RayPool(address, partial(open_far, folder)) as pool:
                serve_fanned(store, pool, FarWorkshop(Path(folder)), stop, lambda *_: None)
        except PartMissing as missing:
            sys.exit(str(missing))


if __name__ == "__main__":
    main(*sys.argv[1:])
