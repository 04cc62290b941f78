"""Runs as tasks of a real Ray cluster: a head and a second node, processes of this machine on loopback; with tokens."""

from __future__ import annotations

import importlib.util
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from executor_contract import LONG_S, ExecutorContract, told
from far_rooms import asked, open_far, open_podman
from rooms import request

from appliance.errors import PartMissing
from appliance.executor import Came
from appliance.fan_out import take

if importlib.util.find_spec("ray") is None:
    pytest.skip("the extra `ray` is not installed", allow_module_level=True)

os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # what keeps Ray's own ports on loopback, on Linux too

import ray
from ray.cluster_utils import Cluster

from appliance.ray_pool import RESOURCE, RayPool
from appliance.run_copy import send
from appliance.store import Store
from sandbox.browser import BrowserSettings
from sandbox.owners import is_alive
from sandbox.reaper import reap_browsers

pytestmark = [
    pytest.mark.slow,
    # Ray leaves its log files and sockets to the end of the process, and warns of its own changes.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

NODE = {"num_cpus": 1, "resources": {RESOURCE: 1}, "object_store_memory": 80_000_000, "include_dashboard": False}


@pytest.fixture(scope="module")
def cluster():
    """Nodes that find this project and its tests, as an installed box finds the project."""
    here = Path(__file__).parent
    found = os.pathsep.join((str(here), str(here.parents[1]), os.environ.get("PYTHONPATH", "")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", found)
        with _two_nodes() as cluster:
            yield cluster
    list(reap_browsers(BrowserSettings().profiles_in, is_alive))  # of the processes that were killed


@contextmanager
def _two_nodes():
    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    try:
        cluster.add_node(**NODE)
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


class TestRayPool(ExecutorContract):
    @pytest.fixture(autouse=True)
    def _nodes(self, cluster):
        self.cluster = cluster

    def open_executor(self, open_workshop, retries=3):
        return RayPool(self.cluster.address, open_workshop, retries=retries)

    def test_there_are_as_many_places_as_nodes_offer(self, executor):
        assert executor.places() == 2

    def test_every_port_is_on_loopback(self, executor):
        assert self.cluster.address.startswith("127.0.0.1:")
        assert {node["NodeManagerAddress"] for node in ray.nodes()} == {"127.0.0.1"}
        assert _listening() == {"127.0.0.1"}

    def test_a_node_lost_in_the_middle_loses_no_run_and_counts_none_twice(self, executor, store, tmp_path):
        second = self.cluster.add_node(**NODE)
        try:
            tickets = self.submit(executor, store, *(asked("waits", seed=seed) for seed in range(3)))
            while len(list(tmp_path.glob("begun-*"))) < 3:
                assert executor.wait(0.05) == []
            self.cluster.remove_node(second, allow_graceful=False)
            second = None
            (tmp_path / "go").touch()
            outcomes = self.wait(executor, 3)
        finally:
            if second is not None:
                self.cluster.remove_node(second)
        assert all(isinstance(outcome, Came) for outcome in outcomes)
        for outcome in [*outcomes, *outcomes]:
            take(store, outcome, told)
        assert len(list(tmp_path.glob("begun-*"))) == 4, "one run was begun again, elsewhere"
        for ticket in tickets:
            assert [step.n for step in store.steps(ticket.run_id)] == [1, 2]
            assert [event.kind for event in store.events(ticket.run_id)].count("step") == 2


@pytest.mark.podman
@pytest.mark.browser
def test_two_nodes_show_their_pages_in_rooms_of_podman_at_once(cluster, store, tmp_path):
    with RayPool(cluster.address, partial(open_podman, str(tmp_path))) as pool:
        tickets = [send(store, store.add_run(request(steps=1, drafts=1, seed=seed))) for seed in range(2)]
        for ticket in tickets:
            pool.submit(ticket)
        outcomes = []
        _until(lambda: outcomes.extend(pool.wait(1)) or len(outcomes) == 2)
    for outcome in outcomes:
        take(store, outcome, told)
    for ticket in tickets:
        (step,) = store.steps(ticket.run_id)
        assert step.observation.stage == "done"
        assert step.observation.audit.text_chars > 200
        warnings = [event for event in store.events(ticket.run_id) if event.kind == "warning"]
        assert warnings == [], "a room without all its walls"
        assert (store.folder / "exports" / ticket.run_id).is_dir()


def test_a_head_lost_in_the_middle_is_named_and_its_runs_are_made_again_once(tmp_path, cluster):
    """The worker is a process of its own here: where Ray loses its head it ends the process that speaks to it."""
    with Store(tmp_path) as store:
        runs = [store.add_run(asked("waits", seed=seed)) for seed in range(2)]
        with _two_nodes() as lost:
            address = lost.address
            worker = _worker(tmp_path, address)
            _until(lambda: len(list(tmp_path.glob("begun-*"))) == 2)
            lost.remove_node(lost.head_node, allow_graceful=False)
            _, said = worker.communicate(timeout=45)
        assert worker.returncode == 1
        assert f"Ray's head at {address} was lost" in said
        assert {store.run(run.id).status for run in runs} == {"queued"}
        (tmp_path / "go").touch()
        worker = _worker(tmp_path, cluster.address)
        _until(lambda: all("step limit" in store.run(run.id).stop_reason for run in runs))
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=45)
        assert worker.returncode == 0
        for run in runs:
            assert [step.n for step in store.steps(run.id)] == [1, 2]
            assert [event.kind for event in store.events(run.id)].count("step") == 2


def _worker(folder, address):
    code = [sys.executable, str(Path(__file__).with_name("far_worker.py")), str(folder), address]
    return subprocess.Popen(code, stderr=subprocess.PIPE, text=True)


def _until(holds):
    until = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.1)


def test_where_no_head_is_the_user_is_told(tmp_path):
    with pytest.raises(PartMissing, match="cannot be joined"):
        RayPool("127.0.0.1:1", partial(open_far, str(tmp_path)))


def test_joining_a_cluster_leaves_the_signals_to_the_worker(cluster):
    before = signal.getsignal(signal.SIGTERM)
    with RayPool(cluster.address):
        assert signal.getsignal(signal.SIGTERM) is before


def test_without_the_token_nobody_joins(cluster):
    """In a process of its own: Ray reads a token once."""
    code = f"from appliance.ray_pool import RayPool; RayPool({cluster.address!r})"
    environment = {**os.environ, "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "PartMissing" in done.stderr


def _listening():
    """The addresses that this account's processes of Ray listen on."""
    import psutil  # Ray brings it along

    own = [process for process in psutil.process_iter() if process.uids().real == os.getuid()]
    mine = [process for process in own if process.name() in ("gcs_server", "raylet") or "ray::" in process.name()]
    found = {link.laddr.ip for one in mine for link in one.net_connections() if link.status == "LISTEN"}
    return {ip.removeprefix("::ffff:") for ip in found}
