"""The command line. This file only knows the commands' names; each command's file is loaded when it is called.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 something is missing on the machine, 130 stopped by the user.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from appliance.account import reexec_as_product
from appliance.errors import ApplianceError
from appliance.visible import visible

COMMANDS = {
    "generate": "Make a website from a brief.",
    "demo": "Make a website from a WebGen-Bench brief that is shipped.",
    "runs": "List, show, resume, continue, fork, cancel, export, delete runs.",
    "serve": "The web interface and a worker.",
    "worker": "Work on queued runs without a user interface.",
    "models": "List, pull, import, verify, remove models; plan memory.",
    "sandbox": "Build the sandbox images; check the walls.",
    "train": "Train a model on its own scores; promote what it learned or roll it back.",
    "schedule": "Say when the box may train.",
    "bench": "Measure whether the loop pays, by executable checks; test the judges.",
    "backup": "Write sites, scores, adapters and settings into one file.",
    "selftest": "Make sites in the real sandbox, and break them on purpose.",
    "restore": "Bring a backup back, or check one.",
    "bundle": "Everything for a machine without a network: create, verify, install.",
    "doctor": "Say what this machine has and what is missing.",
    "config": "Show every setting and where it comes from.",
}


class LazyGroup(click.Group):
    """`--help` must not pay for what the commands import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"appliance.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="webgen-appliance")
def app() -> None:
    """Websites made by local models, on one box, with no network."""


def main() -> None:
    """Entry point. Every expected failure ends in one sentence on stderr and its exit code."""
    try:
        reexec_as_product(sys.argv)
        status = app.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        if not is_expected(error):
            raise
        click.echo(visible(f"appliance: {error}"), err=True)
        sys.exit(code_of(error))
    sys.exit(status if isinstance(status, int) else 0)


def is_expected(error: Exception) -> bool:
    """Our own errors, told by their root's name: importing the packages here would slow every command down."""
    return any(cls.__name__ in ("ApplianceError", "ModelError", "SandboxError") for cls in type(error).__mro__)


def code_of(error: Exception) -> int:
    if isinstance(error, ApplianceError):
        return error.exit_code
    return int(import_module("appliance.worker").exit_code_of(error))
