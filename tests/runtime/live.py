"""Live runs of toy systems for tests: started for real, asked through the control API, and gone at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from lab.journal.event import Event, Log, Process
from lab.journal.query import read
from lab.runtime import leftovers, runs
from lab.runtime.api import ControlError, ProcessStatus, RunOptions, RunStatus
from lab.runtime.client import Control
from lab.runtime.identity import identity
from lab.runtime.launch import launch, release
from lab.runtime.runs import RunRecord
from lab.system.model import CLIENT, Link, Service, System
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]


def shop(name: str, **more: Any) -> Service:
    """A toy service; the variables of its `env` make it misbehave."""
    return Service(name=name, **{"module": "tests.runtime.toy.shop", "dir": str(ROOT), **more})


def pair(**back: Any) -> System:
    """`front`, which visitors reach, calls `back`."""
    return System(
        name="toy",
        services=(shop("front"), shop("back", **back)),
        links=(
            Link(source=CLIENT, target="front", protocol="http"),
            Link(source="front", target="back", protocol="http", env="PROVIDER_URL"),
        ),
    )


class Live:
    """A run that was started, and everything that belongs to it."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self.control = Control(record.socket)

    def status(self) -> RunStatus:
        return self.control.run()

    def process(self, name: str) -> ProcessStatus:
        return next(process for process in self.control.processes() if process.name == name)

    def pid(self, name: str) -> int:
        pid = self.process(name).pid
        assert pid is not None
        return pid

    def ready(self, timeout: float = 30.0) -> Live:
        eventually(lambda: self.status().state == "ready", timeout)
        return self

    def until(self, name: str, state: str, timeout: float = 30.0) -> ProcessStatus:
        """Wait until the process is in this state."""
        eventually(lambda: self.process(name).state == state, timeout)
        return self.process(name)

    def url(self, link: str) -> str:
        return next(one.url for one in self.status().links if one.id == link)

    def events(self) -> list[Event]:
        """The journal, complete up to this call; as it is, once the run is over."""
        with contextlib.suppress(ControlError):
            self.control.flush()
        return list(read(self.record.journal))

    def states(self, name: str) -> list[str]:
        return [event.state for event in self.events() if isinstance(event, Process) and event.source == name]

    def logged(self, name: str) -> list[str]:
        return [event.message for event in self.events() if isinstance(event, Log) and event.source == name]

    def recorded(self) -> dict[str, int]:
        """Pids of everything the run has written down, the runtime and the fork server among them."""
        remains = leftovers.recorded(self.record.folder)
        return {known.name: known.pid for known in remains.processes}

    def footprint(self) -> Footprint:
        """What must be gone when the run is over: take it while it lives."""
        status = self.status()
        urls = [process.url for process in status.processes] + [link.url for link in status.links]
        ports = {int(url.rpartition(":")[2].split("/")[0]) for url in urls if url.startswith("http")}
        return Footprint(self.record.folder, {*self.recorded().values(), *marked(self.record.folder)}, ports)

    def ended(self) -> bool:
        return not runs.find(self.record.id).alive


class Footprint:
    def __init__(self, folder: Path, pids: set[int], ports: set[int]) -> None:
        self.folder = folder
        self.pids = pids
        self.ports = ports
        assert pids
        assert ports

    def left(self) -> list[str]:
        """What is still there."""
        processes = {pid for pid in self.pids if alive(pid)} | marked(self.folder)
        return [f"process {pid}" for pid in processes] + [f"port {port}" for port in self.ports if listening(port)]


def alive(pid: int) -> bool:
    return identity(pid) is not None


def marked(folder: Path) -> set[int]:
    """Processes that carry the run's mark."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("LAB_RUN") == str(folder):
                found.add(process.pid)
    return found


def listening(port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def started(system: System, **options: Any) -> Iterator[Live]:
    """Launch a run; at the end it is stopped, in the hard way if it must be."""
    live = Live(launch(system, RunOptions(**options)))
    try:
        yield live
    finally:
        pids = live.recorded()
        with contextlib.suppress(ControlError):
            live.control.stop()
        live.control.close()
        release(live.record.id)
        try:
            eventually(lambda: not any(map(alive, pids.values())), 15)
        except AssertionError:
            for pid in filter(alive, pids.values()):
                os.kill(pid, signal.SIGKILL)
            raise
        finally:
            runs.clean_leftovers()
