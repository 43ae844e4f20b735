"""Plays a scenario: its steps in time, each told before it is done, and the answers to its questions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from operator import itemgetter
from string import Formatter
from typing import Protocol, cast

from lab.faults.question import Question
from lab.faults.text import FaultError
from lab.faults.timeline import Cue, Scenario
from lab.journal.curves import CURVE
from lab.journal.event import Event, Note
from lab.journal.window import Measured, worded
from lab.locale import tr
from lab.runtime.api import Action
from lab.runtime.faults import Faults
from lab.runtime.process import ActionError
from lab.runtime.provisions import Provisions
from lab.runtime.questions import Questions
from lab.runtime.supervisor import Supervisor
from lab.system.refusal import Unknown

OWNER = "scenario"
READ = 4.0
"""Seconds in which an answer is read, before the reason that belongs to it alone is told."""
HAIR = 0.001
"""Seconds by which a sleep may end too early; what is done then would lie before the stretch that is measured."""

Measure = Callable[[Collection[str], float, float], Awaitable[dict[str, Measured]]]
"""What measures of the day see of the run between these two of its seconds, by their names."""


class Crowd(Protocol):
    """How many there are: visitors, and instances that answer them."""

    def set_rate(self, rate: float) -> None:
        """Raises ActionError if there are none."""

    def send(self, journey: str, times: int) -> None:
        """So many at once. Raises ActionError if there is no such journey."""

    async def scale(self, name: str, replicas: int) -> object:
        """Have so many instances of a service. Raises Unknown, ActionError."""


class Player:
    """What a scenario may touch: the faults, the processes, the load, the reader; and the journal, to tell of it."""

    def __init__(
        self,
        faults: Faults,
        supervisor: Supervisor,
        provisions: Provisions,
        crowd: Crowd,
        emit: Callable[[Event], None],
        questions: Questions,
        measure: Measure,
        now: Callable[[], float],
    ) -> None:
        self._faults = faults
        self._supervisor = supervisor
        self._provisions = provisions
        self._crowd = crowd
        self._emit = emit
        self._questions = questions
        self._measure = measure
        self._clock = now
        self._began = self._disturbed = self._clock()
        self._seen: dict[str, Measured] = {}
        """By the question's id."""
        self._curve = ""

    async def play(self, scenario: Scenario) -> None:
        """Play from now to the end. A step that cannot be done is told, and the rest goes on.

        While a question waits for its prediction, the scenario's clock stands.
        """
        self._began = self._disturbed = self._clock()
        self._tell(scenario.title, scenario=scenario.name, duration=scenario.duration)
        due: list[tuple[float, Callable[[], Awaitable[None]]]] = []
        for cue in scenario.steps:
            due.append((cue.at, partial(self._step, cue)))
            if cue.ask:
                until = scenario.duration if cue.ask.until is None else cue.ask.until
                due.append((until, partial(self._answer, cue.ask, cue.at)))
                if cue.ask.reasons:
                    due.append((until + READ, partial(self._reason, cue.ask)))
        if scenario.draw:
            due += [(at, partial(self._disturb, text)) for at, text in self._faults.drawn(scenario.draw)]
        for at, do in sorted(due, key=itemgetter(0)):
            await self._until(at)
            await self._try(do)
        await self._until(scenario.duration)
        self._tell(tr("the scenario is over"), over=True, scenario=scenario.name, next=scenario.next)

    async def _until(self, at: float) -> None:
        """Sleep until that second of the scenario."""
        await asyncio.sleep(self._began + at - self._clock() + HAIR)

    async def _try(self, do: Callable[[], Awaitable[None]]) -> None:
        try:
            await do()
        except (FaultError, ActionError, Unknown) as error:
            self._emit(
                Note(topic="scenario", level="warning", text=tr("this step failed: {reason}", reason=error.args[0]))
            )

    async def _step(self, cue: Cue) -> None:
        since = self._disturbed if cue.since is None else self._began + cue.since
        hides = {"hides": True} if cue.hidden else {}
        found = await self._measure(_named(cue.say), since, self._clock())
        self._tell(_filled(cue.say, found), at=cue.at, **hides)
        if cue.ask:
            asked = self._clock()
            await self._questions.ask(cue.ask)
            self._began += self._clock() - asked
        if cue.disturbs:
            self._disturbed = self._clock()
        if cue.reveal:
            self._faults.reveal()
        self._mark(cue)
        if cue.heal is not None:
            self._heal(cue.heal)
        if cue.rate is not None:
            self._crowd.set_rate(cue.rate)
        if cue.send is not None:
            self._crowd.send(*cue.send)
        if cue.scale is not None:
            await self._crowd.scale(*cue.scale)
        if cue.act is not None:
            self._act(*cue.act.split())
        if cue.fault is not None:
            self._faults.add(cue.fault, OWNER)
        if cue.hidden:
            self._faults.hide(cue.hidden, OWNER)

    async def _disturb(self, text: str) -> None:
        """A fault that was drawn: the reader hears of it as of any."""
        self._disturbed = self._clock()
        self._faults.add(text, OWNER)

    def _act(self, action: str, name: str, *variables: str) -> None:
        """Do it to the process, which is told these variables (`VERSION=2`) when it starts the next time."""
        if variables:
            for process in self._supervisor.named(name):
                self._provisions.set_environment(process.spec.name, dict(word.split("=", 1) for word in variables))
        self._supervisor.act(name, cast(Action, action), tr("the scenario"))

    async def _answer(self, question: Question, asked: float) -> None:
        since, now = self._began + asked, self._clock()
        names = {question.answer, *_named(question.because)}
        found = await self._measure(names, since, now)
        seen = found[question.answer]
        self._questions.answer(question, seen, _filled(question.because, found))
        self._seen[question.id] = seen

    async def _reason(self, question: Question) -> None:
        if reason := question.reasons.get(str(self._seen.get(question.id)), ""):
            self._tell(reason)

    def _heal(self, what: str) -> None:
        """`all`, or the faults of this scenario whose text begins so."""
        for fault in self._faults.status():
            if what == "all" or (fault.owner == OWNER and fault.text.startswith(what)):
                self._faults.heal(fault.id)

    def _mark(self, cue: Cue) -> None:
        """Have it in the journal that a point of a curve begins, or that no more do (see lab.journal.curves)."""
        if cue.curve is None and (cue.rate is None or not self._curve):
            return
        self._curve = cue.curve if cue.curve is not None else self._curve
        text = tr("measured: {curve}, {rate:g} visitors a second", curve=self._curve, rate=cue.rate or 0)
        text = text if self._curve else tr("measured to the end")
        self._emit(Note(topic=CURVE, text=text, data={"curve": self._curve, "rate": cue.rate}))

    def _tell(self, text: str, **data: object) -> None:
        self._emit(Note(topic="scenario", text=text, data=data))


def _named(text: str) -> set[str]:
    """The measures that the text names."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def _filled(text: str, found: Mapping[str, Measured]) -> str:
    """The text with what its measures have seen. All look at the same stretch, or figures that belong together would
    not agree."""
    return text.format(**{name: worded(seen) for name, seen in found.items()}) if _named(text) else text
