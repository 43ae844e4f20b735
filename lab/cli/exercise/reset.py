"""`lab reset`: begin an exercise again."""

from __future__ import annotations

from lab.cli.exercise.start import ExerciseName, Language, tell
from lab.cli.output import out

EXAMPLES = ("lab reset day5.3",)


def reset(exercise: ExerciseName, language: Language = "") -> None:
    """Restart an exercise from its starter, after a backup of your files."""
    from lab.cli.exercise import exercise_names as named
    from lab.cli.exercise import workspace as place
    from lab.course import workspace

    here, begun = place.workspace(), named.one(exercise)
    with place.readable():
        done = workspace.reset(here, begun, language)
    tell(here, begun, done)
    if done.backup:
        out(f"\nWhat you had is in {done.backup.relative_to(here.folder)}")
