"""What podman itself must keep: real limits, clean ends, errors that say what to do."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.browser import PROFILE_PREFIX, BrowserSettings
from sandbox.cgroups import SiteGroup
from sandbox.container import ContainerSettings
from sandbox.errors import ContainerGone, FolderRefused, ImageMissing, NoUserNamespaces, PodmanFailed, PodmanMissing
from sandbox.host import CONTROLLERS, gather_facts, podman_version
from sandbox.image import BuiltImage, build_image, load_image, save_image
from sandbox.owners import Owner
from sandbox.podman import PodmanContainer
from sandbox.podman_engine import Podman, make_private, refuse_unusable, translated
from sandbox.preview import wait_for_http
from sandbox.processes import name_of, runs
from sandbox.reaper import reap, reap_browsers

pytestmark = pytest.mark.podman

PAGE = {"index.html": b"<h1>Hello</h1>"}
MEMORY_BOMB = ["node", "-e", "const held = []; for (;;) held.push(Buffer.alloc(16_000_000, 1))"]


@pytest.fixture
def engine(podman_settings):
    with Podman.on_this_host(podman_settings) as podman:
        yield podman


def names(engine):
    return {container.name for container in engine.client().containers.list(all=True)}


def test_the_command_line_and_the_api_see_the_same_container(static_image, podman_settings, engine):
    with PodmanContainer(ContainerSettings(), podman_settings) as container:
        by_api = engine.client().containers.get(container.name)
        by_command = engine.run(["podman", "inspect", "--format={{.Id}}", container.name])
        assert (by_api.id, by_api.status) == (by_command, "running")
        assert by_api.labels["app"] == "webgen-appliance"
    assert container.name not in names(engine)


def test_the_temporary_folder_is_not_tried_out(static_image, podman_settings, monkeypatch):
    """Python finds the folder by writing a file there, which a kill at that moment leaves behind."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: pytest.fail("a trial file"))
    with PodmanContainer(ContainerSettings(), podman_settings) as container:
        container.replace(PAGE)
        assert container.read() == PAGE


def test_a_service_that_died_is_started_again(static_image, podman_settings):
    with PodmanContainer(ContainerSettings(), podman_settings) as container:
        container.replace(PAGE)
        assert container.read() == PAGE
        first = container.engine.service_pid
        os.kill(first, signal.SIGKILL)
        os.waitpid(first, os.WNOHANG)
        time.sleep(0.1)
        assert container.read() == PAGE
        assert container.engine.service_pid != first


def test_nothing_is_left_after_closing(static_image, podman_settings, engine):
    with PodmanContainer(ContainerSettings(), podman_settings) as container:
        group = Path("/sys/fs/cgroup/memory/appliance") / container.name
        service = container.engine
        container.replace(PAGE)
    assert container.name not in names(engine)
    assert not container.socket.parent.exists()
    assert not group.exists()
    assert service.service_pid is None
    with pytest.raises(ContainerGone):
        container.read()


def test_the_first_site_after_a_restart_leaves_its_control_group_empty(static_image, podman_settings, engine):
    holder = without_holder(engine)
    with PodmanContainer(ContainerSettings(), podman_settings) as container:
        group = Path("/sys/fs/cgroup/memory/appliance") / container.name
        assert group.exists()
    assert not group.exists()
    assert runs(holder.read_text().strip())


def test_a_holder_whose_number_a_browser_has_after_a_restart_is_forgotten(static_image, podman_settings, engine):
    holder = without_holder(engine)
    with a_process_in_namespaces_of_its_own() as stranger:
        holder.write_text(stranger)
        with pytest.raises(PodmanFailed):
            engine.run(["podman", "unshare", "true"])
        with PodmanContainer(ContainerSettings(), podman_settings) as container:
            container.replace(PAGE)
        assert holder.read_text() != stranger


def test_podman_tells_its_version_whatever_its_run_folder_says(monkeypatch, tmp_path):
    note = tmp_path / "libpod" / "tmp" / "pause.pid"
    note.parent.mkdir(parents=True)
    with a_process_in_namespaces_of_its_own() as stranger:
        note.write_text(stranger)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        assert podman_version()[0].isdigit()


@contextmanager
def a_process_in_namespaces_of_its_own():
    with subprocess.Popen(["unshare", "--user", "--map-root-user", "sleep", "60"]) as process:
        until = time.monotonic() + 10
        while name_of(str(process.pid)) != "sleep" and time.monotonic() < until:
            time.sleep(0.01)
        try:
            yield str(process.pid)
        finally:
            process.kill()


def without_holder(engine):
    """Where podman notes the process that holds the namespace open, which has just been killed."""
    holder = engine.settings.run_folder / "libpod" / "tmp" / "pause.pid"
    engine.run(["podman", "unshare", "true"])
    os.kill(int(holder.read_text()), signal.SIGKILL)
    until = time.monotonic() + 10
    while runs(holder.read_text().strip()) and time.monotonic() < until:
        time.sleep(0.01)
    return holder


def test_memory_is_held_for_the_whole_site_and_its_end_is_named(static_image, podman_settings):
    with PodmanContainer(ContainerSettings(memory_mib=256), podman_settings) as container:
        result = container.exec(MEMORY_BOMB, timeout_s=60)
        assert (result.exit_code, result.out_of_memory, result.timed_out) == (137, True, False)


def test_without_a_control_group_a_watchdog_holds_memory_and_the_wall_is_named(static_image, podman_settings):
    facts = replace(gather_facts(), limits="rlimits")
    bombs = (
        "for n in 1 2 3 4; do node -e 'const h = []; for (let i = 0; i < 9; i++) h.push(Buffer.alloc(16e6, 1));"
        " setTimeout(() => 0, 60e3)' & done; wait"
    )
    with PodmanContainer(ContainerSettings(memory_mib=300), podman_settings, facts) as container:
        assert [wall.name for wall in container.missing_walls] == ["real limits"]
        with pytest.raises(ContainerGone, match="more than 300 MiB"):
            container.exec(["sh", "-c", bombs], timeout_s=60)


def test_a_site_that_outlives_its_time_is_gone_and_said_to_be(static_image, podman_settings):
    with PodmanContainer(ContainerSettings(lifetime_s=2), podman_settings) as container:
        with pytest.raises(ContainerGone, match="start it anew"):
            container.exec(["sleep", "30"], timeout_s=20)
        with pytest.raises(ContainerGone, match="start it anew"):
            container.replace(PAGE)
        assert wait_for_http(container.socket, 0.2).status is None


def test_each_running_site_has_a_user_of_its_own(static_image, podman_settings):
    with (
        PodmanContainer(ContainerSettings(), podman_settings) as one,
        PodmanContainer(ContainerSettings(), podman_settings) as two,
    ):
        ids = [site.exec(["id", "-u"], timeout_s=10).stdout for site in (one, two)]
    assert ids[0] != ids[1]


def test_what_a_killed_process_left_is_reaped_and_the_living_stay(static_image, podman_settings, engine):
    script = (
        "import sys, time; from pathlib import Path; from sandbox.container import ContainerSettings\n"
        "from sandbox.podman import PodmanContainer; from sandbox.podman_engine import PodmanSettings\n"
        "with PodmanContainer(ContainerSettings(), PodmanSettings(Path(sys.argv[1]))) as c:\n"
        "    c.engine.client(); print(c.name, c.socket, flush=True); time.sleep(60)\n"
    )
    root = Path(__file__).parents[2]
    with (
        PodmanContainer(ContainerSettings(), podman_settings) as living,
        subprocess.Popen(
            [sys.executable, "-c", script, str(podman_settings.home)], stdout=subprocess.PIPE, text=True, cwd=root
        ) as child,
    ):
        orphan, socket = child.stdout.readline().split()
        child.kill()
        child.wait()
        assert orphan in reap(podman_settings, BrowserSettings()).containers
        assert names(engine) & {orphan, living.name} == {living.name}
        assert not Path(socket).parent.exists()
        assert not (Path("/sys/fs/cgroup/memory/appliance") / orphan).exists()
        assert subprocess.run(["pgrep", "-f", f"api-{child.pid}[.]"], check=False).returncode == 1


def test_a_control_group_of_somebody_else_is_named_with_what_to_do(tmp_path):
    for controller in CONTROLLERS:
        (tmp_path / controller / "group").mkdir(parents=True)
    (tmp_path / CONTROLLERS[-1] / "group").chmod(0o500)
    with pytest.raises(FolderRefused, match=r"group/site.*appliance doctor"):
        SiteGroup("group", "site", tmp_path).create(ContainerSettings())


def test_a_driver_whose_browser_never_came_is_reaped_with_its_folder(tmp_path):
    folder = tmp_path / f"{PROFILE_PREFIX}1.5-x"
    folder.mkdir()
    with (
        subprocess.Popen(["sleep", "60"], env={"HOME": str(folder)}) as alone,
        subprocess.Popen(["sleep", "60"]) as other,
    ):
        assert list(reap_browsers(tmp_path, lambda owner: False)) == [folder.name]
        assert (alone.wait(), other.poll()) == (-signal.SIGKILL, None)
        other.kill()
    assert not folder.exists()


def test_an_owner_is_its_start_time_too():
    me = Owner.this_process()
    assert Owner.parse(str(me)) == me
    assert Owner.parse("x") is None


def test_an_image_is_built_once_and_survives_a_file(static_image, podman_settings, tmp_path):
    again = build_image("static", podman_settings, print)
    assert again == BuiltImage(static_image, again.seconds, was_there=True)
    archive = tmp_path / "image.tar"
    save_image(static_image, archive, podman_settings)
    assert static_image in load_image(archive, podman_settings)
    with pytest.raises(ImageMissing, match="appliance sandbox build"):
        save_image("localhost/none:1", tmp_path / "none.tar", podman_settings)
    assert not list(tmp_path.glob("none*.tar"))


def test_an_image_that_was_never_built_is_named_without_asking_a_registry(static_image, podman_settings):
    started = time.monotonic()
    with pytest.raises(ImageMissing, match="appliance sandbox build"):
        PodmanContainer(ContainerSettings(image="localhost/none:1"), podman_settings).__enter__()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("change", "error", "remedy"),
    [
        ({"podman_version": ""}, PodmanMissing, "apt-get install podman"),
        ({"is_root": True}, NoUserNamespaces, "ordinary account"),
        ({"mapping_tools": False}, PodmanMissing, "install uidmap"),
        ({"runtime_found": False}, PodmanMissing, "install runc"),
        ({"init_found": False}, PodmanMissing, "install catatonit"),
        ({"user_namespaces": False}, NoUserNamespaces, "sysctl"),
        ({"subordinate_ids": False}, NoUserNamespaces, "usermod --add-subuids"),
    ],
)
def test_a_host_that_cannot_run_sites_says_what_to_do(change, error, remedy):
    with pytest.raises(error, match=remedy):
        refuse_unusable(replace(gather_facts(), **change))


def test_an_unknown_failure_quotes_podman():
    error = translated("time=x level=warning msg=y\nError: something odd\n", ["podman", "run"])
    assert isinstance(error, PodmanFailed)
    assert str(error) == "`podman run` failed: something odd."


def test_a_run_folder_that_others_may_read_is_refused(tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("open", "link"):
        with pytest.raises(FolderRefused, match="remove it"):
            make_private(tmp_path / name)
