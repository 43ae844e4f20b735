"""Two gradings of a workspace, or two runs, to be put beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.course import catalog, records
from lab.course.textdiff import Files
from lab.course.workspace import Workspace
from lab.grading.model import Report
from lab.journal.event import Event
from lab.journal.query import read
from lab.locale import tr
from lab.runtime import runs
from lab.runtime.runs import RunRecord
from lab.system.refusal import Refusal, Unknown


class NothingToCompare(Refusal):
    """There are no two gradings yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two. A run has no `report` and no `code`. `code` is None where that version is not kept any more, and
    `runs` are those whose journals are."""

    name: str
    report: Report | None = None
    code: Files | None = None
    runs: tuple[RunRecord, ...] = ()

    def events(self) -> list[Event]:
        return [event for run in self.runs for event in read(run.journal)]


def sides(here: Workspace | None, words: Sequence[str]) -> tuple[Side, Side]:
    """The two that are meant: by two words; by the name of an exercise its last two gradings; by one grading that and
    the latest of its exercise; by no word the last two of the exercise that was graded last.

    A word is the number or the name of a grading (`12`, `0012-day5.3`) in the workspace, or of a run (`0007-day3`).
    Raises NothingToCompare, Unknown, UnknownRun.
    """
    gradings = _gradings(here)
    if len(words) == 2:
        first, second = (_named(here, word, gradings) for word in words)
        if first.report and second.report and first.report.exercise != second.report.exercise:
            raise NothingToCompare(
                tr("{first} and {second} are of different exercises", first=first.name, second=second.name)
            )
        return first, second
    if words and (one := _grading(words[0], gradings)):
        exercise = gradings[one][0].exercise
        later = [name for name in _of(exercise, gradings) if name != one]
        wanted = [one, *later[-1:]]
    else:
        exercise = (
            catalog.named(words[0]).id
            if words
            else next((gradings[name][0].exercise for name in reversed(gradings)), "")
        )
        wanted = _of(exercise, gradings)[-2:]
    if here is None or len(wanted) < 2:
        raise NothingToCompare(
            tr("there are no two gradings of {exercise} to compare", exercise=exercise or tr("an exercise")),
            tr("Each lab check is one."),
        )
    first, second = (_side(here, name, gradings) for name in sorted(wanted))
    return first, second


Gradings = dict[str, tuple[Report, str]]
"""By the name of the record: the report, and the fingerprint of the code."""


def _gradings(here: Workspace | None) -> Gradings:
    if here is None:
        return {}
    return {folder.name: (report, attempt.code) for folder, report, attempt in records.read(here.own)}


def _of(exercise: str, gradings: Gradings) -> list[str]:
    return [name for name, (report, _) in gradings.items() if report.exercise == exercise]


def _grading(word: str, gradings: Gradings) -> str:
    """The name of the grading that the word means, or nothing."""
    number = f"{int(word):04}-" if word.isdecimal() else f"{word}-"
    return next((name for name in gradings if word == name or name.startswith(number)), "")


def _named(here: Workspace | None, word: str, gradings: Gradings) -> Side:
    if here and (name := _grading(word, gradings)):
        return _side(here, name, gradings)
    try:
        record = runs.find(word)
    except Unknown:
        if here:
            raise Unknown("grading", word, [*gradings, *(one.id for one in runs.list_runs())]) from None
        raise
    return Side(name=record.id, runs=(record,))


def _side(here: Workspace, name: str, gradings: Gradings) -> Side:
    report, code = gradings[name]
    its = {report.run, *report.beside}
    kept = tuple(one for one in runs.list_runs() if one.id in its)
    return Side(name=name, report=report, code=records.code(here.own, code), runs=kept if len(kept) == len(its) else ())
