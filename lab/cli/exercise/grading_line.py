"""The progress of a grading, on one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cli.progress_line import ProgressLine
from lab.locale import tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.course.exercise import Exercise
    from lab.grading.stage import Stage


class GradingLine(ProgressLine):
    """The line of one grading after the other."""

    def of(self, exercise: Exercise) -> Callable[[Stage], None]:
        """Tells the progress of the exercise's grading."""
        self.show(tr("{id}: starting", id=exercise.id))
        total = len(exercise.behaviours)
        done: set[str] = set()

        def tell(stage: Stage) -> None:
            if stage.kind == "verdict":
                done.add(stage.behaviour)
            where = f"{exercise.id} {len(done)}/{total}"
            match stage.kind:
                case "build":
                    self.show(tr("{where}: building {text}", where=where, text=stage.text), seconds=stage.seconds)
                case "start":
                    self.show(tr("{where}: starting engines and neighbours", where=where), seconds=stage.seconds)
                case "check":
                    self.show(f"{where}: {stage.behaviour}")
                case "waiting" if stage.behaviour:
                    self.show(
                        tr(
                            "{where}: {behaviour} waits for {text}",
                            where=where,
                            behaviour=stage.behaviour,
                            text=stage.text,
                        ),
                        seconds=stage.seconds,
                    )
                case "waiting":
                    self.show(tr("{where}: waiting for {text}", where=where, text=stage.text), seconds=stage.seconds)
                case "search":
                    self.show(tr("{id}: fewest faults: {text}", id=exercise.id, text=stage.text), seconds=stage.seconds)
                case "end":
                    self.show(tr("{where}: stopping everything", where=where))

        return tell
