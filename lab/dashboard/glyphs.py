"""The characters of the screen, and the ASCII stand-in of each for terminals without Unicode.

Views draw in Unicode. Where a terminal cannot show that, each row is translated as the last step. A stand-in is as wide
as the character that it replaces, so nothing moves.
"""

from __future__ import annotations

import locale
import os
import sys

STATE = {
    "pending": "◌",
    "starting": "◐",
    "ready": "●",
    "degraded": "◑",
    "frozen": "■",
    "stopping": "◔",
    "stopped": "○",
    "backoff": "↻",
    "failed": "✕",
}
"""What stands before a process's state; the word is always there too."""

OUTCOME = {"ok": " ", "error": "✕", "lost": "✕", "refused": "✕", "late": "◔", "duplicate": "‖"}

DOT = "●"
TWICE = "◉"
SLOW = "◌"
CUT = "✕"
SPARK = " ▁▂▃▄▅▆▇█"

# Line pieces by which sides of the cell they reach: left 1, right 2, up 4, down 8.
LEFT, RIGHT, UP, DOWN = 1, 2, 4, 8
THIN = {
    LEFT: "─",
    RIGHT: "─",
    UP: "│",
    DOWN: "│",
    LEFT | RIGHT: "─",
    UP | DOWN: "│",
    RIGHT | DOWN: "╭",
    LEFT | DOWN: "╮",
    RIGHT | UP: "╰",
    LEFT | UP: "╯",
    LEFT | RIGHT | DOWN: "┬",
    LEFT | RIGHT | UP: "┴",
    RIGHT | UP | DOWN: "├",
    LEFT | UP | DOWN: "┤",
    LEFT | RIGHT | UP | DOWN: "┼",
}
HEAVY = dict(zip(THIN, "━━┃┃━┃┏┓┗┛┳┻┣┫╋", strict=True))
DASHED = {**THIN, LEFT | RIGHT: "╌", UP | DOWN: "╎", LEFT: "╌", RIGHT: "╌", UP: "╎", DOWN: "╎"}

_ASCII = str.maketrans(
    {
        **dict.fromkeys("─╌━", "-"),
        **dict.fromkeys("│╎┃", "|"),
        **dict.fromkeys("╭╮╰╯┬┴├┤┼┏┓┗┛┳┻┣┫╋", "+"),
        **dict(zip("◌◐●◑■◔○↻✕◉‖", ".~*!#~o@xOH", strict=True)),
        **dict(zip("▁▂▃▄▅▆▇█", "__..--##", strict=True)),
        **dict(zip("▶◀▲▸→↑↓⇧·…–—−≥×✓✗◆◇•", "><^>>^v^-~--->x+x*o-", strict=True)),
        **dict.fromkeys("‘’ʻʼ", "'"),
        **dict.fromkeys("“”«»", '"'),
        "\N{NO-BREAK SPACE}": " ",
    }
)


def to_ascii(text: str) -> str:
    """The text in ASCII, as wide as before."""
    if text.isascii():
        return text
    return text.translate(_ASCII).encode("ascii", "replace").decode()


def wants_ascii() -> bool:
    """Whether to draw in ASCII: asked for by LAB_ASCII=1, or the terminal's encoding has nothing else."""
    asked = os.environ.get("LAB_ASCII", "")
    if asked:
        return asked != "0"
    encoding = getattr(sys.__stderr__, "encoding", None) or locale.getpreferredencoding(False)
    return "utf" not in encoding.lower()
