"""A schedule of faults, played against the learner's services while a check gives them work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from operator import itemgetter

from lab.faults.schedule import InvalidSchedule, Planned, Schedule, must_fit, parse
from lab.faults.text import parse as parse_fault
from lab.grading.bench import Bench
from lab.grading.checking.expect import Attention, CannotTell
from lab.grading.model import Chosen
from lab.locale import tr
from lab.runtime.api import ControlError
from lab.system.model import CLIENT

REVIVAL = 1.0
"""Seconds after which a service that the schedule has killed is started again, as an orchestrator does."""
HURRY, HURRIED_REST = 20.0, 5.0
"""Seconds of the same in a hurry: that a schedule fails is known, and only whether fewer of its faults do is asked."""
LOOK = 0.2
"""Seconds between two looks at whether all is even."""
MOVES = ("call", "message", "delivery", "ack", "nack")
"""Roles of flows with which something moves."""
DEADLY = ("kill", "terminate")
GRACE = 30.0
"""Seconds that may pass beyond the schedule until its last fault is told to a busy run."""


class Chaos:
    """Plays a check's own schedule, or what the command line chose in its place."""

    def __init__(self, bench: Bench, chosen: Chosen, played: Callable[[Schedule], None]) -> None:
        """`played` is told which schedule that is, with all its faults."""
        self._bench = bench
        self._chosen = chosen
        self._played = played
        self._over = threading.Event()

    @property
    def hurried(self) -> bool:
        """Whether this is one of many tries with a schedule that is known to fail: then a check gives up as soon as
        nothing moves any more."""
        return self._chosen.hurried

    def schedule(self, drawn: Schedule) -> Schedule:
        """What is played where a check has drawn this. Raises CannotTell for faults that there are not."""
        given = self._chosen.schedule
        try:
            whole = must_fit(drawn if given is None else parse(given), self._bench.assignment.system)
            chosen = whole if self._chosen.faults is None else whole.only(self._chosen.faults)
        except InvalidSchedule as error:
            raise CannotTell(str(error)) from None
        self._played(whole)
        return chosen

    @contextmanager
    def playing(self, schedule: Schedule) -> Iterator[None]:
        """Play it from now on, beside what the block does. Leaving the block waits until the last fault is over and
        everybody who was killed lives again."""
        thread = threading.Thread(target=self._play, args=(schedule, time.monotonic()), name="chaos", daemon=True)
        self._over.clear()
        thread.start()
        try:
            yield
        except BaseException:
            self._over.set()
            raise
        finally:
            thread.join(schedule.seconds + GRACE)
            self._over.set()
            with suppress(ControlError):
                self._bench.control.heal(None)
        self._bench.processes.await_engines()

    def settle(
        self,
        even: Callable[[], bool],
        awaiting: str,
        *,
        waiting: Callable[[], bool],
        within: float,
        rest: float,
    ) -> bool:
        """Whether it becomes `even` in this time. It is given up sooner if nobody has sent a message or made a call for
        `rest` seconds, unless something is `waiting` for somebody who may come back."""
        began = moved = time.monotonic()
        if self.hurried:
            within, rest = min(within, HURRY), min(rest, HURRIED_REST)
        traffic = -1
        while not even():
            now = time.monotonic()
            if (count := self._traffic()) != traffic or (waiting() and not self.hurried):
                traffic, moved = count, now
            if now - began > within or now - moved > rest:
                return False
            Attention.waiting(awaiting, now - began)
            time.sleep(LOOK)
        return True

    def _traffic(self) -> int:
        return sum(flow.source != CLIENT and flow.role in MOVES for flow in self._bench.seen.flows())

    def _play(self, schedule: Schedule, began: float) -> None:
        due: list[tuple[float, Callable[[], object]]] = [(schedule.seconds, _nothing)]
        for number, planned in enumerate(schedule, 1):
            due.append((planned.at, partial(self._begin, schedule, number, planned)))
            fault = parse_fault(planned.fault)
            if fault.kind in DEADLY:
                due.append((planned.at + REVIVAL, partial(self._revive, fault.target)))
        for at, do in sorted(due, key=itemgetter(0)):
            if self._over.wait(max(0.0, began + at - time.monotonic())):
                return
            with suppress(ControlError):  # whoever has ended by itself can be hit no more; a check sees that
                do()

    def _begin(self, schedule: Schedule, number: int, planned: Planned) -> None:
        Attention.waiting(
            tr("fault {number} of {count}: {fault}", number=number, count=len(schedule), fault=planned.fault),
            planned.at,
        )
        self._bench.control.add_fault(planned.fault, "check")

    def _revive(self, name: str) -> None:
        self._bench.control.act(name, "start")


def _nothing() -> None:
    """The last fault is over."""
