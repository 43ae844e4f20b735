"""The instances of a service as clients see them behind a load balancer that retries."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from lab.grading.instruments.http import Answer, Http


class Balanced:
    """Each request goes to the next instance in turn. A GET that gets no answer is asked of the others, too, each once:
    it changes nothing, so nobody minds whether the first one has done it. Any thread may ask."""

    def __init__(self, instances: Sequence[Http]) -> None:
        self._instances = list(instances)
        self._turns = count()

    def get(self, path: str, **more: Any) -> Answer:
        """The first answer that comes, or the last failure. Takes what `Http.get` takes."""
        first = next(self._turns) % len(self._instances)
        *others, last = self._instances[first:] + self._instances[:first]
        for instance in others:
            answer = instance.get(path, **more)
            if answer.status is not None:
                return answer
        return last.get(path, **more)
