"""Figures from this machine: what the latest run of a scenario that is kept here saw of what a lesson speaks of.

A question of the scenario whose answer is that measure has been answered in the run itself; of other measures the
scenario's whole time counts. What a journal said is kept beside it, for a journal takes a while to be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pkgutil import resolve_name

import msgspec

from lab import __version__
from lab.course import days, systems
from lab.course.setting import option
from lab.faults.question import Question
from lab.journal.event import Event, Note
from lab.journal.query import read
from lab.journal.window import Measured, window, worded
from lab.locale.home import NoHome
from lab.runtime.runs import RunRecord, list_runs, load, write
from lab.system.model import System
from lab.system.refusal import Refusal
from lab.system.stored import Damaged, decode

KEPT = "figures.json"
"""In a run's folder."""
HAIR = 0.5
"""Seconds by which a run that was given a time may end before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a measure saw here: in which run, and with which settings where they are not the usual ones."""

    value: Measured
    run: str
    settings: str = ""

    @property
    def text(self) -> str:
        return worded(self.value)


class Answer(msgspec.Struct, frozen=True):
    """A question of a scenario by its id, as it was asked, and what was seen."""

    id: str
    asked: str
    seen: float | str


class Kept(msgspec.Struct):
    """What a run's journal said so far: by the measure, or None where it does not tell it; and the answers to its
    scenario's questions, if somebody wanted to know."""

    lab: str
    seen: dict[str, float | str | None] = {}
    answers: tuple[Answer, ...] | None = None


def here(measures: Iterable[str]) -> Mapping[str, Seen]:
    """Those of the figures (`day5.outage.spared`) that this machine has, each from the latest run that tells it."""
    wanted = dict[tuple[str, str], set[str]]()
    for of in measures:
        day, scenario, name = of.split(".")
        wanted.setdefault((day, scenario), set()).add(name)
    found = dict[str, Seen]()
    for record in reversed(_runs()) if wanted else ():
        played = (record.system, record.options.scenario)
        missing = {name for name in wanted.get(played, ()) if ".".join((*played, name)) not in found}
        if missing:
            settings = _settings(record)
            for name, value in _measured(record, missing).items():
                found[".".join((*played, name))] = Seen(value=value, run=record.id, settings=settings)
    return found


def answers(day: str, scenario: str) -> tuple[str, Sequence[tuple[str, str]]]:
    """The latest run of the scenario that has answered its questions, with these and what it saw, in the language that
    is spoken; nothing if there is none."""
    for record in reversed(_runs()):
        if (record.system, record.options.scenario) == (day, scenario):
            kept = _kept(record)
            if kept.answers is None:
                kept.answers = tuple(_answers(_events(record)))
                _keep(record, kept)
            if kept.answers:
                questions = _questions(record)
                return record.id, [_told(one, questions.get(one.id)) for one in kept.answers]
    return "", ()


def _answers(events: Iterable[Event]) -> Iterator[Answer]:
    for note in events:
        if isinstance(note, Note) and note.topic == "answer":
            yield Answer(str(note.data.get("id")), str(note.data.get("asked")), note.data.get("seen", ""))


def _told(answer: Answer, question: Question | None) -> tuple[str, str]:
    """The question as the scenario asks it now, if it still does, and what was seen in its words."""
    seen = worded(answer.seen)
    return (question.text, question.choices.get(seen, seen)) if question else (answer.asked, seen)


def _kept(record: RunRecord) -> Kept:
    with suppress(OSError, Damaged):
        kept = decode((record.folder / KEPT).read_bytes(), Kept)
        if kept.lab == __version__:  # another one may measure otherwise
            return kept
    return Kept(lab=__version__)


def _keep(record: RunRecord, kept: Kept) -> None:
    with suppress(OSError):  # it is read again the next time
        write(record.folder / KEPT, kept)


def _runs() -> list[RunRecord]:
    """Those that have ended, oldest first."""
    try:
        return [record for record in list_runs() if record.kind == "run" and not record.alive]
    except (NoHome, OSError):
        return []


def _measured(record: RunRecord, names: set[str]) -> dict[str, Measured]:
    """What these measures saw in the run, as far as it was played."""
    kept = _kept(record)
    if missing := names - kept.seen.keys():
        with suppress(OSError, Damaged):
            found = _of(load(record.folder).system, record, missing)
            kept.seen |= {name: found.get(name) for name in missing}
        _keep(record, kept)
    return {name: seen for name in names if (seen := kept.seen.get(name)) is not None}


def _of(system: System, record: RunRecord, names: set[str]) -> dict[str, Measured]:
    events = _events(record)
    told = [event for event in events if isinstance(event, Note) and event.topic == "scenario"]
    if not told:
        return {}
    began, found = told[0].t, dict[str, Measured]()
    questions = _questions(record)
    for answer in _answers(events):
        if (question := questions.get(answer.id)) and question.answer in names:
            found[question.answer] = answer.seen
    until = _until(record, told, events[-1].t)
    for name in sorted(names - found.keys()) if until else ():
        with suppress(AttributeError, ImportError, ValueError):  # a measure of another version of the lab
            found[name] = resolve_name(f"{system.measures}:{name}")(window(system, events, began, until))
    return found


def _until(record: RunRecord, told: Sequence[Note], last: float) -> float:
    """When the scenario ended; 0 if somebody ended the run before that."""
    if told[-1].data.get("over"):
        return told[-1].t
    end = told[0].t + (record.options.duration or float("inf"))
    return end if last >= end - HAIR else 0.0


def _events(record: RunRecord) -> Sequence[Event]:
    try:
        return list(read(record.journal))
    except OSError:
        return ()


def _questions(record: RunRecord) -> Mapping[str, Question]:
    """Those of the scenario that was played, by their ids."""
    try:
        scenario = systems.scenario(days.system(days.find(record.system)), record.options.scenario)
    except (Refusal, days.InvalidDay):
        return {}
    return {step.ask.id: step.ask for step in scenario.steps if step.ask}


def _settings(record: RunRecord) -> str:
    """`--without single-flight`: what was chosen beside the usual, and what the scenario needs."""
    try:
        chosen = load(record.folder).system.settings
        usual = days.find(record.system).settings
    except (OSError, Damaged, Refusal, days.InvalidDay):
        return ""
    words = [option(name, text) for name, text in chosen.items() if name in usual and text != usual[name].usual]
    return " ".join(words)
