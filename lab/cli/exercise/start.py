"""`lab start`: begin an exercise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import ExerciseName
from lab.cli.output import out, paint

if TYPE_CHECKING:
    from lab.course.exercise import Exercise
    from lab.course.workspace import Done, Workspace

EXAMPLES = ("lab start day5.3", "lab start 5.3 --language go")

Language = Annotated[
    str, typer.Option(metavar="NAME", help="Language of the starter, instead of lab.toml's: python, go, node.")
]


def start(exercise: ExerciseName, language: Language = "") -> None:
    """Start an exercise: its brief and its starter code, in your workspace.

    Where it continues an earlier exercise, it takes your service from there. Existing files stay as they are.
    """
    from lab.cli.exercise import learner
    from lab.course import catalog, workspace

    here, begun = learner.workspace(), catalog.named(exercise)
    done = workspace.start(here, begun, language)
    if not done.made:
        out(f"{begun.id} is there already, in {shown(here, begun)}; nothing was changed.")
        out(f"  lab check {begun.number:<6} grade it\n  lab reset {begun.number:<6} begin again, after a backup")
        return
    tell(here, begun, done)


def tell(here: Workspace, begun: Exercise, done: Done) -> None:
    """What was put there, and what to do with it."""
    language = here.toml.texts
    out(f"{paint(f'{begun.id} {begun.title[language]}', 'title')}")
    out(paint(f"about {begun.minutes} minutes; our solution has {begun.size} lines", "dim"))
    for path in done.made:
        out(f"  {path}")
    for service, earlier in done.carried:
        out(f"  {service} goes on from your {earlier}")
    for service in done.empty:
        out(f"  {service} begins empty: write it, and say in lab.toml how it is built and run")
    if missing := [need for need in begun.needs if not here.toml.services.get(need)]:
        out(paint(f"worth doing before: {', '.join(missing)}", "warn"))
    out(f"\n  read {shown(here, begun)}/README.md, then:")
    out(f"  lab check {begun.number:<6} grade it\n  lab watch {begun.number:<6} grade it each time you save")
    out(f"  lab try {begun.number:<8} run it, and send it requests yourself")


def shown(here: Workspace, exercise: Exercise) -> str:
    """The exercise's folder as it is best typed."""
    return here.home(exercise).relative_to(here.folder).as_posix()
