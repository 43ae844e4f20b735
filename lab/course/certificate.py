"""What a learner has proved, as data: each passed exercise with its best grading, and a digest over the reports."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.course import records
from lab.course.exercise import Exercise
from lab.course.records import REPORT
from lab.course.workspace import Workspace
from lab.grading.model import Report
from lab.locale import tr
from lab.system.refusal import Refusal


class NothingProved(Refusal):
    """No exercise is passed yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A passed exercise: the grading that counts, the name of its record, and the SHA-256 of its report's file."""

    exercise: Exercise
    record: str
    report: Report
    digest: str

    @property
    def gold(self) -> int:
        return sum(one.gold and one.verdict == "pass" for one in self.report.findings)

    @property
    def points(self) -> int:
        return self.exercise.earned(self.gold)


def proofs(here: Workspace, known: Sequence[Exercise]) -> list[Proof]:
    """The best whole pass of each exercise, in the order of the course. Raises NothingProved, OSError."""
    by_id = {exercise.id: exercise for exercise in known}
    best: dict[str, Proof] = {}
    for folder, report, attempt in records.read(here.own):
        if report.exercise not in by_id or not (attempt.whole and report.passed):
            continue
        one = Proof(exercise=by_id[report.exercise], record=folder.name, report=report, digest=_digest(folder / REPORT))
        if report.exercise not in best or one.gold > best[report.exercise].gold:
            best[report.exercise] = one
    if not best:
        raise NothingProved(tr("there is nothing to certify yet"), tr("No exercise of this workspace is passed."))
    return [best[exercise.id] for exercise in known if exercise.id in best]


def digest(found: Sequence[Proof]) -> str:
    """SHA-256 over the lines `day5.3 <SHA-256 of its report>`, one for each proof, in their order."""
    lines = "".join(f"{one.exercise.id} {one.digest}\n" for one in found)
    return hashlib.sha256(lines.encode()).hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
