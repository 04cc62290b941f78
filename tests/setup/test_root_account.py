"""What a command started by root does: everything under the product's account, deliveries with their owner's rights."""

from __future__ import annotations

import signal

import pytest

from tests.setup.machine import Machine

PROGRAM = """
import os, pathlib, tempfile, time
from appliance import account, delivery
from appliance.errors import ApplianceError

try:
    account.reexec_as_product(sys.argv)
except ApplianceError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)

words = sys.argv[1:]
print("uid", os.getuid(), "cwd", os.getcwd(), "home", os.environ["HOME"], flush=True)
print("environment", sorted(os.environ))
for word in words:
    if word.startswith("@"):
        print("brief", pathlib.Path(word[1:]).read_text())
if "--wait" in words:
    print("waiting", flush=True)
    time.sleep(30)
stream = account.export_stream()
if stream is not None and "--nothing" not in words:
    with stream, tempfile.TemporaryDirectory() as folder:
        site = pathlib.Path(folder, "assets")
        site.mkdir()
        (site / "logo.svg").write_text("<svg/>")
        if "--link" in words:
            (site / "passwd").symlink_to("/etc/passwd")
        delivery.send(pathlib.Path(folder), stream)
sys.exit(7 if "--seven" in words else 0)
"""
pytestmark = pytest.mark.podman


@pytest.fixture
def machine(machine: Machine) -> Machine:
    machine.add_product_user()
    return machine


def test_root_becomes_the_products_user(machine: Machine) -> None:
    done = machine.python(PROGRAM, "doctor")
    assert done.stdout.startswith("uid 999 cwd / home /open/home"), done.stderr


def test_the_runtime_folder_is_made_again_and_belongs_to_the_user(machine: Machine) -> None:
    machine.write_program(PROGRAM)
    done = machine.run("sh", "-c", "/usr/bin/python3 -B /open/program.py && stat -c '%a %U' /run/user/999")
    assert done.stdout.endswith("700 appliance\n"), done.stderr


def test_nothing_of_roots_environment_comes_along_but_what_is_named(machine: Machine) -> None:
    machine.write_program(PROGRAM)
    done = machine.run("env", "AWS_SECRET=x", "APPLIANCE_STEPS=3", "/usr/bin/python3", "-B", "/open/program.py")
    assert "APPLIANCE_STEPS" in done.stdout
    assert "AWS_SECRET" not in done.stdout


def test_a_machine_without_the_user_says_what_to_run(machine: Machine) -> None:
    machine.run("sed", "-i", "/^appliance/d", "/etc/passwd")
    done = machine.python(PROGRAM, "doctor")
    assert done.returncode == 3
    assert done.stderr == 'The system user "appliance" is missing; run "make demo" once as root.\n'


def test_a_small_file_only_root_can_read_is_handed_over(machine: Machine) -> None:
    (machine.closed / "brief.txt").write_text("A shop for tea")
    assert "brief A shop for tea" in machine.python(PROGRAM, "generate", "@/closed/brief.txt").stdout


def test_a_large_file_only_root_can_read_is_refused_with_what_to_do(machine: Machine) -> None:
    (machine.closed / "weights.gguf").write_bytes(bytes(1024 * 1024 + 1))
    done = machine.python(PROGRAM, "models", "import", "/closed/weights.gguf")
    assert done.returncode == 2
    assert "cannot read /closed/weights.gguf; copy it below /open/home" in done.stderr


def test_an_export_lands_in_a_folder_only_root_can_write_and_belongs_to_root(machine: Machine) -> None:
    done = machine.python(PROGRAM, "generate", "--out", "/closed/new/site")
    exported = machine.closed / "new" / "site" / "assets" / "logo.svg"
    assert (done.returncode, exported.read_text()) == (0, "<svg/>"), done.stderr
    assert exported.stat().st_uid == machine.closed.stat().st_uid


def test_an_export_into_somebodys_folder_belongs_to_them(machine: Machine) -> None:
    machine.python(PROGRAM, "generate", "--out=/open/alice/site")
    assert machine.run("stat", "-c", "%U", "/open/alice/site/assets/logo.svg").stdout == "alice\n"


def test_root_does_not_follow_a_link_that_somebody_laid_out(machine: Machine) -> None:
    (machine.closed / "goal").mkdir()
    as_alice = ["setpriv", "--reuid=2000", "--regid=2000", "--clear-groups"]
    machine.run(*as_alice, "ln", "-s", "/closed/goal", "/open/alice/way")
    done = machine.python(PROGRAM, "generate", "--out", "/open/alice/way/site")
    assert done.returncode == 2, done.stdout
    assert list((machine.closed / "goal").iterdir()) == []


def test_a_link_inside_an_export_is_refused_and_nothing_is_left(machine: Machine) -> None:
    done = machine.python(PROGRAM, "generate", "--link", "--out", "/closed/site")
    assert "arrived damaged" in done.stderr
    assert done.returncode == 2
    assert list(machine.closed.iterdir()) == []


def test_a_full_folder_is_refused_before_any_work(machine: Machine) -> None:
    (machine.closed / "site").mkdir()
    (machine.closed / "site" / "mine.txt").touch()
    done = machine.python(PROGRAM, "generate", "--out", "/closed/site")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not empty; name a new one after --out" in done.stderr


def test_no_export_leaves_no_folder_and_the_exit_code_passes_through(machine: Machine) -> None:
    done = machine.python(PROGRAM, "generate", "--nothing", "--seven", "--out", "/closed/site")
    assert done.returncode == 7
    assert list(machine.closed.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_waiting_root_process_ends_the_product(machine: Machine, number: signal.Signals) -> None:
    machine.write_program(PROGRAM)
    words = ["/usr/bin/python3", "-B", "/open/program.py", "--wait", "--out", "/closed/site"]
    start_and_kill = (
        f'"$@" & sleep 2; kill -{int(number)} $!; wait $!; echo "code $?"; sleep 0.5; pgrep -c -f program.py'
    )
    done = machine.run("bash", "-c", start_and_kill, "-", *words)
    assert "waiting" in done.stdout, done.stderr
    assert done.stdout.splitlines()[-2:] == [f"code {128 + number}", "0"]
