"""The shapes that the control API speaks: what a reader of a live run gets to see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lab.system.refusal import Refusal

State = Literal["pending", "starting", "ready", "degraded", "frozen", "stopping", "stopped", "backoff", "failed"]
RunState = Literal["starting", "ready", "failed", "stopping", "stopped"]
Action = Literal["kill", "terminate", "freeze", "thaw", "restart", "start", "stop"]


class ControlError(Refusal):
    """The run refused, or it is gone. `status` is HTTP's, 0 if nobody answered."""

    def __init__(self, message: str, status: int = 0) -> None:
        what, _, why = message.partition("\n")
        super().__init__(what, why)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """One process of the run. `since` is seconds since the run's start; `reason` says why it is in this state."""

    name: str
    role: Literal["service", "stub", "engine", "load"]
    state: State
    since: float
    reason: str = ""
    pid: int | None = None
    restarts: int = 0
    url: str = ""
    cpu: float = 0.0
    """Percent of one core over the last second."""
    rss: int = 0
    """Bytes."""
    tail: tuple[str, ...] = ()
    mine: bool = False
    """Whether it is the learner's own, in place of one of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """One link and its tap: where it listens, where it leads, and how many connections it carries."""

    id: str
    protocol: str
    url: str
    upstream: str
    connections: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultStatus:
    id: str
    text: str
    kind: str
    target: str
    owner: str
    victims: int
    remaining: float | None
    """Seconds until it heals by itself; None: until healed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadStatus:
    rate: float
    sent: int = 0
    ok: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleStatus:
    """A replicated service after it was scaled: how many instances it had `before`, and their names from now on."""

    service: str
    before: int
    replicas: int
    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """The run as a whole. `tiers` is the tier each engine uses (`embedded`, `native`, `url`)."""

    id: str
    system: str
    title: str
    state: RunState
    elapsed: float
    seed: int
    scenario: str
    folder: str
    pid: int
    tiers: dict[str, str]
    processes: tuple[ProcessStatus, ...]
    links: tuple[LinkStatus, ...]
    faults: tuple[FaultStatus, ...]
    load: LoadStatus
    started_at: str = ""
    """RFC 3339, wall clock."""
    reason: str = ""
    hides: bool = False
    """Whether a fault is active that is not among `faults`, because the scenario's reader is to find it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run was asked for. `tiers` maps an engine's kind (or `*`) to `embedded`, `native` or a URL. `grace` is the
    time between SIGTERM and SIGKILL, in seconds."""

    seed: int = 0
    rate: float | None = None
    scenario: str = ""
    duration: float | None = None
    """Seconds from ready until the run ends by itself. None: it goes on until it is stopped."""
    unattended: bool = False
    """Nobody steers it: it ends with its scenario, and if it cannot become ready; so does one with a duration."""
    tiers: dict[str, str] = field(default_factory=dict)
    predict: bool = False
    """Questions of the scenario wait for a prediction."""
    detach: bool = False
    grading: bool = False
    """It serves a grading, or requests by hand: it is kept apart from the runs that somebody wants to see again."""
    grace: float = 5.0
