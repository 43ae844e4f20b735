"""`lab start`: begin an exercise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import ExerciseName
from lab.cli.output import out, paint
from lab.locale import language, tr

if TYPE_CHECKING:
    from lab.course.exercise import Exercise
    from lab.course.workspace import Done, Workspace

EXAMPLES = ("lab start day5.3", "lab start 5.3 --language go")

Language = Annotated[
    str, typer.Option(metavar="NAME", help="Language of the starter, instead of lab.toml's: python, go, node.")
]


def start(exercise: ExerciseName, language: Language = "") -> None:
    """Start an exercise: its brief and its starter code, in your workspace.

    Where it continues an earlier exercise, it takes your service from there. Existing files stay as they are. An
    exercise that is graded from a git branch is put on that branch, which is made from main.
    """
    from lab.cli.exercise import learner
    from lab.course import branches, catalog, workspace

    here, begun = learner.workspace(), catalog.named(exercise)
    if begun.branch:
        here, how = branches.begin(here, begun)
        if how.made:
            out(tr("you are on the new branch {branch}, made from {main}", branch=begun.branch, main=how.main))
        elif how.switched:
            out(tr("you are on the branch {branch} again", branch=begun.branch))
    done = workspace.start(here, begun, language)
    if not done.made:
        out(tr("{id} is already in {folder}; nothing was changed.", id=begun.id, folder=shown(here, begun)))
        out(
            tr(
                "  lab check {number:<6} grade it\n  lab reset {number:<6} start again, after a backup",
                number=begun.number,
            )
        )
        return
    tell(here, begun, done)


def tell(here: Workspace, begun: Exercise, done: Done) -> None:
    """Print what was created, and what to do with it."""
    from lab.course.workspace import brief_name

    out(f"{paint(f'{begun.id} {begun.title[language()]}', 'title')}")
    out(
        paint(
            tr("about {minutes} minutes; our solution has {size} lines", minutes=begun.minutes, size=begun.size), "dim"
        )
    )
    for path in done.made:
        out(f"  {path}")
    for service, earlier in done.carried:
        out(tr("  {service} continues your {earlier}", service=service, earlier=earlier))
    for service, entry in done.empty:
        out(tr("  {service} starts empty: there is no starter in your language yet", service=service))
        for what, command in ((tr("built with"), entry.build), (tr("run with"), entry.run)):
            if command:
                out(tr("    {what} {command}, unless lab.toml says otherwise", what=what, command=command))
    if missing := [need for need in begun.needs if not here.toml.services.get(need)]:
        out(paint(tr("worth doing before: {missing}", missing=", ".join(missing)), "warn"))
    out(tr("\n  read {brief}, then:", brief=f"{shown(here, begun)}/{brief_name(begun)}"))
    if begun.branch:
        out(f'  git add -A && git commit -m "Start {begun.number}"')
        out(tr("  lab check {number:<6} grade what is committed on {branch}", number=begun.number, branch=begun.branch))
        out(tr("  lab try {number:<8} run it and send it requests yourself", number=begun.number))
        return
    out(
        tr("  lab check {number:<6} grade it\n  lab watch {number:<6} grade it each time you save", number=begun.number)
    )
    out(tr("  lab try {number:<8} run it and send it requests yourself", number=begun.number))


def shown(here: Workspace, exercise: Exercise) -> str:
    """The exercise's folder, relative to the workspace."""
    return here.home(exercise).relative_to(here.folder).as_posix()
