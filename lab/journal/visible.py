"""Strangers' text made harmless: a log line, a key, an id may hold what a terminal would obey."""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200c\u200d"
"""Of the invisible signs those that belong to words and emoji."""


def visible(text: str) -> str:
    """The text on one line, with control sequences, line ends and marks of direction as escapes (`\\x1b`, `\\n`).
    Blanks stay, a tab becomes one."""
    if text.isprintable():
        return text
    return "".join(map(_sign, text))


def _sign(sign: str) -> str:
    if sign == "\t":
        return " "
    if sign.isprintable() or sign in _JOINERS or unicodedata.category(sign) == "Zs":
        return sign
    return ascii(sign)[1:-1]
