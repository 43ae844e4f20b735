"""A process with everything that descends from it: signalled together, measured together."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil


class Family:
    """The process group that `leader` leads, and descendants that left it (PostgreSQL's sessions do)."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self.cpu, self.rss = 0.0, 0
        """Percent of one core that the leader used between the last two calls of `measure`, and bytes of all."""
        try:
            self._meter: psutil.Process | None = psutil.Process(leader)
        except psutil.NoSuchProcess:
            self._meter = None

    def signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._leader, number)

    def signal(self, number: signal.Signals) -> None:
        descendants = self._descendants()  # once the leader is dead nobody knows them any more
        self.signal_group(number)
        for pid in descendants:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def measure(self) -> None:
        if self._meter is None:
            return
        try:
            self.cpu = self._meter.cpu_percent()
        except psutil.Error:
            self.cpu = 0.0
        self.memory()

    def memory(self) -> int:
        """Bytes that the family has in memory now; what several share (a forked interpreter) counts for each."""
        self.rss = sum(map(_rss, [self._leader, *self._descendants()]))
        return self.rss

    def _descendants(self) -> list[int]:
        if Path(f"/proc/{self._leader}/task/{self._leader}/children").exists():
            return _children(self._leader)
        try:
            return [child.pid for child in self._meter.children(recursive=True)] if self._meter else []
        except psutil.Error:
            return []


def _children(pid: int) -> list[int]:
    """All descendants, as Linux lists them: far cheaper than a look at every process of the machine."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found + [further for child in found for further in _children(child)]


def _rss(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
