"""The plain reader: a run as one line of text an event, for pipes, logs, CI and screen readers.

A busy run has a thousand events a second, more than anybody reads. So the narrator tells the story of one visitor at a
time, from the first request to the last message, and counts the others. It always tells what changes the run (a
process, a fault, a breaker, a step of the scenario), and failures up to a number a second; it counts the rest. While a
scenario hides a fault, only failures that visitors see and those of the story are told.
"""

from __future__ import annotations

from collections import Counter

from lab.journal.belonging import WRITE, speaks
from lab.journal.event import REBALANCE, Check, EngineState, Event, FaultChange, Flow, Load, Log, Note, Process
from lab.journal.telling import milliseconds
from lab.journal.visible import visible
from lab.locale import language, mark, tr, trn
from lab.system.model import CLIENT

STORY_LINES = 20
"""Lines a second at most for the story being told."""
ASIDE_LINES = 2
"""Of these, lines a second at most for what carries no id, as commands of a cache do: whose they are nobody knows."""
TROUBLE_LINES = 5
"""Lines a second at most for what went wrong elsewhere."""
STORY_SECONDS = 3.0
"""A story that takes longer makes way for the next one."""
QUIET_SECONDS = 1.0
"""A story in which nothing happened for so long is over."""
LOAD_SECONDS = 5.0
STILL_SECONDS = 2.0
"""Seconds between two lines about a process that stays in its state for another reason."""
KNOWN = 4096
MARKS = {True: "✓", False: "✗", None: "·"}
"""Before an answer: whether it was predicted."""

BROKEN_OFF = {
    "reset": mark("the connection was cut"),
    "connection lost": mark("the connection was lost"),
    "connection closed": mark("the connection was closed"),
    "channel closed": mark("the channel was closed"),
}
"""Why an answer never came, by its status."""
LOGS = {"warning": mark("log warnings"), "error": mark("log errors"), "critical": mark("critical log lines")}
"""How log lines that were not printed are counted, by their level."""


class Narrator:
    """Turns events into lines: call `tell` with each event in order, and `rest` at the end. Time comes from the events.

    Without `stories` it tells every exchange, up to the same number of lines a second.
    """

    def __init__(self, *, stories: bool = True) -> None:
        self._stories = stories
        self._second = 0
        self._story_left, self._aside_left = STORY_LINES, ASIDE_LINES
        self._trouble_left = TROUBLE_LINES
        self._skipped: Counter[str] = Counter()
        self._focus = ""
        self._focus_since = self._focus_last = float("-inf")
        self._focus_messages: set[str] = set()
        self._known: dict[str, None] = {}
        self._last: dict[str, tuple[str, str, float]] = {}
        self._load: Load | None = None
        self._blind = False
        self._ajar: set[tuple[str, object]] = set()
        """The breakers that are not closed."""

    def tell(self, event: Event) -> list[str]:
        """The lines for this event, none if it is only counted; and the counts of the last second once it is over."""
        lines = self._turn(event.t)
        if isinstance(event, Note):
            self._blind = self._blind or bool(event.data.get("hides"))
        elif isinstance(event, FaultChange):
            self._blind = self._blind and event.since is None
        text = self._words(event)
        if text:
            lines += [stamped(event.t, line) for line in text.split("\n")]
        return lines

    def rest(self) -> list[str]:
        """What was counted since the last full second."""
        return self._count()

    def _turn(self, t: float) -> list[str]:
        if int(t) == self._second:
            return []
        lines = self._count()
        self._second = int(t)
        self._story_left, self._aside_left = STORY_LINES, ASIDE_LINES
        self._trouble_left = TROUBLE_LINES
        return lines

    def _count(self) -> list[str]:
        if not self._skipped:
            return []
        flows = self._skipped.pop("flow", 0)
        trouble = ", ".join(f"{count} {tr(what)}" for what, count in self._skipped.most_common())
        self._skipped.clear()
        parts = [trn("{count} more exchange went well", "{count} more exchanges went well", flows)] if flows else []
        if trouble:
            parts.append(tr("not shown: {trouble}", trouble=trouble))
        return [stamped(self._second + 0.999, "... " + "; ".join(parts))]

    def _words(self, event: Event) -> str:
        match event:
            case Flow():
                return self._flow(event)
            case Log():
                return self._log(event)
            case Load():
                return self._load_words(event)
            case _:
                return self._once(event)

    def _once(self, event: Process | EngineState | FaultChange | Note | Check) -> str:
        """The words, but none for a state that was told already, unless its reason changed and it has lasted for a
        while."""
        text = always(event)
        if text and isinstance(event, Process | EngineState):
            state, said, t = self._last.get(event.source, ("", "", float("-inf")))
            if said == text or (state == event.state and event.t - t < STILL_SECONDS):
                return ""
            self._last[event.source] = event.state, text, event.t
        return text

    def _flow(self, flow: Flow) -> str:
        if not speaks(flow):
            return ""
        ours = self._ours(flow)
        rare = flow.status == REBALANCE or (flow.redelivered and flow.role == "delivery")
        if flow.outcome != "ok" and self._blind and not ours and flow.source != CLIENT:
            return self._skip(flow.outcome)
        if flow.outcome != "ok" or rare:
            return flow_words(flow) if self._spend_trouble(ours) else self._skip(flow.outcome)
        if flow.role == "ack":
            return ""
        aside = self._stories and not (flow.correlation or flow.message)
        told = ours and (not aside or self._spend_aside()) and self._spend_story()
        return flow_words(flow) if told else self._skip("flow")

    def _log(self, log: Log) -> str:
        if log.event == WRITE:  # who wants to know what was written reads a trace
            return ""
        if log.event == "breaker":
            return log_words(log) if self._moved(log) else ""
        ours = self._ours(log)
        if log.level in ("warning", "error", "critical"):
            return log_words(log) if self._spend_trouble(ours) else self._skip(LOGS.get(log.level, log.level))
        return log_words(log) if ours and speaks(log) and self._spend_story() else ""

    def _moved(self, log: Log) -> bool:
        """Whether a breaker changed its state, and did not only tell that it begins closed."""
        breaker, closed = (log.source, log.data.get("name")), log.data.get("state") == "closed"
        if closed and breaker not in self._ajar:
            return False
        (self._ajar.discard if closed else self._ajar.add)(breaker)
        return True

    def _load_words(self, load: Load) -> str:
        before = self._load
        if before and before.rate == load.rate and load.t - before.t < LOAD_SECONDS:
            return ""
        self._load = load
        times = f", p50 {milliseconds(load.p50)}, p99 {milliseconds(load.p99)}" if load.p50 and load.p99 else ""
        return tr(
            "load {rate:g} a second: {sent} sent, {ok} ok, {failed} failed{times}",
            rate=load.rate,
            sent=load.sent,
            ok=load.ok,
            failed=load.failed,
            times=times,
        )

    def _ours(self, event: Flow | Log) -> bool:
        """Whether the event belongs to the story being told; a new story may begin with it."""
        if not self._stories:
            return True
        ident, t = event.correlation, event.t
        message = event.message if isinstance(event, Flow) else ""
        if not ident:
            return message in self._focus_messages if message else isinstance(event, Flow)
        new = ident not in self._known
        if new:
            self._known[ident] = None
            if len(self._known) > KNOWN:
                del self._known[next(iter(self._known))]
        if ident != self._focus:
            over = t - self._focus_last > QUIET_SECONDS or t - self._focus_since > STORY_SECONDS
            if not (new and over):
                return False
            self._focus, self._focus_since = ident, t
            self._focus_messages.clear()
        self._focus_last = t
        if message:
            self._focus_messages.add(message)
        return True

    def _spend_story(self) -> bool:
        self._story_left -= 1
        return self._story_left >= 0

    def _spend_aside(self) -> bool:
        self._aside_left -= 1
        return self._aside_left >= 0

    def _spend_trouble(self, ours: bool) -> bool:
        if ours and self._spend_story():
            return True
        self._trouble_left -= 1
        return self._trouble_left >= 0

    def _skip(self, what: str) -> str:
        self._skipped[what] += 1
        return ""


def stamped(t: float, text: str) -> str:
    return f"{t:8.3f}s  {text}"


def always(event: Process | EngineState | FaultChange | Note | Check) -> str:
    """The words for a change of the run: one line, and below it the last output of a process that failed."""
    return "\n".join(map(visible, _change(event).split("\n")))


def _change(event: Process | EngineState | FaultChange | Note | Check) -> str:
    match event:
        case Process():
            reason = f": {visible(event.reason)}" if event.reason else ""
            said = (f"\n    {event.source} | {visible(line)}" for line in event.tail)
            tail = "".join(said) if event.state == "failed" else ""
            state = "down" if event.state == "backoff" else event.state
            words = tr("{who} is {state}{reason}", who=event.source, state=tr(state), reason=reason)
            return f"{words}{tail}" if state else ""
        case EngineState():
            if event.state in ("", "running"):  # its process tells that
                return ""
            tier = f" ({event.tier})" if event.tier else ""
            detail = f": {visible(tr(event.detail))}" if event.detail else ""
            return tr("{who} is {state}{reason}", who=f"{event.source}{tier}", state=tr(event.state), reason=detail)
        case FaultChange(change="hit"):
            return ""
        case FaultChange(change="added"):
            time = tr(", for {time:g} s", time=event.duration) if event.duration and " for " not in event.text else ""
            if event.since is not None:
                return tr(
                    "FAULT {id} was there since {since:.1f} s: {text}", id=event.id, since=event.since, text=event.text
                )
            return tr("FAULT {id} begins: {text}{time}", id=event.id, text=event.text, time=time)
        case FaultChange():
            hit = visible(event.detail) or trn("{count} victim", "{count} victims", event.victims)
            if event.change == "healed":
                return tr("FAULT {id} is healed after {hit}: {text}", id=event.id, hit=hit, text=event.text)
            return tr("FAULT {id} is over after {hit}: {text}", id=event.id, hit=hit, text=event.text)
        case Note():
            level = "" if event.level == "info" else f"{tr(event.level).upper()}: "
            return _mark(event) + level + note_words(event)
        case Check():
            return check_words(event)


def _mark(note: Note) -> str:
    """What makes the scenario's own lines stand out among those of the system."""
    if note.topic == "answer":
        return f"{MARKS[note.data.get('right')]} "
    return {"scenario": "▶ ", "question": "? "}.get(note.topic, "")


def note_words(note: Note) -> str:
    """What the note says; the run's own states are words of the lab. What went wrong is said in whole words."""
    if "state" in note.data and note.level == "info":
        return tr("the run is {state}", state=tr(note.text))
    return note.text


def check_words(check: Check) -> str:
    """`CHECK C4 begins: ...`, then what became of it."""
    return visible(_judged(check))


def _judged(check: Check) -> str:
    match check.state:
        case "begun":
            return tr("CHECK {id} begins: {says}", id=check.behaviour, says=check.says.get(language(), ""))
        case "pass":
            return tr("CHECK {id} passed", id=check.behaviour)
        case "fail":
            return tr(
                "CHECK {id} failed: expected {expected}; got {got}",
                id=check.behaviour,
                expected=check.expected,
                got=check.got,
            )
        case "unknown":
            return tr("CHECK {id} could not be judged: {reason}", id=check.behaviour, reason=check.reason)
        case "skipped":
            return tr("CHECK {id} was skipped: {reason}", id=check.behaviour, reason=check.reason)
        case "error":
            return tr("CHECK {id} was broken by the lab itself: {reason}", id=check.behaviour, reason=check.reason)


def log_words(log: Log) -> str:
    """What a line says."""
    return visible(_said(log))


def _said(log: Log) -> str:
    level = f"{tr(log.level).upper()}: " if log.level in ("warning", "error", "critical") else ""
    if log.event == "state":
        reason = f" ({log.data['reason']})" if log.data.get("reason") else ""
        who = f"{log.data.get('entity', '')} {log.data.get('id', '')}".strip()
        return level + tr("{who} is {state}{reason}", who=who, state=log.data.get("state", ""), reason=reason)
    if log.event == "breaker":
        name, state = log.data.get("name", ""), log.data.get("state", "")
        why = f": {log.data['why']}" if log.data.get("why") else ""
        return tr("BREAKER {name} of {source} is {state}", name=name, source=log.source, state=state) + why
    return level + tr("{source} says: {message}", source=log.source, message=log.message)


def flow_words(flow: Flow) -> str:
    """One exchange as a sentence; what went wrong comes first, in capitals."""
    loud = f"{tr(flow.outcome).upper()}: "
    if flow.outcome == "ok":
        loud = tr("REDELIVERED: ") if flow.redelivered else ""
    by = tr(" (fault {faults})", faults=", ".join(flow.faults)) if flow.faults else ""
    return visible(f"{loud}{_sentence(flow)}{by}")


def _sentence(flow: Flow) -> str:
    message = flow.routing_key or flow.key or flow.message or tr("a message")
    match flow.role:
        case "connection" if flow.outcome == "refused":
            return tr("{source} could not connect to {target}", source=flow.source, target=flow.target)
        case "message":
            return tr("{source} published {message}", source=flow.source, message=message)
        case "delivery":
            if flow.queue:
                return tr("{who} received {message} from {queue}", who=flow.source, message=message, queue=flow.queue)
            return tr("{who} received {message}", who=flow.source, message=message)
        case "ack" | "nack":
            return _answer(flow, message)
        case "subscribe" if flow.status == REBALANCE:
            group = flow.op.partition(" ")[2]
            return tr("{who} joins {group} anew: partitions change hands (rebalance)", who=flow.source, group=group)
        case "setup" | "subscribe" | "connection":
            return tr(
                "between {source} and {target}, {op}: {status}",
                source=flow.source,
                target=flow.target,
                op=flow.op,
                status=tr(flow.status or flow.detail or flow.outcome),
            )
    status = flow.status or ("" if flow.outcome == "ok" else flow.detail or mark("no answer"))
    asked = tr("{source} asked {target} {op}", source=flow.source, target=flow.target, op=flow.op)
    answer = f": {tr(status)}" if status else ""
    if flow.ms is None or flow.outcome in ("lost", "refused"):
        return asked + answer
    return asked + answer + tr(" in {time}", time=milliseconds(flow.ms))


def _answer(flow: Flow, message: str) -> str:
    taken = flow.role == "ack"
    why = tr(BROKEN_OFF.get(flow.status, ""))
    source, target = flow.source, flow.target
    if flow.back:
        if why:
            text = mark("{target} did not confirm {message} to {source}: {why}")
        elif taken:
            text = mark("{target} confirmed {message} to {source}")
        else:
            text, why = mark("{target} refused {message} of {source}: {why}"), tr(flow.status)
    else:
        message += tr(" of {queue}", queue=flow.queue) if flow.queue else ""
        if why:
            text = mark("{source} did not acknowledge {message}: {why}")
        elif taken:
            text = mark("{source} acknowledged {message}")
        else:
            text, why = mark("{source} {why} {message}"), tr(flow.status or "refused")
    return tr(text, source=source, target=target, message=message, why=why)
