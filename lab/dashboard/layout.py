"""Where the boxes and wires of a System's map go: layers from left to right, computed once and always the same.

A service stands to the right of its callers. A service without callers that consumes from a broker stands to the right
of the broker, because its work arrives from there. Wires that span layers get a lane of their own in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from lab.dashboard.glyphs import DOWN, LEFT, RIGHT, UP
from lab.system.kinds import engine_kinds, relays
from lab.system.model import CLIENT, Link, System

Size = Literal["roomy", "compact"]
Cell = tuple[int, int]

LANE = 2
"""Rows that a wire takes in a layer it only passes through."""

LABEL = 5
"""Cells that the shortest useful label needs (`120/s`)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What distinguishes the two sizes: a box's height, the narrowest and widest inside, the gap between layers."""

    box: int
    narrow: int
    wide: int
    gap: int
    widest_gap: int


SHAPES: dict[Size, Shape] = {
    "roomy": Shape(box=4, narrow=13, wide=18, gap=8, widest_gap=14),
    "compact": Shape(box=3, narrow=8, wide=13, gap=5, widest_gap=9),
}


@dataclass(frozen=True, slots=True)
class Box:
    name: str
    x: int
    y: int
    width: int
    height: int

    @property
    def middle(self) -> int:
        return self.y + self.height // 2 - (self.height % 2 == 0)


@dataclass(frozen=True, slots=True)
class Wire:
    """The drawn way of one link. `path` goes cell by cell from left to right; the link itself may run against it
    (`backwards`). `own` are indices of the cells it shares with no other wire; `labels` are (x, y, width) of rows where
    something may be written about it, best first."""

    link: str
    protocol: str
    path: tuple[Cell, ...]
    backwards: bool
    own: tuple[int, ...]
    labels: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    size: Size
    width: int
    height: int
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    masks: Mapping[Cell, int]
    """For every cell of a wire, which sides its line reaches."""


@dataclass(slots=True)
class _Edge:
    left: str
    right: str
    link: Link
    backwards: bool
    chain: list[str] = field(default_factory=list)
    beside: int = 0
    """How many links join the same two boxes before it: each starts and ends a row lower."""


def arrange(system: System, width: int, height: int) -> Chart | None:
    """The map in the larger of the two sizes that fits into width x height cells, or None if neither does."""
    if not system.services and not system.engines:
        return None
    edges = _edges(system)
    layers = _layers(_nodes(system), edges)
    columns = _columns(layers, edges)
    for size in SHAPES:
        chart = _place(size, columns, edges, width, height)
        if chart is not None:
            return chart
    return None


def on_the_wire(system: System, wired: Collection[str] = ()) -> tuple[System, dict[str, str]]:
    """The System without the databases that are only files, and which service keeps which of them.

    Nothing crosses a wire to a SQLite file, so there is no link to draw or to disturb. `wired` are engines that could
    be files and are servers in this run.
    """
    kinds = engine_kinds()
    files = {engine.name for engine in system.engines if kinds[engine.kind].files and engine.name not in wired}
    kept = replace(
        system,
        engines=tuple(engine for engine in system.engines if engine.name not in files),
        links=tuple(link for link in system.links if link.target not in files),
    )
    return kept, {link.source: link.target for link in system.links if link.target in files}


def nodes(system: System) -> tuple[str, ...]:
    """The names on the map, the client first if it has links."""
    return tuple(_nodes(system))


def _nodes(system: System) -> list[str]:
    names = [service.name for service in system.services] + [engine.name for engine in system.engines]
    ends = [link.source for link in system.links] + [_box_of(link.target, system) for link in system.links]
    return list(dict.fromkeys([*([CLIENT] if CLIENT in ends else []), *names, *ends]))


def _box_of(name: str, system: System) -> str:
    """The box that stands for it: the instances of a service share one."""
    service = system.service(name)
    return service.name if service is not None else name


def _edges(system: System) -> list[_Edge]:
    brokers = {engine.name for engine in system.engines if relays(engine.kind)}
    called = {_box_of(link.target, system) for link in system.links}
    fed = {link.target for link in system.links if link.target in brokers and link.source in called}
    edges = []
    for link in system.links:
        consumes = link.target in fed and link.source not in called and link.source != CLIENT
        target = _box_of(link.target, system)
        left, right = (target, link.source) if consumes else (link.source, target)
        edges.append(_Edge(left, right, link, consumes))
    _break_cycles(edges)
    joined: Counter[tuple[str, str]] = Counter()
    for edge in edges:
        edge.beside = joined[edge.left, edge.right]
        joined[edge.left, edge.right] += 1
    return edges


def _break_cycles(edges: list[_Edge]) -> None:
    """Turn round the edges that lead back to where a walk came from."""
    leaving: dict[str, list[_Edge]] = {}
    for edge in edges:
        leaving.setdefault(edge.left, []).append(edge)
    done: set[str] = set()

    def walk(node: str, way: set[str]) -> None:
        for edge in list(leaving.get(node, ())):
            if edge.right in way:
                edge.left, edge.right, edge.backwards = edge.right, edge.left, not edge.backwards
            elif edge.right not in done:
                walk(edge.right, way | {edge.right})
        done.add(node)

    for node in list(leaving):
        if node not in done:
            walk(node, {node})


def _layers(names: Sequence[str], edges: Sequence[_Edge]) -> dict[str, int]:
    """The longest way from the left decides; then everything moves as far right as its own edges allow."""
    layer = dict.fromkeys(names, 0)
    for _ in names:
        for edge in edges:
            if edge.left != edge.right:
                layer[edge.right] = max(layer[edge.right], layer[edge.left] + 1)
    entered = {edge.right for edge in edges}
    for name in names:
        reached = [layer[edge.right] for edge in edges if edge.left == name]
        if name not in entered and reached:
            layer[name] = min(reached) - 1
    used = sorted(set(layer.values()))
    return {name: used.index(level) for name, level in layer.items()}


def _columns(layer: dict[str, int], edges: Sequence[_Edge]) -> list[list[str]]:
    """The items of each layer from top to bottom; `|...` are lanes of wires that pass through."""
    columns: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for name, level in layer.items():
        columns[level].append(name)
    for number, edge in enumerate(edges):
        between = range(layer[edge.left] + 1, layer[edge.right])
        lanes = [f"|{number}@{level}" for level in between]
        for level, lane in zip(between, lanes, strict=True):
            columns[level].append(lane)
        edge.chain = [edge.left, *lanes, edge.right]
    pairs = [pair for edge in edges for pair in pairwise(edge.chain)]
    for _ in range(4):
        for left, right in pairwise(columns):
            _sort(right, left, [(b, a) for a, b in pairs])
        for right, left in zip(columns[:0:-1], columns[-2::-1], strict=False):
            _sort(left, right, pairs)
    return columns


def _sort(column: list[str], beside: list[str], pairs: Iterable[tuple[str, str]]) -> None:
    """Order the column by the mean place of its neighbours in the column beside it, so that wires cross less."""
    place = {name: (index + 0.5) / len(beside) for index, name in enumerate(beside)}
    own = {name: (index + 0.5) / len(column) for index, name in enumerate(column)}
    near: dict[str, list[float]] = {}
    for name, other in pairs:
        if name in own and other in place:
            near.setdefault(name, []).append(place[other])
    column.sort(key=lambda name: (sum(near[name]) / len(near[name]) if name in near else own[name], own[name]))


def _place(
    size: Size, columns: Sequence[Sequence[str]], edges: Sequence[_Edge], width: int, height: int
) -> Chart | None:
    shape = SHAPES[size]
    widths = [
        max([min(max(len(name), shape.narrow), shape.wide) + 2 for name in column if not _lane(name)], default=1)
        for column in columns
    ]
    spare = width - sum(widths)
    gaps = len(columns) - 1
    if spare < gaps * shape.gap:
        return None
    gap = min(shape.widest_gap, spare // gaps) if gaps else 0
    left = (spare - gap * gaps) // 2
    starts: list[int] = []
    for each in widths:
        starts.append(left)
        left += each + gap
    boxes: dict[str, Box] = {}
    lanes: dict[str, tuple[int, int, int]] = {}
    for column, x, wide in zip(columns, starts, widths, strict=True):
        needs = [LANE if _lane(name) else shape.box + 1 for name in column]
        free = height + 1 - sum(needs)
        if free < 0:
            return None
        y = 0.0
        for name, need in zip(column, needs, strict=True):
            room = need + free / len(column)
            if _lane(name):
                lanes[name] = (x, int(y + room / 2), wide)
            else:
                boxes[name] = Box(name, x, int(y + (room - shape.box) / 2), wide, shape.box)
            y += room
    wires, masks = _route(edges, boxes, lanes)
    return Chart(size, width, height, tuple(boxes.values()), _label(wires, boxes, masks, starts, widths), masks)


def _lane(name: str) -> bool:
    return name.startswith("|")


def _route(
    edges: Sequence[_Edge], boxes: Mapping[str, Box], lanes: Mapping[str, tuple[int, int, int]]
) -> tuple[list[tuple[_Edge, list[Cell]]], dict[Cell, int]]:
    """Every wire's cells. In each gap a fan-out bends near its source and a fan-in near its target."""

    def port(name: str) -> tuple[int, int, int]:
        """(left end, row, right end) of a box or a lane."""
        if name in boxes:
            box = boxes[name]
            return box.x, box.middle, box.x + box.width - 1
        x, y, wide = lanes[name]
        return x, y, x + wide - 1

    hops = [hop for edge in edges for hop in pairwise(edge.chain)]
    bends = _bends(hops, {name: port(name) for hop in hops for name in hop})
    masks: dict[Cell, int] = {}
    wires = []
    for edge in edges:
        path: list[Cell] = []
        for a, b in pairwise(edge.chain):
            (left, y1, start), (end, y2, _) = port(a), port(b)
            y1, y2 = (_lower(boxes.get(name), y, edge.beside) for name, y in ((a, y1), (b, y2)))
            if _lane(a):
                path += [(x, y1) for x in range(left, start + 1)]
            bend = bends[a, b]
            step = 1 if y2 > y1 else -1
            path += [(x, y1) for x in range(start + 1, bend)]
            path += [(bend, y) for y in range(y1, y2 + step, step)]
            path += [(x, y2) for x in range(bend + 1, end)]
        wires.append((edge, path))
        for before, cell in zip([(path[0][0] - 1, path[0][1]), *path], path, strict=False):
            _join(masks, before, cell)
        _join(masks, path[-1], (path[-1][0] + 1, path[-1][1]))
    inside = {cell for _, path in wires for cell in path}
    return wires, {cell: mask for cell, mask in masks.items() if cell in inside}


def _lower(box: Box | None, y: int, rows: int) -> int:
    """The row so much below, as far as the box reaches; a lane has one row."""
    return y if box is None else min(y + rows, box.y + box.height - 1)


def _bends(hops: Sequence[tuple[str, str]], ports: Mapping[str, tuple[int, int, int]]) -> dict[tuple[str, str], int]:
    """The column in which each hop changes its row. Bends of different ends in one gap get different columns."""
    taken: dict[tuple[int, str], dict[str, int]] = {}
    bends = {}
    for a, b in dict.fromkeys(hops):
        start, end = ports[a][2] + 1, ports[b][0] - 1
        out = sum(1 for hop in set(hops) if hop[0] == a and ports[hop[1]][0] == ports[b][0])
        into = sum(1 for hop in set(hops) if hop[1] == b and ports[hop[0]][2] == ports[a][2])
        if into > out:
            row = taken.setdefault((start, "in"), {})
            bends[a, b] = max(start, end - 1 - row.setdefault(b, len(row)))
        else:
            row = taken.setdefault((start, "out"), {})
            bends[a, b] = min(end, start + 1 + row.setdefault(a, len(row)))
    return bends


def _join(masks: dict[Cell, int], a: Cell, b: Cell) -> None:
    """Draw the line from the middle of cell `a` to the middle of its neighbour `b`."""
    there, back = {
        (1, 0): (RIGHT, LEFT),
        (-1, 0): (LEFT, RIGHT),
        (0, 1): (DOWN, UP),
        (0, -1): (UP, DOWN),
    }[b[0] - a[0], b[1] - a[1]]
    masks[a] = masks.get(a, 0) | there
    masks[b] = masks.get(b, 0) | back


def _label(
    wires: Sequence[tuple[_Edge, list[Cell]]],
    boxes: Mapping[str, Box],
    masks: Mapping[Cell, int],
    starts: Sequence[int],
    widths: Sequence[int],
) -> tuple[Wire, ...]:
    """Give each wire free room in a gap for what is said about it, nearest to a stretch that is its own."""
    users: dict[Cell, int] = {}
    for _, path in wires:
        for cell in path:
            users[cell] = users.get(cell, 0) + 1
    taken = set(masks) | {
        (x, y)
        for box in boxes.values()
        for x in range(box.x, box.x + box.width)
        for y in range(box.y, box.y + box.height)
    }
    gaps = [(x + wide, after) for x, wide, after in zip(starts, widths, starts[1:], strict=False)]
    found = []
    for edge, path in wires:
        own = tuple(index for index, cell in enumerate(path) if users[cell] == 1)
        labels: list[tuple[int, int, int]] = []
        for first, last in gaps:
            level = [path[i] for i in own if first <= path[i][0] < last]
            rows = [y for _, y in level]
            if not rows:
                continue
            y = max(sorted(set(rows)), key=rows.count)
            for candidate in (y - 1, y + 1, y - 2, y + 2):
                label = _free(first, last, candidate, taken)
                if label is not None and len(labels) < 3:
                    labels.append(label)
            if len(labels) >= 2:
                break
        for x, y, wide in labels:
            taken |= {(x + step, y) for step in range(wide)}
        found.append(Wire(edge.link.id, edge.link.protocol, tuple(path), edge.backwards, own, tuple(labels)))
    return tuple(found)


def _free(first: int, last: int, y: int, taken: set[Cell]) -> tuple[int, int, int] | None:
    """The longest free run of row `y` between the columns, if a label fits into it."""
    best = (0, 0)
    x = first
    while x < last:
        end = x
        while end < last and (end, y) not in taken:
            end += 1
        best = max(best, (end - x, -x))
        x = end + 1
    return (-best[1], y, best[0]) if best[0] >= LABEL - 1 and y >= 0 else None
