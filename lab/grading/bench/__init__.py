"""The run in which an assignment is graded: its processes, what was seen of it, and why a service is not healthy."""

from lab.grading.bench.bench import Bench

__all__ = ["Bench"]
