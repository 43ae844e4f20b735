"""What the screen needs of a live run and asks of its control API, and how a key's decision is carried out there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from lab.dashboard.keys import Act, AddFault, Decision, HealFault, Refusal, Scale
from lab.journal.picture.run import RunPicture
from lab.load.steps import step
from lab.locale import tr, trn
from lab.runtime.api import Action, FaultStatus, LoadStatus, RunStatus, ScaleStatus
from lab.system.model import System

OWNER = "you"
"""Who the faults of the keys belong to."""

PAST = {
    "kill": tr("killed"),
    "terminate": tr("asked to stop"),
    "freeze": tr("frozen"),
    "thaw": tr("thawed"),
    "restart": tr("restarted"),
}


class LiveRun(Protocol):
    """A run that is going on, as the screen needs it."""

    @property
    def journal(self) -> Path: ...

    @property
    def socket(self) -> Path:
        """Where its control API answers, or will once it has started."""

    @property
    def system(self) -> System: ...

    def ended(self) -> bool:
        """Whether its runtime is gone, so that nothing more will be written."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a live run was when the person left its screen: the exit code that says how they left, its last picture,
    what was wrong with it as a whole, and whether it had `begun`: else it ended before anything happened."""

    code: int
    picture: RunPicture
    trouble: str = ""
    begun: bool = True


class Controls(Protocol):
    """The part of lab.runtime.client.AsyncControl that the screen uses."""

    async def run(self) -> RunStatus: ...
    async def act(self, name: str, action: Action) -> object: ...
    async def add_fault(self, text: str, owner: str = ...) -> FaultStatus: ...
    async def heal(self, id: str | None = None) -> object: ...
    async def system(self) -> System: ...
    async def scale(self, name: str, replicas: int) -> ScaleStatus: ...
    async def load(self) -> LoadStatus: ...
    async def set_rate(self, rate: float) -> object: ...
    async def predict(self, ident: str, says: str) -> object: ...
    async def stop(self) -> object: ...
    async def close(self) -> None: ...


async def carry_out(controls: Controls, decision: Decision) -> str:
    """Do it, and say in one line what was done. Raises ControlError with the runtime's reason."""
    match decision:
        case AddFault(text):
            fault = await controls.add_fault(text, OWNER)
            return f"{fault.id}: {fault.text}".replace("->", "→")
        case HealFault(ident, text):
            await controls.heal(ident)
            return tr("healed {ident}: {text}", ident=ident, text=text).replace("->", "→")
        case Act(name, action):
            await controls.act(name, action)
            return f"{name} {PAST[action]}"
        case Scale(name, by):
            service = (await controls.system()).service(name)
            scaled = await controls.scale(name, (service.replicas or 1) + by if service else 1)
            return trn("{name} has {count} instance", "{name} has {count} instances", scaled.replicas, name=name)
        case Refusal(reason):
            return reason


async def heal_all(controls: Controls, frozen: list[str]) -> str:
    """Lift every fault and thaw every process."""
    await controls.heal(None)
    for name in frozen:
        await controls.act(name, "thaw")
    return tr("everything is healed") + (tr("; {frozen} thawed", frozen=", ".join(frozen)) if frozen else "")


async def change_load(controls: Controls, to: Literal["up", "down"]) -> str:
    """Raise or lower the load by a step."""
    wanted = step((await controls.load()).rate, to)
    await controls.set_rate(wanted)
    return tr("load {wanted:g}/s", wanted=wanted)
