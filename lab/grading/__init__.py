"""Grading: an exercise's checks run against somebody's services as black boxes, under faults, with evidence.

What a `checks.py` imports is here; the fixtures it uses are in `fixtures`.
"""

from lab.grading.expect import behaviour, cannot_tell, eventually, expect, never, sample_twice, warn
from lab.grading.http import Answer, Http
from lab.grading.stubs import answer, delay, drip, garbage, hang, hold, lost, reset, status

__all__ = [
    "Answer",
    "Http",
    "answer",
    "behaviour",
    "cannot_tell",
    "delay",
    "drip",
    "eventually",
    "expect",
    "garbage",
    "hang",
    "hold",
    "lost",
    "never",
    "reset",
    "sample_twice",
    "status",
    "warn",
]
