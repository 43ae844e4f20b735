"""What the lab needs to know to run one engine on one tier, as plain data."""

from __future__ import annotations

import re
import signal
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lab.engines.ready import Ready, listens

HOST = "127.0.0.1"

Tier = Literal["embedded", "native", "url"]


class EngineUnavailable(Exception):
    """This engine cannot be had on this tier; the message says how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an engine may put things: its data folder, a source of free ports, and the services that use it. `python`:
    whether one of these is a program of the lab's, whose driver must be there. `topics` are those that it is declared
    with."""

    data: Path
    port: Callable[[], int]
    users: tuple[str, ...] = ()
    python: bool = False
    topics: Mapping[str, int] = field(default_factory=dict)
    scratch: Callable[[], Path] = lambda: Path(tempfile.mkdtemp(prefix="lab-"))
    """Makes a temporary folder outside of the run's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one engine runs. Exactly one of `module` and `argv` is set, or neither: then nothing is started, because the
    engine is a file (SQLite) or runs elsewhere (a URL).

    `ready` asks it whether it serves; without it, it does. `url` is how clients reach it, with `{address}` for the host
    and port of a tap, and `{user}` for the service that asks (a database each). Without a `port` there is no connection
    to tap; `ports` are further ones of its own. `boot` says how long a start usually takes, where that is worth a word.
    `stop` asks for an orderly end without waiting for clients to leave. `paths` are for the lab to remove at the end.
    `begin` makes what a run needs on an engine that runs elsewhere, and may raise EngineUnavailable; `end` takes it
    away and says what is left. `remains` says what is not taken away.
    `advice` matches lines of its output that are about keeping a machine for it, which a run does not show.
    """

    tier: Tier
    title: str
    url: str
    module: str | None = None
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    host: str = HOST
    port: int | None = None
    ports: tuple[int, ...] = ()
    ready: Ready | None = listens
    boot: str = ""
    stop: signal.Signals = signal.SIGTERM
    paths: tuple[Path, ...] = ()
    advice: re.Pattern[bytes] | None = None
    begin: Callable[[], None] | None = None
    end: Callable[[], str] | None = None
    remains: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierReport:
    """What `lab doctor` says of one tier: `detail` is what was found, or how to get it."""

    tier: Tier
    available: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReport:
    """One engine on this machine: its tiers, the one a run would take, and what the embedded one does not prove."""

    kind: str
    taken: Tier
    tiers: tuple[TierReport, ...]
    caveat: str
