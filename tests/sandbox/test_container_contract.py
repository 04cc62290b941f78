"""One contract, run on the container that isolates and on the one that does not."""

import socket
import time

import pytest

from sandbox.container import ContainerSettings
from sandbox.errors import ContainerGone, StorageFull, WorkspaceRefused
from sandbox.local import LocalContainer
from sandbox.podman import PodmanContainer
from sandbox.preview import wait_for_http

PAGE = {"index.html": b"<h1>Hello</h1>", "css/style.css": b"h1 { color: teal }", "bild ü.svg": b"<svg/>"}


@pytest.fixture(scope="module", params=["local", pytest.param("podman", marks=pytest.mark.podman)])
def room(request):
    """Shared by the tests of this file, as a site's room is shared by its steps."""
    settings = ContainerSettings(workspace_mib=32)
    if request.param == "local":
        made = LocalContainer(settings)
    else:
        request.getfixturevalue("static_image")
        made = PodmanContainer(settings, request.getfixturevalue("podman_settings"))
    with made as container:
        yield container


@pytest.fixture
def container(room):
    room.replace({})
    room.publish()
    return room


def get(container, path):
    return wait_for_http(container.socket, 5, path)


def test_what_goes_in_comes_out(container):
    container.replace(PAGE)
    assert container.read() == PAGE


def test_a_replacement_leaves_nothing_behind(container):
    container.replace(PAGE)
    container.exec(["sh", "-c", "mkdir -p left/over && touch left/over/x && chmod 000 left"], timeout_s=10)
    container.replace({"other.html": b"x"})
    assert container.read() == {"other.html": b"x"}


DEEPER_THAN_ANY_PATH = """
const fs = require('fs')
for (let depth = 0; depth < 300; depth++) { fs.mkdirSync('d'.repeat(20)); process.chdir('d'.repeat(20)) }
fs.writeFileSync('bottom', 'x')
"""
NO_TEXT_FOR_A_NAME = """
const fs = require('fs'), bytes = (...all) => Buffer.from(all)
fs.writeFileSync(bytes(0xff, 0x61), 'x')
fs.mkdirSync(bytes(0xfe)); fs.writeFileSync(bytes(0xfe, 0x2f, 0xfd), 'x')
fs.symlinkSync('/etc', bytes(0xfe, 0x2f, 0xfc))
fs.mkdirSync('a/closed', { recursive: true }); fs.chmodSync('a/closed', 0)
"""


@pytest.mark.parametrize("script", [DEEPER_THAN_ANY_PATH, NO_TEXT_FOR_A_NAME])
def test_nothing_a_site_makes_keeps_its_next_files_out(container, script):
    made = container.exec(["node", "-e", script], timeout_s=20)
    assert (made.exit_code, made.stderr) == (0, "")
    container.replace(PAGE)
    assert container.read() == PAGE


def test_a_refused_path_changes_nothing(container):
    container.replace(PAGE)
    with pytest.raises(WorkspaceRefused):
        container.replace({"fine.html": b"", "../evil.html": b""})
    assert container.read() == PAGE


def test_a_file_where_a_folder_was(container):
    container.replace({"a/b": b"1"})
    container.replace({"a": b"2"})
    assert container.read() == {"a": b"2"}


def test_links_do_not_come_out(container):
    container.exec(["ln", "-s", "/etc/passwd", "page.html"], timeout_s=10)
    with pytest.raises(WorkspaceRefused):
        container.read()


def test_node_modules_do_not_come_out(container):
    container.replace(PAGE)
    container.exec(["sh", "-c", "mkdir -p node_modules/x; echo 1 > node_modules/x/y"], timeout_s=10)
    assert container.read() == PAGE


def test_the_server_shows_the_files_with_their_types(container):
    container.replace(PAGE)
    shown = get(container, "/")
    assert (shown.status, shown.body) == (200, "<h1>Hello</h1>")
    assert get(container, "/css/style.css").body == "h1 { color: teal }"
    assert get(container, "/bild%20%C3%BC.svg").status == 200
    assert get(container, "/absent.html").status == 404


def test_a_change_is_shown_at_once(container):
    for text in (b"one", b"two", b"three"):
        container.replace({"index.html": text})
        assert get(container, "/").body == text.decode()


@pytest.mark.parametrize(
    "path", ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/link", "/dir/passwd"]
)
def test_the_server_shows_nothing_outside_the_site(container, path):
    container.exec(["sh", "-c", "ln -s /etc/passwd link; ln -s /etc dir"], timeout_s=10)
    assert get(container, path).status == 404


def test_the_kit_is_served_beside_the_site(container):
    assert "font-face" in get(container, "/kit/fonts.css").body
    container.replace({"kit/fonts.css": b"own"})
    assert get(container, "/kit/fonts.css").body == "own"


def test_another_folder_is_published_at_run_time(container):
    container.replace({"index.html": b"source", "dist/index.html": b"built", "secret.txt": b"x"})
    container.publish("dist")
    assert get(container, "/").body == "built"
    assert get(container, "/../secret.txt").status == 404
    container.publish()
    assert get(container, "/").body == "source"


def test_a_folder_that_is_not_there_yet_is_named(container):
    container.publish("dist")
    assert "no folder dist" in get(container, "/").body
    with pytest.raises(WorkspaceRefused):
        container.publish("../etc")


def test_a_command_reports_code_and_output(container):
    container.replace(PAGE)
    result = container.exec(["sh", "-c", "cat; ls; echo oops >&2; exit 3"], timeout_s=10, stdin=b"in\n")
    assert (result.exit_code, result.stderr) == (3, "oops\n")
    assert result.stdout.startswith("in\n")
    assert "index.html" in result.stdout
    assert not result.timed_out


def test_a_missing_program_is_a_result_not_an_exception(container):
    assert container.exec(["no-such-program"], timeout_s=10).exit_code == 127


def test_a_command_is_killed_at_its_timeout_with_its_children(container):
    started = time.monotonic()
    result = container.exec(["sh", "-c", "echo begun; sleep 61.0625 & sleep 61.0625"], timeout_s=1)
    assert result.timed_out
    assert result.stdout == "begun\n"
    assert time.monotonic() - started < 10
    assert "61.0625" not in container.exec(["ps", "-eo", "args"], timeout_s=10).stdout


def test_endless_output_is_cut_in_the_middle(container):
    result = container.exec(["sh", "-c", "echo first; yes | head -c 30000000; echo last"], timeout_s=60)
    assert result.stdout.startswith("first\n")
    assert result.stdout.endswith("last\n")
    assert len(result.stdout) < 30_000


def test_many_connections_at_once_are_served(container):
    container.replace(PAGE)
    held = []
    try:
        for _ in range(100):
            client = socket.socket(socket.AF_UNIX)
            held.append(client)
            client.connect(str(container.socket))
        assert get(container, "/").status == 200
    finally:
        for client in held:
            client.close()


def test_a_closed_container_says_so(container):
    with LocalContainer(ContainerSettings()) as gone:
        pass
    for use in (lambda: gone.replace(PAGE), gone.read, gone.publish):
        with pytest.raises(ContainerGone, match="start it anew"):
            use()


@pytest.mark.podman
def test_a_site_larger_than_its_quota_is_refused(static_image, podman_settings):
    with PodmanContainer(ContainerSettings(workspace_mib=1), podman_settings) as container:
        with pytest.raises(StorageFull, match="1 MiB"):
            container.replace({"a.bin": b"x" * 1_500_000})
        container.replace(PAGE)
        assert container.read() == PAGE
