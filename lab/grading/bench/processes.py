"""The processes of a graded run: the learner's services with their replicas, and the engines."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from lab.grading.bench.unhealthy import why_not
from lab.grading.bench.wait import PATIENCE, must, wait
from lab.grading.checking.expect import CannotTell
from lab.grading.model import Assignment
from lab.locale import tr
from lab.runtime.api import Action, ControlError, ProcessStatus
from lab.runtime.client import Control

GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL, as `lab help services` promises."""
REVIVAL = 60.0
"""Seconds that an engine may take to come back."""
DEAD = ("stopped", "failed")
UP = ("ready", "degraded")


class Processes:
    """Looks at them and acts on them through the run's control API. The name of a service with replicas means its first
    instance."""

    def __init__(self, control: Control, assignment: Assignment) -> None:
        self._control = control
        self._engines = [engine.name for engine in assignment.system.engines]
        self._process = assignment.process
        self._services = assignment.learners
        self.instances = [one for name in assignment.learners for one in assignment.system.instances(name)]
        """The processes of the learner's services."""

    def status(self, name: str) -> ProcessStatus:
        return self.statuses()[self._process(name)]

    def statuses(self) -> dict[str, ProcessStatus]:
        return {process.name: process for process in self._control.processes()}

    def living(self) -> list[str]:
        """The instances that have a process."""
        statuses = self.statuses()
        return [name for name in self.instances if statuses[name].pid is not None]

    def act(self, name: str, action: Action) -> None:
        """Raises CannotTell if it is a service that has ended by itself, ControlError."""
        name = self._process(name)
        try:
            self._control.act(name, action)
        except ControlError:
            status = self.status(name)
            if name not in self.instances or status.pid is not None:
                raise
            raise CannotTell(
                tr(
                    "{name} had ended before it could be asked to {action}: {reason}",
                    name=name,
                    action=action,
                    reason=status.reason,
                )
            ) from None

    def start(self, name: str, env: Mapping[str, str] | None = None, *, wait: bool = True) -> None:
        """Start a service, with `env` added to its environment, and wait until it is healthy. Raises CannotTell."""
        if env is not None:
            self._control.set_environment(self._process(name), dict(env))
        self.act(name, "start")
        if wait:
            self.await_healthy([name])

    def stop(self, name: str) -> None:
        """SIGTERM, and SIGKILL after GRACE seconds; returns when it has ended. Raises RuntimeError."""
        self.act(name, "stop")
        self.gone(name, GRACE + PATIENCE)

    def kill(self, name: str) -> None:
        """SIGKILL; returns when it has ended. Raises RuntimeError."""
        self.act(name, "kill")
        self.gone(name)

    def kill_all(self) -> None:
        """SIGKILL for every service that lives."""
        for name in self.living():
            with contextlib.suppress(ControlError):  # it ended meanwhile
                self._control.act(name, "kill")

    def await_healthy(self, names: Sequence[str], within: float = PATIENCE) -> None:
        """Raises CannotTell if one of them dies or does not become healthy."""

        names = [self._process(name) for name in names]

        def healthy() -> bool:
            statuses = self.statuses()
            for name in names:
                if statuses[name].state in DEAD:
                    raise CannotTell(why_not(statuses[name]))
            return all(statuses[name].state in UP for name in names)

        if not wait(healthy, tr("{names} to become healthy", names=tr(" and ").join(names)), within):
            statuses = self.statuses()
            sick = next(statuses[name] for name in names if statuses[name].state not in UP)
            raise CannotTell(why_not(sick))

    def await_dead(self, names: Sequence[str], within: float = PATIENCE) -> bool:
        names = [self._process(name) for name in names]

        def dead() -> bool:
            statuses = self.statuses()
            return all(statuses[name].pid is None for name in names)

        return wait(dead, tr("{names} to end", names=tr(" and ").join(names)), within)

    def gone(self, name: str, within: float = PATIENCE) -> None:
        """Return when it has ended. Raises RuntimeError."""
        if not self.await_dead([name], within):
            raise RuntimeError(tr("{name} lives on after SIGKILL", name=name))

    def restart_engine(self, name: str) -> None:
        """Restart an engine; returns when it is there again. Raises CannotTell."""
        self.act(name, "restart")
        must(lambda: self.status(name).state not in UP, tr("{name} to go down", name=name))
        must(lambda: self.status(name).state in UP, tr("{name} to come back", name=name), REVIVAL)

    def start_over(self) -> None:
        """No service lives, their folders are empty, and every engine is there."""
        living = self.living()
        self.kill_all()
        if not self.await_dead(living):
            raise RuntimeError(tr("{living} cannot be killed", living=", ".join(living)))
        for name in self.instances:
            self._control.set_environment(name, {})
        for name in self._services:
            self._control.wipe(name)
        statuses = self.statuses()
        for name in self._engines:
            if statuses[name].state == "frozen":
                self.act(name, "thaw")
            elif statuses[name].state in DEAD:
                self.act(name, "start")
        self.await_engines()

    def await_engines(self) -> None:
        """Return when every engine is there. Raises RuntimeError."""
        for name in self._engines:
            if not wait(lambda name=name: self.status(name).state in UP, tr("{name} to come back", name=name), REVIVAL):  # type: ignore[misc]
                raise RuntimeError(tr("{name} does not come back", name=name))
