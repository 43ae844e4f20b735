"""Waiting for something in the run, and telling what is awaited meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

from lab.grading.checking.expect import Attention, CannotTell
from lab.locale import tr

PATIENCE = 20.0
"""Seconds that a service may take to become healthy, an engine to come back, a process to end."""
POLL, CALM = 0.01, 0.05
"""Seconds between two looks: at first, and in the end. Each look takes processor time from those who are looked at."""


def wait(probe: Callable[[], bool], awaiting: str, within: float = PATIENCE) -> bool:
    """Whether the probe's answer becomes true in this time."""
    began = time.monotonic()
    while not probe():
        waited = time.monotonic() - began
        if waited > within:
            return False
        Attention.waiting(awaiting, waited)
        time.sleep(min(POLL + waited / 10, CALM))
    return True


def must(probe: Callable[[], bool], awaiting: str, within: float = PATIENCE) -> None:
    """Wait for it. Raises CannotTell if it does not come."""
    if not wait(probe, awaiting, within):
        raise CannotTell(tr("waited {within:g} s for {awaiting}", within=within, awaiting=awaiting))
