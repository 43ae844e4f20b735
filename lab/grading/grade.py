"""Grades one assignment: builds the services, starts the run, runs the checks, makes the report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from lab import __version__
from lab.grading.bench import Bench
from lab.grading.build import build_all
from lab.grading.checking.expect import Attention, CannotTell
from lab.grading.evidence.logs import write_logs
from lab.grading.model import Assignment, Behaviour, Chosen, Finding, Measured, Report
from lab.grading.signature import titles
from lab.grading.stage import Stage, Watcher
from lab.journal.event import Check
from lab.locale import tr
from lab.runtime.api import ControlError


def grade(
    assignment: Assignment,
    *,
    seed: int,
    records: Path,
    tiers: Mapping[str, str] | None = None,
    on_event: Watcher = lambda _: None,
    first: Sequence[str] = (),
    only: Sequence[str] = (),
    stop_at_first: bool = False,
    chosen: Chosen | None = None,
) -> Report:
    """Grade it. The services' log files go into the folder `records`.

    The behaviours in `first` are checked before the others; with `only`, no others are checked. `chosen` says which
    faults are played, where the checks play a schedule of them. Raises LaunchError,
    EngineUnavailable and OSError where the lab cannot begin, KeyboardInterrupt when it is interrupted. No process is
    left in any case.
    """
    began, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    judged = [behaviour for behaviour in assignment.behaviours if not only or behaviour.id in only]
    findings: tuple[Finding, ...] = ()
    figures: tuple[Measured, ...] = ()
    schedule: tuple[str, ...] = ()
    logs: dict[str, str] = {}
    run_id, used = "", dict[str, str]()
    not_built = build_all(assignment.builds, on_event)
    if not_built:
        why = tr("not built: {services}", services=", ".join(not_built))
        findings = tuple(_unknown(behaviour, why) for behaviour in judged)
    else:
        on_event(Stage(kind="start"))
        Attention.waiting = lambda text, seconds: on_event(Stage(kind="waiting", text=text, seconds=seconds))
        bench = Bench(assignment, seed=seed, tiers=tiers or {})
        try:
            from lab.grading.checking.plugin import Grader, run  # pytest loads while the run starts

            bench.await_engines()
            told = _journaled(bench, assignment.id, on_event)
            grader = Grader(assignment, bench, seed, told, first=first, only=only, stop_at_first=stop_at_first)
            grader.chosen = chosen or Chosen()
            run(grader, assignment.checks)
            findings, figures = grader.findings(), grader.figures()
            schedule = tuple(str(planned) for played in grader.played[:1] for planned in played)
        except CannotTell as error:
            findings = tuple(_unknown(behaviour, str(error)) for behaviour in judged)
        finally:
            bench.close(lambda: on_event(Stage(kind="end")))
        run_id, used = bench.record.id, bench.tiers
        records.mkdir(parents=True, exist_ok=True)
        written = write_logs(bench.events, records)
        logs = {service: str(path) for service, path in written.items()}
    return Report(
        exercise=assignment.id,
        title=assignment.title,
        seed=seed,
        started_at=started_at,
        seconds=round(time.monotonic() - began, 3),
        run=run_id,
        tiers=used,
        findings=findings,
        left_out=tuple(behaviour.id for behaviour in assignment.behaviours if behaviour not in judged),
        not_proved=assignment.not_proved,
        not_built=not_built,
        misconceptions=titles(findings, assignment.wrong),
        screens={one.read: assignment.screens[one.read] for one in findings if one.read in assignment.screens},
        figures=figures,
        schedule=schedule,
        chosen=chosen or Chosen(),
        logs=logs,
        lab=__version__,
        branch=assignment.branch.name if assignment.branch else "",
    )


def _journaled(bench: Bench, exercise: str, on_event: Watcher) -> Watcher:
    """Journals each check before telling the watcher, so that everybody who watches the run sees it."""

    def tell(stage: Stage) -> None:
        if check := _event(exercise, stage):
            with suppress(ControlError):  # a run that is gone is told of elsewhere
                bench.control.journal_check(check)
        on_event(stage)

    return tell


def _event(exercise: str, stage: Stage) -> Check | None:
    if stage.kind == "check":
        return Check(exercise=exercise, behaviour=stage.behaviour, says=dict(stage.says))
    if (finding := stage.finding) is None:
        return None
    return Check(
        exercise=exercise,
        behaviour=finding.behaviour,
        state=finding.verdict,
        gold=finding.gold,
        says=dict(finding.says),
        expected=finding.expected,
        got=finding.got,
        code=finding.code,
        reason=finding.reason,
        seconds=finding.seconds,
    )


def _unknown(behaviour: Behaviour, reason: str) -> Finding:
    return Finding(
        behaviour=behaviour.id,
        gold=behaviour.gold,
        verdict="unknown",
        seconds=0.0,
        says=behaviour.says,
        why=behaviour.why,
        reason=reason,
    )
