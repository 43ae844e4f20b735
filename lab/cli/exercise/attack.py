"""`lab attack`: the learner's faults against a service that has a flaw, and afterwards against their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete, exits, values
from lab.cli.options import Json
from lab.cli.output import out, paint, table
from lab.locale import language, tr, trn

if TYPE_CHECKING:
    from lab.course.assignment import Source
    from lab.course.attack import Attack, Struck
    from lab.course.exercise import Exercise
    from lab.course.workspace import Workspace
    from lab.faults.schedule import Schedule
    from lab.journal.telling import Words

EXAMPLES = ("lab attack", "lab attack 5.3", "lab attack 5.3 --against ../friend", "lab check 5.3 --my-attack")
BAR = 40
"""Characters of a bar that stands for all that customers asked for."""


def attack(
    exercise: Annotated[
        str | None,
        typer.Argument(
            metavar="[EXERCISE]", help="Like day5.3. If left out: which there are.", autocompletion=complete.attackable
        ),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A friend’s workspace: attack their service, not ours.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=values.LARGEST_SEED, help="Same seed, same customers. By default a new one each time."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Break a service that has a flaw with the fewest faults.

    You write the faults into a file. Customers come, your faults strike. The damage is what they spoil for customers,
    less what they spoil with our solution, and the score is the damage for each fault. Afterwards the same faults are
    a check of your own service.

    Exit code 0 if the attack shows a flaw, 1 if not.
    """
    from lab.cli.exercise import learner
    from lab.course import attack as attacks
    from lab.course import catalog
    from lab.course.workspace import find

    here = learner.workspace()
    known = [one for one in catalog.exercises() if attacks.has_one(one)]
    if exercise is None:
        _list(here, known, as_json=as_json)
        return
    meant = _attack(catalog.named(exercise), known)
    if path := attacks.begin(here, meant):
        _explain(here, meant, path)
        raise typer.Exit(exits.FAILED)
    schedule = attacks.read(here, meant)
    if against is not None:
        struck = strike(meant, schedule, find(against).programs(meant.exercise), seed)
    else:
        with attacks.target(meant) as programs:
            struck = strike(meant, schedule, programs, seed)
    kept = against is None and attacks.keep(here, meant, struck)
    if as_json:
        show_json(meant, struck)
    else:
        _show(here, meant, struck, kept=kept, friend=against is not None)
    raise typer.Exit(exits.OK if struck.shows else exits.FAILED)


def check_withstands(here: Workspace, exercise: Exercise, seed: int | None, *, as_json: bool) -> int:
    """Play the learner's best attack against their own service and print what it did; the exit code."""
    from lab.cli.exercise import reports
    from lab.course import attack as attacks
    from lab.course import catalog

    meant = _attack(exercise, [one for one in catalog.exercises() if attacks.has_one(one)])
    programs = here.programs(exercise)
    schedule = attacks.proven(here, meant)
    struck = strike(meant, schedule, programs, seed)
    if struck.shows:  # two that are slow for a moment are told from two that differ
        struck = min(struck, strike(meant, schedule, programs, seed), key=lambda one: one.damage)
    if as_json:
        show_json(meant, struck)
    else:
        _show_faults(schedule)
        _show_bars(meant, struck, tr("your service"))
        out()
        if struck.shows:
            reports.show_evidence(struck.report, language())
            out(paint(tr("It does not withstand your attack."), "bad"))
        else:
            out(paint(tr("It withstands your attack."), "good"))
    return exits.FAILED if struck.shows else exits.OK


def strike(meant: Attack, schedule: Schedule, programs: Mapping[str, Source], seed: int | None) -> Struck:
    """Play it, and say on one line how far it is."""
    from lab.cli.progress_line import ProgressLine
    from lab.course import attack as attacks
    from lab.course import attempt
    from lab.grading.stage import Stage

    with ProgressLine() as line, attacks.Strike() as striking:
        line.show(tr("{id}: starting", id=meant.exercise.id))

        def tell(stage: Stage) -> None:
            text = {
                "build": tr("building {text}", text=stage.text),
                "start": tr("starting engines and neighbours"),
                "check": tr("customers come"),
                "waiting": stage.text,
                "end": tr("stopping everything"),
            }.get(stage.kind)
            if text:
                line.show(f"{meant.exercise.id}: {text}", seconds=stage.seconds)

        return striking.play(meant, schedule, programs, seed if seed is not None else attempt.any_seed(), tell)


def _attack(exercise: Exercise, known: Sequence[Exercise]) -> Attack:
    from lab.course import attack as attacks

    if exercise not in known:
        raise attacks.NoAttack(exercise, known)
    return attacks.load(exercise)


def _list(here: Workspace, known: Sequence[Exercise], *, as_json: bool) -> None:
    from lab.course import attack as attacks

    best = {one.id: attacks.best(here, one) for one in known}
    if as_json:
        import msgspec

        told = [{"exercise": one.id, "score": kept.score if (kept := best[one.id]) else None} for one in known]
        out(msgspec.json.encode({"schema_version": 1, "attacks": told}).decode())
        return
    rows = [(one.number, one.title[language()], str(kept.score) if (kept := best[one.id]) else "-") for one in known]
    table(("EXERCISE", "SERVICE", "YOUR BEST"), rows, {0: ["name"] * len(rows)})
    out()
    out(
        tr(
            "Each is a service of ours that looks right and has a flaw. Begin with: lab attack {number}",
            number=known[0].number,
        )
    )


def _explain(here: Workspace, meant: Attack, path: Path) -> None:
    from lab.course import attack as attacks

    out(paint(meant.exercise.title[language()], "title"))
    _paragraph([(meant.story[language()], "plain")])
    out()
    for line in attacks.terms(meant):
        _paragraph([(line, "plain")], hang=2)
    damage = tr(
        "Damage is what you spoil ({harm}), less what the same faults spoil with our solution.",
        harm=meant.harm[language()],
    )
    _paragraph([(damage, "plain")], hang=2)
    out()
    shown = path.relative_to(here.folder)
    out(tr("Write your faults into {file}, then: lab attack {number}", file=shown, number=meant.exercise.number))


def _show(here: Workspace, meant: Attack, struck: Struck, *, kept: bool, friend: bool) -> None:
    from lab.course import attack as attacks

    _show_faults(struck.schedule)
    _show_bars(meant, struck, tr("their service") if friend else tr("the service with the flaw"))
    out()
    count = len(struck.schedule)
    told = trn(
        "{damage:.0f} % of damage with {count} fault: score {score}",
        "{damage:.0f} % of damage with {count} faults: score {score}",
        count,
        damage=struck.damage,
        score=struck.score,
    )
    out(paint(told, "good" if struck.shows else "bad"))
    if not struck.shows:
        _paragraph([(_advice(struck), "plain")])
        return
    if friend:
        return
    best = attacks.best(here, meant.exercise)
    if best and not kept:
        out(tr("Your best is still {score}.", score=best.score))
    out()
    _paragraph([(f"{meant.flaw.title[language()]}. ", "title"), (meant.flaw.text[language()], "plain")])
    out()
    out(tr("Does your own service withstand it?  lab check {number} --my-attack", number=meant.exercise.number))


def _paragraph(words: Words, hang: int = 0) -> None:
    """Print it in this terminal's width."""
    from lab.cli.exercise import reports

    lines = reports.sheet()
    lines.paragraph(words, hang=hang)
    out(lines.text())


def _advice(struck: Struck) -> str:
    if struck.ours >= struck.spoilt / 2 and struck.spoilt > 0:
        return tr(
            "Our solution suffers nearly as much: while a fault lasts nobody could do better. What comes after it?"
        )
    return tr("It has survived this, as it should. What has its author not thought of?")


def _show_faults(schedule: Schedule) -> None:
    for one in schedule:
        out(f"  {one}")
    out()


def _show_bars(meant: Attack, struck: Struck, name: str) -> None:
    out(meant.harm[language()])
    rows = ((name, struck.spoilt, "bad"), (tr("our solution"), struck.ours, "dim"))
    width = max(len(text) for text, _, _ in rows)
    for text, percent, role in rows:
        bar = paint("█" * round(BAR * percent / 100), role)
        out(f"  {text.ljust(width)} {percent:5.1f} % {bar}".rstrip())


def show_json(meant: Attack, struck: Struck) -> None:
    """Print what it did for programs."""
    import msgspec

    data = {
        "schema_version": 1,
        "exercise": meant.exercise.id,
        "schedule": [str(one) for one in struck.schedule],
        "spoilt": struck.spoilt,
        "ours": struck.ours,
        "damage": round(struck.damage, 1),
        "shows": struck.shows,
        "score": struck.score,
    }
    out(msgspec.json.encode(data).decode())
