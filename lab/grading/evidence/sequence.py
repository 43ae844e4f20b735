"""A story as a sequence diagram: a lane for each process, time downwards. Lost messages are drawn, too."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from rich.cells import cell_len

from lab.grading.evidence.wording import FALLEN, LOUD_LEVELS, exchange, is_here, marks, tell
from lab.grading.model import Line
from lab.grading.report.coloured import one_line, wrap
from lab.grading.report.words import label
from lab.journal.telling import Words
from lab.system.links import ends

OUTSIDE = ("client", "check")
"""Callers from outside stand on the left."""
CHAR = 7.25
"""Width of one character of the labels (12 px monospace)."""
TEXT = 16
"""From one line of a label to the next."""
LEFT, RIGHT, TOP = 78, 40, 62
HALF_HEAD = 62
"""Half the width of the widest head of a lane."""
NEAREST, FARTHEST, TOGETHER = 142, 400, 780
"""Distance between two lanes at least and at most, and of the outermost ones if possible."""
LABEL_LINES = 2
ROOM_FOR_HERE = 60
LONGEST_NAME = 16

STYLE = """
.sq{font:12px ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace;color-scheme:light dark}
.sq text{fill:#1c2126;white-space:pre}.sq .bg{fill:#fff}.sq .lane{font-weight:600;font-size:13px}
.sq .head{fill:#eef1f5;stroke:#c4ccd6}.sq .life{stroke:#c4ccd6;fill:none}.sq .dead{stroke:#d0434f;stroke-dasharray:2 5}
.sq .time,.sq .dim{fill:#6a7480}.sq .good{fill:#157347}.sq .bad{fill:#c22f3d;font-weight:700}
.sq .warn{fill:#a35a00;font-weight:600}.sq .name,.sq .title{font-weight:600}
.sq .under{fill:#fff;fill-opacity:.86}
.sq .arrow{stroke:#3f4a57;stroke-width:1.6;fill:none}.sq .tip{fill:#3f4a57}
.sq .broken{stroke:#c22f3d;stroke-width:1.8;fill:none}.sq .late{stroke:#a35a00;stroke-width:1.6;fill:none}
.sq .late-tip{fill:#a35a00}.sq .again{stroke:#a35a00;stroke-width:1.5;fill:none}
.sq .more{stroke-dasharray:5 4;stroke:#8a949f}.sq .more-tip{fill:#8a949f}
.sq .band{stroke:#d98a1f;stroke-opacity:.55;stroke-dasharray:4 3}.sq .hatch{stroke:#d98a1f;stroke-opacity:.32}
.sq .hatch-bg{fill:#f6b44b;fill-opacity:.13}.sq .flag{fill:#fff3dc;stroke:#d98a1f}
.sq .note{fill:#f6f8fa;stroke:#c4ccd6}.sq .loud{fill:#fff3dc;stroke:#d98a1f}
.sq .fell{fill:#fde8ea;stroke:#c22f3d}.sq .rose{fill:#e4f5ec;stroke:#157347}
.sq .here{fill:#fde8ea}.sq .here-bar{fill:#c22f3d}.sq .wrong .under{fill:#fde8ea}
@media (prefers-color-scheme:dark){
.sq text{fill:#e4e8ec}.sq .bg{fill:#171b20}.sq .head{fill:#232a32;stroke:#46515e}.sq .life{stroke:#46515e}
.sq .dead{stroke:#ff7a82}.sq .time,.sq .dim{fill:#98a3af}.sq .good{fill:#55c890}.sq .bad{fill:#ff7a82}
.sq .warn{fill:#f0ae55}.sq .under{fill:#171b20}.sq .arrow{stroke:#c3ccd6}.sq .tip{fill:#c3ccd6}
.sq .broken{stroke:#ff7a82}.sq .late,.sq .again{stroke:#f0ae55}.sq .late-tip{fill:#f0ae55}
.sq .more{stroke:#7d8894}.sq .more-tip{fill:#7d8894}.sq .flag,.sq .loud{fill:#33281a;stroke:#c08435}
.sq .note{fill:#20262d;stroke:#46515e}.sq .fell{fill:#3a2226;stroke:#ff7a82}.sq .rose{fill:#1b3128;stroke:#55c890}
.sq .here{fill:#3a2226}.sq .here-bar{fill:#ff7a82}.sq .wrong .under{fill:#3a2226}}
"""


def svg(lines: Sequence[Line], *, language: str = "en") -> str:
    """The diagram as one `<svg>` element that needs nothing else; empty without lines."""
    return _Diagram(list(lines), language).draw() if lines else ""


@dataclass(slots=True)
class _Row:
    """One line where it stands: `y` is the top of its row, `at` the height of its arrow or the middle of its box."""

    line: Line
    text: list[Words]
    y: float
    at: float
    height: float


@dataclass(slots=True)
class _Diagram:
    lines: list[Line]
    language: str
    lanes: dict[str, float] = field(default_factory=dict)
    rows: list[_Row] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0

    def draw(self) -> str:
        self._place()
        uid = f"sq{zlib.crc32(repr(self.lines).encode()):08x}"
        body = [
            f'<rect class="bg" width="{self.width:.0f}" height="{self.height:.0f}" rx="8"/>',
            *self._here(),
            *self._bands(uid),
            *self._lifelines(),
            *self._heads(),
            *(piece for row in self.rows for piece in self._row(row)),
        ]
        title = label("diagram", self.language)
        return (
            f'<svg class="sq" xmlns="http://www.w3.org/2000/svg" xml:space="preserve" role="img" '
            f'aria-label="{escape(title)}" width="{self.width:.0f}" height="{self.height:.0f}" '
            f'viewBox="0 0 {self.width:.0f} {self.height:.0f}">'
            f"<style>{STYLE}</style>"
            f'<defs><pattern id="{uid}" width="9" height="9" patternUnits="userSpaceOnUse" '
            f'patternTransform="rotate(45)"><rect class="hatch-bg" width="9" height="9"/>'
            f'<path class="hatch" d="M0 0V9" stroke-width="3"/></pattern></defs>'
            f"{''.join(body)}</svg>"
        )

    # -- where everything stands

    def _place(self) -> None:
        names = _lanes(self.lines)
        gaps = max(1, len(names) - 1)
        gap = max(NEAREST, min(FARTHEST, TOGETHER / gaps))
        first = LEFT + HALF_HEAD + 8
        self.lanes = {name: first + number * gap for number, name in enumerate(names)}
        last = first + (len(names) - 1) * gap
        right = RIGHT + (ROOM_FOR_HERE if any(is_here(line) for line in self.lines) else 0)
        self.width = max(last + HALF_HEAD + right, 560)
        y = float(TOP)
        for line in self.lines:
            row = self._laid_out(line, y)
            self.rows.append(row)
            y += row.height
        self.height = y + 18

    def _laid_out(self, line: Line, y: float) -> _Row:
        if line.lane == "wire" and line.to and line.to != line.who:
            text = self._label(exchange(line, self.language), self._room(line))
            slant = 16 if "late" in marks(line) else 0
            under = 6 + TEXT * len(text)
            return _Row(line, text, y, y + under + 6, under + 20 + slant)
        words = tell(line, self.language)
        if line.lane in ("log", "process") or (line.lane == "wire" and not line.to):
            words = words[2:] if line.lane == "log" else words[1:]  # the lane says who
        text = self._label(words, 44 if line.who in self.lanes else int((self.width - LEFT - 40) / CHAR))
        height = TEXT * len(text) + 22
        return _Row(line, text, y, y + height / 2, height)

    def _room(self, line: Line) -> int:
        span = abs(self.lanes[line.who] - self.lanes[line.to])
        return int(max(span - 20, 290) / CHAR)

    def _label(self, words: Words, room: int) -> list[Words]:
        """At most LABEL_LINES lines; the longest piece gives way."""
        most = LABEL_LINES * room
        words = [(piece if len(piece) <= most else f"{piece[:most]}…", role) for piece, role in words]
        words = [(_shown(piece), role) for piece, role in words]
        while len(text := wrap(words, room)) > LABEL_LINES:
            longest = max(range(len(words)), key=lambda number: cell_len(words[number][0]))
            piece, role = words[longest]
            words[longest] = (piece.rstrip("…")[:-4].rstrip() + "…", role)
        return text

    # -- what stands behind

    def _here(self) -> Iterator[str]:
        for row in self.rows:
            if is_here(row.line):
                yield f'<rect class="here" x="0" y="{row.y:.1f}" width="{self.width:.0f}" height="{row.height:.1f}"/>'
                yield f'<rect class="here-bar" x="0" y="{row.y:.1f}" width="5" height="{row.height:.1f}"/>'

    def _bands(self, uid: str) -> Iterator[str]:
        """Each fault as a band over its link or process, from its row to the row in which it ends."""
        for number, row in enumerate(self.rows):
            line = row.line
            if line.lane != "fault" or line.result != "added":
                continue
            ends = [
                later.y + later.height / 2
                for later in self.rows[number + 1 :]
                if later.line.lane == "fault" and later.line.who == line.who
            ]
            across = [self.lanes[name] for name in _struck(line) if name in self.lanes]
            if across:
                left, right = (min(across), max(across)) if len(across) > 1 else (across[0] - 34, across[0] + 34)
                top, bottom = row.at, ends[0] if ends else self.height - 8
                yield (
                    f'<rect class="band" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
                    f'height="{bottom - top:.1f}" fill="url(#{uid})"/>'
                )

    def _lifelines(self) -> Iterator[str]:
        """A line down from each head; dotted while the process is down."""
        for name, x in self.lanes.items():
            changes = [(TOP - 14.0, False)]
            changes += [
                (row.at, row.line.what in FALLEN)
                for row in self.rows
                if row.line.lane == "process" and row.line.who == name
            ]
            for (top, dead), (bottom, _) in pairwise([*changes, (self.height - 8, False)]):
                kind = "life dead" if dead else "life"
                yield f'<path class="{kind}" d="M{x:.1f} {top:.1f}V{bottom:.1f}"/>'

    def _heads(self) -> Iterator[str]:
        for name, x in self.lanes.items():
            shown = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
            half = min(HALF_HEAD + 8, max(34.0, len(shown) * 4.1 + 12))
            yield (
                f"<g><title>{escape(name)}</title>"
                f'<rect class="head" x="{x - half:.1f}" y="16" width="{2 * half:.1f}" height="30" rx="7"/>'
                f'<text class="lane" x="{x:.1f}" y="36" text-anchor="middle">{escape(shown)}</text></g>'
            )

    # -- one row

    def _row(self, row: _Row) -> Iterator[str]:
        line = row.line
        yield '<g class="wrong">' if is_here(line) else "<g>"
        yield f"<title>{escape(self._told(line))}</title>"
        counted = bool(line.more and not line.what)
        if not counted:
            time = f"+{line.t - self.lines[0].t:.3f} s"
            yield f'<text class="time" x="{LEFT - 10}" y="{row.at + 4:.1f}" text-anchor="end">{time}</text>'
        if line.lane == "wire" and line.to and line.to != line.who:
            yield from self._arrow(row)
        elif counted:
            yield self._text(row.text, self._middle(), row.at + 4)
        else:
            yield from self._box(row)
        if is_here(line):
            here = f"◀ {label('mark_here', self.language)}"
            yield (
                f'<text class="bad" x="{self.width - 12:.1f}" y="{row.y + 15:.1f}" text-anchor="end">'
                f"{escape(here)}</text>"
            )
        yield "</g>"

    def _arrow(self, row: _Row) -> Iterator[str]:
        line, y = row.line, row.at
        start, end = self.lanes[line.who], self.lanes[line.to]
        way = 1 if end > start else -1
        found = marks(line)
        more = " more" if line.more else ""
        yield self._text(row.text, (start + end) / 2, y - 8 - TEXT * (len(row.text) - 1))
        if "lost" in found:
            stop = start + (end - start) * 0.62
            yield f'<path class="broken" stroke-dasharray="7 5" d="M{start:.1f} {y:.1f}H{stop - way * 8:.1f}"/>'
            yield _cross(stop, y)
        elif "refused" in found:
            stop = end - way * 12
            yield f'<path class="broken" d="M{start:.1f} {y:.1f}H{stop:.1f}M{end - way * 5:.1f} {y - 9:.1f}v18"/>'
            yield _cross(stop, y)
        elif "late" in found:
            yield f'<path class="late{more}" d="M{start:.1f} {y:.1f}L{end - way * 6:.1f} {y + 14:.1f}"/>'
            yield _tip(end, y + 15, way, "late-tip")
        elif {"duplicate", "redelivered", "again"} & {*found}:
            reach = end - way * 7
            two = f"M{start:.1f} {y - 2.5:.1f}H{reach:.1f}M{start:.1f} {y + 2.5:.1f}H{reach:.1f}"
            yield f'<path class="again{more}" d="{two}"/>'
            yield _tip(end, y, way, "late-tip", 6)
        else:
            yield f'<path class="arrow{more}" d="M{start:.1f} {y:.1f}H{end - way * 6:.1f}"/>'
            yield _tip(end, y, way, "more-tip" if line.more else "tip")

    def _box(self, row: _Row) -> Iterator[str]:
        """A note on the lane of who says it; what is nobody's stands in the middle."""
        line = row.line
        kind = {"fault": "flag", "process": "fell" if line.what != "ready" else "rose"}.get(line.lane, "note")
        if line.lane == "log" and line.result in LOUD_LEVELS:
            kind = "loud"
        half = max(_wide(words) for words in row.text) * CHAR / 2 + 10
        struck = [self.lanes[name] for name in _struck(line) if name in self.lanes] if line.lane == "fault" else []
        x = sum(struck) / len(struck) if struck else self.lanes.get(line.who, self._middle())
        x = max(LEFT + half, min(self.width - half - 8, x))
        top, height = row.y + 5, row.height - 10
        yield (
            f'<rect class="{kind}" x="{x - half:.1f}" y="{top:.1f}" width="{2 * half:.1f}" '
            f'height="{height:.1f}" rx="5"/>'
        )
        yield self._text(row.text, x, row.at + 4 - TEXT * (len(row.text) - 1) / 2, boxed=True)

    def _text(self, text: list[Words], x: float, y: float, *, boxed: bool = False) -> str:
        """The label around `x`, its first line at `y`, kept inside the drawing. Unless it stands in a box of its own,
        what it crosses is covered."""
        widths = [_wide(words) * CHAR for words in text]
        x = max(LEFT + max(widths) / 2, min(self.width - max(widths) / 2 - 8, x))
        pieces = []
        for number, (words, width) in enumerate(zip(text, widths, strict=True)):
            base = y + TEXT * number
            if not boxed:
                pieces.append(
                    f'<rect class="under" x="{x - width / 2 - 3:.1f}" y="{base - 11.5:.1f}" width="{width + 6:.1f}" '
                    f'height="{TEXT}" rx="3"/>'
                )
            pieces.append(f'<text x="{x:.1f}" y="{base:.1f}" text-anchor="middle">{_spans(words)}</text>')
        return "".join(pieces)

    def _middle(self) -> float:
        return sum(self.lanes.values()) / len(self.lanes) if self.lanes else self.width / 2

    def _told(self, line: Line) -> str:
        return one_line("".join(piece for piece, _ in tell(line, self.language)))


def _lanes(lines: Sequence[Line]) -> list[str]:
    """Who takes part, in the order of appearance; who acts from outside first."""
    names: dict[str, None] = {}
    for line in lines:
        if line.lane == "fault":
            continue
        for name in (line.who, line.to) if line.lane != "check" else ():
            if name:
                names[name] = None
    return sorted(names, key=lambda name: name not in OUTSIDE)


def _struck(line: Line) -> list[str]:
    """Lanes that a fault is on."""
    return line.to.split("<->") if "<->" in line.to else [name for name in ends(line.to) if name]


def _shown(piece: str) -> str:
    inner = one_line(piece)
    return (" " if piece[:1].isspace() else "") + inner + (" " if inner and piece[-1:].isspace() else "")


def _wide(words: Words) -> int:
    return sum(cell_len(piece) for piece, _ in words)


def _spans(words: Words) -> str:
    joined = [[piece, role] for piece, role in words]
    if joined:
        joined[0][0], joined[-1][0] = joined[0][0].lstrip(), joined[-1][0].rstrip()
    return "".join(
        escape(piece) if role == "plain" else f'<tspan class="{role}">{escape(piece)}</tspan>' for piece, role in joined
    )


def _cross(x: float, y: float) -> str:
    return f'<path class="broken" d="M{x - 6:.1f} {y - 6:.1f}l12 12m0 -12l-12 12"/>'


def _tip(x: float, y: float, way: int, kind: str, half: float = 4.5) -> str:
    return f'<path class="{kind}" d="M{x - way:.1f} {y:.1f}l{-way * 10} {-half}v{2 * half}z"/>'
