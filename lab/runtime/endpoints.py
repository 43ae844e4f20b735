"""The endpoints of the control API, each said once: the server serves them, both clients call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from lab.journal.event import Base, Check
from lab.runtime.api import Action, FaultStatus, LoadStatus, ProcessStatus, RunStatus, ScaleStatus
from lab.system.model import System

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """One request: its answer is decoded as `kind`, and `take` makes of it what the caller gets."""

    method: str
    path: str
    body: object
    kind: Any
    take: Callable[[Any], T]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method and a path, in which `{name}` is put in by `ask`. `kind` is the type of the answer."""

    method: str
    path: str
    kind: Any

    def ask(self, take: Callable[[Any], T], body: object = None, **names: str) -> Asked[T]:
        path = self.path.format(**{name: quote(value, safe="") for name, value in names.items()})
        return Asked(self.method, path, body, self.kind, take)


RUN = Endpoint("GET", "/run", RunStatus)
SYSTEM = Endpoint("GET", "/system", System)
PROCESSES = Endpoint("GET", "/processes", list[ProcessStatus])
ENVIRONMENT = Endpoint("PUT", "/processes/{name}/environment", ProcessStatus)
WIPE = Endpoint("POST", "/processes/{name}/wipe", ProcessStatus)
ACT = Endpoint("POST", "/processes/{name}/{action}", ProcessStatus)
SCALE = Endpoint("PUT", "/services/{name}/replicas", ScaleStatus)
FAULTS = Endpoint("GET", "/faults", list[FaultStatus])
ADD_FAULT = Endpoint("POST", "/faults", FaultStatus)
HEAL_ALL = Endpoint("DELETE", "/faults", list[FaultStatus])
HEAL = Endpoint("DELETE", "/faults/{ident}", list[FaultStatus])
LOAD = Endpoint("GET", "/load", LoadStatus)
SET_RATE = Endpoint("PATCH", "/load", LoadStatus)
PREDICT = Endpoint("POST", "/questions/{ident}", dict[str, int])
EVENTS = Endpoint("GET", "/events", bytes)
CHECKS = Endpoint("POST", "/checks", dict[str, int])
FLUSH = Endpoint("POST", "/journal/flush", dict[str, int])
STOP = Endpoint("POST", "/stop", dict[str, Any])

CHECK_FIELDS = tuple(set(Check.__struct_fields__) - set(Base.__struct_fields__))


def run() -> Asked[RunStatus]:
    """The run as a whole."""
    return RUN.ask(_same)


def system() -> Asked[System]:
    """The System that runs."""
    return SYSTEM.ask(_same)


def processes() -> Asked[list[ProcessStatus]]:
    return PROCESSES.ask(_same)


def act(name: str, action: Action) -> Asked[ProcessStatus]:
    return ACT.ask(_same, name=name, action=action)


def set_environment(name: str, variables: Mapping[str, str]) -> Asked[ProcessStatus]:
    """What a service is told on top of its declaration, from its next start on; {} takes it all away."""
    return ENVIRONMENT.ask(_same, dict(variables), name=name)


def wipe(name: str) -> Asked[ProcessStatus]:
    """Empty the data folder of a service or embedded engine that is not running."""
    return WIPE.ask(_same, name=name)


def scale(name: str, replicas: int) -> Asked[ScaleStatus]:
    """Have so many instances of a replicated service; those that are too many leave when they have answered."""
    return SCALE.ask(_same, {"replicas": replicas}, name=name)


def faults() -> Asked[list[FaultStatus]]:
    return FAULTS.ask(_same)


def add_fault(text: str, owner: str = "you") -> Asked[FaultStatus]:
    return ADD_FAULT.ask(_same, {"text": text, "owner": owner})


def heal(ident: str | None = None) -> Asked[list[FaultStatus]]:
    """Heal one fault, or all of them; those that were healed."""
    return HEAL.ask(_same, ident=ident) if ident else HEAL_ALL.ask(_same)


def load() -> Asked[LoadStatus]:
    return LOAD.ask(_same)


def set_rate(rate: float) -> Asked[LoadStatus]:
    return SET_RATE.ask(_same, {"rate": rate})


def predict(ident: str, says: str) -> Asked[int]:
    """Answer the question that waits; an empty prediction means: go on. The number of the journal's last event."""
    return PREDICT.ask(_number, {"says": says}, ident=ident)


def journal_check(check: Check) -> Asked[int]:
    """Have it in the journal how far a grading is; the event's number."""
    return CHECKS.ask(_number, {name: getattr(check, name) for name in CHECK_FIELDS})


def flush() -> Asked[int]:
    """Have everything that was seen so far in the journal's file; the number of the last event there."""
    return FLUSH.ask(_number)


def stop() -> Asked[None]:
    """Ask the run to end; it takes a moment after this returns."""
    return STOP.ask(_nothing)


def _same(answer: Any) -> Any:
    return answer


def _number(answer: Any) -> int:
    return int(answer["seq"])


def _nothing(_: Any) -> None:
    return None
