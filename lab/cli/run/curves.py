"""The curves of a run in the terminal, and as a picture in its folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from lab.cli.output import coloured, out, paint, table
from lab.journal.telling import milliseconds
from lab.locale import tr

if TYPE_CHECKING:
    from pathlib import Path

    from lab.journal.curves import Curves
    from lab.journal.event import Event

WIDTH, HEIGHT = 78, 15
COLOURS = ("cyan", "orange", "green", "magenta", "red", "blue")
FILE = "curves.svg"
_ASCII = str.maketrans("┌┐└┘─│┤├┬┴┼·", "++++-|+++++.")


def tell(events: Iterable[Event], folder: Path) -> None:
    """Draw what a run's scenario measured, if it measured curves, and keep a picture in the run's folder."""
    from lab.journal.curves import curves

    found = curves(events)
    if not found:
        return
    show(found)
    if path := _kept(found, folder):
        out(tr("The same as a picture: {path}", path=paint(str(path), "title")))


def show(found: Curves) -> None:
    """Charts of throughput and latency, and the figures below."""
    for chart in _charts(found):
        out()
        out(chart)
    out(paint(tr("dotted line: everybody is answered"), "dim"))
    out()
    table(
        ("", tr("visitors a second"), tr("answered"), "P50", "P95", tr("failed")),
        [
            (
                f"{number} {name}",
                f"{point.rate:g}",
                f"{point.throughput:.1f}",
                milliseconds(point.p50),
                milliseconds(point.p95),
                str(point.failed),
            )
            for number, (name, points) in enumerate(found.items(), 1)
            for point in points
        ],
    )


def _charts(found: Curves) -> Iterator[str]:
    """Throughput, then latency, over the load. A curve is drawn with its number, so that it needs no colour."""
    from lab.journal.curves import charts

    for number, (label, lines) in enumerate(charts(found)):
        yield _chart(label, list(lines.values()), diagonal=number == 0)


def _chart(label: str, lines: Sequence[Sequence[tuple[float, float]]], *, diagonal: bool) -> str:
    import plotext

    from lab.dashboard.glyphs import wants_ascii

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plotsize(WIDTH, HEIGHT)
    if diagonal:  # where everybody is answered
        most = max((rate for line in lines for rate, _ in line), default=1.0)
        plotext.plot([0, most], [0, most], marker="·")
    for number, line in enumerate(lines):
        rates, values = zip(*line, strict=True)
        plotext.plot(rates, values, marker=str(number + 1), color=COLOURS[number % len(COLOURS)])
    plotext.ylim(0)
    plotext.title(label)
    plotext.xlabel(tr("visitors a second"))
    drawn = str(plotext.build())
    drawn = drawn if coloured() else str(plotext.uncolorize(drawn))
    drawn = "\n".join(line.rstrip() for line in drawn.rstrip().split("\n"))
    return drawn.translate(_ASCII) if wants_ascii() else drawn


def _kept(found: Curves, folder: Path) -> Path | None:
    """Where the picture is; None if the folder takes none."""
    from lab.journal.curves_picture import picture

    try:
        (folder / FILE).write_text(picture(found), encoding="utf-8")
    except OSError:
        return None
    return folder / FILE
