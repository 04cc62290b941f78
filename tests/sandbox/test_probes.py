"""Every named attempt fails on the real sandbox, and each kind succeeds where its wall is missing: else it would prove
nothing."""

import http.client
import shutil
from pathlib import Path

import pytest

from sandbox.browser import BrowserSettings
from sandbox.container import CommandResult, ContainerSettings
from sandbox.errors import WorkspaceRefused
from sandbox.local import LocalContainer
from sandbox.podman import PodmanContainer
from sandbox.probe_room import answers_to, judged_calls, refused, refused_files
from sandbox.probes import FAMILIES, PROBES, Room, run_family, run_probe, run_probes
from sandbox.probes_browser import judged_renderers, judged_storage
from sandbox.probes_exchange import refused_by_workspace
from sandbox.probes_fence import judged_reports
from sandbox.probes_files import judged_flags, judged_identity, judged_mounts, judged_sizes
from sandbox.probes_floods import judged_busy, judged_forks, judged_memory
from sandbox.probes_network import judged_interfaces
from sandbox.probes_preview import Answer, judged_answers
from sandbox.probes_processes import judged_groups
from sandbox.probes_rights import judged_capabilities
from sandbox.system_call import LEGACY_CALL, program

pytestmark = [pytest.mark.podman, pytest.mark.browser]

DOCUMENT = Path(__file__).parents[2] / "docs" / "sandbox.md"
MIB = 1024 * 1024
# Harmless where nothing holds them. The others would do harm, or this account lacks the right anyway.
WITHOUT_WALLS = (
    *("host-loopback", "abstract-sockets", "service-sockets", "host-processes", "host-signals", "setuid-programs"),
    *("call-filter", "user-namespace", "host-files", "appliance-files", "climbing", "writing-outside", "mount-flags"),
    *("kernel-memory", "host-identity"),
)
WEAKENED = [
    ("--network=host", "host-loopback interfaces abstract-sockets open-port neighbour-port"),
    ("--cap-add=all", "capabilities"),
    (
        "--security-opt=seccomp=unconfined",
        "call-filter user-namespace entering keyrings kernel-messages process-memory",
    ),
    ("--security-opt=mask=/proc/none", "kernel-memory"),
    ("--read-only=false", "writing-outside"),
    ("--volume=/tmp:/mnt", "shared-folders"),
]
UNFENCED = "page-services page-loopback page-sockets page-threads page-calls page-leaving page-popups"


def probe(name):
    return next(probe for probe in PROBES if probe.name == name)


@pytest.fixture(scope="module")
def results(static_image, podman_settings):
    return {result.name: result for result in run_probes(podman_settings)}


@pytest.fixture
def room_without_walls(podman_settings):
    with LocalContainer(ContainerSettings()) as container, Room(container, podman_settings, BrowserSettings()) as room:
        yield room


@pytest.mark.parametrize("name", [probe.name for probe in PROBES])
def test_it_is_blocked(name, results):
    assert results[name].blocked, results[name].how


def test_there_are_sixty_and_more_each_with_a_name_of_its_own_that_the_document_tells():
    names = [probe.name for probe in PROBES]
    assert len(names) == len(set(names)) >= 60
    text = DOCUMENT.read_text()
    assert [name for name in names if f"`{name}`" not in text] == []
    assert f"{len(names)} named attempts" in text


@pytest.mark.parametrize("name", WITHOUT_WALLS)
def test_it_notices_that_there_are_no_walls(name, room_without_walls):
    result = run_probe(probe(name), room_without_walls)
    assert not result.blocked, result.how
    assert "could not finish" not in result.how


@pytest.mark.parametrize(("weakness", "names"), WEAKENED)
def test_it_notices_the_one_wall_that_is_missing(weakness, names, static_image, podman_settings, weaken):
    weaken(weakness)
    settings = ContainerSettings(without_minimum_walls=True)
    chosen = tuple(probe(name) for name in names.split())
    results = run_family(chosen, podman_settings, BrowserSettings(), settings)
    assert [result for result in results if result.blocked or "could not finish" in result.how] == []


@pytest.fixture
def weak_browser(tmp_path):
    """A Chromium that leaves out flags of ours, or has one more."""

    def weak_browser(*more, without=()):
        program = tmp_path / "chromium"
        dropped = "|".join(f"{flag}*" for flag in without) or "--none"
        program.write_text(
            "#!/bin/sh\nfor word; do\n  shift\n"
            f'  case "$word" in {dropped}) ;; *) set -- "$@" "$word" ;; esac\ndone\n'
            f'exec {shutil.which("chromium")} {" ".join(more)} "$@"\n'
        )
        program.chmod(0o755)
        return BrowserSettings(chromium=str(program))

    return weak_browser


def test_it_notices_a_browser_without_the_fence(podman_settings, weak_browser):
    fence = ("--proxy-server", "--proxy-bypass-list", "--webrtc-ip", "--force-webrtc")
    settings = weak_browser("--disable-popup-blocking", without=fence)
    with LocalContainer(ContainerSettings()) as container, Room(container, podman_settings, settings) as room:
        results = [run_probe(probe(name), room) for name in UNFENCED.split()]
    assert [result for result in results if result.blocked or "could not finish" in result.how] == []


def test_it_notices_a_browser_without_its_own_sandbox(podman_settings, weak_browser):
    with (
        LocalContainer(ContainerSettings()) as container,
        Room(container, podman_settings, weak_browser("--no-sandbox")) as room,
    ):
        assert run_probe(probe("page-sandbox"), room).how.startswith("0 of ")


def test_it_notices_what_the_browser_was_allowed(room_without_walls):
    page = room_without_walls.page
    page.command("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(page.folder)})
    page.command("Browser.grantPermissions", {"permissions": ["geolocation"]})
    told = [run_probe(probe(name), room_without_walls) for name in ("page-downloads", "page-permissions")]
    assert ["saved: " in told[0].how, "geolocation: granted" in told[1].how] == [True, True]
    assert not any(result.blocked for result in told)


class Careless(LocalContainer):
    """Takes a site back as a careless host would: through links, and however much it is."""

    def read(self):
        return {path.name: path.read_bytes() for path in self.site.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["link-out", "many-files", "strange-names"])
def test_it_notices_a_host_that_takes_everything_back(name, podman_settings):
    with Careless(ContainerSettings()) as container, Room(container, podman_settings, BrowserSettings()) as room:
        result = run_probe(probe(name), room)
    assert not result.blocked
    assert "read back" in result.how


def raises():
    raise WorkspaceRefused("no")


QUIET = CommandResult(("sh",), 0, "", "", 1.0)
STATUS = dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0000000000000000")
FULL = {"/srv/site": 128 * MIB, "/tmp": 64 * MIB, "/dev/shm": 16 * MIB}
WALLED = {"Seccomp": "2", "NoNewPrivs": "1", "NSpid": "4711 12"}
ROOT = "30 1 0:9 / / ro - overlay overlay ro\n"
FLAGS = "nosuid,nodev"
TABLE = f"t /srv/site tmpfs rw,{FLAGS} 0 0\nt /tmp tmpfs rw,{FLAGS} 0 0\nt /dev/shm tmpfs rw,{FLAGS} 0 0"


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (refused({"a": "EPERM"}, frozenset({"EPERM"})), refused({"a": "no answer"}, frozenset({"EPERM"}))),
        (refused({"a": "EPERM"}, frozenset({"EPERM"})), refused({}, frozenset({"EPERM"}))),
        (refused_files({"/a": "EROFS", "/b": "ENOENT"}), refused_files({"/a": "ENOENT"})),
        (judged_calls({"a": 38, "b": 159}), judged_calls({"a": 38, "b": 14})),
        (judged_interfaces(["lo"], []), judged_interfaces(["lo", "eth0"], ["eth0 00000000 0100000A"])),
        (judged_groups({"/g": "EROFS"}, {}), judged_groups({"/g": "EROFS"}, {"/g/release_agent": "done"})),
        (judged_capabilities(STATUS), judged_capabilities({**STATUS, "CapAmb": "0000000000000400"})),
        (judged_mounts(ROOT), judged_mounts(ROOT + "31 30 0:8 /home/me /mnt rw - tmpfs tmpfs rw\n")),
        (judged_mounts(ROOT), judged_mounts(ROOT + "31 30 8:1 / /mnt rw - ext4 /dev/sda1 rw\n")),
        (judged_flags(TABLE), judged_flags(TABLE.replace("rw,nosuid,nodev", "rw", 1))),
        (judged_sizes(FULL), judged_sizes({**FULL, "/tmp": 400 * MIB})),
        (judged_identity("site", {"TOKEN": "abcdef"}, "host-7"), judged_identity("on host-7", {}, "host-7")),
        (judged_identity("site", {"TOKEN": "abcdef"}, "h"), judged_identity("x=abcdef", {"TOKEN": "abcdef"}, "h")),
        (refused_by_workspace({"a": raises}), refused_by_workspace({"a": raises, "b": lambda: None})),
        (judged_answers({"/": Answer(404, "none")}), judged_answers({"/": Answer(404, "root:x:0:0:")})),
        (judged_answers({"/": Answer(404, "none")}), judged_answers({"/": Answer(200, "hello")})),
        (
            judged_forks(CommandResult(("sh",), 2, "", "sh: Cannot fork", 1.0), 96),
            judged_forks(CommandResult(("sh",), 2, "", "sh: Cannot fork", 1.0), 400),
        ),
        (judged_forks("The site's container has ended", 0), judged_forks(QUIET, 96)),
        (judged_memory(CommandResult(("n",), 137, "", "", 1.0, out_of_memory=True)), judged_memory(QUIET)),
        (judged_busy("0m0.0s 0m0.0s\n0m0.9s 0m0.1s", 2.2), judged_busy("0m0.0s 0m0.0s\n0m3.5s 0m0.2s", 2.2)),
        (judged_busy("0m0.0s 0m0.0s\n0m0.9s 0m0.1s", 2.2), judged_busy("0m0.0s 0m0.0s\n0m0.0s 0m0.0s", 2.2)),
        (judged_reports(frozenset({"a"}), {"a"}, []), judged_reports(frozenset({"a"}), {"a"}, ["127.0.0.1"])),
        (judged_reports(frozenset({"a"}), {"a"}, []), judged_reports(frozenset({"a", "b"}), {"a"}, [])),
        (judged_storage({"local": 1}, {"local": 0}), judged_storage({"local": 1}, {"local": 1})),
        (judged_storage({"local": 1}, {"local": 0}), judged_storage({"local": 0}, {"local": 0})),
        (judged_renderers([WALLED]), judged_renderers([WALLED, {**WALLED, "Seccomp": "0"}])),
        (judged_renderers([WALLED]), judged_renderers([])),
    ],
)
def test_a_judgement_can_come_out_either_way(good, bad):
    assert (good[0], bad[0]) == (True, False), (good, bad)


def test_a_system_call_that_is_allowed_goes_through(static_image, podman_settings):
    getpid, no_such_call = 39, 999
    with PodmanContainer(ContainerSettings(), podman_settings) as container:
        container.replace({"getpid": program(getpid), "none": program(no_such_call)})
        told = container.exec(["sh", "-c", "chmod +x *; ./getpid; echo $?; ./none; echo $?"], timeout_s=10)
    assert told.stdout.split() == ["0", "38"]
    assert LEGACY_CALL in program(20, call=LEGACY_CALL)


def test_an_attempt_that_succeeds_is_told_as_done(room_without_walls):
    room = room_without_walls
    assert answers_to(room.container, "create", [str(room.container.site), "/proc/none"]) == {
        str(room.container.site): "done",
        "/proc/none": "ENOENT",
    }


def test_a_probe_that_cannot_finish_counts_as_open(podman_settings):
    with LocalContainer(ContainerSettings()) as closed:
        pass
    result = run_probe(probe("link-out"), Room(closed, podman_settings, BrowserSettings()))
    assert not result.blocked
    assert "could not finish" in result.how


def test_visitors_are_served_again_once_others_have_left(room_without_walls):
    assert run_probe(probe("connection-flood"), room_without_walls).blocked
    connection = http.client.HTTPConnection("127.0.0.1", room_without_walls.preview.port, timeout=10)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    connection.close()
    assert len(FAMILIES) == 12
