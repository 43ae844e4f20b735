"""Services that the grader plays itself. They count what they are asked and can be told to misbehave."""

from lab.grading.stubs.deeds import (
    Deed,
    Hang,
    Hold,
    answer,
    delay,
    drip,
    garbage,
    hang,
    hold,
    lost,
    reset,
    status,
)
from lab.grading.stubs.ready_made import STUBS, open_stub
from lab.grading.stubs.request import Reply, Seen, problem, says
from lab.grading.stubs.stub import Stub

__all__ = [
    "STUBS",
    "Deed",
    "Hang",
    "Hold",
    "Reply",
    "Seen",
    "Stub",
    "answer",
    "delay",
    "drip",
    "garbage",
    "hang",
    "hold",
    "lost",
    "open_stub",
    "problem",
    "reset",
    "says",
    "status",
]
