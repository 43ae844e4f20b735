"""All processes of a run together: started so that everybody finds its providers, watched, and stopped in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from lab.runtime.api import Action, ProcessStatus
from lab.runtime.process import ActionError, ManagedProcess
from lab.runtime.surroundings import Spec, Surroundings
from lab.system.refusal import Unknown

SAMPLE = 1.0


class Supervisor:
    """Owns a ManagedProcess for each Spec. Who waits for whom is in the specs' `needs`; `instances` gives the processes
    that the name of a service stands for."""

    def __init__(self, specs: Iterable[Spec], around: Surroundings, instances: Callable[[str], Sequence[str]]) -> None:
        self._instances = instances
        self._around = around
        self.processes = {spec.name: ManagedProcess(spec, around) for spec in specs}
        around.peers.update(self.processes)
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._sampler: asyncio.Task[None] | None = None
        self._ended: Callable[[asyncio.Task[None]], None] = lambda _: None

    def start(self, ended: Callable[[asyncio.Task[None]], None]) -> None:
        """Begin every life. `ended` gets the task of each when it is over, so that no error of ours goes unheard."""
        self._ended = ended
        for process in self.processes.values():
            self._begin(process)
        self._sampler = asyncio.create_task(self._sample())
        self._sampler.add_done_callback(ended)

    def add(self, spec: Spec, after: str) -> None:
        """One more process, listed after that one, which begins its life now."""
        process = self._around.peers[spec.name] = ManagedProcess(spec, self._around)
        listed = list(self.processes.items())
        place = list(self.processes).index(after) + 1
        self.processes = dict([*listed[:place], (spec.name, process), *listed[place:]])
        self._begin(process)

    async def remove(self, name: str) -> None:
        """End a process for good, and forget it."""
        await self.find(name).end()
        await asyncio.gather(self._lives.pop(name), return_exceptions=True)
        del self.processes[name], self._around.peers[name]

    def _begin(self, process: ManagedProcess) -> None:
        task = self._lives[process.spec.name] = asyncio.create_task(process.live(), name=process.spec.name)
        task.add_done_callback(self._ended)

    def waiting(self) -> list[ManagedProcess]:
        """Those that shall be ready and never were so far; the run is ready when there is none."""
        return [process for process in self.processes.values() if process.due]

    async def stop(self, waves: Sequence[Sequence[str]]) -> None:
        """Stop wave after wave; who is in none comes first."""
        named = {name for wave in waves for name in wave}
        for wave in [[name for name in self.processes if name not in named], *waves]:
            await asyncio.gather(*(self.processes[name].end() for name in wave))
        await asyncio.gather(*self._lives.values(), return_exceptions=True)
        if self._sampler:
            self._sampler.cancel()

    def status(self) -> tuple[ProcessStatus, ...]:
        return tuple(process.status() for process in self.processes.values())

    def find(self, name: str) -> ManagedProcess:
        """The process called `name`. Raises Unknown."""
        if name not in self.processes:
            raise Unknown("process", name, self.processes)
        return self.processes[name]

    def named(self, name: str) -> list[ManagedProcess]:
        """The process called `name`, or all instances of the service called so. Raises Unknown."""
        return [self.find(one) for one in self._instances(name)]

    def act(self, name: str, action: Action, why: str = "") -> int:
        """Do `action` to the process, or to every instance of a service to which it can be done; to how many it was.

        Raises Unknown; ActionError if it can be done to none.
        """
        problems = []
        processes = self.named(name)
        for process in processes:
            try:
                _act(process, action, why)
            except ActionError as problem:
                problems.append(problem)
        if len(problems) == len(processes):
            raise problems[0]
        return len(processes) - len(problems)

    async def _sample(self) -> None:
        while True:
            for process in self.processes.values():
                process.measure()
            await asyncio.sleep(SAMPLE)


def _act(process: ManagedProcess, action: Action, why: str) -> None:
    match action:
        case "start":
            process.start()
        case "stop":
            process.stop()
        case "kill":
            process.kill(why)
        case "terminate":
            process.terminate(why)
        case "freeze":
            process.freeze()
        case "thaw":
            process.thaw()
        case "restart":
            process.restart()
