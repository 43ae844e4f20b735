"""The learner's services running with what their exercise gives them, for requests by hand: nothing is graded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lab.course.assignment import Source, assignment
from lab.course.built import build
from lab.course.exercise import Exercise
from lab.engines.recipe import EngineUnavailable
from lab.grading.bench import Bench
from lab.grading.checking.expect import CannotTell
from lab.grading.stage import Watcher
from lab.locale import tr
from lab.runtime.api import ControlError
from lab.runtime.launch import LaunchError
from lab.system.extras import MissingExtra
from lab.system.refusal import Refusal

if TYPE_CHECKING:
    from lab.runtime.runs import RunRecord


class NotRunning(Refusal):
    """The lab's side of the exercise could not be started."""

    def __init__(self, exercise: Exercise, why: str) -> None:
        super().__init__(tr("{id} could not be started", id=exercise.id), why)


class NotHealthy(Refusal):
    """A service of the learner's does not become healthy. `run` is where its log is."""

    def __init__(self, run: str, said: str) -> None:
        what, _, why = said.partition("\n")
        super().__init__(what, why)
        self.run = run


class Tryout:
    """Entered while the services run."""

    def __init__(
        self, exercise: Exercise, programs: Mapping[str, Source], tiers: Mapping[str, str], tell: Watcher
    ) -> None:
        """Build the services and begin their run, and `tell` how the builds go. Raises BuildFailed, NotRunning."""
        asked = assignment(exercise, programs)
        build(asked.builds, tell)
        self.exercise = exercise
        try:
            self._bench = Bench(asked, seed=0, tiers=tiers)
        except EngineUnavailable as problem:
            raise NotRunning(exercise, str(problem)) from None
        except (LaunchError, MissingExtra) as problem:
            raise NotRunning(exercise, problem.why) from None

    def __enter__(self) -> Tryout:
        return self

    def __exit__(self, *_: object) -> None:
        self._bench.close()

    def start(self) -> None:
        """Have everything started; the stubs know what the requests of the brief ask for. Raises NotRunning,
        NotHealthy."""
        for stub in self._bench.stubs.values():
            stub.furnish()
        try:
            self._bench.await_engines()
            for service in self.exercise.services:
                self._bench.processes.start(service.name)
        except LaunchError as problem:
            raise NotRunning(self.exercise, problem.why) from None
        except (CannotTell, ControlError) as problem:
            raise NotHealthy(self._bench.record.id, str(problem)) from None

    @property
    def record(self) -> RunRecord:
        return self._bench.record

    @property
    def urls(self) -> Mapping[str, str]:
        """Where requests to each service go: its tap."""
        return self._bench.urls

    @property
    def around(self) -> Mapping[str, str]:
        """Where each stub and engine listens."""
        return {name: self._bench.direct[name] for name in (*self.exercise.stubs, *self.exercise.engines)}
