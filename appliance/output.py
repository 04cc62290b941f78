"""How commands print: results to stdout, as a table or as JSON and nothing else; progress to stderr."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else on stdout.")


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """`right` are the columns with numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, name in enumerate(header):
        table.add_column(name, justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console()
    console.print(table, width=console.width if console.is_terminal else 160)


def say(text: str) -> None:
    """One line of progress."""
    click.echo(text, err=True)


def score(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def gib(size_bytes: float) -> str:
    return f"{size_bytes / 2**30:.2f} GiB"
