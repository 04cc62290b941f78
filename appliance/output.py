"""How commands print: results to stdout, as a table or as JSON and nothing else; progress to stderr.

Texts of models, pages and files pass `visible` here, so that none of them gives orders to the terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from appliance.visible import visible, visible_json

_PLAIN_WIDTH = 160

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else on stdout.")


def print_json(value: Any) -> None:
    click.echo(visible_json(json.dumps(value, ensure_ascii=False)))


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """`right` are the columns with numbers; the last column takes what room is left."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, name in enumerate(header):
        is_last = i == len(header) - 1
        table.add_column(name, justify="right" if i in right else "left", no_wrap=not is_last, overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    terminal = Console()
    console = terminal if terminal.is_terminal else Console(width=_PLAIN_WIDTH)
    console.print(table)


def tell(text: str) -> None:
    """One line of a result."""
    click.echo(visible(text))


def say(text: str) -> None:
    """One line of progress."""
    click.echo(visible(text), err=True)


def score(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def gib(size_bytes: float) -> str:
    return f"{size_bytes / 2**30:.2f} GiB"
