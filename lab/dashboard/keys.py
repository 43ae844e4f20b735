"""The key table: what every key does. Bindings, footer, help screen and command palette are all made from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lab.faults import text as fault_text
from lab.faults.catalogue import KINDS, Kind, fits
from lab.journal.picture.run import RunPicture
from lab.system.model import CLIENT, Link, System

Group = Literal["faults on a link", "faults on a process", "the run", "looking", "lists"]


@dataclass(frozen=True, slots=True)
class Key:
    """`key` is Textual's name, `shown` what is printed on it. A fault key has the `text` of its fault with `{}` for the
    target, one text a protocol where they differ; a process key has the control API's `act`."""

    key: str
    shown: str
    name: str
    help: str
    group: Group
    text: tuple[str, ...] = ()
    act: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(text.partition(" ")[0] for text in self.text)


def _fault(key: str, name: str, *text: str, help: str = "") -> Key:
    kind = KINDS[text[0].partition(" ")[0]]
    shown = key if len(key) == 1 else key[-1]
    return Key(key, shown, name, help or kind.summary, "faults on a link", text)


KEYS: tuple[Key, ...] = (
    _fault("l", "latency", "latency {} 300ms", help="300 ms more on every round trip"),
    _fault("L", "slow", "latency {} 2s jitter=1s", help="2 s more, give or take 1 s"),
    _fault("x", "refuse", "refuse {}"),
    _fault("r", "reset", "reset {}", help="live connections are cut with a TCP reset, once"),
    _fault("b", "blackhole", "blackhole {}"),
    _fault("o", "one-way", "one-way {}"),
    _fault("h", "hang", "connect-hang {}"),
    _fault(
        "e", "error", "status {} 503 30%", "error {} 30%", help="a third of the requests fail (HTTP 503, Redis error)"
    ),
    _fault("D", "twice", "duplicate {}", "redeliver {}", help="the next request or delivery comes twice"),
    _fault("n", "lose ack", "lose-ack {}", help="the next ack is lost, so the broker delivers again"),
    _fault("v", "lose confirm", "lose-confirm {}", help="the broker has the message, its confirm is lost"),
    _fault("p", "poison", "poison {}", help="the next delivery's body is garbage"),
    _fault("m", "miss", "miss {}", help="Redis reads find nothing"),
    Key("k", "k", "kill", "SIGKILL; the supervisor restarts it", "faults on a process", act="kill"),
    Key("f", "f", "freeze", "SIGSTOP; again to let it go on", "faults on a process", act="freeze"),
    Key("t", "t", "terminate", "SIGTERM: finish and stop", "faults on a process", act="terminate"),
    Key("R", "R", "restart", "stop and start again", "faults on a process", act="restart"),
    Key("u", "u", "heal all", "lift every fault and thaw every process", "the run"),
    Key("plus,equals_sign", "+", "more load", "raise the load by a half", "the run"),
    Key("minus", "-", "less load", "lower the load by a third", "the run"),
    Key("colon", ":", "any fault", "type a fault in words, as `lab fault add` takes it", "the run"),
    Key("q", "q", "quit", "leave; a run that is not detached ends", "the run"),
    Key("tab", "Tab", "next", "select the next link or process", "looking"),
    Key("shift+tab", "⇧Tab", "previous", "select the one before", "looking"),
    Key("up,down,left,right", "arrows", "select", "select by direction; in a list: scroll", "looking"),
    Key("z", "z", "zoom", "give the list the whole screen, and back", "looking"),
    Key("question_mark", "?", "help", "this page", "looking"),
    Key("ctrl+p", "Ctrl+P", "palette", "find any of these by its name", "looking"),
    Key("1", "1", "flows", "what was seen on the wires", "lists"),
    Key("2", "2", "orders", "where each order's saga stands", "lists"),
    Key("3", "3", "queues", "what waits at the broker", "lists"),
    Key("4", "4", "processes", "state, pid, reason", "lists"),
    Key("5", "5", "logs", "what the processes say; of the selected one only, if it is a process", "lists"),
    Key("6", "6", "faults", "what is disturbed, and what it hit", "lists"),
    Key("slash", "/", "filter", "show only what matches", "lists"),
    Key("space", "Space", "pause", "hold the list still and show every flow; again to go on", "lists"),
    Key("enter", "Enter", "detail", "the story of the selected line over all processes", "lists"),
    Key("end", "End", "newest", "back to the newest line", "lists"),
    Key("escape", "Esc", "back", "back to the map; clears the filter", "lists"),
)
"""Keys in the order in which help shows them."""

REPLAY_KEYS: tuple[Key, ...] = (
    Key("space", "Space", "pause", "stop the clock of the replay, and let it go on", "the run"),
    Key("comma", ",", "back", "10 seconds back", "the run"),
    Key("full_stop", ".", "on", "10 seconds on", "the run"),
    Key("plus,equals_sign", "+", "faster", "double the speed", "the run"),
    Key("minus", "-", "slower", "half the speed", "the run"),
    Key("q", "q", "quit", "leave the recording", "the run"),
)

REPLAY_OFF = frozenset({"faults on a link", "faults on a process"})


def table(live: bool) -> tuple[Key, ...]:
    """The keys that work on a live run, or on a recorded one (which nobody can disturb any more)."""
    if live:
        return KEYS
    other = {key.key for key in REPLAY_KEYS}
    kept = [
        key
        for key in KEYS
        if key.group not in REPLAY_OFF and key.key not in other and key.name not in ("heal all", "any fault")
    ]
    return (*REPLAY_KEYS, *kept)


@dataclass(frozen=True, slots=True)
class AddFault:
    text: str


@dataclass(frozen=True, slots=True)
class HealFault:
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Act:
    name: str
    action: Literal["kill", "terminate", "freeze", "thaw", "restart"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a key does nothing here, in one line."""

    reason: str


Decision = AddFault | HealFault | Act | Refusal


def decide(key: Key, selection: str, system: System, picture: RunPicture, owner: str) -> Decision:
    """What a fault key means for what is selected. The same key again lifts the fault that it laid."""
    if key.act:
        return _on_process(key, selection, system, picture)
    link = next((link for link in system.links if link.id == selection), None)
    if link is None:
        return Refusal(
            f"{key.name} works on a link; {selection or 'nothing'} is not one. {_suggest(key.kinds, system, picture)}"
        )
    for text in key.text:
        kind = KINDS[text.partition(" ")[0]]
        if not fits(kind.name, link.protocol):
            continue
        for fault in picture.active_faults():
            if fault.owner == owner and fault.text == _lasting(text.format(link.id), fault.duration):
                return HealFault(fault.id, fault.text)
        if not _chance(kind, link, picture):
            lacks = f"{key.name} needs {kind.needs}, and {_shown(link.id)} has had none so far"
            return Refusal(f"{lacks}. {_suggest((kind.name,), system, picture)}")
        return AddFault(text.format(link.id))
    wanted = _either(protocol for name in key.kinds for protocol in KINDS[name].protocols)
    lacks = f"{key.name} needs {wanted}; {_shown(link.id)} speaks {link.protocol.upper()}"
    return Refusal(f"{lacks}. {_suggest(key.kinds, system, picture)}")


def _lasting(text: str, duration: float | None) -> str:
    """The fault that a key asks for in words, as if it was to last so long."""
    return fault_text.format(replace(fault_text.parse(text), duration=duration))


def _on_process(key: Key, selection: str, system: System, picture: RunPicture) -> Decision:
    names = {service.name for service in system.services} | {engine.name for engine in system.engines}
    if selection == CLIENT:
        return Refusal(f"the client is the load of the lab itself: {key.name} another process, + and - change the load")
    if selection not in names:
        return Refusal(f"{key.name} works on a process; {_shown(selection) or 'nothing'} is a link. Select a box (Tab)")
    process = picture.processes.get(selection)
    frozen = process is not None and process.state == "frozen"
    if key.act == "freeze" and frozen:
        return Act(selection, "thaw")
    if key.act == "kill":
        return Act(selection, "kill")
    if key.act == "terminate":
        return Act(selection, "terminate")
    return Act(selection, "freeze" if key.act == "freeze" else "restart")


def fitting(keys: Sequence[Key], selection: str, system: System, picture: RunPicture) -> list[Key]:
    """The fault keys that can hit something where the selection is: what the footer offers."""
    link = next((link for link in system.links if link.id == selection), None)
    if link is None:
        return [] if selection == CLIENT else [key for key in keys if key.act]
    return [key for key in keys if _best(key.kinds, link, picture)]


def _suggest(kinds: Sequence[str], system: System, picture: RunPicture) -> str:
    link = max(system.links, key=lambda link: _best(kinds, link, picture), default=None)
    if link is not None and _best(kinds, link, picture):
        return f"Select {_shown(link.id)} (Tab)"
    return f"This system has no {_either(protocol for name in kinds for protocol in KINDS[name].protocols)} link"


def _best(kinds: Sequence[str], link: Link, picture: RunPicture) -> int:
    """The best chance that one of these kinds has on this link."""
    return max((_chance(KINDS[name], link, picture) for name in kinds), default=0)


def _chance(kind: Kind, link: Link, picture: RunPicture) -> int:
    """Whether such a fault can hit something on this link: 2 it can, 1 it may, 0 not as far as is known."""
    if not fits(kind.name, link.protocol):
        return 0
    seen = picture.links.get(link.id)
    if not kind.needs or seen is None:
        return 2 if not kind.needs else 1
    has, other = (seen.consumes, seen.there) if kind.needs == "deliveries" else (seen.there, seen.back)
    return 2 if has else 0 if other else 1


def _either(protocols: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(protocol.upper() for protocol in protocols))


def _shown(name: str) -> str:
    return name.replace("->", "→")
