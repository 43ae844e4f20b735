"""The author gate proves that an exercise's checks pass what is right and catch what is wrong.

The starter fails. The solution passes with any seed on a busy machine, and so does each right service. Each wrong
service fails the behaviour that it declares and none before it, and for every behaviour that must hold some wrong
service fails it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from lab.course.assignment import assignment
from lab.course.exercise import Exercise
from lab.course.grading import Done, NotGraded
from lab.course.histories import committed
from lab.course.variants import Unusable, Variant, missing_tool, variants
from lab.grading.model import Assignment, Finding, Report, WrongService

Grade = Callable[[Assignment, int, Sequence[str]], Done]
"""Grades the named behaviours of an assignment with a seed; all of them if none is named. Raises NotGraded."""

Planned = tuple[Exercise, Variant, int]
"""A grading to make: the exercise, the program, the seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One grading of a stored program, and the holes in the exercise that it showed."""

    exercise: str
    variant: str
    seed: int
    seconds: float
    holes: tuple[str, ...] = ()
    report: Report | None = None


@dataclass(slots=True, kw_only=True)
class Row:
    """One exercise in the matrix. `wrong` counts the graded wrong services and `right` the gradings of right ones;
    `seconds` is the time of all trials, and `solution` that of the solution's slowest."""

    exercise: str
    must: int = 0
    gold: int = 0
    wrong: int = 0
    caught: int = 0
    right: int = 0
    passed: int = 0
    seconds: float = 0.0
    solution: float = 0.0
    holes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    shorter: list[str] = field(default_factory=list)
    """What went on for less time than it does for a learner."""


def plan(exercise: Exercise, seeds: Sequence[int]) -> list[tuple[Variant, int]]:
    """The gradings to make: solutions and right services with each seed, everything else with the first seed.

    They leave out the variants whose tools this machine lacks; see `skipped`.
    """
    return [
        (variant, seed)
        for variant in variants(exercise)
        if not missing_tool(exercise, variant)
        for seed in (seeds if variant.kind in ("solution", "right") else seeds[:1])
    ]


def skipped(exercise: Exercise) -> list[str]:
    """The variants that cannot be graded here, and why."""
    return [
        f"{variant.name}: {missing} is not installed"
        for variant in variants(exercise)
        if (missing := missing_tool(exercise, variant))
    ]


def trial(
    exercise: Exercise,
    variant: Variant,
    grade: Grade,
    seed: int,
    *,
    only: Sequence[str] | None = None,
    full: bool = False,
) -> Trial:
    """Grade one stored program and look for holes in the report. With `full` nothing is shorter than for a learner."""
    wrong = next((one for one in exercise.wrong if variant.kind == "wrong" and one.name == variant.which), None)
    behaviours = only if only is not None else before(exercise, wrong) if wrong else ()
    began = time.monotonic()
    report, holes = None, []
    try:
        with committed(exercise, variant) as (programs, branch):
            asked = assignment(exercise, programs, branch)
            done = grade(asked if full else shortened(asked), seed, behaviours)
    except (Unusable, NotGraded) as problem:
        holes.append(str(problem))
    else:
        report = done.report
        holes += wrong_holes(report, exercise, wrong) if wrong else HOLES[variant.kind](report)
        if variant.kind in ("solution", "right") and not behaviours:
            missing = {one.name for one in exercise.figures} - {one.figure.name for one in report.figures}
            holes += [f"the figure {name} was not measured" for name in sorted(missing)]
        holes += [f"left behind: {what}" for what in done.left]
    return Trial(
        exercise=exercise.id,
        variant=variant.name,
        seed=seed,
        seconds=time.monotonic() - began,
        holes=tuple(holes),
        report=report,
    )


def shortened(asked: Assignment) -> Assignment:
    """The assignment with what lasts long made as short as its author has said."""
    return replace(
        asked,
        behaviours=tuple(replace(one, lasts=one.lasts_in_the_gate or one.lasts) for one in asked.behaviours),
    )


def before(exercise: Exercise, wrong: WrongService) -> list[str]:
    """The behaviours to grade a wrong service with: the one that it fails, and those above.

    Gold behaviours above count only where the wrong service fails a gold one.
    """
    declared = exercise.behaviour(wrong.fails)
    above = exercise.behaviours[: exercise.behaviours.index(declared)]
    return [*(one.id for one in above if declared.gold or not one.gold), declared.id]


def starter_holes(report: Report) -> list[str]:
    """The untouched starter fails a behaviour that must hold, and no verdict is unclear."""
    holes = [_unclear(finding) for finding in report.findings if finding.verdict in ("unknown", "error")]
    if not any(finding.verdict == "fail" and not finding.gold for finding in report.findings):
        holes.append("it fails nothing that must hold")
    return holes


def solution_holes(report: Report) -> list[str]:
    """The solution, like a right service, passes everything, gold ones too."""
    holes = [_unclear(finding) for finding in report.findings if finding.verdict != "pass"]
    return holes if report.findings else ["nothing was graded"]


def wrong_holes(report: Report, exercise: Exercise, wrong: WrongService) -> list[str]:
    """The wrong service fails the behaviour that it declares with a code that it declares, and none above it."""
    findings = {finding.behaviour: finding for finding in report.findings}
    *above, declared = before(exercise, wrong)
    holes = [
        f"already {_unclear(findings[ident])}"
        for ident in above
        if ident in findings and findings[ident].verdict != "pass"
    ]
    found = findings.get(declared)
    if found is None or found.verdict == "pass":
        holes.append(f"it passes {declared}, which it should fail")
    elif found.verdict != "fail":
        holes.append(_unclear(found))
    elif found.code not in wrong.codes:
        holes.append(f"it fails {declared} with the code {found.code}, not {' or '.join(wrong.codes)}")
    return holes


HOLES: dict[str, Callable[[Report], list[str]]] = {
    "starter": starter_holes,
    "solution": solution_holes,
    "right": solution_holes,
}


def row(exercise: Exercise, missing: Sequence[str], done: Sequence[Trial]) -> Row:
    """The exercise's line of the matrix, made of lint's findings and its trials."""
    line = Row(
        exercise=exercise.id,
        must=sum(not behaviour.gold for behaviour in exercise.behaviours),
        gold=sum(behaviour.gold for behaviour in exercise.behaviours),
        holes=list(missing),
        skipped=skipped(exercise),
        shorter=[
            f"{one.id} went on for {one.lasts_in_the_gate:g} s, not for {one.lasts:g} s"
            for one in exercise.behaviours
            if one.lasts_in_the_gate
        ],
    )
    for one in done:
        line.seconds += one.seconds
        line.wrong += one.variant.startswith("wrong/")
        line.caught += one.variant.startswith("wrong/") and not one.holes
        line.right += one.variant.startswith("right/")
        line.passed += one.variant.startswith("right/") and not one.holes
        line.holes += [f"{one.variant}, seed {one.seed}: {hole}" for hole in one.holes]
        if one.variant == "solution" and one.report:
            line.solution = max(line.solution, one.report.seconds)
    return line


def _unclear(finding: Finding) -> str:
    """`C4 fail half-open-flood: 20 requests reached users`."""
    why = finding.got or finding.reason
    return f"{finding.behaviour} {finding.verdict} {finding.code}".rstrip() + (f": {why}" if why else "")
