"""Plays a scenario: its steps in time, each told before it is done."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from typing import cast

from lab.faults.scenario import Cue, Scenario
from lab.faults.text import FaultError
from lab.journal.event import Event, Note
from lab.locale import tr
from lab.runtime.api import Action
from lab.runtime.faults import Faults
from lab.runtime.process import ActionError
from lab.runtime.supervisor import Supervisor
from lab.system.refusal import Unknown

OWNER = "scenario"


class Player:
    """What a scenario may touch: the faults, the processes, the load; and the journal, to tell of it."""

    def __init__(
        self,
        faults: Faults,
        supervisor: Supervisor,
        set_rate: Callable[[float], None],
        emit: Callable[[Event], None],
    ) -> None:
        self._faults = faults
        self._supervisor = supervisor
        self._set_rate = set_rate
        self._emit = emit

    async def play(self, scenario: Scenario) -> None:
        """Play from now to the end. A step that cannot be done is told, and the rest goes on."""
        clock = asyncio.get_running_loop().time
        began = clock()
        self._tell(scenario.title, scenario=scenario.name, duration=scenario.duration)
        for cue in scenario.steps:
            await asyncio.sleep(began + cue.at - clock())
            self._tell(cue.say, at=cue.at)
            try:
                self._do(cue)
            except (FaultError, ActionError, Unknown) as error:
                self._emit(
                    Note(topic="scenario", level="warning", text=tr("this step failed: {reason}", reason=error.args[0]))
                )
        await asyncio.sleep(began + scenario.duration - clock())
        self._tell(tr("the scenario is over"), over=True)

    def _do(self, cue: Cue) -> None:
        if cue.heal is not None:
            self._heal(cue.heal)
        if cue.rate is not None:
            self._set_rate(cue.rate)
        if cue.act is not None:
            action, name = shlex.split(cue.act)
            self._supervisor.act(name, cast(Action, action), tr("the scenario"))
        if cue.fault is not None:
            self._faults.add(cue.fault, OWNER)

    def _heal(self, what: str) -> None:
        """`all`, or the faults of this scenario whose text begins so."""
        for fault in self._faults.status():
            if what == "all" or (fault.owner == OWNER and fault.text.startswith(what)):
                self._faults.heal(fault.id)

    def _tell(self, text: str, **data: object) -> None:
        self._emit(Note(topic="scenario", text=text, data=data))
