"""Writes the pages of the manual that repeat the code: every command, every setting, the picture of the floors.

python -m setup.reference            names the pages that differ from the code; exit code 1 if one does
python -m setup.reference --write    writes them
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click

from appliance import config, profiles
from appliance.cli import app
from setup.floors import draw, floors

CHECKOUT = Path(__file__).resolve().parent.parent
MADE_BY = "This page is made from the code by `python -m setup.reference --write`."
_KINDS = {bool: "`true` or `false`", int: "Whole number", float: "Number", str: "Text"}


def pages(checkout: Path = CHECKOUT) -> dict[Path, str]:
    """Each page's path and what it must say."""
    contract = (checkout / ".importlinter").read_text("utf-8")
    return {
        checkout / "docs" / "commands.md": commands_page(),
        checkout / "docs" / "settings.md": settings_page(),
        checkout / "docs" / "images" / "floors.svg": draw(floors(contract)),
    }


def commands() -> Iterator[tuple[list[str], click.Command]]:
    """Every command and group below `appliance` with its words, in the order in which help shows them."""
    yield from _below(app, ["appliance"])


def _below(group: click.Group, words: list[str]) -> Iterator[tuple[list[str], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield [*words, name], command
        if isinstance(command, click.Group):
            yield from _below(command, [*words, name])


def commands_page() -> str:
    parts = [
        "# Commands",
        "Every command and every option. `-h` or `--help` after any of them shows the same, `appliance --version` the "
        "version. With `--json` a command writes its result, and nothing else, to standard output: one object, or one "
        "a line; what it is doing goes to standard error.",
        "Exit codes: 0 done, 1 nothing valid came of it, 2 wrong usage, 3 something is missing on the machine, 130 "
        "stopped by you.",
        MADE_BY,
        *(_command(words, command) for words, command in commands()),
    ]
    return "\n\n".join(parts) + "\n"


def _command(words: list[str], command: click.Command) -> str:
    level = "##" if len(words) == 2 else "###"
    said = " ".join(inspect.cleandoc(command.help or "").split())
    parts = [f"{level} {' '.join(words)}", said]
    if not isinstance(command, click.Group):
        context = click.Context(command, info_name=" ".join(words))
        usage = " ".join([*words, *command.collect_usage_pieces(context)])
        parts.insert(1, f"    {usage}")
        if options := list(_options(command, context)):
            parts.append("\n".join(["| option | what it does |", "|---|---|", *options]))
    return "\n\n".join(parts)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for option in command.params:
        record = option.get_help_record(context)
        if record is not None and isinstance(option, click.Option):
            words, said = (_plain(part).replace("|", "\\|") for part in record)
            yield f"| `{words}` | {' '.join(said.split())} |"


def _plain(text: str) -> str:
    """Bounds of numbers in words."""
    text = re.sub(r"(\d+)<=x<=(\d+)", r"\1 to \2", text)
    return re.sub(r"x>=(\d+)", r"at least \1", text).replace("INTEGER RANGE", "NUMBER").replace("INTEGER", "NUMBER")


def settings_page() -> str:
    parts = [
        "# Settings",
        "Settings lie in `config.toml` in the data folder. A variable of the environment beats the file, and a "
        "command's own option beats both. `appliance config show` prints each value and who set it. A key that does "
        "not exist is an error that names its place.",
        "The variable is `APPLIANCE_` and the key in capitals, with two underscores for the dot:\n\n"
        "    # config.toml\n"
        "    [generate]\n"
        "    steps = 12\n\n"
        "    # the same in the environment\n"
        "    APPLIANCE_GENERATE__STEPS=12",
        "The data folder itself is `~/.local/share/appliance`, or what `APPLIANCE_HOME` names.",
        MADE_BY,
    ]
    hints = get_type_hints(config.Config)
    for section in (field.name for field in fields(config.Config) if field.name in _sections()):
        parts += [f"## {section}", _docstring(hints[section])]
        for setting in settings_of(hints[section], config):
            variable = f"APPLIANCE_{section.upper()}__{setting['name'].upper()}"
            parts += [
                f"### {section}.{setting['name']}",
                f"{setting['kind']}; default `{setting['default']}`; `{variable}`.",
                setting["said"],
            ]
    return "\n\n".join([*parts, *_profiles()]) + "\n"


def _sections() -> frozenset[str]:
    return frozenset(name for name, hint in get_type_hints(config.Config).items() if hint.__module__ == config.__name__)


def settings_of(cls: Any, module: ModuleType) -> list[dict[str, str]]:
    """Name, kind, default (as TOML) and meaning of each field; the meaning is the text below it in the source."""
    hints, texts = get_type_hints(cls), _texts_below_fields(cls.__name__, module)
    return [
        {
            "name": field.name,
            "kind": _kind(hints[field.name]),
            "default": "" if field.default is MISSING else json.dumps(field.default),
            "said": texts.get(field.name, ""),
        }
        for field in fields(cls)
    ]


def _texts_below_fields(cls: str, module: ModuleType) -> Mapping[str, str]:
    tree = ast.parse(inspect.getsource(module))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls)
    found = {}
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[ast.unparse(field.target)] = " ".join(str(below.value.value).split())
    return found


def _kind(hint: Any) -> str:
    if get_origin(hint) is Literal:
        said = [f"`{choice}`" for choice in get_args(hint)]
        return f"{', '.join(said[:-1])} or {said[-1]}"
    return _KINDS[hint]


def _docstring(cls: type) -> str:
    return " ".join((cls.__doc__ or "").split())


def _profiles() -> Iterator[str]:
    yield "## profiles"
    yield (
        f"{_docstring(profiles.Profile)} `generate.profile` or `--profile NAME` chooses one. One of your own is a "
        "section `[profiles.NAME]` of `config.toml` in which every key without a default must be there; it replaces a "
        "shipped one of the same name."
    )
    own = [setting for setting in settings_of(profiles.Profile, profiles) if setting["name"] != "name"]
    rows = ["| key | kind | default | what it says |", "|---|---|---|---|"]
    for key in own:
        default = f"`{key['default']}`" if key["default"] else "–"
        rows.append(f"| `{key['name']}` | {key['kind']} | {default} | {key['said']} |")
    yield "\n".join(rows)
    yield "The shipped ones; a dash is the default:"
    shipped = tomllib.loads(files("appliance").joinpath("profiles.toml").read_text("utf-8"))
    rows = [f"| key | {' | '.join(shipped)} |", f"|---|{'---|' * len(shipped)}"]
    for key in own:
        values = [
            f"`{json.dumps(profile[key['name']])}`" if key["name"] in profile else "–" for profile in shipped.values()
        ]
        rows.append(f"| `{key['name']}` | {' | '.join(values)} |")
    yield "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m setup.reference", description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the pages that differ")
    is_writing = parser.parse_args().write
    differing = {path: text for path, text in pages().items() if not path.exists() or path.read_text("utf-8") != text}
    for path, text in differing.items():
        print(f"{path.relative_to(CHECKOUT)} {'is written' if is_writing else 'differs from the code'}")
        if is_writing:
            path.write_text(text, "utf-8")
    return 1 if differing and not is_writing else 0


if __name__ == "__main__":
    sys.exit(main())
