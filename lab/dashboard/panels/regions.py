"""Regions: what each answers and refuses, how far it is behind the other one, and whom both wrote differently."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from lab.dashboard import detail, figures
from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, right, row
from lab.journal.event import Event, Flow, Log
from lab.locale import mark, tr
from lab.system.model import CLIENT

RECENT = 200
"""Conflicts that are kept."""
READING = ("GET", "HEAD")
REFUSED = "503"


@dataclass(slots=True)
class Region:
    """A service that keeps rows with version vectors. `behind`: as many seconds of the others' writes its last answer
    may have lacked; `since`: when it lost or found the others."""

    name: str
    reads: int = 0
    writes: int = 0
    refused_reads: int = 0
    refused_writes: int = 0
    stale: int = 0
    behind: float = 0.0
    oldest: float = 0.0
    conflicts: int = 0
    reached: bool = True
    since: float = 0.0
    versioned: bool = False
    """Whether it has shown a version vector: only then it is known to be a region."""

    @property
    def refused(self) -> int:
        return self.refused_reads + self.refused_writes


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two names that knew nothing of each other, found in a region."""

    t: float
    region: str
    user: str
    kept: str
    dropped: str
    versions: tuple[tuple[str, int], ...]


class Regions:
    """The fold of visitors' requests and of what the services say of their rows."""

    def __init__(self) -> None:
        self.of: dict[str, Region] = {}
        self.conflicts: deque[Conflict] = deque(maxlen=RECENT)

    def apply(self, event: Event) -> None:
        """Take a visitor's request or a line of a region in."""
        if isinstance(event, Flow):
            if event.source == CLIENT and event.role == "call":
                self._asked(event)
        elif isinstance(event, Log):
            self._told(event)

    def copy(self) -> Regions:
        other = Regions()
        other.of = {name: replace(region) for name, region in self.of.items()}
        other.conflicts = self.conflicts.copy()
        return other

    def _asked(self, flow: Flow) -> None:
        region = self._region(flow.target)
        reads, refused = flow.op.partition(" ")[0] in READING, flow.status == REFUSED
        region.reads += reads and not refused
        region.writes += not reads and not refused
        region.refused_reads += reads and refused
        region.refused_writes += not reads and refused

    def _told(self, line: Log) -> None:
        if line.event == "peer":
            region = self._region(line.source)
            region.reached, region.since = line.data.get("reached") is True, line.t
        if not isinstance(versions := line.data.get("versions"), dict):
            return
        region = self._region(line.source)
        region.versioned = True
        if line.event == "read":
            region.behind = line.number("behind_s")
            region.oldest = max(region.oldest, region.behind)
            region.stale += line.data.get("told_stale") is True
        elif line.event == "conflict":
            region.conflicts += 1
            user, kept, dropped = (str(line.data.get(name, "")) for name in ("id", "kept", "dropped"))
            found = Conflict(line.t, line.source, user, kept, dropped, tuple(sorted(versions.items())))
            if all((one.user, one.versions) != (found.user, found.versions) for one in self.conflicts):
                self.conflicts.append(found)

    def _region(self, name: str) -> Region:
        return self.of.setdefault(name, Region(name))


COLUMNS = (
    (mark("refusals"), 9),
    (mark("stale"), 6),
    (mark("behind"), 7),
    (mark("conflicts"), 10),
    (mark("reads"), 7),
    (mark("writes"), 7),
)
"""Of the visitors' requests; what a cut changes comes first, for a narrow list ends before the last."""
WHO, STATE = 11, 15


def _regions(view: View) -> list[Region]:
    found: Regions = view.fold
    return [region for region in found.of.values() if region.versioned]


def _items(view: View) -> Sequence[Region | Conflict]:
    """The regions, then the latest conflicts."""
    found: Regions = view.fold
    return [*_regions(view), *reversed(found.conflicts)]


def _identity(item: Region | Conflict) -> Hashable:
    return item.name if isinstance(item, Region) else (item.user, item.versions)


def _heading(view: View, width: int) -> list[Row]:
    if not _regions(view):
        return []
    counts = "".join(right(tr(name), cells) for name, cells in COLUMNS)
    return [clip(row((f" {fit(tr('region'), WHO)}{fit(tr('the others'), STATE)}{counts}", "dim")), width)]


def _state(region: Region, view: View) -> tuple[str, str]:
    if region.reached:
        return f"● {tr('in touch')}", "ok"
    return f"✕ {tr('cut off {age}', age=figures.age(view.now - region.since))}", "bad"


def _row(item: Region | Conflict, view: View, width: int) -> Row:
    if isinstance(item, Conflict):
        return clip(
            row(
                (f"{item.t:8.2f} ", "dim"),
                (f"≠ {item.user} ", "warn"),
                (tr("“{kept}” stays, “{dropped}” goes", kept=item.kept, dropped=item.dropped), "text"),
            ),
            width,
        )
    state, style = _state(item, view)
    values = {
        "refusals": (figures.count(item.refused), "bad" if item.refused else "dim"),
        "stale": (figures.count(item.stale), "warn" if item.stale else "dim"),
        "behind": (figures.age(item.behind), "warn" if item.stale and not item.reached else "dim"),
        "conflicts": (figures.count(item.conflicts), "warn" if item.conflicts else "dim"),
        "reads": (figures.count(item.reads), "text"),
        "writes": (figures.count(item.writes), "text"),
    }
    cells = ((right(values[name][0], room), values[name][1]) for name, room in COLUMNS)
    return clip(row((f" {fit(item.name, WHO)}", "name"), (fit(state, STATE), style), *cells), width)


def _detail(item: Region | Conflict, view: View) -> tuple[str, list[Row]]:
    if isinstance(item, Conflict):
        pairs = [
            (tr("stays"), item.kept),
            (tr("goes"), item.dropped),
            (tr("found by"), item.region),
            (tr("writes in it"), ", ".join(f"{region} {count}" for region, count in item.versions)),
        ]
        return f"≠ {item.user}", detail.pairs(pairs)
    pairs = [
        (tr("the others"), _state(item, view)[0]),
        (tr("reads"), tr("{count} answered, {refused} refused", count=item.reads, refused=item.refused_reads)),
        (tr("writes"), tr("{count} answered, {refused} refused", count=item.writes, refused=item.refused_writes)),
        (tr("stale"), tr("{count} answers said that they may be", count=item.stale)),
        (tr("behind"), tr("{age}, at most {oldest}", age=figures.age(item.behind), oldest=figures.age(item.oldest))),
        (tr("conflicts"), tr("{count} found here", count=item.conflicts)),
    ]
    return item.name, detail.pairs(pairs)


def _side(view: View, width: int, height: int) -> list[Row]:
    lines = []
    for region in _regions(view)[: height // 2]:
        lines.append(clip(row((f" {fit(region.name, WHO)}", "name"), _state(region, view)), width))
        told = tr("refused {refused}, stale {stale}", refused=region.refused, stale=region.stale)
        lines.append(clip(row((f"   {told}", "bad" if region.refused else "dim")), width))
    return lines


PANEL = Panel(
    name="regions",
    title=mark("regions"),
    help=tr("what each region answers and refuses, how far it is behind, and whom both wrote differently"),
    fold=Regions,
    items=_items,
    identity=_identity,
    row=_row,
    detail=_detail,
    empty=lambda _: tr("No region has answered yet."),
    heading=_heading,
    side=_side,
    picks=lambda item: item.name if isinstance(item, Region) else item.region,
)
