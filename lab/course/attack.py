"""Attacks: the learner writes a schedule of faults against a service of ours that has a flaw.

An exercise has one in its folder `attack/`: `attack.toml` names the wrong service that is attacked, and `checks.py`
gives it customers and counts what was spoilt for them. The same schedule meets our solution at the same time, and what
is spoilt there does not count: not that faults do harm is to be shown, but the flaw. Afterwards it is a check of the
learner's own service.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import msgspec

from lab.course.assignment import Source, assignment, sources, system
from lab.course.exercise import Exercise
from lab.course.grading import Grading, NotGraded, Task
from lab.course.manifest import InvalidExercise
from lab.course.variants import Variant, prepared
from lab.course.workspace import Workspace
from lab.faults.schedule import InvalidSchedule, Planned, Schedule, must_fit, parse
from lab.faults.text import parse as parse_fault
from lab.grading.model import DAMAGE, Assignment, Behaviour, Chosen, Figure, Report, Text, WrongService
from lab.grading.stage import Stage, Watcher
from lab.locale import LANGUAGES, mark, speaking, tr
from lab.system.names import instead
from lab.system.refusal import Refusal
from lab.system.stored import Damaged, decode
from lab.system.tables import Reader, Unreadable
from lab.system.tables import parse as read_toml

FOLDER, FILE = "attack", "attack.toml"
LIST = "attacks"
"""The folder of a workspace with the learner's schedules, and that in the lab's own with the best ones."""
ID = "A1"
"""The behaviour that stands for withstanding an attack."""
ENOUGH = 10.0
"""Percent of damage, beyond what our solution suffers, from which on a flaw is shown; a service withstands less."""
_PROMISE = mark("Whatever the schedule breaks, it spoils no more for customers than it spoils with our solution.")
_WHY = mark("A fault that was survived once by chance is survived always only if somebody tries it again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """What is attacked, and how much may be done to it.

    `harm` says in a few words what is counted, `story` what customers do meanwhile. `faults` are at most so many, each
    on one of the links or processes in `victims`, and all of them are over after `seconds`. `ours` is how we did it.
    """

    exercise: Exercise
    flaw: WrongService
    faults: int
    seconds: float
    victims: tuple[str, ...]
    story: Text
    harm: Text
    ours: Schedule

    @property
    def behaviour(self) -> Behaviour:
        return Behaviour(id=ID, says=_in_each(_PROMISE), why=_in_each(_WHY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """What a schedule did to a service and, at the same time, to our solution: percent of what customers asked for that
    was spoilt. `report` tells of the service."""

    schedule: Schedule
    spoilt: float
    ours: float
    report: Report

    @property
    def damage(self) -> float:
        """What it did beyond what it did to our solution."""
        return max(0.0, self.spoilt - self.ours)

    @property
    def shows(self) -> bool:
        """Whether that is enough to show a flaw."""
        return self.damage >= ENOUGH

    @property
    def score(self) -> int:
        """Percent of damage for each fault: the most with the fewest."""
        return round(self.damage / len(self.schedule)) if self.shows else 0


class Best(msgspec.Struct, frozen=True, kw_only=True):
    """The learner's best attack on one exercise, as it is kept."""

    schedule: str
    damage: float
    score: int


class NoAttack(Refusal):
    """The exercise has no service to attack."""

    def __init__(self, exercise: Exercise, others: Sequence[Exercise]) -> None:
        super().__init__(
            tr("{id} has no service to attack", id=exercise.id),
            tr("There is one in {others}.", others=", ".join(one.number for one in others)),
        )


class Unfair(Refusal):
    """The schedule is more than the attack allows, or no schedule."""

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        super().__init__(tr("{file} cannot be played", file=name), "\n".join(problems))


class NotYet(Refusal):
    """No attack of the learner's has shown the flaw so far."""

    def __init__(self, exercise: Exercise) -> None:
        super().__init__(
            tr("you have no attack on {id} yet that shows a flaw", id=exercise.id),
            tr("It becomes a check of your own service once it has."),
        )
        self.exercise = exercise


def has_one(exercise: Exercise) -> bool:
    """Whether the exercise has a service to attack."""
    return (exercise.folder / FOLDER / FILE).is_file()


def load(exercise: Exercise) -> Attack:
    """The exercise's attack. Raises InvalidExercise with every problem that its file has."""
    reader, place = Reader(), f"{FOLDER}/{FILE}"
    try:
        data = read_toml(exercise.folder / FOLDER / FILE)
    except Unreadable as error:
        raise InvalidExercise(exercise.folder, [f"{FOLDER}/{error}"], exercise.id) from None
    reader.known("", data, ("flaw", "faults", "seconds", "victims", "story", "harm", "ours"))
    name = reader.need("", data, "flaw", str)
    flaw = next((one for one in exercise.wrong if one.name == name), None)
    if flaw is None:
        reader.problem(
            "flaw", f'there is no wrong service "{name}"{instead(name, [one.name for one in exercise.wrong])}'
        )
    ours = Schedule()
    try:
        ours = parse(reader.need("", data, "ours", str))
    except InvalidSchedule as problem:
        reader.problem("ours", str(problem))
    seconds, faults = reader.need("", data, "seconds", float), reader.need("", data, "faults", int)
    story, harm = reader.text("", data, "story"), reader.text("", data, "harm")
    victims = reader.words("", data, "victims")
    if flaw is None or reader.problems:
        raise InvalidExercise(exercise.folder, [f"{place}: {one}" for one in reader.problems], exercise.id)
    found = Attack(
        exercise=exercise, flaw=flaw, faults=faults, seconds=seconds, victims=victims, story=story, harm=harm, ours=ours
    )
    try:
        fair(found, found.ours, "ours")
    except Unfair as problem:
        raise InvalidExercise(exercise.folder, [f"{place}: {problem.why}"], exercise.id) from None
    return found


def file(here: Workspace, attack: Attack) -> Path:
    """Where the learner writes their schedule."""
    return here.folder / LIST / f"{attack.exercise.id}.txt"


def begin(here: Workspace, attack: Attack) -> Path | None:
    """Lay a file to write the schedule in, with what may be done; None if there is one already. Raises OSError."""
    path = file(here, attack)
    if path.exists():
        return None
    path.parent.mkdir(exist_ok=True)
    lines = [
        *terms(attack),
        tr("A fault a line; lines like this one are passed over. All kinds of faults: lab fault kinds"),
        f"at 500ms: {'latency' if '->' in attack.victims[0] else 'freeze'} {attack.victims[0]} for 1s",
    ]
    path.write_text("\n".join(f"# {line}" for line in lines) + "\n", encoding="utf-8")
    return path


def terms(attack: Attack) -> list[str]:
    """What may be done, a sentence a line."""
    return [
        tr(
            "At most {count} faults, and all of them are over after {seconds:g} s.",
            count=attack.faults,
            seconds=attack.seconds,
        ),
        tr("They may hit {victims}.", victims=", ".join(attack.victims)),
    ]


def read(here: Workspace, attack: Attack) -> Schedule:
    """The learner's schedule. Raises Unfair, OSError."""
    path = file(here, attack)
    shown = path.relative_to(here.folder).as_posix()
    try:
        found = parse(path.read_text(encoding="utf-8"))
    except InvalidSchedule as problem:
        raise Unfair(shown, str(problem).splitlines()) from None
    except UnicodeDecodeError:
        raise Unfair(shown, [tr("It is no UTF-8 text.")]) from None
    return fair(attack, found, shown)


def fair(attack: Attack, schedule: Schedule, name: str) -> Schedule:
    """The schedule, with its targets as the system names them. Raises Unfair if it is more than is allowed."""
    if not schedule:
        raise Unfair(name, [tr("There is no fault in it.")])
    try:
        found = must_fit(schedule, system(attack.exercise, sources(attack.exercise, attack.exercise.folder)))
    except InvalidSchedule as problem:
        raise Unfair(name, str(problem).splitlines()) from None
    if problems := list(_unfair(attack, found)):
        raise Unfair(name, problems)
    return found


def _unfair(attack: Attack, schedule: Schedule) -> Iterator[str]:
    if len(schedule) > attack.faults:
        yield tr("There are {count} faults in it; {most} are allowed.", count=len(schedule), most=attack.faults)
    for one in schedule:
        fault = parse_fault(one.fault)
        if fault.target not in attack.victims:
            yield tr("{fault}: only {victims} may be hit.", fault=one, victims=", ".join(attack.victims))
        if one.over > attack.seconds:
            yield tr("{fault}: it is not over after {seconds:g} s.", fault=one, seconds=attack.seconds)
        elif _endless(one):
            yield tr("{fault}: it says not how long it lasts (add: for 2s).", fault=one)


def _endless(planned: Planned) -> bool:
    from lab.faults.catalogue import KINDS

    fault = parse_fault(planned.fault)
    kind = KINDS[fault.kind]
    return fault.duration is None and fault.count is None and not (kind.instant or kind.once)


class Strike:
    """A schedule played against a service, and against our solution beside it. Leaving it early breaks both off."""

    def __init__(self) -> None:
        self._gradings = [Grading(), Grading()]

    def __enter__(self) -> Strike:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind:
            self.interrupt()
        for grading in self._gradings:
            grading.close()

    def interrupt(self) -> None:
        for grading in self._gradings:
            grading.interrupt()

    def play(
        self, attack: Attack, schedule: Schedule, programs: Mapping[str, Source], seed: int, tell: Watcher
    ) -> Struck:
        """Play it; `tell` hears of the service's stages. Raises NotGraded."""
        unflawed = prepared(attack.exercise, Variant("solution"))
        with unflawed as solution, tempfile.TemporaryDirectory(prefix="lab-attack-") as records:
            tasks = [
                Task(
                    assignment=_assignment(attack, services),
                    seed=seed,
                    records=f"{records}/{number}",
                    chosen=Chosen(schedule=str(schedule)),
                )
                for number, services in enumerate((programs, solution))
            ]

            def one(number: int) -> Report:
                try:
                    return self._gradings[number].grade(tasks[number], tell if not number else _unheard).report
                except NotGraded:
                    self.interrupt()  # the other would be played in vain
                    raise

            with ThreadPoolExecutor(2) as pool:
                try:
                    theirs, ours = pool.map(one, range(2))
                except BaseException:
                    self.interrupt()
                    raise
        return Struck(schedule=schedule, spoilt=_damage(theirs), ours=_damage(ours), report=theirs)


def _unheard(_: Stage) -> None:
    """Nobody is told how our solution fares."""


def target(attack: Attack) -> AbstractContextManager[dict[str, Source]]:
    """The service with the flaw, in a temporary copy. Entering it raises Unusable."""
    return prepared(attack.exercise, Variant("wrong", which=attack.flaw.name))


def _assignment(attack: Attack, programs: Mapping[str, Source]) -> Assignment:
    """The exercise with the attack in place of its checks."""
    damage = Figure(name=DAMAGE, says=attack.harm, better="lower", ours=0.0, unit="%")
    return replace(
        assignment(attack.exercise, programs),
        checks=attack.exercise.folder / FOLDER / "checks.py",
        behaviours=(attack.behaviour,),
        figures=(damage,),
        wrong=(),
    )


def _damage(report: Report) -> float:
    """Raises NotGraded if nothing was counted."""
    if report.figures:
        return report.figures[0].value
    finding = report.findings[0]
    raise NotGraded("broken off", finding.reason or finding.got)


def best(here: Workspace, exercise: Exercise) -> Best | None:
    """The learner's best attack so far that shows the flaw."""
    try:
        return decode(_kept(here, exercise).read_bytes(), Best)
    except (OSError, Damaged):
        return None


def keep(here: Workspace, attack: Attack, struck: Struck) -> bool:
    """Keep it if it shows the flaw and there is no better one; whether it was kept. Raises OSError."""
    before = best(here, attack.exercise)
    if not struck.shows or (before and before.score >= struck.score):
        return False
    path = _kept(here, attack.exercise)
    path.parent.mkdir(parents=True, exist_ok=True)
    made = Best(schedule=str(struck.schedule), damage=round(struck.damage, 1), score=struck.score)
    path.write_bytes(msgspec.json.encode(made))
    return True


def proven(here: Workspace, attack: Attack) -> Schedule:
    """The schedule of the learner's best attack. Raises NotYet."""
    kept = best(here, attack.exercise)
    if kept is None:
        raise NotYet(attack.exercise)
    with contextlib.suppress(InvalidSchedule, Unfair):  # edited, or from before the exercise was changed
        return fair(attack, parse(kept.schedule), LIST)
    raise NotYet(attack.exercise)


def _kept(here: Workspace, exercise: Exercise) -> Path:
    return here.own / LIST / f"{exercise.id}.json"


def _in_each(message: str) -> dict[str, str]:
    found = {}
    for language in LANGUAGES:
        with speaking(language):
            found[language] = tr(message)
    return found
