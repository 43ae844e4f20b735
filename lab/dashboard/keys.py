"""The key table: what each key does. Bindings, footer, help page and command palette are all made from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lab.faults import text as fault_text
from lab.faults.catalogue import KINDS, fits
from lab.faults.kind import Kind
from lab.journal.picture.run import RunPicture
from lab.locale import mark, tr
from lab.system.model import CLIENT, Link, System

Group = Literal["faults on a link", "faults on a process", "the run", "time", "looking", "lists"]
GROUPS = (
    mark("faults on a link"),
    mark("faults on a process"),
    mark("the run"),
    mark("time"),
    mark("looking"),
    mark("lists"),
)
Where = Literal["everywhere", "live", "recorded"]
Action = Literal[
    "fault", "process", "heal", "more", "less", "out", "in", "type", "quit",
    "pause", "back", "on", "newest", "faster", "slower",
    "next", "previous", "move", "zoom", "side", "help", "palette",
    "panel", "filter", "open", "leave",
]  # fmt: skip
"""What a key does, for the program; `Key.name` is the word for it on the screen."""


@dataclass(frozen=True, slots=True)
class Key:
    """`key` is Textual's name, `shown` what is printed on it. A fault key has the `text` of its fault with `{}` for the
    target, one text a protocol where they differ; a process key has the control API's `act`; a panel's key has the
    `panel` that it shows. `where` says in which runs the key works."""

    key: str
    shown: str
    name: str
    help: str
    group: Group
    action: Action
    where: Where = "everywhere"
    text: tuple[str, ...] = ()
    act: str = ""
    panel: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(text.partition(" ")[0] for text in self.text)

    @property
    def names(self) -> tuple[str, ...]:
        """Textual's names of the keys that do it."""
        return tuple(self.key.split(","))


def _fault(key: str, name: str, *text: str, help: str = "") -> Key:
    kind = KINDS[text[0].partition(" ")[0]]
    return Key(key, key, name, help or tr(kind.summary), "faults on a link", "fault", "live", text=text)


def _process(key: str, name: str, help: str, act: str) -> Key:
    return Key(key, key, name, help, "faults on a process", "process", "live", act=act)


KEYS: tuple[Key, ...] = (
    _fault("l", tr("latency"), "latency {} 300ms", help=tr("300 ms more on every round trip")),
    _fault("L", tr("slow"), "latency {} 2s jitter=1s", help=tr("2 s more, give or take 1 s")),
    _fault("x", tr("refuse"), "refuse {}"),
    _fault("r", "reset", "reset {}", help=tr("live connections are cut with a TCP reset, once")),
    _fault("b", tr("blackhole"), "blackhole {}"),
    _fault("o", tr("one-way"), "one-way {}"),
    _fault("h", tr("hang"), "connect-hang {}"),
    _fault(
        "e",
        tr("error"),
        "status {} 503 30%",
        "grpc-status {} UNAVAILABLE 30%",
        "error {} 30%",
        help=tr("a third of the requests fail (HTTP 503, UNAVAILABLE, LOADING)"),
    ),
    _fault("D", tr("twice"), "duplicate {}", "redeliver {}", help=tr("the next request or delivery comes twice")),
    _fault(
        "n",
        tr("lose ack"),
        "lose-ack {}",
        "lose-commit {}",
        help=tr("the next ack is lost, or the next commit refused: the broker delivers again"),
    ),
    _fault("v", tr("lose confirm"), "lose-confirm {}", help=tr("the broker has the message, its confirm is lost")),
    _fault("p", tr("poison"), "poison {}", help=tr("the next delivery's body is garbage")),
    _fault("g", tr("rebalance"), "rebalance {} for 10s", help=tr("its group gives its partitions to others")),
    _fault("m", tr("miss"), "miss {}", help=tr("Redis reads find nothing")),
    _process("k", tr("kill"), tr("SIGKILL; the supervisor restarts it"), "kill"),
    _process("f", tr("freeze"), tr("SIGSTOP; press again to let it go on"), "freeze"),
    _process("t", tr("terminate"), tr("SIGTERM: finish and stop"), "terminate"),
    _process("R", tr("restart"), tr("stop and start again"), "restart"),
    Key("u", "u", tr("heal all"), tr("lift every fault and thaw every process"), "the run", "heal", "live"),
    Key("plus,equals_sign", "+", tr("more load"), tr("double the load"), "the run", "more", "live"),
    Key("minus", "-", tr("less load"), tr("halve the load"), "the run", "less", "live"),
    Key(
        "right_square_bracket",
        "]",
        tr("scale out"),
        tr("one instance more of the selected service"),
        "the run",
        "out",
        "live",
    ),
    Key("left_square_bracket", "[", tr("scale in"), tr("one instance fewer"), "the run", "in", "live"),
    Key(
        "colon",
        ":",
        tr("any fault"),
        tr("type a fault in words, as `lab fault add` takes it"),
        "the run",
        "type",
        "live",
    ),
    Key("q", "q", tr("quit"), tr("leave; a run that this command started ends"), "the run", "quit", "live"),
    Key("q", "q", tr("quit"), tr("leave the recording"), "the run", "quit", "recorded"),
    Key("space", "Space", tr("pause"), tr("stop the clock and show every flow; press again to go on"), "time", "pause"),
    Key("comma", ",", tr("back"), tr("go 10 seconds back"), "time", "back"),
    Key("full_stop", ".", tr("on"), tr("go 10 seconds on"), "time", "on"),
    Key("end", "End", tr("newest"), tr("go to the newest line, and to now"), "time", "newest"),
    Key("plus,equals_sign", "+", tr("faster"), tr("double the speed"), "time", "faster", "recorded"),
    Key("minus", "-", tr("slower"), tr("half the speed"), "time", "slower", "recorded"),
    Key("tab", "Tab", tr("next"), tr("select the next link or process"), "looking", "next"),
    Key("shift+tab", "⇧Tab", tr("previous"), tr("select the one before"), "looking", "previous"),
    Key("up,down,left,right", "arrows", tr("select"), tr("select by direction; in a list: scroll"), "looking", "move"),
    Key("enter", "Enter", tr("open"), tr("open the selected line, process or link"), "looking", "open"),
    Key("z", "z", tr("zoom"), tr("give the list the whole screen, and back"), "looking", "zoom"),
    Key("s", "s", tr("side"), tr("fold the column at the side, and back"), "looking", "side"),
    Key("question_mark", "?", tr("help"), tr("this page"), "looking", "help"),
    Key("ctrl+p", "Ctrl+P", tr("palette"), tr("find any of these by its name"), "looking", "palette"),
    Key("slash", "/", tr("filter"), tr("show only lines that match"), "lists", "filter"),
    Key("escape", "Esc", tr("map"), tr("back to the map; clears the filter"), "lists", "leave"),
)
"""Keys in the order in which help shows them."""

DIGITS = "123456789"


def table(live: bool, panels: Sequence[tuple[str, str, str]] = ()) -> tuple[Key, ...]:
    """The keys of a live run, or of a recorded one, which cannot be disturbed. `panels` are its lists, as (name, title,
    help); each gets a digit."""
    lists = (
        Key(digit, digit, title, help, "lists", "panel", panel=name)
        for digit, (name, title, help) in zip(DIGITS, panels, strict=False)
    )
    kept = [key for key in KEYS if key.where in ("everywhere", "live" if live else "recorded")]
    first = next(index for index, key in enumerate(kept) if key.group == "lists")
    return (*kept[:first], *lists, *kept[first:])


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
    """The reason, in one line, why a key does nothing here."""

    reason: str


@dataclass(frozen=True, slots=True)
class Scale:
    """So many instances more of the service, or fewer."""

    service: str
    by: int


Decision = AddFault | HealFault | Act | Scale | Refusal


def scaling(selection: str, system: System, by: int) -> Scale | Refusal:
    """What a key that scales means for what is selected: a service, an instance of one, or a link to one."""
    name = selection.partition("->")[2].partition(":")[0] or selection
    service = system.service(name)
    if service is not None and service.replicas is not None:
        return Scale(service.name, by)
    able = next((one.name for one in system.services if one.replicas is not None), "")
    if not able:
        return Refusal(tr("No service of this system is replicated, so none can be scaled"))
    return Refusal(
        tr("{name} is no replicated service. Select {able} (Tab)", name=_shown(selection) or tr("nothing"), able=able)
    )


def decide(key: Key, selection: str, system: System, picture: RunPicture, owner: str) -> Decision:
    """What a fault key means for what is selected. The same key again lifts the fault that it laid."""
    if key.act:
        return _on_process(key, selection, system, picture)
    link = next((link for link in system.links if link.id == selection), None)
    if link is None:
        return Refusal(
            tr(
                "{name} works on a link; {selection} is not one. {suggest}",
                name=key.name,
                selection=selection or tr("nothing"),
                suggest=_suggest(key.kinds, system, picture, selection),
            )
        )
    for text in key.text:
        kind = KINDS[text.partition(" ")[0]]
        if not fits(kind.name, link.protocol):
            continue
        for fault in picture.active_faults():
            if fault.owner == owner and fault.text == _lasting(text.format(link.id), fault.duration):
                return HealFault(fault.id, fault.text)
        if not _chance(kind, link, picture):
            lacks = tr(
                "{name} needs {needs}, and {link} has had none so far",
                name=key.name,
                needs=tr(kind.needs),
                link=_shown(link.id),
            )
            return Refusal(f"{lacks}. {_suggest((kind.name,), system, picture)}")
        return AddFault(text.format(link.id))
    wanted = _either(protocol for name in key.kinds for protocol in KINDS[name].protocols)
    lacks = tr(
        "{name} needs {wanted}; {link} speaks {protocol}",
        name=key.name,
        wanted=wanted,
        link=_shown(link.id),
        protocol=link.protocol.upper(),
    )
    return Refusal(f"{lacks}. {_suggest(key.kinds, system, picture)}")


def _lasting(text: str, duration: float | None) -> str:
    """The fault that a key asks for in words, as if it was to last so long."""
    return fault_text.format(replace(fault_text.parse(text), duration=duration))


def _on_process(key: Key, selection: str, system: System, picture: RunPicture) -> Decision:
    if selection == CLIENT:
        return Refusal(
            tr("client is the load generator: {name} another process, or change the load with + and -", name=key.name)
        )
    if system.service(selection) is None and selection not in {engine.name for engine in system.engines}:
        return Refusal(
            tr(
                "{name} works on a process; {selection} is a link. Select a box (Tab)",
                name=key.name,
                selection=_shown(selection) or tr("nothing"),
            )
        )
    processes = picture.named(system, selection)
    frozen = next((process for process in processes if process.state == "frozen"), None)
    if key.act == "freeze" and frozen is not None:
        return Act(frozen.name, "thaw")
    # Of a service with replicas the first that serves: what the others do then is the point.
    serving = (process.name for process in processes if process.state in ("ready", "degraded"))
    one = next(serving, processes[0].name if processes else selection)
    if key.act == "kill":
        return Act(one, "kill")
    if key.act == "terminate":
        return Act(one, "terminate")
    return Act(one, "freeze" if key.act == "freeze" else "restart")


def fitting(keys: Sequence[Key], selection: str, system: System, picture: RunPicture) -> list[Key]:
    """The fault keys that can hit something where the selection is: what the footer offers."""
    link = next((link for link in system.links if link.id == selection), None)
    if link is None:
        return [] if selection == CLIENT else [key for key in keys if key.act]
    return [key for key in keys if _best(key.kinds, link, picture)]


def _suggest(kinds: Sequence[str], system: System, picture: RunPicture, near: str = "") -> str:
    """The link with the best chance; of several one that begins or ends at `near`."""

    def merit(link: Link) -> tuple[int, bool, bool]:
        return _best(kinds, link, picture), near == link.target, near == link.source

    link = max(system.links, key=merit, default=None)
    if link is not None and _best(kinds, link, picture):
        return tr("Select {link} (Tab)", link=_shown(link.id))
    return tr(
        "This system has no {protocols} link",
        protocols=_either(protocol for name in kinds for protocol in KINDS[name].protocols),
    )


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
    return tr(" or ").join(dict.fromkeys(protocol.upper() for protocol in protocols))


def _shown(name: str) -> str:
    return name.replace("->", "→")
