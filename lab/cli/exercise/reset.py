"""`lab reset`: begin an exercise again."""

from __future__ import annotations

from lab.cli.exercise.start import Language, tell
from lab.cli.options import ExerciseName
from lab.cli.output import out
from lab.locale import tr

EXAMPLES = ("lab reset day5.3",)


def reset(exercise: ExerciseName, language: Language = "") -> None:
    """Restart an exercise from its starter, after a backup of your files."""
    from lab.cli.exercise import learner
    from lab.course import catalog, workspace

    here, begun = learner.workspace(), catalog.named(exercise)
    done = workspace.reset(here, begun, language)
    tell(here, begun, done)
    if done.backup:
        out(tr("\nYour earlier files are in {folder}", folder=done.backup.relative_to(here.folder)))
