"""Coloured text on lines of a given width."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from rich.cells import cell_len

from lab.journal.telling import Tone, Words
from lab.journal.visible import visible

SGR: dict[Tone, str] = {
    "title": "1",
    "name": "36",
    "good": "32",
    "bad": "1;31",
    "warn": "33",
    "dim": "2",
    "time": "2",
}
ASCII = str.maketrans(
    {"→": "->", "←": "<-", "…": "...", "·": "|", "—": "-", "–": "-", "‘": "'", "’": "'", "ʻ": "'", "ʼ": "'"}
    | {"“": '"', "”": '"', "«": '"', "»": '"', "✓": "+", "✕": "x", "×": "x", "○": "o", "≥": ">=", "≤": "<=", "▸": ">"}
)
NARROWEST = 20
"""The fewest columns for text, however narrow the screen is."""


NO_BREAK = "\u00a0"
BREAKS = re.compile(r"[^\S\u00a0]")
TOKENS = re.compile(r" +|\(\d[^ ]* m?s\)|[^ ]+")
"""Pieces within which no line is broken: words, also joined by NO_BREAK, and `(400 ms)`."""


def one_line(text: str) -> str:
    """Untrusted text on one line, without control sequences and with single blanks."""
    return visible(" ".join(text.split()))


WORTH_FILLING = 8
"""Columns at the end of a line that a part of a too long word may still take."""


class ColouredText:
    """Lines of coloured text; `text()` is all of them. Without `colour` there are no escapes in it, without `unicode`
    nothing but ASCII."""

    def __init__(self, *, width: int, colour: bool, unicode: bool) -> None:
        self.width = width
        self._colour = colour
        self._unicode = unicode
        self._lines: list[str] = []

    def text(self) -> str:
        return "\n".join(self._lines)

    def line(self, words: Words, tail: Words | None = None) -> None:
        """Exactly one line. Text that does not fit is cut off before `tail`, which stands at the right end."""
        words, tail = self._clean(words), self._clean(tail or [])
        room = self.width - _wide(tail) - (2 if tail else 0)
        cut = _cut(words, max(room, NARROWEST), "…" if self._unicode else "...")
        gap: Words = [(" " * max(2, self.width - _wide(cut) - _wide(tail)), "plain")] if tail else []
        self._put([*cut, *gap, *tail])

    def paragraph(self, words: Words, head: Words | None = None, hang: int = 0, tail: Words | None = None) -> None:
        """As many lines as it takes, the first behind `head`, the others `hang` columns in; `tail` stands at the right
        end of the last line that has room for it."""
        head, words, tail = self._clean(head or []), self._clean(words), self._clean(tail or [])
        first = max(0, hang - _wide(head))
        lines = wrap(words, max(self.width - hang, NARROWEST))
        for number, line in enumerate(lines):
            start = [*head, (" " * first, "plain")] if number == 0 else [(" " * hang, "plain")]
            whole: Words = [*start, *line]
            if tail and number == len(lines) - 1:
                gap = self.width - _wide(whole) - _wide(tail)
                if gap < 2:
                    self._put(whole)
                    whole, gap = [], max(0, self.width - _wide(tail))
                whole = [*whole, (" " * gap, "plain"), *tail]
            self._put(whole)

    def verbatim(self, words: Words, head: Words | None = None, hang: int = 0) -> None:
        """One line as long as it is, to be copied: a command, a path."""
        head, words = self._clean(head or []), self._clean(words)
        self._put([*head, (" " * max(0, hang - _wide(head)), "plain"), *words])

    def blank(self) -> None:
        self._lines.append("")

    def _clean(self, words: Words) -> Words:
        plain = [(visible(BREAKS.sub(" ", text)), tone) for text, tone in words]
        if self._unicode:
            return plain
        return [(to_ascii(text), tone) for text, tone in plain]

    def _put(self, words: Iterable[tuple[str, Tone]]) -> None:
        pieces = [(text.replace(NO_BREAK, " "), tone) for text, tone in words if text]
        if pieces:
            pieces[-1] = (pieces[-1][0].rstrip(), pieces[-1][1])
        if not self._colour:
            self._lines.append("".join(text for text, _ in pieces).rstrip())
            return
        self._lines.append("".join(f"\x1b[{SGR[tone]}m{text}\x1b[0m" if tone in SGR else text for text, tone in pieces))


def to_ascii(text: str) -> str:
    """The text without anything but ASCII."""
    return unicodedata.normalize("NFKD", text.translate(ASCII)).encode("ascii", "replace").decode()


def _wide(words: Words) -> int:
    return sum(cell_len(text) for text, _ in words)


def _cut(words: Words, room: int, ellipsis: str) -> Words:
    if _wide(words) <= room:
        return words
    short: Words = []
    left = room - cell_len(ellipsis)
    for text, tone in words:
        fitting = _fitting(text, left)
        left -= cell_len(fitting)
        if fitting != text:
            return [*short, (fitting.rstrip() + ellipsis, tone)]
        short.append((text, tone))
    return short


def _fitting(text: str, room: int) -> str:
    """As much of its beginning as fits."""
    text = text[:room]
    while cell_len(text) > room:
        text = text[:-1]
    return text


def wrap(words: Words, room: int) -> list[Words]:
    """The pieces on lines of at most `room` columns, broken at spaces; a word longer than a line is broken where it
    must."""
    lines: list[Words] = [[]]
    used = 0

    def put(text: str, tone: Tone) -> None:
        if lines[-1] and lines[-1][-1][1] == tone:
            text = lines[-1].pop()[0] + text
        lines[-1].append((text, tone))

    for text, tone in words:
        for token in TOKENS.findall(text):
            if token.startswith(" "):
                if used and used + len(token) < room:
                    put(token, tone)
                    used += len(token)
                elif used:
                    used = room
                continue
            while cell_len(token) > room - used:
                if cell_len(token) > room and (not used or room - used > WORTH_FILLING):
                    fitting = _fitting(token, room - used)
                    put(fitting, tone)
                    token = token[len(fitting) :]
                lines.append([])
                used = 0
            put(token, tone)
            used += cell_len(token)
    return lines
