"""Lanes: the way of messages through the broker. From an exchange into queues to their consumers, or over a topic's
partitions, each with its owner in a group and how far that is behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.dashboard import detail, figures
from lab.dashboard.panel import Panel, View
from lab.dashboard.panels import queues
from lab.dashboard.rows import Row, clip, fit, note, right, row, squeeze
from lab.journal.event import Event, Flow, Process
from lab.journal.picture.process import GONE
from lab.journal.picture.queue import QueuePicture, Queues
from lab.locale import mark, tr

WIDE = 100
"""Columns from which the exchange fits, too."""
MOST = 2_000
"""Queues that are told apart; what comes after is left out."""
TYPES = 8
"""Routing keys that are remembered of one queue."""
NARROWEST = 13
"""Cells that a partition takes at least, with the gap before it: `  0 pay…s-1 12`."""


@dataclass(slots=True)
class Course:
    """What the wire showed of one queue: the `exchange` and `keys` of what it was given, and who consumes it. Of a
    partition that is the member of the group that it was assigned to."""

    exchange: str = ""
    keys: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()

    def copy(self) -> Course:
        return Course(self.exchange, self.keys, self.consumers)


class Courses:
    """The fold of a run's events into the ways of its messages."""

    def __init__(self) -> None:
        self.queues = Queues()
        self.of: dict[str, Course] = {}
        self.gone: frozenset[str] = frozenset()
        """Processes that are not there now. Until its group notices, a partition is still theirs."""

    def apply(self, event: Event) -> None:
        """Take a delivery, the beginning or end of consuming, or the end of a process in."""
        self.queues.apply(event)
        if isinstance(event, Process):
            self._process(event)
        elif isinstance(event, Flow):
            if event.queue:
                self._flow(event)
            elif event.op.startswith("leave "):
                self._leaves(event.op.removeprefix("leave "), event.source)

    def copy(self) -> Courses:
        other = Courses()
        other.queues = self.queues.copy()
        other.of = {name: course.copy() for name, course in self.of.items()}
        other.gone = self.gone
        return other

    def course(self, queue: str) -> Course:
        return self.of.get(queue) or Course()

    def _flow(self, flow: Flow) -> None:
        if flow.queue not in self.of and len(self.of) >= MOST:
            return
        course = self.of.setdefault(flow.queue, Course())
        if flow.role == "subscribe" and flow.source not in course.consumers:
            course.consumers = (flow.source,) if _place(flow.queue) else (*course.consumers, flow.source)
        if flow.exchange and (flow.role == "delivery" or flow.op == "bind"):
            course.exchange = flow.exchange
            if flow.routing_key not in course.keys and len(course.keys) < TYPES:
                course.keys = tuple(sorted((*course.keys, flow.routing_key)))

    def _process(self, event: Process) -> None:
        if event.state not in GONE:
            self.gone -= {event.source}
            return
        self.gone |= {event.source}
        for name, course in self.of.items():
            if not _place(name) and event.source in course.consumers:
                course.consumers = tuple(one for one in course.consumers if one != event.source)

    def _leaves(self, group: str, member: str) -> None:
        for name, course in self.of.items():
            if (place := _place(name)) and place[0] == group and course.consumers == (member,):
                course.consumers = ()


def _place(queue: str) -> tuple[str, str, int] | None:
    """Group, topic and partition, where that is what the name says."""
    parts = queue.rsplit("/", 2)
    return (parts[0], parts[1], int(parts[2])) if len(parts) == 3 and parts[2].isdecimal() else None


@dataclass(frozen=True, slots=True)
class Lane:
    """A queue, or all partitions of a topic as one group reads them."""

    name: str
    parts: tuple[tuple[str, QueuePicture, Course], ...]
    group: str = ""
    topic: str = ""
    gone: frozenset[str] = field(default_factory=frozenset)

    @property
    def waiting(self) -> int:
        return sum(queue.ready or 0 for _, queue, _ in self.parts)

    @property
    def used(self) -> bool:
        return any(queue.ready or queue.unacked or queue.delivered for _, queue, _ in self.parts)


def _lanes(view: View) -> list[Lane]:
    courses: Courses = view.fold
    groups: dict[tuple[str, str], list[tuple[str, QueuePicture, Course]]] = {}
    found = []
    for name, queue in sorted(courses.queues.by_name.items()):
        if place := _place(name):
            groups.setdefault(place[:2], []).append((str(place[2]), queue, courses.course(name)))
        else:
            found.append(Lane(name, ((name, queue, courses.course(name)),), gone=courses.gone))
    for (group, topic), parts in groups.items():
        parts.sort(key=lambda part: int(part[0]))
        found.append(Lane(f"{group}/{topic}", tuple(parts), group, topic, courses.gone))
    return sorted(found, key=lambda lane: (".dlq" in lane.name, ".retry" in lane.name, lane.name))


def _items(view: View) -> Sequence[Lane]:
    """Those that were used; all of them while time stands still, or if none was."""
    known = _lanes(view)
    used = [lane for lane in known if lane.used]
    return known if view.held or not used else used


def _heading(view: View, width: int) -> list[Row]:
    lanes = _lanes(view)
    if not lanes:
        return []
    if lanes[0].group:
        words = f" {fit(tr('group'), _group(width))}{right(tr('lag'), 6)}  {tr('partition, owner, lag')}"
        return [clip(row((words, "dim")), width)]
    exchange, keys, queue = _columns(width)
    words = f" {fit('exchange', exchange)}" if exchange else ""
    words += f" {fit(tr('routing keys'), keys)}   {fit(tr('queue'), queue)}{right('ready', 6)}{right('unacked', 8)}"
    return [clip(row((f"{words}   {tr('consumers')}", "dim")), width)]


def _columns(width: int) -> tuple[int, int, int]:
    """Cells for exchange, keys and queue: what the counts, the arrows and a consumer's name leave."""
    exchange = 12 if width >= WIDE else 0
    rest = max(24, width - exchange - 34)
    keys = min(26, rest * 2 // 5)
    return exchange, keys, min(34, rest - keys)


def _group(width: int) -> int:
    return 22 if width >= WIDE else 13


def _row(lane: Lane, view: View, width: int) -> Row:  # noqa: ARG001 - the shape of every row
    return clip(_partitions(lane, width) if lane.group else _queue(lane, width), width)


def _queue(lane: Lane, width: int) -> Row:
    ((_, queue, course),) = lane.parts
    exchange, keys, names = _columns(width)
    dead = lane.name.endswith(".dlq") and bool(queue.ready)
    deaf = not course.consumers and ".dlq" not in lane.name and ".retry" not in lane.name
    line: Row = row((f" {fit(course.exchange, exchange)}", "dim")) if exchange else ()
    if course.keys:
        line += row((f" {fit(_kinds(course.keys, keys), keys)} ", "text"), ("▶ ", "dim"))
    else:  # what is put aside comes from its own queue, and no exchange
        names += keys + 3
        line += row(" ")
    return line + row(
        (squeeze(lane.name, names), "bad" if dead else "name"),
        (right("?" if queue.ready is None else figures.count(queue.ready), 6), _style(queue.ready or 0, dead=dead)),
        (right(figures.count(queue.unacked), 8), "warn" if queue.unacked else "dim"),
        (" ▶ " if course.consumers or deaf else "   ", "dim"),
        (", ".join(course.consumers) or (tr("nobody") if deaf else ""), "warn" if deaf else "text"),
    )


def _kinds(keys: Sequence[str], width: int) -> str:
    """`payment.approved|declined`: what the keys have in common is said once. Where that has no room, the first of
    them and how many there are besides."""
    said = before = ""
    for key in keys:
        kind, _, word = key.rpartition(".")
        said += f"|{word}" if said and kind == before else f"{' ' if said else ''}{key}"
        before = kind
    return said if len(said) <= width or len(keys) < 2 else f"{fit(keys[0], width - 3).rstrip()} +{len(keys) - 1}"


def _style(waiting: int, *, dead: bool = False) -> str:
    return "bad" if dead else "warn" if waiting else "text"


def _partitions(lane: Lane, width: int) -> Row:
    name = _group(width)
    line = row((f" {squeeze(lane.group, name)}", "name"), (right(figures.count(lane.waiting), 6), _style(lane.waiting)))
    room = width - name - 7
    shown = len(lane.parts)
    if shown * NARROWEST > room:
        room -= 4  # for how many there are besides
        shown = max(1, room // NARROWEST)
    cell = min(24, room // shown)
    for number, queue, course in lane.parts[:shown]:
        line += _cell(number, queue, course, lane, cell)
    if shown < len(lane.parts):
        line += row((f" +{len(lane.parts) - shown}", "dim"))
    return line


def _cell(number: str, queue: QueuePicture, course: Course, lane: Lane, width: int) -> Row:
    """`0 payments-1 3`; an owner that is called as the group is a dot, for there is no other."""
    owner = course.consumers[0] if course.consumers else ""
    lag = figures.count(queue.ready or 0)
    room = width - len(number) - len(lag) - 4
    dead = owner in lane.gone
    only = owner == lane.group.removesuffix(".retry")
    who = squeeze(("✕ " if dead else "") + ("●" if only else owner or tr("nobody")), room)
    return row(
        (f"  {number} ", "dim"),
        (who, "bad" if dead else "text" if owner else "warn"),
        (f" {lag}", _style(queue.ready or 0)),
    )


def _detail(lane: Lane, view: View) -> tuple[str, list[Row]]:  # noqa: ARG001 - the shape of every detail
    if not lane.group:
        ((_, queue, course),) = lane.parts
        return lane.name, detail.pairs(
            [
                ("exchange", course.exchange),
                (tr("routing keys"), ", ".join(course.keys)),
                ("ready", tr("the broker has not said yet") if queue.ready is None else queue.ready),
                ("unacked", queue.unacked),
                (tr("consumers"), ", ".join(course.consumers) or tr("nobody")),
                (tr("delivered"), queue.delivered),
                (tr("again"), queue.redelivered),
            ]
        )
    lines = [
        row(
            (
                f" {fit(tr('partition'), 11)}{fit(tr('owner'), 20)}{right(tr('lag'), 6)}{right(tr('delivered'), 12)}",
                "dim",
            )
        )
    ]
    for number, queue, course in lane.parts:
        owner = course.consumers[0] if course.consumers else tr("nobody")
        dead = owner in lane.gone
        lines.append(
            row(
                (f" {fit(number, 11)}", "text"),
                (fit(f"✕ {owner}" if dead else owner, 20), "bad" if dead else "text"),
                (right(figures.count(queue.ready or 0), 6), _style(queue.ready or 0)),
                (right(figures.count(queue.delivered), 12), "text"),
                (f"  {tr('again')} {queue.redelivered}" if queue.redelivered else "", "warn"),
            )
        )
    return tr("group {group} reads {topic}", group=lane.group, topic=lane.topic), lines


def _side(view: View, width: int, height: int) -> list[Row]:
    """What waits comes first; where nothing does, what is used."""
    lanes = sorted((lane for lane in _lanes(view) if lane.used), key=lambda lane: (-lane.waiting, lane.name))
    if not lanes:
        return note(queues.empty(view), width)[:height]
    what = tr("lag") if lanes[0].group else "ready"
    names = max(12, width - 8)
    head = row((f" {fit(tr('group') if lanes[0].group else tr('queue'), names)}{right(what, 6)}", "dim"))
    rows = [
        row(
            (f" {squeeze(lane.group or lane.name, names)}", "text"),
            (right(figures.count(lane.waiting), 6), _style(lane.waiting, dead=lane.name.endswith(".dlq"))),
        )
        for lane in lanes[: max(0, height - 1)]
    ]
    return [head, *rows]


PANEL = Panel(
    name="lanes",
    title=mark("lanes"),
    help=tr("the way of messages through the broker: exchange, queue, consumer; or partition, owner, lag"),
    fold=Courses,
    items=_items,
    identity=lambda lane: lane.name,
    row=_row,
    detail=_detail,
    empty=queues.empty,
    heading=_heading,
    says=lambda view: queues.folded(len(_lanes(view)) - len(_items(view))),
    side=_side,
)
