"""The map as Rows: boxes with the state of their processes, wires with rate, time, errors and moving dots.

A screen that is too small for the map gets the same facts as a list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lab.dashboard import figures, glyphs
from lab.dashboard.grid import Grid
from lab.dashboard.layout import SHAPES, Box, Chart, Wire
from lab.dashboard.rows import Row, clip, fit, row, selected
from lab.dashboard.traffic import Traffic
from lab.faults.catalogue import KINDS
from lab.faults.kind import Effect
from lab.journal.picture.fault import FaultPicture
from lab.journal.picture.link import LinkPicture
from lab.journal.picture.process import ProcessPicture
from lab.journal.picture.run import RunPicture
from lab.locale import tr
from lab.system.entity import mood
from lab.system.kinds import protocols
from lab.system.model import CLIENT

CUT: frozenset[Effect] = frozenset({"shut", "hang", "hold", "mute"})
"""What faults do whose wire is shown as cut."""

PROCESS_STYLE = {"ready": "ok", "degraded": "warn", "failed": "bad", "stopped": "dim", "frozen": "warn"}
WIRE_LINES = {"messages": glyphs.DASHED, "data": glyphs.HEAVY}


LOAD = "load"
"""The process that plays the client."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """What only the runtime knows of a process, once a second: percent of a core, bytes of memory."""

    cpu: float
    rss: int


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a frame of the map is drawn from. `clock` is the screen's own, in seconds."""

    picture: RunPicture
    traffic: Traffic
    clock: float
    selection: str = ""
    vitals: Mapping[str, Vitals] | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    """The database file that a service keeps, by the service's name."""
    instances: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The processes of a service that has replicas, by its name."""
    said: dict[tuple[str, int], list[tuple[str, str]]] = field(default_factory=dict)
    """What was written at the wires, by link and width. Whoever keeps it over frames decides when figures change."""
    mine: frozenset[str] = frozenset()
    """The services that the learner wrote."""


def draw(chart: Chart, scene: Scene) -> list[Row]:
    """One frame of the map, chart.height rows."""
    grid = Grid(chart.width, chart.height)
    faults = scene.picture.active_faults()
    styles = {wire.link: _wire_style(wire.link, scene, faults) for wire in chart.wires}
    for wire in sorted(chart.wires, key=lambda wire: ("dim", "warn", "bad", "accent").index(styles[wire.link])):
        chosen = wire.link == scene.selection
        lines = glyphs.HEAVY if chosen else WIRE_LINES.get(protocols()[wire.protocol].carries, glyphs.THIN)
        for cell in wire.path:
            grid.put(*cell, lines[chart.masks[cell]], styles[wire.link])
    for wire in chart.wires:
        _heads(grid, wire, scene.picture.links.get(wire.link), styles[wire.link])
    for wire in chart.wires:
        for place, glyph, style in scene.traffic.dots(wire.link, scene.clock):
            way = 1 - place if wire.backwards else place
            if scene.picture.blind:
                glyph, style = glyphs.DOT, "accent"
            grid.put(*wire.path[round(way * (len(wire.path) - 1))], glyph, style)
        if any(_cut(fault) and fault.touches(wire.link) for fault in faults):
            grid.put(*middle(wire), glyphs.CUT, "alarm")
        _say(grid, wire, scene, faults)
    for box in chart.boxes:
        _box(grid, box, scene)
    return grid.rows()


def _cut(fault: FaultPicture) -> bool:
    kind = KINDS.get(fault.kind)
    return kind is not None and kind.effect in CUT


def middle(wire: Wire) -> tuple[int, int]:
    """The cell that stands for the wire: the middle of what is its own."""
    return wire.path[wire.own[len(wire.own) // 2]] if wire.own else wire.path[len(wire.path) // 2]


def _wire_style(link: str, scene: Scene, faults: list[FaultPicture]) -> str:
    if link == scene.selection:
        return "accent"
    if scene.picture.blind:
        return "dim"
    seen = scene.picture.links.get(link)
    if seen is not None and seen.error_rate(scene.picture.now) > 0:
        return "bad"
    return "warn" if any(fault.touches(link) for fault in faults) else "dim"


def _heads(grid: Grid, wire: Wire, link: LinkPicture | None, style: str) -> None:
    """Arrow heads where messages arrive. Before anything was seen: the way the link is declared."""
    there = link is None or link.there > 0 or link.back == 0
    back = link is not None and link.back > 0
    at_right, at_left = (back, there) if wire.backwards else (there, back)
    if at_right:
        grid.put(*wire.path[-1], "▶", style)
    if at_left:
        grid.put(*wire.path[0], "◀", style)


def _say(grid: Grid, wire: Wire, scene: Scene, faults: list[FaultPicture]) -> None:
    link = scene.picture.links.get(wire.link)
    if link is None or not wire.labels:
        return
    width = min(label[2] for label in wire.labels)
    said = scene.said.get((wire.link, width))
    if said is None:
        said = _facts(link, scene.picture, [fault for fault in faults if fault.touches(wire.link)], width)
        scene.said[wire.link, width] = said
    chosen = wire.link == scene.selection
    room = sorted(wire.labels[: max(1, len(said))], key=lambda label: label[1])
    for (x, y, width), (text, style) in zip(room, said, strict=False):
        shown = fit(text, width).rstrip()
        grid.put(x + (width - len(shown)) // 2, y, shown, "select" if chosen else style)


def _facts(link: LinkPicture, picture: RunPicture, faults: list[FaultPicture], width: int) -> list[tuple[str, str]]:
    """The facts; while the reader is to find a hidden fault, only the first, or a glance at the map would do."""
    said = facts(link, picture.now, faults, width)
    return said[:1] if picture.blind else said


def facts(link: LinkPicture, now: float, faults: list[FaultPicture], width: int) -> list[tuple[str, str]]:
    """What a wire's labels say, most important first: rate, then trouble, then time."""
    (p50,) = link.spread.lately(now, 0.5)
    rate = link.rate(now)
    said = [(_short(figures.rate(rate), f"{rate:.0f}/s", width), "text" if rate else "dim")]
    said += [(f"!{fault.kind}" if len(fault.kind) < width else f"!{fault.id}", "warn") for fault in faults]
    if failing := link.error_rate(now):
        share = min(1.0, failing / rate) if rate else 1.0
        said.append((f"{glyphs.CUT}{max(1, round(share * 100))}%", "bad"))
    if p50 is not None:
        said.append((_short(figures.ms(p50), f"{p50:.0f}ms", width), "dim"))
    return said


def _short(text: str, shorter: str, width: int) -> str:
    return text if len(text) <= width else shorter


def _box(grid: Grid, box: Box, scene: Scene) -> None:
    instances = scene.instances.get(box.name, (box.name,))
    process = scene.picture.processes.get(instances[0]) if instances else None
    chosen = box.name == scene.selection
    style = "accent" if chosen else "dim"
    stub = process is not None and process.role == "stub"
    lines = glyphs.HEAVY if chosen else glyphs.THIN
    flat, upright = ("╌", "╎") if stub and not chosen else (lines[3], lines[12])
    right, bottom = box.x + box.width - 1, box.y + box.height - 1
    name = fit(box.name, min(len(box.name), box.width - 2))
    grid.put(box.x, box.y, lines[10] + flat * (box.width - 2) + lines[9], style)
    grid.put(box.x, bottom, lines[6] + flat * (box.width - 2) + lines[5], style)
    own = tr("yours") if box.name in scene.mine else ""
    if own:
        grid.put(right - 1 - len(own), bottom, own, "key")
    room = box.width - 4 - (len(own) + 1) * bool(own)
    if (file := scene.files.get(box.name)) and room > 0:
        grid.put(box.x + 2, bottom, fit(file, min(len(file), room)), "dim")
    grid.put(box.x + 1 + (box.width - 2 - len(name) > 2), box.y, name, "select" if chosen else "strong")
    says = _state_of(box.name, scene, box.width - 2)
    pad = " " if box.width > 12 else ""
    for offset in range(1, box.height - 1):
        text, mood = says[offset - 1] if offset <= len(says) else ("", "text")
        grid.put(box.x, box.y + offset, upright, style)
        grid.put(box.x + 1, box.y + offset, fit(pad + text, box.width - 2), mood)
        grid.put(right, box.y + offset, upright, style)


def _state_of(name: str, scene: Scene, width: int = 40) -> list[tuple[str, str]]:
    """How whatever runs under this name is: a process, all instances of a service, or the visitors."""
    if name == CLIENT:
        return _client(scene, width < 13)
    if name in scene.instances:
        return _instances(scene.instances[name], scene.picture)
    return _process(scene.picture.processes.get(name), scene, width)


def _client(scene: Scene, compact: bool = False) -> list[tuple[str, str]]:
    load = scene.picture.load
    if load is None:
        generator = scene.picture.processes.get(LOAD)
        why = generator.reason if generator is not None and not compact else ""
        return [(tr("no load") if compact else tr("no load yet"), "dim"), (why, "dim")]
    said = [(f"{figures.rate(load.rate)}" if compact else tr("{rate} load", rate=figures.rate(load.rate)), "text")]
    if load.sent:
        said.append(
            (
                tr("{failed} failed", failed=load.failed) if load.failed else tr("none failed"),
                "bad" if load.failed else "dim",
            )
        )
    return said


def _instances(names: Sequence[str], picture: RunPicture) -> list[tuple[str, str]]:
    """How many of a service's instances are ready, and the first that is not."""
    found = [picture.processes[name] for name in names if name in picture.processes]
    ready = sum(process.state == "ready" for process in found)
    worst = next((process for process in found if process.state != "ready"), None)
    if worst is None:
        span = ", ".join(names) if len(names) < 2 else f"{names[0]}…{names[-1].rpartition('-')[2]}"
        return [(f"{glyphs.STATE['ready']} {ready}/{len(names)} {tr('ready')}", "ok"), (span, "dim")]
    style, sign = PROCESS_STYLE.get(worst.state, "warn"), glyphs.STATE.get(worst.state, "?")
    return [(f"{sign} {ready}/{len(names)} {tr('ready')}", style), (worst.name, style)]


def _process(process: ProcessPicture | None, scene: Scene, width: int = 40) -> list[tuple[str, str]]:
    if process is None:
        return [(tr("not started"), "dim")]
    again = f" ↻{process.restarts}" if process.restarts else ""
    word = f"{glyphs.STATE.get(process.state, '?')} {tr(process.state)}{again}"
    word = word if len(word) <= width else word.replace(" ", "")
    state = (word, PROCESS_STYLE.get(process.state, "warn"))
    opened = [name for name, how in process.breakers.items() if mood((), "breaker", how) != "good"]
    if opened:
        how = process.breakers[opened[0]]
        bad = mood((), "breaker", how) == "bad"
        return [state, (tr("breaker open") if bad else tr(how), "bad" if bad else "warn")]
    vitals = (scene.vitals or {}).get(process.name)
    cpu = f" {vitals.cpu:.0f}%" if vitals is not None else ""
    if process.role == "engine":
        detail = process.tier + cpu
    else:
        detail = f"pid {process.pid}{cpu}" if process.pid else ""
        detail = detail if len(detail) <= SHAPES["roomy"].narrow - 1 else detail.removeprefix("pid ")
    return [state, (detail or process.reason, "dim")]


def listing(scene: Scene, items: tuple[str, ...], width: int, height: int) -> list[Row]:
    """The map as a list of `items` (names and links), for screens that are too small to draw it."""
    picture = scene.picture
    faults = picture.active_faults()
    longest = min(max((len(item) for item in items), default=0), width // 2)
    rows = []
    for item in items:
        name = fit(item.replace("->", "→"), longest)
        link = picture.links.get(item)
        if link is not None:
            said = _facts(link, picture, [fault for fault in faults if fault.touches(item)], width)
            line = row((f" {name} ", "text"), (fit(link.protocol, 6), "dim"))
            for text, style in said:
                line += (("  " + text, style),)
        else:
            text, style = _state_of(item, scene)[0]
            line = row((f" {name} ", "strong"), (text, style))
        rows.append(selected(line, width) if item == scene.selection else clip(line, width))
    at = items.index(scene.selection) if scene.selection in items else 0
    first = max(0, min(at - height // 2, len(rows) - height))
    return rows[first : first + height]


def place_of(chart: Chart, item: str) -> tuple[int, int] | None:
    """The cell of the map that stands for a box or a wire."""
    for box in chart.boxes:
        if box.name == item:
            return box.x + box.width // 2, box.middle
    for wire in chart.wires:
        if wire.link == item:
            return middle(wire)
    return None


def items_of(chart: Chart) -> tuple[str, ...]:
    """Boxes and wires in reading order: left to right, top to bottom."""
    names = [box.name for box in chart.boxes] + [wire.link for wire in chart.wires]
    return tuple(sorted(names, key=lambda name: place_of(chart, name) or (0, 0)))


def step(chart: Chart, item: str, dx: int, dy: int) -> str:
    """The nearest box or wire in a direction (one of dx, dy is -1 or 1), or `item` itself where nothing lies there."""
    here = place_of(chart, item)
    if here is None:
        return items_of(chart)[0]
    best, nearest = item, 1e9
    for other in items_of(chart):
        x, y = place_of(chart, other) or here
        along = (x - here[0]) * dx + 2 * (y - here[1]) * dy
        aside = abs((x - here[0]) * dy) + 2 * abs((y - here[1]) * dx)
        if other != item and along > 0 and along >= aside * 0.4 and along + 2 * aside < nearest:
            best, nearest = other, along + 2 * aside
    return best


def at(chart: Chart, x: int, y: int) -> str:
    """What stands at a cell (of a click): a box, else the wire whose label or line is nearest within two cells."""
    for box in chart.boxes:
        if box.x <= x < box.x + box.width and box.y <= y < box.y + box.height:
            return box.name
    near = {
        wire.link: min(
            min(abs(px - x) + abs(py - y) for px, py in wire.path),
            min((abs(ly - y) for lx, ly, width in wire.labels if lx <= x < lx + width), default=99),
        )
        for wire in chart.wires
    }
    best = min(near, key=lambda link: near[link], default="")
    return best if best and near[best] <= 2 else ""
