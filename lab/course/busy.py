"""Keeps every core of the machine busy, as other people's machines are when they are graded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SPIN = "import os, sys, threading\nthreading.Thread(target=lambda: (sys.stdin.read(), os._exit(0))).start()\nwhile 1: 0"
"""The loop ends with its standard input, so that it never outlives its parent."""


@contextmanager
def busy_cores() -> Iterator[list[int]]:
    """Run one busy loop per core while entered; yields their pids."""
    loops = [
        subprocess.Popen([sys.executable, "-c", SPIN], stdin=subprocess.PIPE, start_new_session=True)
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield [loop.pid for loop in loops]
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.wait()
            if loop.stdin:
                loop.stdin.close()
