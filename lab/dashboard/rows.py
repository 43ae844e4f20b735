"""Row: one line of the screen as plain data, a tuple of (text, style name). Every view makes Rows and nothing else.

What strangers wrote is made visible here, before its width is counted.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len, set_cell_size

from lab.journal.visible import visible

Row = tuple[tuple[str, str], ...]

STYLES = (
    "text",
    "dim",
    "strong",
    "title",
    "ok",
    "warn",
    "bad",
    "accent",
    "name",
    "note",
    "key",
    "select",
    "alarm",
)
"""Style names; the theme gives them colours. A style never says anything that a word or symbol does not say too."""

BLANK: Row = ()


def row(*parts: str | tuple[str, str]) -> Row:
    """A Row from (text, style) pairs; a bare string is in the style `text`."""
    pairs = ((part, "text") if isinstance(part, str) else part for part in parts)
    return tuple((visible(text), style) for text, style in pairs)


def width_of(line: Row) -> int:
    return sum(cell_len(text) for text, _ in line)


def text_of(lines: Iterable[Row]) -> str:
    """The rows as plain text without trailing blanks: what a test compares."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def fit(text: str, width: int) -> str:
    """The text made exactly `width` cells wide: filled with blanks, or cut with an ellipsis."""
    if width <= 0:
        return ""
    text = visible(text)
    if text.isascii():
        return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…"


def squeeze(text: str, width: int) -> str:
    """Like `fit`, but cut in the middle: for names whose end tells them apart."""
    text = visible(text)
    if len(text) <= width:
        return fit(text, width)
    end = min(width // 2, 10)
    return text[: width - end - 1] + "…" + text[-end:]


def right(text: str, width: int) -> str:
    """The text at the right end of `width` cells."""
    text = visible(text)
    return " " * max(0, width - cell_len(text)) + (text if cell_len(text) <= width else fit(text, width))


def clip(line: Row, width: int) -> Row:
    """The row cut to `width` cells, with an ellipsis where something is missing."""
    if width_of(line) <= width:
        return line
    kept: list[tuple[str, str]] = []
    room = width
    for text, style in line:
        size = cell_len(text)
        if size >= room:
            kept.append((fit(text, room) if size > room else text[:-1] + "…", style))
            break
        kept.append((text, style))
        room -= size
    return tuple(kept)


def whole(line: Iterable[tuple[str, str]], width: int) -> Row:
    """As many of the row's parts as fit without cutting one; only of the first, what there is room for."""
    kept: Row = ()
    for part in line:
        if kept and width_of((*kept, part)) > width:
            break
        kept = (*kept, part)
    return clip(kept, width) if width > 0 else ()


def wrap(text: str, width: int, limit: int) -> list[str]:
    """The text in at most `limit` lines of at most `width` cells, broken between words."""
    lines: list[str] = []
    line = ""
    for word in map(visible, text.split()):
        joined = f"{line} {word}" if line else word
        if cell_len(joined) <= width:
            line = joined
            continue
        if len(lines) == limit - 1:
            return [*lines, fit(f"{joined} …", width).rstrip()]
        if line:
            lines.append(line)
        line = fit(word, width).rstrip()
    return [*lines, line] if line else lines


def selected(line: Row, width: int) -> Row:
    """The row as the one that the cursor is on."""
    return ((fit("".join(text for text, _ in line), width), "select"),)


def note(text: str, width: int) -> list[Row]:
    """A remark in at most three dim rows: why something is empty."""
    return [row((f" {line}", "dim")) for line in wrap(text, max(10, width - 2), 3)]


DEEPEST_HANG = 30
"""Cells that the rows after the first of a broken one are indented at most."""


def broken(line: Row, width: int) -> list[Row]:
    """The row in as many rows of at most `width` cells as it takes, broken between words where that is possible. Rows
    after the first begin where the second column does: after the first gap of two blanks."""
    if width_of(line) <= width:
        return [line]
    text = "".join(part for part, _ in line)
    gap = text.find("  ", len(text) - len(text.lstrip()))
    start = len(text) - len(text[gap:].lstrip()) if gap >= 0 else 0
    hang = start if 0 < start <= min(DEEPEST_HANG, width // 2) else len(text) - len(text.lstrip()) + 2
    rows: list[Row] = []
    rest = line
    while width_of(rest) > width:
        head, rest = _cut(rest, width, hang if rows else 0)
        rows.append(head)
        rest = ((" " * hang, "text"), *rest)
    return [*rows, rest]


def _cut(line: Row, width: int, indent: int) -> tuple[Row, Row]:
    """The row up to its last blank before `width` (after `indent`), and what is left without blanks at its start."""
    text = "".join(part for part, _ in line)
    room = 0
    end = 0
    for char in text:
        room += cell_len(char)
        if room > width:
            break
        end += 1
    blank = text.rfind(" ", indent + 1, end + 1)
    cut = blank if blank > 0 and text[indent:blank].strip() else end
    after = cut + len(text[cut:]) - len(text[cut:].lstrip(" "))
    return _slice(line, 0, cut), _slice(line, after, len(text))


def _slice(line: Row, start: int, end: int) -> Row:
    kept, at = [], 0
    for text, style in line:
        piece = text[max(0, start - at) : max(0, end - at)]
        if piece:
            kept.append((piece, style))
        at += len(text)
    return tuple(kept)
