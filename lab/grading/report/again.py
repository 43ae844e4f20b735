"""The commands that play a grading again: the same seed, the same faults."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from lab.grading.model import Fewest, Finding, Report
from lab.grading.report.words import label


def replayed(report: Report, finding: Finding) -> str:
    """The command that grades this behaviour again as it was graded."""
    return _command(report, finding.behaviour, report.chosen.faults)


def fewest(report: Report, finding: Finding, language: str) -> tuple[str, list[str], str] | None:
    """With how few faults of the schedule it still fails: in words, these faults in order, and the command that plays
    just these. None where nobody has searched."""
    found = report.fewest
    if found is None or found.behaviour != finding.behaviour:
        return None
    return _said(found, language), list(found.faults), _command(report, found.behaviour, found.numbers)


def _said(found: Fewest, language: str) -> str:
    key = "fewest_none" if not found.numbers else "fewest_found" if found.done else "fewest_so_far"
    return label(key, language, count=len(found.numbers), of=found.of, tries=found.tries)


def _command(report: Report, behaviour: str, faults: Sequence[int] | None) -> str:
    words = ["lab", "check", report.exercise, "--seed", str(report.seed)]
    if report.chosen.file:
        words += ["--schedule", report.chosen.file]
    if faults is not None:
        words += ["--faults", ",".join(map(str, faults)) or "none"]
    return shlex.join([*words, "--behaviour", behaviour])
