"""How long `lab run DAY` takes until every service is ready, and what of a processor.

    python -m benchmarks.ready [day3 ...] [--rounds 3]

Seconds of the clock are those of a quiet machine only on one that is quiet, so each row also has the seconds of a
processor that all processes of the run took until then, the command's own among them, and how many starts of a bare
web service that is, measured just before it: this number is about the same on any machine. Every day shall be ready
within four seconds on a quiet one.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab.course import days

BARE = "import fastapi, httpx, sqlalchemy, uvicorn"
"""What any service of ours has to import before it says a word."""


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds until a run was ready: by the clock, and of a processor."""

    clock: float
    processor: float


def start(day: str, home: Path, words: Sequence[str] = ()) -> Start:
    """Start it in a home of its own, and end it again."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    _lab(home, "run", day, "--detach", *words)
    clock, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    try:
        return Start(clock, own + _spent(home))
    finally:
        _lab(home, "down")


def bare() -> float:
    """Seconds of a processor of an interpreter that imports what any service does, and ends."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", BARE], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _lab(home: Path, *words: str) -> None:
    command, env = [sys.executable, "-m", "lab", *words], {**os.environ, "LAB_HOME": str(home)}
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _spent(home: Path) -> float:
    """What the processes of the runs in this home have taken so far."""
    total = 0.0
    for process in psutil.process_iter():
        try:
            if process.environ().get("LAB_RUN", "").startswith(str(home)):
                used = process.cpu_times()
                total += used.user + used.system
        except psutil.Error:  # it has ended, or is somebody else's
            continue
    return total


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("days", nargs="*", default=days.names())
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{'until ready':<12} {'best':>8} {'median':>8} {'of a processor':>15} {'in bare starts':>15}")
    for day in options.days:
        unit = statistics.median(bare() for _ in range(options.rounds))
        with tempfile.TemporaryDirectory() as home:
            starts = [start(day, Path(home)) for _ in range(options.rounds)]
        clock = [one.clock for one in starts]
        spent = statistics.median(one.processor for one in starts)
        print(
            f"{day:<12} {min(clock):>6.1f} s {statistics.median(clock):>6.1f} s {spent:>13.1f} s {spent / unit:>15.1f}"
        )


if __name__ == "__main__":
    main()
