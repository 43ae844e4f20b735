"""The lists below the map as Rows: flows, orders, queues, processes, logs, faults.

Each function takes the picture and a size and gives at most that many rows; an empty list says why it is empty.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.dashboard import figures, glyphs
from lab.dashboard.map_view import PROCESS_STYLE, Vitals
from lab.dashboard.rows import Row, clip, fit, right, row, squeeze, wrap
from lab.faults.catalogue import toll
from lab.journal.event import TRAFFIC, Flow, Log
from lab.journal.picture.entity import EntityPicture
from lab.journal.picture.fault import FaultPicture
from lab.journal.picture.process import ProcessPicture
from lab.journal.picture.queue import QueuePicture
from lab.journal.picture.run import RunPicture
from lab.system.entity import Mood
from lab.system.kinds import protocols
from lab.system.links import ends

MOODS: Mapping[Mood, tuple[str, str]] = {
    "going-on": ("◌", "warn"),
    "good": ("●", "ok"),
    "bad": ("✕", "bad"),
    "neutral": ("○", "text"),
}
"""How the state of an entity is drawn: sign and style, in the order in which states are counted up."""
STUCK = 10.0
"""Seconds after which something that is neither done nor cancelled is called stuck."""

LEVELS = {"error": "bad", "critical": "bad", "warning": "warn", "warn": "warn", "debug": "dim"}


def empty(text: str, width: int) -> list[Row]:
    return [row((f" {line}", "dim")) for line in wrap(text, max(10, width - 2), 3)]


def flow_row(flow: Flow, width: int) -> Row:
    """One flow on one line: when, where, what, how it went."""
    place = flow.link.replace("->", "→")
    if flow.back:
        consumer, provider = ends(flow.link)
        place = f"{provider}→{consumer}"
    wide = 26 if width >= 100 else 24 if width >= 70 else 20
    mark, style = _mark(flow)
    took = figures.ms(flow.ms)
    rest = width - 9 - wide - 1 - 8
    op_room = max(10, rest - len(flow.status) - len(mark) - 3)
    quiet = "dim" if style == "text" and flow.role not in TRAFFIC else "text"
    return clip(
        row(
            (f"{flow.t:8.2f} ", "dim"),
            (fit(place, wide) + " ", "name" if quiet == "text" else "dim"),
            (fit(flow.op, op_room) + " ", quiet),
            (flow.status + " " if flow.status else "", _status_style(flow)),
            (mark + " " if mark else "", style),
            (
                right(took, max(0, rest - op_room - len(flow.status) - len(mark) + 6 - bool(flow.status) - bool(mark))),
                "dim",
            ),
        ),
        width,
    )


def _mark(flow: Flow) -> tuple[str, str]:
    words = []
    if flow.outcome != "ok":
        words.append(f"{glyphs.OUTCOME[flow.outcome]} {flow.outcome}")
    if flow.redelivered:
        words.append("↻ again")
    if flow.faults:
        words.append("!" + ",".join(flow.faults))
    style = "bad" if flow.outcome in ("error", "lost", "refused") else "warn" if words else "text"
    return " ".join(words), style


def _status_style(flow: Flow) -> str:
    if flow.outcome in ("error", "lost", "refused") or flow.status[:1] == "5":
        return "bad"
    return "warn" if flow.status[:1] == "4" else "dim"


def item_row(item: object, picture: RunPicture, vitals: Mapping[str, Vitals], width: int) -> Row:
    """One line for an item of any of the lists."""
    match item:
        case Flow():
            return flow_row(item, width)
        case Log():
            return log_row(item, width)
        case EntityPicture():
            return order_row(item, picture, width)
        case QueuePicture():
            return queue_row(item, width)
        case ProcessPicture():
            return process_row(item, picture.now, vitals.get(item.name), width)
        case FaultPicture():
            return fault_row(item, picture.now, width)
    return ()


def why_empty(tab: str, picture: RunPicture) -> str:
    match tab:
        case "orders":
            return "No order yet. A service tells of one with a log line whose event is 'state'."
        case "queues" if not any(_messages(link.protocol) for link in picture.links.values()):
            return "This system has no message broker, so there are no queues."
        case "queues":
            return "No queue seen yet. Queues appear when a service declares or consumes one."
        case "processes":
            return "No process has reported yet: the runtime is still starting."
        case "faults":
            return "Nothing is disturbed. Select a link and press l for latency, or a process and k to kill it."
    return "Nothing here yet."


def _messages(protocol: str) -> bool:
    known = protocols().get(protocol)
    return known is not None and known.carries == "messages"


def board(picture: RunPicture) -> list[EntityPicture]:
    """Orders (and whatever else tells its state): the unfinished that wait longest first, then the latest news."""
    going_on = {e.id: picture.mood(e.entity, e.state) == "going-on" for e in picture.entities.values()}
    waiting = [e for e in picture.entities.values() if going_on[e.id]]
    ended = [e for e in picture.entities.values() if not going_on[e.id]]
    stuck = [e for e in waiting if picture.now - e.since >= STUCK]
    fresh = [e for e in waiting if picture.now - e.since < STUCK]
    return sorted(stuck, key=lambda e: e.since) + fresh[::-1] + ended[::-1]


def tally(picture: RunPicture) -> Row:
    """How many are in which state: `pending 3 · confirmed 120 · cancelled 4`."""
    parts: list[tuple[str, str]] = []
    order = list(MOODS)
    for kind, counts in picture.entity_counts.items():
        told = [(order.index(picture.mood(kind, state)), state, number) for state, number in counts.items() if number]
        for place, state, number in sorted(told):
            sign, style = MOODS[order[place]]
            parts.append((f"{sign} {number} {state}", style))
            parts.append(("  ", "dim"))
    return tuple(parts[:-1])


def order_row(entity: EntityPicture, picture: RunPicture, width: int) -> Row:
    ident = entity.id if len(entity.id) <= 10 else f"{entity.id[:4]}…{entity.id[-5:]}"
    mood = picture.mood(entity.entity, entity.state)
    sign, style = MOODS[mood]
    waited = picture.now - entity.since
    line = row(
        (f" {fit(ident, 10)} ", "text"),
        (f"{sign} {fit(entity.state, 9)} ", style),
    )
    if mood == "going-on":
        word = "stuck" if waited >= STUCK else ""
        line += ((right(figures.age(waited), 6) + " ", "dim"), (word + " " if word else "", "bad"))
    else:
        line += ((right(figures.ms((entity.since - entity.born) * 1000), 6) + " ", "dim"),)
    if width >= 60:
        steps = [key.rpartition(".")[2] for _, key in picture.sagas.get(entity.correlation, [])]
        line += ((" → ".join(steps), "dim"),)
    if entity.reason:
        line += ((f" {entity.reason}" if width < 60 else f"  ({entity.reason})", style),)
    return clip(line, width)


def queue_heading(width: int) -> Row:
    name = _queue_name(width)
    more = "  consumers  again  last minute" if width >= 66 else ""
    return row((f" {fit('queue', name)} ready  unacked{more}", "dim"))


def queues_by_name(picture: RunPicture) -> list[QueuePicture]:
    return sorted(picture.queues.values(), key=lambda queue: (queue.name.endswith(".dlq"), queue.name))


def queues_by_need(picture: RunPicture) -> list[QueuePicture]:
    """What waits comes first where there is no room for all: dead letters, then the deepest."""
    named = queues_by_name(picture)
    full = [queue for queue in named if queue.ready or queue.unacked]
    return [*full, *(queue for queue in named if queue not in full)]


def _queue_name(width: int) -> int:
    return max(12, min(34, width - 18 - (32 if width >= 66 else 0)))


def queue_row(queue: QueuePicture, width: int) -> Row:
    dead = queue.name.endswith(".dlq") and bool(queue.ready)
    waiting = "bad" if dead else "warn" if queue.ready else "text"
    line = row(
        (f" {squeeze(queue.name, _queue_name(width))} ", "bad" if dead else "text"),
        (right("?" if queue.ready is None else figures.count(queue.ready), 5), waiting),
        (right(figures.count(queue.unacked), 9), "warn" if queue.unacked else "dim"),
    )
    if width < 66:
        return clip(line, width)
    peak = max([8, *queue.trend])
    none = queue.consumers == 0 and not queue.name.endswith((".dlq",)) and ".retry" not in queue.name
    return clip(
        line
        + row(
            (right("?" if queue.consumers is None else str(queue.consumers), 11), "warn" if none else "dim"),
            (right(figures.count(queue.redelivered), 7), "warn" if queue.redelivered else "dim"),
            ("  " + figures.spark(queue.trend, min(20, width - _queue_name(width) - 37), peak), "dim"),
        ),
        width,
    )


PROCESS_HEADING = row(
    (f" {fit('process', 17)} {fit('state', 12)} {right('pid', 7)} {right('cpu', 5)} {right('mem', 5)}", "dim"),
    ("  since  why", "dim"),
)


def process_row(process: ProcessPicture, now: float, vitals: Vitals | None, width: int) -> Row:
    style = PROCESS_STYLE.get(process.state, "warn")
    why = process.reason
    if process.restarts:
        why = f"restarted {process.restarts}×{'; ' if why else ''}{why}"
    for name, how in process.breakers.items():
        why = f"breaker {name} {how}{'; ' if why else ''}{why}"
    if process.role != "service" and not why:
        why = process.tier or process.role
    return clip(
        row(
            (f" {fit(process.name, 17)} ", "strong"),
            (fit(f"{glyphs.STATE.get(process.state, '?')} {process.state}", 12) + " ", style),
            (right(str(process.pid or "-"), 7), "text"),
            (right(f"{vitals.cpu:.0f}%" if vitals else "-", 6), "dim"),
            (right(figures.size(vitals.rss) if vitals else "-", 6), "dim"),
            (right(figures.age(now - process.since), 7) + "  ", "dim"),
            (why, "dim" if style == "ok" else style),
        ),
        width,
    )


def log_row(log: Log, width: int) -> Row:
    style = LEVELS.get(log.level.lower(), "text")
    extra = " ".join(f"{key}={value}" for key, value in log.data.items() if value and key in ("id", "reason", "code"))
    return clip(
        row(
            (f"{log.t:8.2f} ", "dim"),
            (fit(log.source, 14) + " ", "name"),
            (fit(log.level, 7) + " ", style if style != "text" else "dim"),
            (log.message or log.event, style),
            (f"  {extra}" if extra else "", "dim"),
            (f"  {log.correlation}" if log.correlation and width >= 100 else "", "dim"),
        ),
        width,
    )


def fault_row(fault: FaultPicture, now: float, width: int) -> Row:
    left = fault.remaining(now)
    when = fault.ended or ("until healed" if left is None else f"{left:.0f} s left")
    hit = toll(fault.kind, fault.victims) + (" yet" if not fault.victims and not fault.ended else "")
    style = "dim" if fault.ended else "warn"
    return clip(
        row(
            (f" {'○' if fault.ended else '!'} {fit(fault.id, 4)} ", style),
            (fit(when, 12) + " ", style),
            (fault.text.replace("->", "→"), "text" if not fault.ended else "dim"),
            (f"  {hit}", "dim"),
            (f"  by {fault.owner}" if fault.owner else "", "dim"),
            (f"  last: {fault.hits[-1]}" if fault.hits and fault.hits[-1] else "", "dim"),
        ),
        width,
    )
