"""What becomes of a message: done, tried again later, or parked.

- A *passing* trouble (a neighbour is down, the database is busy, or nobody knows) sends it to a delay queue, and the
  consumer goes on with the next message. Sleeping would hold up all of them, and `nack(requeue=True)` would bring this
  one back at once, thousands of times a second.
- A *lasting* one (it cannot be read; the neighbour says that it never will) parks it in the dead-letter queue.
- Tried too often: parked too.

Forwarding is publish, wait for the confirm, then acknowledge. If the process dies in between there are two copies,
which the inbox bears; the other way round there would be none.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as NoConfirm
from dataclasses import dataclass
from typing import Any, Protocol

from lab.chassis.broker import TRACEPARENT, Message, NotPublished, Outgoing, Publisher, Verdict
from lab.chassis.events import Event, Unreadable, parse
from lab.chassis.ids import correlated, correlation_id

log = logging.getLogger(__name__)

ATTEMPT = "x-attempt"
ERROR = "x-error"
WAIT = "x-wait-ms"
_CONFIRM_WITHIN = 5.0
_BREATH = 1.0


class TryLater(Exception):
    """Raise it in a handler where the trouble is likely to pass."""


class Rejected(Exception):
    """Raise it in a handler where trying again can never help."""


class Names(Protocol):
    """Where the messages of a queue go that failed."""

    @property
    def queue(self) -> str: ...
    @property
    def dead(self) -> str: ...
    def delay(self, failures: int) -> int:
        """Milliseconds for which a message waits that has failed so many times (1, 2...)."""

    def retry(self, failures: int) -> str:
        """The queue where it waits."""


@dataclass(frozen=True)
class Retrying:
    """Wraps a handler of events into a handler of messages for one queue.

    A broker without delay queues finds in the header `WAIT` how long a message is to wait.

    `on_unreadable(message_id)` is called after a message was parked that is not an event or whose data is not what its
    type promises.
    """

    names: Names
    types: frozenset[str]
    handler: Callable[[Event], None]
    publisher: Publisher
    max_deliveries: int
    on_unreadable: Callable[[str], None]

    def __call__(self, message: Message) -> Verdict:
        with correlated(message.correlation_id, _trace(message)):
            try:
                return self._deal(message)
            except Exception as error:
                # Not even parking or delaying worked: the broker keeps the message. The pause is there because it
                # will hand it out again at once.
                log.warning("giving a message back: %r", error, extra={"event": "requeue", "queue": self.names.queue})
                time.sleep(_BREATH)
                return Verdict.REQUEUE

    def _deal(self, message: Message) -> Verdict:
        attempt = _attempt(message)
        try:
            event = parse(message.body)
            if event.type in self.types:  # anything else is not for us, and no reason to stumble
                with correlated(event.correlationid or correlation_id(), _trace(message) or event.traceparent):
                    self.handler(event)
            return Verdict.ACK
        except Unreadable as error:
            self._park(message, f"unreadable: {error}")
            if message.message_id:
                self.on_unreadable(message.message_id)
            return Verdict.ACK
        except Rejected as error:
            self._park(message, f"rejected: {error}")
            return Verdict.ACK
        except TryLater as error:
            reason = str(error)
        except Exception as error:
            log.exception("a handler failed unforeseen; the message is tried again later")
            reason = f"{type(error).__name__}: {error}"
        if attempt >= self.max_deliveries:
            self._park(message, f"given up after {attempt} tries: {reason}")
        else:
            self._delay(message, attempt, reason)
        return Verdict.ACK

    def _delay(self, message: Message, attempt: int, reason: str) -> None:
        queue = self.names.retry(attempt)
        log.info("trying again later: %s", reason, extra={"event": "retry", "queue": queue, "attempt": attempt})
        self._forward(message, queue, {ATTEMPT: attempt + 1, ERROR: reason[:500], WAIT: self.names.delay(attempt)})

    def _park(self, message: Message, reason: str) -> None:
        log.error(
            "parked in %s: %s",
            self.names.dead,
            reason,
            extra={"event": "parked", "queue": self.names.dead, "id": message.message_id},
        )
        self._forward(message, self.names.dead, {ATTEMPT: _attempt(message), ERROR: reason[:500]})

    def _forward(self, message: Message, queue: str, headers: dict[str, Any]) -> None:
        """The body goes on as it came, byte for byte: whoever opens the dead-letter queue needs the evidence."""
        if trace := _trace(message):
            headers = {**headers, TRACEPARENT: trace}
        copy = Outgoing("", queue, message.body, message.message_id, message.correlation_id, headers, message.key)
        try:
            self.publisher.publish(copy).result(_CONFIRM_WITHIN)
        except NoConfirm:
            raise NotPublished(f"no confirm from {queue} within {_CONFIRM_WITHIN} s") from None


def _trace(message: Message) -> str:
    return str(message.headers.get(TRACEPARENT, ""))


def _attempt(message: Message) -> int:
    attempt = message.headers.get(ATTEMPT, 1)
    return attempt if isinstance(attempt, int) else 1
