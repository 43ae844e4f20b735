"""`lab solution`: our solution as a diff against the learner's."""

from __future__ import annotations

from lab.cli.exercise.diff import diff_role
from lab.cli.options import LastExercise
from lab.cli.output import out, paint, say
from lab.locale import tr

EXAMPLES = ("lab solution day5.3", "lab solution day5.3 | less")


def solution(
    exercise: LastExercise = None,
) -> None:
    """Show our solution as a diff against yours.

    It opens after a pass, or after five failed versions of yours. Your files stay as they are.
    """
    from lab.cli.exercise import learner
    from lab.course import reveal

    here = learner.workspace()
    asked = learner.chosen(here, exercise, graded=True)
    with learner.progress(here) as so_far:
        reveal.must_be_open(asked, reveal.standing(so_far, asked))
    written_in = here.tongue(asked)
    lines = list(reveal.difference(asked, here.sources(asked), written_in))
    if not reveal.comparable(asked, written_in):
        say(tr("There is no solution in your language yet; this is ours in Python. The brief's rules are the same."))
    if not lines:
        out(tr("Your solution is the same as ours, line by line."))
    for line in lines:
        out(paint(line, diff_role(line)))
