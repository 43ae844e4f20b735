"""The best that a learner's passes measured so far, beside what this grading measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lab.course import records
from lab.grading.model import Figure, Report


def with_best(report: Report, own: Path) -> Report:
    """The report with the best of each of its figures: of the passes that are kept, and of itself if it is one."""
    if not report.figures:
        return report
    passes = [
        earlier
        for _, earlier, attempt in records.read(own)
        if earlier.exercise == report.exercise and attempt.whole and earlier.passed
    ]
    if report.passed and not report.left_out:
        passes.append(report)
    return replace(report, figures=tuple(replace(one, best=_best(one.figure, passes)) for one in report.figures))


def _best(figure: Figure, passes: list[Report]) -> float | None:
    values = [one.value for each in passes for one in each.figures if one.figure.name == figure.name]
    if not values:
        return None
    return min(values) if figure.better == "lower" else max(values)
