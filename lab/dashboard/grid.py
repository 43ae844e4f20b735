"""Grid: cells of the screen to write on at any place, read out as Rows."""

from __future__ import annotations

from lab.dashboard.rows import Row


class Grid:
    """width x height cells, each one narrow character with a style name. What falls outside is not drawn."""

    __slots__ = ("_chars", "_styles", "height", "width")

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._chars = [[" "] * width for _ in range(height)]
        self._styles = [["text"] * width for _ in range(height)]

    def copy(self) -> Grid:
        other = Grid.__new__(Grid)
        other.width, other.height = self.width, self.height
        other._chars = [line[:] for line in self._chars]
        other._styles = [line[:] for line in self._styles]
        return other

    def put(self, x: int, y: int, text: str, style: str = "text") -> None:
        if not 0 <= y < self.height:
            return
        chars, styles = self._chars[y], self._styles[y]
        for at, char in enumerate(text, x):
            if 0 <= at < self.width:
                chars[at] = char
                styles[at] = style

    def rows(self) -> list[Row]:
        return [_runs(chars, styles) for chars, styles in zip(self._chars, self._styles, strict=True)]


def _runs(chars: list[str], styles: list[str]) -> Row:
    parts: list[tuple[str, str]] = []
    start, style = 0, styles[0] if styles else "text"
    for at, each in enumerate(styles):
        if each != style:
            parts.append(("".join(chars[start:at]), style))
            start, style = at, each
    parts.append(("".join(chars[start:]), style))
    return tuple(parts)
