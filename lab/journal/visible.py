"""Text from outside made harmless: a log line, a key or an id may contain what a terminal would obey."""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200c\u200d"
"""Invisible characters that belong to words and emoji."""


def visible(text: str) -> str:
    """The text on one line, with control sequences, line ends and direction marks as escapes (`\\x1b`, `\\n`).
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
