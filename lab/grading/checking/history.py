"""What clients did and what came of it, as far as they can know: ok, failed, or unknown.

A timeout is unknown: the work may have been done, may not have been, or may still be done later.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from lab.grading.instruments.http import Outcome


class HasOutcome(Protocol):
    """What a call gives: an Answer, say."""

    @property
    def outcome(self) -> Outcome: ...

    @property
    def request_id(self) -> str: ...


A = TypeVar("A", bound=HasOutcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call of a client. `key` says what it is about (an order's id, an Idempotency-Key), `value` what was written
    or read, `by` who called. `began` and `ended` are on one clock; an unknown operation never ended for its client.
    """

    key: str
    outcome: Outcome = "ok"
    value: Any = None
    what: str = ""
    by: str = ""
    id: str = ""
    began: float = 0.0
    ended: float = 0.0

    @property
    def until(self) -> float:
        """When it must have taken effect, if it does."""
        return math.inf if self.outcome == "unknown" else self.ended

    def before(self, other: Operation) -> bool:
        """Whether it was over when the other began."""
        return self.until < other.began


class History:
    """Records operations; many threads may call at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._operations: list[Operation] = []

    def do(
        self,
        key: str,
        call: Callable[[], A],
        *,
        value: Any = None,
        read: Callable[[A], Any] | None = None,
        what: str = "",
        by: str = "",
    ) -> A:
        """Make the call, write down what came of it, and return its answer.

        `value` is what the call writes; `read` takes the value from an answer that was ok.
        """
        began = self._clock()
        answer = call()
        ended = self._clock()
        if read is not None and answer.outcome == "ok":
            value = read(answer)
        self.add(
            Operation(
                key=key,
                outcome=answer.outcome,
                value=value,
                what=what,
                by=by,
                id=answer.request_id,
                began=began,
                ended=ended,
            )
        )
        return answer

    def add(self, operation: Operation) -> None:
        with self._lock:
            self._operations.append(operation)

    @property
    def operations(self) -> list[Operation]:
        """In the order in which they ended."""
        with self._lock:
            return list(self._operations)

    def keys(self, *outcomes: Outcome) -> list[str]:
        """The keys of the operations that came out so, or of all of them, each once."""
        return list(dict.fromkeys(o.key for o in self.operations if not outcomes or o.outcome in outcomes))
