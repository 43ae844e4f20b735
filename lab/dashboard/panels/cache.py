"""Cache: how much of what is asked for is there, what each miss costs the origin, and each hit and miss as it comes."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest

from lab.dashboard import detail, figures
from lab.dashboard.flow_filter import Test
from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, right, row, squeeze, whole, width_of
from lab.journal.event import Log
from lab.journal.picture.cache import SECONDS, Cache, KeyPicture, Moment
from lab.locale import mark, tr

STYLES = {"HIT": "ok", "MISS": "warn", "SET": "accent", "DEL": "dim", "STALE": "bad"}
SYMBOLS = {"HIT": "●", "MISS": "○", "SET": "+", "DEL": "-", "STALE": "!"}
"""Beside the word, so that the eye finds it in a column without colour."""
SHOWN_FOR = 10.0
"""Seconds for which a stampede stands above the stream."""
TOP = 8


class Stream(Cache):
    """The fold, filtered as it is shown: every moment of late is kept."""

    def narrow(self, wanted: Test | None) -> None:
        """A filter has nothing to prepare."""


def _items(view: View) -> Sequence[Moment]:
    found: Cache = view.fold
    return [moment for moment in found.recent if view.wanted is None or view.wanted(moment.event)]


def _heading(view: View, width: int) -> list[Row]:
    """The ratio over time, what a miss costs, the keys that are asked for most, and a stampede if there was one."""
    found: Cache = view.fold
    if not found.asked:
        return []
    rows = [_ratio(found, width), whole(_top(found, view, width), width)]
    last = found.stampede
    if last is not None and view.now - last.t < SHOWN_FOR:
        said = tr(" ! STAMPEDE: {key} missed {count} times within 100 ms ", key=last.key, count=last.crowd)
        rows.append(clip(row((said, "alarm")), width))
    return rows


def _ratio(found: Cache, width: int) -> Row:
    """The line over time takes what the words leave of the width."""
    percent = f"{100 * found.hits / found.asked:.0f}"
    per_miss = found.loads / found.misses if found.misses else 0.0
    before = row((tr(" hits {percent} %", percent=percent) + " ", "strong"))
    after = row(
        ("  " + tr("origin {count}, {each} a miss", count=found.loads, each=f"{per_miss:.2f}"), "text"),
        ("  " + tr("{count} stale", count=found.stale), "bad" if found.stale else "dim"),
    )
    cells = max(8, min(SECONDS, width - width_of(before) - width_of(after)))
    return clip((*before, (figures.spark(found.trend, cells, 1.0).strip(), "ok"), *after), width)


def _top(found: Cache, view: View, width: int) -> list[tuple[str, str]]:
    parts = list(row((tr(" most asked for"), "dim")))
    for key in _busiest(found, TOP):
        parts.extend(
            row(
                (
                    f"  {squeeze(key.key, min(len(key.key), max(12, width // 5)))} ×{key.asked} {_life(key, view)}",
                    "text",
                )
            )
        )
    return parts


def _busiest(found: Cache, count: int) -> list[KeyPicture]:
    return nlargest(count, found.keys.values(), key=lambda key: key.asked)


def _life(key: KeyPicture, view: View) -> str:
    """How long its copy lives on."""
    left = key.left(view.now)
    return "-" if left is None else figures.age(left)


def _row(moment: Moment, view: View, width: int) -> Row:  # noqa: ARG001 - the shape of every row
    room = max(12, min(44, width - 36))
    return clip(
        row(
            (f"{moment.t:8.2f} ", "dim"),
            (f"{SYMBOLS[moment.word]} {fit(moment.word, 5)} ", STYLES[moment.word]),
            (squeeze(moment.key, room), "text"),
            (" " + _more(moment), "bad" if moment.stampede or moment.word == "STALE" else "dim"),
        ),
        width,
    )


def _more(moment: Moment) -> str:
    """What there is to say besides."""
    event = moment.event
    if isinstance(event, Log):
        return tr("version {version} is old", version=event.data.get("version", ""))
    if moment.stampede:
        return tr("! {count} at once", count=moment.crowd)
    if event.ttl is not None:
        return tr("lives {age}", age=figures.age(event.ttl))
    return figures.ms(event.ms)


def _detail(moment: Moment, view: View) -> tuple[str, list[Row]]:
    found: Cache = view.fold
    event, key = moment.event, found.keys.get(moment.key)
    said = [] if isinstance(event, Log) else detail.fields(event)
    if key is not None:
        said += detail.pairs(
            [(tr("asked"), f"{key.asked}×"), (tr("found"), f"{key.hits}×"), (tr("lives"), _life(key, view))]
        )
    return f"{moment.word}  {moment.key}", said + detail.story_of(event.correlation, view)


def _side(view: View, width: int, height: int) -> list[Row]:
    """The ratio, and the keys that are asked for most."""
    found: Cache = view.fold
    if not found.asked:
        return []
    lines = [_ratio(found, width)]
    for key in _busiest(found, height - 1):
        figure = f"{right(f'×{key.asked}', 6)} {right(_life(key, view), 6)}"
        lines.append(clip(row((f" {squeeze(key.key, max(8, width - 16))} ", "text"), (figure, "dim")), width))
    return lines


def _empty(view: View) -> str:
    if view.filter_text:
        return tr(
            "Nothing matches the filter '{filter_text}'. / changes it, Esc clears it.", filter_text=view.filter_text
        )
    return tr("No cache was asked for anything yet.")


PANEL = Panel(
    name="cache",
    title=mark("cache"),
    help=tr("hits and misses as they come, and what misses cost the origin"),
    fold=Stream,
    items=_items,
    identity=lambda moment: (moment.event.seq, moment.word),
    row=_row,
    detail=_detail,
    empty=_empty,
    heading=_heading,
    side=_side,
    stream=True,
    picks=lambda moment: moment.event.link,
)
