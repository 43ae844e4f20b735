"""Row: one line of the screen as plain data, a tuple of (text, style name). Every view makes Rows and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len, set_cell_size

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
    return tuple((part, "text") if isinstance(part, str) else part for part in parts)


def width_of(line: Row) -> int:
    return sum(cell_len(text) for text, _ in line)


def text_of(lines: Iterable[Row]) -> str:
    """The rows as plain text without trailing blanks: what a test compares."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def fit(text: str, width: int) -> str:
    """The text made exactly `width` cells wide: filled with blanks, or cut with an ellipsis."""
    if width <= 0:
        return ""
    if text.isascii():
        return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…"


def squeeze(text: str, width: int) -> str:
    """Like `fit`, but cut in the middle: for names whose end tells them apart."""
    if len(text) <= width:
        return fit(text, width)
    end = min(width // 2, 10)
    return text[: width - end - 1] + "…" + text[-end:]


def right(text: str, width: int) -> str:
    """The text at the right end of `width` cells."""
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


def wrap(text: str, width: int, limit: int) -> list[str]:
    """The text in at most `limit` lines of at most `width` cells, broken between words."""
    lines: list[str] = []
    line = ""
    for word in text.split():
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
