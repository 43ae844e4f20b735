"""One grading in several processes at once, each with a run of its own and a share of the behaviours.

Most of a grading is waiting: for timeouts, for outages, for what must not happen. So shares that run side by side take
the time of the longest of them. What a behaviour needs may be in another share; who reads the report does not see that.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import msgspec

from lab.course.grading import Done, Grading, NotGraded, Task
from lab.grading.build import build_all
from lab.grading.model import Behaviour, Finding, Report
from lab.grading.stage import Stage, Watcher

WORTH = (8.0, 30.0)
"""Seconds of checks from which on a second process is worth it, and a third: on two cores each costs the others some
seconds while it begins."""
MOST = 1 + len(WORTH)
UNKNOWN = 2.0
"""Seconds that a behaviour is taken for of which nobody knows how long it takes."""


class SideBySide:
    """Like a Grading, but with a process for each share; all of them start at once."""

    def __init__(self, behaviours: Sequence[Behaviour], seconds: Mapping[str, float]) -> None:
        """`seconds` are how long each behaviour took the last time."""
        self._shares = shares(
            [behaviour.id for behaviour in behaviours], seconds, {one.id: one.run for one in behaviours}
        )
        self._gradings = [Grading() for _ in self._shares]

    def __enter__(self) -> SideBySide:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind:
            self.interrupt()  # so that all of them end at the same time
        for grading in self._gradings:
            grading.close()

    def interrupt(self) -> None:
        """Break it off, from any thread."""
        for grading in self._gradings:
            grading.interrupt()

    def grade(self, task: Task, tell: Watcher = lambda _: None) -> Done:
        """Grade it, and `tell` every stage of every share as it is reached. Raises NotGraded."""
        wanted = [[ident for ident in share if not task.only or ident in task.only] for share in self._shares]
        parts = [(grading, share) for grading, share in zip(self._gradings, wanted, strict=True) if share]
        if len(parts) < 2 or task.stop_at_first:
            return self._gradings[0].grade(task, tell)
        if build_all(task.assignment.builds, tell):
            return self._gradings[0].grade(task, tell)  # which says why
        built = replace(task.assignment, builds=())
        heard = _OneAtATime(tell, len(parts))
        reasons: list[NotGraded] = []
        """The first is why; the others were interrupted for it."""

        def part(number: int, grading: Grading, share: Sequence[str]) -> Done:
            records = task.records if not number else str(Path(task.records) / str(number + 1))
            try:
                its = msgspec.structs.replace(task, assignment=built, only=tuple(share), records=records)
                return grading.grade(its, heard.tell)
            except NotGraded as problem:
                reasons.append(problem)
                self.interrupt()  # the others would be graded in vain
                raise

        with ThreadPoolExecutor(len(parts)) as pool:
            try:
                done = list(pool.map(lambda one: part(*one), ((number, *one) for number, one in enumerate(parts))))
            except NotGraded:
                raise reasons[0] from None
            except BaseException:
                self.interrupt()  # before the pool waits for all of them
                raise
        left = tuple(sorted({what for one in done for what in one.left}))
        return Done(merged([one.report for one in done], task.assignment.behaviours, task.only), left)


def shares(
    idents: Sequence[str], seconds: Mapping[str, float], runs: Mapping[str, str] | None = None
) -> list[list[str]]:
    """The behaviours in as many shares as are worth it, each about as long as the others and in the given order.

    Those that are judged by one run, as `runs` says, stay together.
    """
    known = {ident: seconds.get(ident, UNKNOWN) for ident in idents}
    bundles: dict[str, list[str]] = {}
    for ident in idents:
        bundles.setdefault((runs or {}).get(ident) or f"{ident} alone", []).append(ident)
    total = sum(known.values())
    count = min(1 + sum(total >= least for least in WORTH), len(bundles))
    found: list[list[str]] = [[] for _ in range(count)]
    for bundle in sorted(bundles.values(), key=lambda bundle: -sum(known[ident] for ident in bundle)):
        shortest = min(found, key=lambda share: sum(known[one] for one in share))
        shortest += bundle
    return [sorted(share, key=idents.index) for share in found]


def merged(reports: Sequence[Report], behaviours: Sequence[Behaviour], only: Sequence[str]) -> Report:
    """One report of those of the shares. A behaviour is skipped that needs one which another share did not prove."""
    first, *others = reports
    findings = {finding.behaviour: finding for finding in first.findings}
    logs = dict(first.logs)
    for number, report in enumerate(others, 2):
        for finding in report.findings:
            story = tuple(
                replace(line, place=f"{number}/{line.place}") if line.place else line for line in finding.story
            )
            findings[finding.behaviour] = replace(finding, story=story)
        logs |= {f"{number}/{service}": path for service, path in report.logs.items()}
    for behaviour in behaviours:
        own = findings.get(behaviour.id)
        missing = next((need for need in behaviour.needs if _unproved(findings.get(need))), "")
        if own and missing and own.verdict in ("pass", "fail", "unknown"):
            findings[behaviour.id] = Finding(
                behaviour=behaviour.id,
                gold=behaviour.gold,
                verdict="skipped",
                seconds=own.seconds,
                says=behaviour.says,
                why=behaviour.why,
                needs=missing,
            )
    figures = {one.figure.name: one for report in reports for one in report.figures}
    return replace(
        first,
        seconds=max(report.seconds for report in reports),
        beside=tuple(report.run for report in others),
        findings=tuple(findings[behaviour.id] for behaviour in behaviours if behaviour.id in findings),
        left_out=tuple(behaviour.id for behaviour in behaviours if only and behaviour.id not in only),
        misconceptions={name: title for report in reports for name, title in report.misconceptions.items()},
        screens={name: heading for report in reports for name, heading in report.screens.items()},
        figures=tuple(figures.values()),
        schedule=next((report.schedule for report in reports if report.schedule), ()),
        logs=logs,
    )


def _unproved(finding: Finding | None) -> bool:
    return finding is not None and finding.verdict != "pass"


class _OneAtATime:
    """Passes on the stages of several gradings to one watcher: one after the other, and beginning and end once."""

    def __init__(self, tell: Watcher, parts: int) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._begun = False
        self._left = parts

    def tell(self, stage: Stage) -> None:
        with self._lock:
            if stage.kind == "start":
                if self._begun:
                    return
                self._begun = True
            if stage.kind == "end":
                self._left -= 1
                if self._left:
                    return
            self._tell(stage)
