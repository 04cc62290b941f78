"""Texts of models, pages and people on a terminal, where a control character is an order: they show, and do nothing."""

from __future__ import annotations

import re

_ORDERS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"  # line and tab are let be
)


def visible(text: str) -> str:
    """Controls, changes of the writing direction and halves of characters as signs that stand for them."""
    return _ORDERS.sub(_sign, text.replace("\r\n", "\n"))


def visible_json(text: str) -> str:
    """The same of a JSON text, as its own escapes: what reads it gets every character back."""
    return _ORDERS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    return chr(0x2400 + code) if code < 0x20 else "␡" if code == 0x7F else "�"
