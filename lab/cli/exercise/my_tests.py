"""`lab check --my-tests`: the learner's own tests meet a correct service and wrong ones."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lab.cli import exits
from lab.cli.failure import Failure
from lab.cli.output import out, paint, say
from lab.locale import language, tr, trn

if TYPE_CHECKING:
    from lab.course.exercise import Exercise
    from lab.course.my_tests import Score, Tried
    from lab.course.workspace import Workspace


def check_tests(here: Workspace, exercise: Exercise, tiers: Mapping[str, str], *, as_json: bool) -> int:
    """Grade the tests and print the score; the exit code. Where there are none yet, an example is laid."""
    from lab.cli.progress_line import ProgressLine
    from lab.course import my_tests

    if made := my_tests.begin(here, exercise):
        for path in made:
            out(f"  {path}")
        out(
            tr(
                "An example to begin with. Write what {id} asks of its service, then:\n  lab check {number} --my-tests",
                id=exercise.id,
                number=exercise.number,
            )
        )
        return exits.FAILED
    from lab.course import labtoml
    from lab.course.workspace import find

    entry = find(here.folder).toml.services[exercise.id][my_tests.TESTS]
    folder = here.dir(entry)
    if not folder.is_dir():
        raise Failure(
            tr("there is no folder {folder}", folder=folder),
            why=tr("{name} has your tests there.", name=labtoml.NAME),
            next=f"mkdir -p {shlex.quote(str(folder))}",
            code=exits.USAGE,
        )
    planned = my_tests.plan(exercise)
    tried: list[Tried] = []
    with ProgressLine() as line:
        line.show(tr("0 of {count} services met your tests", count=len(planned)))
        for one in my_tests.grade(exercise, folder, entry.run, tiers):
            tried.append(one)
            line.show(tr("{done} of {count} services met your tests", done=len(tried), count=len(planned)))
    score = my_tests.summary(tried, exercise)
    if as_json:
        _json(score)
    else:
        _show(score)
    return exits.OK if score.good else exits.FAILED


def _show(score: Score) -> None:
    for one in score.tried:
        if one.ended == "not run":
            say(paint(tr("{name} was not met: {why}", name=one.variant.name, why=one.said), "warn"))
    if score.unjust:
        _show_unjust(score.unjust[0])
        return
    noticed = set(score.noticed)
    late = {one.variant.which for one in score.tried if one.ended == "late"}
    met = {one.variant.which for one in score.tried if one.variant.kind == "wrong" and one.ended != "not run"}
    for behaviour in score.exercise.behaviours:
        wrong = [kind for kind in score.exercise.wrong if kind.fails == behaviour.id and kind.name in met]
        if not wrong:
            continue
        missed = [kind for kind in wrong if kind.name not in noticed]
        role = "good" if not missed else "warn" if len(missed) < len(wrong) else "bad"
        gold = f"  {paint(tr('gold'), 'warn')}" if behaviour.gold else ""
        told = tr("{found} of {count} noticed", found=len(wrong) - len(missed), count=len(wrong))
        out(f"{paint(behaviour.id.ljust(5), 'name')}{paint(told, role)}{gold}  {behaviour.says[language()]}")
        for kind in missed:
            why = tr("your tests were not over in time") if kind.name in late else tr("your tests pass with it")
            out(f"     {kind.title[language()]}  {paint(why, 'dim')}")
    out()
    verdict = tr("YOUR TESTS GUARD IT") if score.good else tr("NOT YET")
    count = trn(
        "{found} of {count} wrong service noticed",
        "{found} of {count} wrong services noticed",
        score.possible,
        found=len(score.noticed),
    )
    out(f"{paint(score.exercise.id, 'title')}  {paint(verdict, 'good' if score.good else 'bad')}  {count}")
    if score.unguarded:
        ids = ", ".join(score.unguarded)
        out(tr("  unguarded: {ids}. Of each, your tests must notice one wrong service.", ids=ids))


def _show_unjust(one: Tried) -> None:
    if one.ended == "late":
        out(paint(tr("Your tests are not over in a minute, with a service that is correct."), "bad"))
    else:
        out(paint(tr("Your tests fail with a service that is correct, so they say nothing about others."), "bad"))
    for line in one.said.splitlines():
        out(f"  {line}")
    out(tr("It keeps every sentence of the brief. What do your tests ask that the brief does not say?"))


def _json(score: Score) -> None:
    import msgspec

    data = {
        "schema_version": 1,
        "exercise": score.exercise.id,
        "good": score.good,
        "noticed": score.noticed,
        "possible": score.possible,
        "unguarded": score.unguarded,
        "services": [
            {"name": one.variant.name, "ended": one.ended, "seconds": round(one.seconds, 2), "said": one.said}
            for one in score.tried
        ],
    }
    out(msgspec.json.encode(data).decode())
