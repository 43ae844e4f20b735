"""How a grading goes on, on one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cli.progress_line import ProgressLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.course.exercise import Exercise
    from lab.grading.stage import Stage


class GradingLine(ProgressLine):
    """The line of one grading after the other."""

    def of(self, exercise: Exercise) -> Callable[[Stage], None]:
        """Tells the progress of the exercise's grading."""
        self.show(f"{exercise.id}: starting")
        total = len(exercise.behaviours)
        done: set[str] = set()

        def tell(stage: Stage) -> None:
            if stage.kind == "verdict":
                done.add(stage.behaviour)
            where = f"{exercise.id} {len(done)}/{total}"
            match stage.kind:
                case "build":
                    self.show(f"{where}: building {stage.text}", seconds=stage.seconds)
                case "start":
                    self.show(f"{where}: starting engines and neighbours", seconds=stage.seconds)
                case "check":
                    self.show(f"{where}: {stage.behaviour}")
                case "waiting" if stage.behaviour:
                    self.show(f"{where}: {stage.behaviour} waits for {stage.text}", seconds=stage.seconds)
                case "waiting":
                    self.show(f"{where}: waiting for {stage.text}", seconds=stage.seconds)
                case "end":
                    self.show(f"{where}: stopping everything")

        return tell
