"""Grading: an exercise's checks run against somebody's services as black boxes, under faults, with evidence.

A `checks.py` imports its names from here; its fixtures are in `checking.fixtures`. Heavy modules are imported on first
use, because commands that only look at exercises must not wait for an HTTP client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lab.grading.checking.expect import (
    behaviour,
    borrowed,
    cannot_tell,
    eventually,
    expect,
    measured,
    never,
    sample_twice,
    stays,
    suffered,
    warn,
    within,
)
from lab.locale import tr, trn

if TYPE_CHECKING:
    from lab.faults.schedule import Schedule
    from lab.grading.checking.hold import hold
    from lab.grading.instruments.balanced import Balanced
    from lab.grading.instruments.http import Answer, Http
    from lab.neighbours.stub import (
        Deed,
        Reply,
        Rest,
        Seen,
        Stub,
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

__all__ = [
    "Answer",
    "Balanced",
    "Deed",
    "Http",
    "Reply",
    "Rest",
    "Schedule",
    "Seen",
    "Stub",
    "answer",
    "behaviour",
    "borrowed",
    "cannot_tell",
    "cut",
    "delay",
    "drip",
    "eventually",
    "expect",
    "garbage",
    "hang",
    "hold",
    "lost",
    "measured",
    "never",
    "reset",
    "sample_twice",
    "status",
    "stays",
    "suffered",
    "tr",
    "trn",
    "warn",
    "within",
]

_STUBS = ("Deed", "Reply", "Rest", "Seen", "Stub")
_DEEDS = ("answer", "cut", "delay", "drip", "garbage", "hang", "lost", "reset", "status")
_HOMES = {
    "lab.faults.schedule": ("Schedule",),
    "lab.grading.checking.hold": ("hold",),
    "lab.grading.instruments.balanced": ("Balanced",),
    "lab.grading.instruments.http": ("Answer", "Http"),
    "lab.neighbours.stub": (*_STUBS, *_DEEDS),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
