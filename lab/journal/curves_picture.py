"""Curves as a picture: a self-contained SVG, throughput beside latency, each over the load."""

from __future__ import annotations

from xml.sax.saxutils import escape

from lab.journal.bars import COLOURS
from lab.journal.curves import Corners, Curves, charts
from lab.journal.window import worded
from lab.locale import tr

WIDTH, HEIGHT, MARGIN = 420, 300, 56


def picture(found: Curves) -> str:
    """The picture of these curves."""
    legend = HEIGHT + 24 + 18 * (len(found) + 1)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{legend}" font-family="sans-serif"'
    rows = [f'{head} font-size="12">', '<rect width="100%" height="100%" fill="white"/>']
    for number, (label, lines) in enumerate(charts(found)):
        rows += _chart(number * WIDTH, label, lines, diagonal=number == 0)
    for number, name in enumerate(found):
        y = HEIGHT + 20 + 18 * number
        rows.append(f'<rect x="{MARGIN}" y="{y - 9}" width="12" height="10" fill="{_colour(number)}"/>')
        rows.append(_text(MARGIN + 20, y, name))
    rows.append(_text(MARGIN, HEIGHT + 20 + 18 * len(found), tr("dotted line: everybody is answered")))
    return "\n".join([*rows, "</svg>", ""])


def _chart(left: float, label: str, lines: Corners, *, diagonal: bool) -> list[str]:
    """One chart at that place. With the diagonal one sees who is not answered: it is where everybody is."""
    points = [point for line in lines.values() for point in line]
    most_x, most_y = (max((point[axis] for point in points), default=1.0) or 1.0 for axis in (0, 1))
    width, height = WIDTH - MARGIN - 24, HEIGHT - 2 * 32

    def place(x: float, y: float) -> str:
        return f"{left + MARGIN + width * x / most_x:.1f},{32 + height * (1 - y / most_y):.1f}"

    rows = [_text(left + MARGIN, 20, label), _text(left + MARGIN + width - 90, HEIGHT - 4, tr("visitors a second"))]
    for share in (0.0, 0.5, 1.0):
        (x, y), (end, _) = (place(at, share * most_y).split(",") for at in (0.0, most_x))
        rows.append(f'<line x1="{x}" y1="{y}" x2="{end}" y2="{y}" stroke="#dddddd"/>')
        rows.append(_text(left + 6, float(y) + 4, worded(share * most_y)))
    rates = sorted({rate for rate, _ in points})
    rows += [_text(float(place(rate, 0).split(",")[0]) - 6, HEIGHT - 18, f"{rate:g}") for rate in rates]
    if diagonal:
        most = min(most_x, most_y)
        rows.append(f'<polyline points="{place(0, 0)} {place(most, most)}" stroke="#999999" stroke-dasharray="2 4"/>')
    for number, line in enumerate(lines.values()):
        corners = " ".join(place(*point) for point in line)
        rows.append(f'<polyline points="{corners}" fill="none" stroke="{_colour(number)}" stroke-width="2"/>')
        for point in line:
            x, y = place(*point).split(",")
            rows.append(f'<circle cx="{x}" cy="{y}" r="3.5" fill="{_colour(number)}"/>')
    return rows


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
