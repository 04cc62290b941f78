"""Both targets of the Containerfile, built without a network and run."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.image import CONTAINERFILE, base_name, exists, import_base, site_members, write_context
from sandbox.podman_engine import Podman, PodmanSettings
from setup.container import IMAGE, build_appliance, installed_engine

CHECKOUT = Path(__file__).resolve().parent.parent.parent
CACHE = Path.home() / ".cache" / "webgen-appliance"
OFFLINE = ["--quiet", "--pull=never", "--network=none"]
pytestmark = [pytest.mark.podman, pytest.mark.slow]


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    """Kept from run to run: the base images are large and do not change."""
    with Podman.on_this_host(PodmanSettings(CACHE / "containerfile-tests")) as podman:
        yield podman


@pytest.fixture(scope="module")
def appliance_image(podman: Podman) -> str:
    CACHE.mkdir(parents=True, exist_ok=True)
    return build_appliance(CHECKOUT, installed_engine(), CACHE, podman)


def instructions(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith(("#", "ARG", "FROM"))]


def test_the_site_target_and_the_sandboxs_own_file_are_the_same() -> None:
    site = re.split(r"(?m)^FROM ", (CHECKOUT / "Containerfile").read_text())[1]
    assert instructions(site.partition("\n")[2]) == instructions(CONTAINERFILE.read_text())


def run(podman: Podman, image: str, *words: str, entrypoint: str = "") -> tuple[int, str]:
    """Exit code and output. Detached and asked: to attach or to wait takes 20 s with our delay of exit commands."""
    options = [*OFFLINE[1:], *([f"--entrypoint={entrypoint}"] if entrypoint else [])]
    container = podman.run(["podman", "run", "--detach", *options, image, *words])
    try:
        code = exit_code(podman, container)
        logs = podman.run_raw(["podman", "logs", container], timeout_s=60)
    finally:
        podman.run(["podman", "rm", "--force", container])
    return code, (logs.stdout + logs.stderr).decode()


def exit_code(podman: Podman, container: str) -> int:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        state = podman.run(["podman", "inspect", "--format={{.State.Status}} {{.State.ExitCode}}", container])
        if state.startswith(("stopped", "exited")):
            return int(state.split()[1])
        time.sleep(0.1)
    raise TimeoutError(f"{container} did not end: {state}")


def test_the_site_target_holds_node_and_the_server(podman: Podman, tmp_path: Path) -> None:
    if not exists(podman, base_name()):
        import_base(podman)
    write_context(tmp_path, site_members())
    words = [*OFFLINE, "--target=site", f"--build-arg=BASE={base_name()}", f"--file={CHECKOUT / 'Containerfile'}"]
    image = podman.run(["podman", "build", *words, str(tmp_path)])
    code, told = run(podman, image, "-c", "node --version && ls /srv", entrypoint="/bin/sh")
    assert code == 0, told
    assert told.startswith("v")
    assert "serve.mjs" in told.split()


def test_the_appliance_target_answers_help(podman: Podman, appliance_image: str) -> None:
    code, told = run(podman, appliance_image, "--help")
    assert code == 0, told
    assert "Usage: appliance" in told


def test_its_engine_decodes(podman: Podman, appliance_image: str) -> None:
    code, told = run(podman, appliance_image, "-m", "models.self_test", entrypoint="/opt/appliance/bin/python")
    assert code == 0, told
    assert "works: 2 tokens" in told


def test_the_doctor_names_what_is_missing_where_it_runs_nested(podman: Podman, appliance_image: str) -> None:
    """A container's own containers need what the outer one does not give: said, not assumed, and not a crash."""
    code, told = run(podman, appliance_image, "doctor")
    assert code == 3, told
    assert "Traceback" not in told
    assert "qwen2.5-coder-1.5b is not installed" in told
    assert re.search("wall|user namespace|subordinate", told), told


def test_the_image_is_named_as_documented() -> None:
    assert IMAGE in (CHECKOUT / "docs" / "install.md").read_text()
