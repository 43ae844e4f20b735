"""What a neighbour is made of: a small HTTP service that counts its requests and can be told to misbehave."""

from lab.neighbours.stub.deeds import (
    Deed,
    Hang,
    Hold,
    Rest,
    answer,
    cut,
    delay,
    drip,
    garbage,
    hang,
    lost,
    reset,
    status,
)
from lab.neighbours.stub.request import Reply, Seen, problem, says
from lab.neighbours.stub.stub import Stub, Work

__all__ = [
    "Deed",
    "Hang",
    "Hold",
    "Reply",
    "Rest",
    "Seen",
    "Stub",
    "Work",
    "answer",
    "cut",
    "delay",
    "drip",
    "garbage",
    "hang",
    "lost",
    "problem",
    "reset",
    "says",
    "status",
]
