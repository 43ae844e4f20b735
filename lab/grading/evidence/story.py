"""The shortest story that shows a failure, told from the events of the run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from lab.grading.evidence.brevity import shorten
from lab.grading.evidence.death import by_itself
from lab.grading.evidence.logs import places_of
from lab.grading.model import Line
from lab.journal.belonging import AROUND, LOUD, belongs, beside, speaks
from lab.journal.event import Event, FaultChange, Flow, Log, Process
from lab.journal.story import Step, chain
from lab.journal.telling import milliseconds
from lab.locale import tr
from lab.system.model import CLIENT

CHOSEN = 1000
"""The most flows and log lines in a story: the last ones. Earlier ones are counted."""
SLOW = 50.0
"""An answer that took at least so many milliseconds is shown with its duration."""
LONGEST = 300
"""Characters of a message; the whole of it is in the log."""
EFFECTS = ("POST", "PUT", "PATCH", "DELETE")
PROBES = re.compile(r"/(?:readyz|healthz|metrics)\b")
"""The lab's own probes. A warning about one of them is no complaint."""
ASTRAY = ("lost", "duplicate", "redelivered", "refused")
"""Marks of a message that was lost, refused or delivered twice."""
STANDSTILL = ("failed", "frozen", "stopped")
RESTART = "restart"
"""The reason of a stop that is followed by a start at once, so that no `stopped` event comes."""

Told = tuple[Line, int]
"""A line with the seq of the event that it tells."""
NOTHING = 0
"""The seq of a line without an event; events count from 1."""


def story(events: Sequence[Event], about: Sequence[str], since_seq: int) -> tuple[Line, ...]:
    """The story of what `about` names (ids of requests, messages or entities) from event `since_seq` on; without ids,
    of what happened last on the links under a fault.

    `events` are those of the whole run so far: a fault may have begun earlier, and a line's `place` counts from the
    run's beginning.
    """
    window = [event for event in events if event.seq >= since_seq]
    faults = list(_faults(events, since_seq))
    joined = [event for event in belongs(window, about) if _worth_a_line(event)]
    chosen = joined or [event for event in _under_fault(window, faults) if _worth_a_line(event)]
    dropped, chosen = chosen[:-CHOSEN], chosen[-CHOSEN:]
    steps = _plain_steps(chosen)
    began = min((step.t for step in steps), default=0.0)
    ended = max((event.t for event in chosen), default=0.0) if joined else math.inf
    actors = {name for step in steps for name in (step.who, step.to)} - {""}
    by_seq = {event.seq: event for event in window}
    places = places_of(events)
    told = [(_line(step, by_seq[step.seq], places), step.seq) for step in steps]
    acted = {step.who for step in steps} - {""}
    changes = [event for event in _changes(window, actors, began) if event.t <= ended + AROUND or event.source in acted]
    told += [(_process_line(event), event.seq) for event in changes]
    links = {event.link for event in chosen} - {""}
    told += [(_fault_line(change), change.seq) for change in _standing(faults, actors, links)]
    if breaker := _breaker_before(window, began, places):
        told.append(breaker)
    if dropped:
        told.append((Line(t=dropped[0].t, lane="check", who="", what="", more=len(dropped)), NOTHING))
    told.sort(key=lambda pair: (pair[0].t, pair[1]))
    return tuple(shorten([line for line, _ in _point_out(told, steps, by_seq)]))


# -- what belongs to the story ----------------------------------------------------------------------------------------


def _under_fault(window: Sequence[Event], faults: Iterable[FaultChange]) -> list[Flow | Log]:
    """What went over the links under a fault; over any link if there was no fault."""
    links = {link for change in faults for link in change.links}
    flows = [event for event in window if isinstance(event, Flow) and speaks(event)]
    touched = [flow for flow in flows if flow.faults or flow.link in links]
    own = touched or flows
    return sorted([*own, *beside(window, own)], key=lambda event: event.seq)


def _worth_a_line(event: Flow | Log) -> bool:
    """A short story has only those log lines that tell of states, breakers and complaints."""
    if isinstance(event, Flow):
        return True
    if event.level in LOUD:
        return not PROBES.search(event.message) or event.level != "warning"
    return event.event in ("state", "breaker")


def _is_breaker(event: Event) -> bool:
    return isinstance(event, Log) and event.event == "breaker"


def _breaker_before(window: Sequence[Event], began: float, places: Mapping[int, str]) -> Told | None:
    """The breaker's state when the story begins."""
    said = [event for event in window if isinstance(event, Log) and _is_breaker(event) and event.t < began - AROUND]
    if not said:
        return None
    step = chain([said[-1]])[0]
    return _line(step, said[-1], places), step.seq


def _changes(window: Iterable[Event], actors: set[str], began: float) -> list[Process]:
    """Processes that ended and came back. The first start of a process is not part of a story, and of the ends before
    it that the check wanted only the last."""
    found = list(_ends_and_returns(window, actors, began))
    last = {event.source: event.seq for event in found if event.t < began - AROUND}
    return [
        event for event in found if event.t >= began - AROUND or by_itself(event) or event.seq == last[event.source]
    ]


def _ends_and_returns(window: Iterable[Event], actors: set[str], began: float) -> Iterator[Process]:
    fallen: set[str] = set()
    for event in window:
        if not isinstance(event, Process) or not event.state:
            continue
        fell = event.state in STANDSTILL or (event.state == "stopping" and event.reason == RESTART)
        if actors and event.source not in actors and not fell:
            continue
        if fell or (event.source in fallen and event.state == "ready"):
            fallen ^= {event.source} if (event.source in fallen) != fell else set()
            if event.t >= began - AROUND or fell:
                yield event


def _faults(events: Iterable[Event], since_seq: int) -> Iterator[FaultChange]:
    """Beginnings and ends of the faults that stood at some time from `since_seq` on."""
    before: dict[str, FaultChange] = {}
    for event in events:
        if not isinstance(event, FaultChange) or event.change == "hit":
            continue
        if event.seq >= since_seq:
            if event.change != "added" and event.id in before:
                yield before.pop(event.id)
            yield event
        elif event.change == "added":
            before[event.id] = event
        else:
            before.pop(event.id, None)
    yield from before.values()


def _standing(faults: Sequence[FaultChange], actors: set[str], links: set[str]) -> list[FaultChange]:
    """The changes that concern the story; all of them if none does."""
    return [change for change in faults if change.concerns(actors, links)] or list(faults)


# -- one event, one line ----------------------------------------------------------------------------------------------


def _plain_steps(events: Sequence[Flow | Log]) -> list[Step]:
    return [step for step in chain(sorted(events, key=lambda event: event.seq)) if step.what != TRACEBACK]


TRACEBACK = "Traceback (most recent call last):"
"""The lines after it say more."""


def _line(step: Step, event: Event, places: Mapping[int, str]) -> Line:
    if step.kind in ("log", "state"):
        result = step.result if step.kind == "state" else step.mark
        what = _breaker(event) or step.what
        what = what if len(what) <= LONGEST else f"{what[:LONGEST]}…"
        return Line(t=step.t, lane="log", who=step.who, what=what, result=result, place=places[step.seq])
    assert isinstance(event, Flow)
    what = step.what.split(" (")[0]  # who receives it says as much
    if event.message:
        what += f" {_short(event.message)}"
    return Line(t=step.t, lane="wire", who=step.who, to=step.to, what=what, result=_result(step, event), mark=step.mark)


def _breaker(event: Event) -> str:
    if not isinstance(event, Log) or event.event != "breaker":
        return ""
    return tr("breaker {name} is {state}", name=event.data.get("name", ""), state=event.data.get("state", ""))


def _result(step: Step, flow: Flow) -> str:
    parts = [step.result or (flow.detail if flow.outcome != "ok" else "")]
    if step.ms is not None and step.ms >= SLOW and step.kind == "call":
        parts.append(f"({milliseconds(step.ms)})")
    if step.faults:
        parts.append(f"[{', '.join(step.faults)}]")
    return " ".join(part for part in parts if part)


def _short(ident: str) -> str:
    """Enough of a UUID to tell it from the others of the story."""
    return ident if len(ident) <= 16 else f"{ident[:8]}…"


def _process_line(event: Process) -> Line:
    return Line(t=event.t, lane="process", who=event.source, what=event.state, result=event.reason)


def _fault_line(change: FaultChange) -> Line:
    return Line(t=change.t, lane="fault", who=change.id, to=change.aim, what=change.text, result=change.change)


# -- the decisive line ------------------------------------------------------------------------------------------------


def _point_out(told: list[Told], steps: Sequence[Step], by_seq: Mapping[int, Event]) -> list[Told]:
    """Mark the line where it went wrong, if that can be known: an effect that was done again for the same cause, else
    the only exit of a process, the only message that was lost, doubled or refused, the only other death, the only 5xx
    to the outside."""

    def died(line: Line, seq: int) -> bool:
        return line.lane == "process" and by_itself(by_seq[seq])

    seq = (
        _repeated(steps, by_seq)
        or _only(seq for line, seq in told if died(line, seq) and _exited(by_seq[seq]))
        or _only(step.seq for step in steps if step.mark in ASTRAY or (step.kind, step.mark) == ("deliver", "again"))
        or _only(seq for line, seq in told if died(line, seq) and line.what == "failed")
        or _only(seq for line, seq in told if line.who == CLIENT and line.result.startswith("5"))
    )
    return [
        (replace(line, mark=f"{line.mark} here".strip()), number) if number == seq != NOTHING else (line, number)
        for line, number in told
    ]


def _exited(event: Event) -> bool:
    """Whether a process ended with an exit code of its own, and not by a signal."""
    return isinstance(event, Process) and event.code is not None and event.code >= 0


def _repeated(steps: Sequence[Step], by_seq: Mapping[int, Event]) -> int:
    done: set[tuple[str, ...]] = set()
    last = NOTHING
    for step in steps:
        event = by_seq[step.seq]
        if step.kind != "call" or not event.correlation or step.what.split(" ")[0] not in EFFECTS:
            continue
        effect = (event.correlation, step.who, step.to, step.what)
        last = step.seq if effect in done else last
        if step.result.startswith("2") or step.mark == "lost":  # after a refusal, doing it again is right
            done.add(effect)
    return last


def _only(seqs: Iterable[int]) -> int:
    found = list(seqs)
    return found[0] if len(found) == 1 else NOTHING
