"""Which faults of a schedule it takes: what has failed is tried with fewer and fewer of them, each time anew."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace

import msgspec

from lab.course.grading import Grading, NotGraded, Task
from lab.faults.shrink import shrinking
from lab.grading.model import Fewest, Finding, Report
from lab.grading.stage import Stage, Watcher
from lab.locale import trn

SEARCH = 120.0
"""Seconds that a search may take."""
AT_ONCE = 3
"""Tries that run side by side: most of each is waiting."""
LOOK = 0.2
"""Seconds between two looks at the tries, and at the clock."""

Numbers = tuple[int, ...]


def with_fewest(task: Task, report: Report, tell: Watcher = lambda _: None, seconds: float = SEARCH) -> Report:
    """The report with the fewest faults with which its first behaviour still fails that failed under a schedule.

    Ctrl-C, or the end of the time, ends the search with the best so far.
    """
    failed = first_stormy(report)
    if failed is None:
        return report
    search = _Search(task, failed.behaviour, tell, time.monotonic() + seconds)
    chosen = report.chosen.faults
    numbers = tuple(range(1, len(report.schedule) + 1)) if chosen is None else chosen
    found, done = search.run(numbers)
    return replace(
        report,
        fewest=Fewest(
            behaviour=failed.behaviour,
            numbers=found,
            faults=tuple(report.schedule[number - 1] for number in found),
            of=len(numbers),
            tries=search.tries,
            done=done,
        ),
    )


def first_stormy(report: Report) -> Finding | None:
    """The first failure under a schedule, of those that must hold before gold ones."""
    failed = [one for one in report.findings if one.verdict == "fail" and one.stormy]
    return min(failed, key=lambda one: one.gold, default=None) if report.schedule else None


class _OutOfTime(Exception):
    """The search has taken as long as it may."""


class _Search:
    """The tries of one search."""

    def __init__(self, task: Task, behaviour: str, tell: Watcher, until: float) -> None:
        self._task = msgspec.structs.replace(
            task, assignment=replace(task.assignment, builds=()), only=(behaviour,), first=(), stop_at_first=False
        )
        self._behaviour = behaviour
        self._tell = tell
        self._until = until
        self._began = time.monotonic()
        self.tries = 0

    def run(self, numbers: Numbers) -> tuple[Numbers, bool]:
        """The fewest numbers that fail, and whether the search came to its end."""
        search = shrinking(numbers)
        best = numbers
        answer: Numbers | None = None
        try:
            candidates = next(search)
            while True:
                if (answer := self._first_failing(candidates, best)) is not None:
                    best = answer
                candidates = search.send(answer)
        except StopIteration as end:
            found: Numbers = end.value
            return found, True
        except (KeyboardInterrupt, _OutOfTime):
            return best, False

    def _first_failing(self, candidates: Sequence[Numbers], best: Numbers) -> Numbers | None:
        """The first candidate that fails. A few are tried at the same time, and no longer than until that is known."""
        for place in range(0, len(candidates), AT_ONCE):
            group = candidates[place : place + AT_ONCE]
            with _Tries(self._task, group) as tries:
                self.tries += len(group)
                while (known := tries.known()) is None:
                    self._say(best)
                    if time.monotonic() > self._until:
                        raise _OutOfTime
                    tries.wait()
                if known < len(group):
                    return group[known]
        return None

    def _say(self, best: Numbers) -> None:
        text = trn(
            "{behaviour} fails with {count} fault; try {tries}, Ctrl-C ends the search",
            "{behaviour} fails with {count} faults; try {tries}, Ctrl-C ends the search",
            len(best),
            behaviour=self._behaviour,
            tries=self.tries,
        )
        self._tell(Stage(kind="search", behaviour=self._behaviour, text=text, seconds=time.monotonic() - self._began))


class _Tries:
    """Some candidates, each graded in a process of its own. Leaving it ends those that still run."""

    def __init__(self, task: Task, candidates: Sequence[Numbers]) -> None:
        self._task = task
        self._candidates = candidates
        self._gradings = [Grading() for _ in candidates]
        self._records = tempfile.TemporaryDirectory()
        self._pool = ThreadPoolExecutor(len(candidates))
        self._futures: list[Future[bool]] = []

    def __enter__(self) -> _Tries:
        for number, (grading, faults) in enumerate(zip(self._gradings, self._candidates, strict=True)):
            task = msgspec.structs.replace(
                self._task,
                chosen=replace(self._task.chosen, faults=faults, hurried=True),
                records=f"{self._records.name}/{number}",
            )
            self._futures.append(self._pool.submit(_fails, grading, task))
        return self

    def __exit__(self, *_: object) -> None:
        for grading in self._gradings:
            grading.interrupt()  # all of them at the same time
        for grading in self._gradings:
            grading.close()
        self._pool.shutdown()
        self._records.cleanup()

    def known(self) -> int | None:
        """The place of the first that fails, or their number if none does; None as long as that is not known."""
        for place, future in enumerate(self._futures):
            if not future.done():
                return None
            if future.result():
                return place
        return len(self._futures)

    def wait(self) -> None:
        """Return when one more has ended, or after a moment."""
        wait([one for one in self._futures if not one.done()], LOOK, FIRST_COMPLETED)


def _fails(grading: Grading, task: Task) -> bool:
    """Whether the behaviour fails. What could not be judged is no failure."""
    try:
        report = grading.grade(task).report
    except NotGraded:
        return False
    return any(finding.verdict == "fail" for finding in report.findings)
