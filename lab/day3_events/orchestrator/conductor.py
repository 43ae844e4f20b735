"""Conducting: an answer comes, the saga takes its next step, and somebody is told what to do.

Where the saga stands, that the answer was dealt with, and the next command are written in one transaction. So there is
no moment at which a crash could part them: whoever is killed before the commit gets the answer again, whoever is killed
after it finds the command in the outbox. Nothing about a saga is kept in memory.
"""

from __future__ import annotations

import logging
import time

from pydantic import BaseModel
from sqlalchemy import select

from lab.chassis.database import insert_missing
from lab.chassis.events import Event, payload
from lab.chassis.ids import correlated
from lab.chassis.messaging import Messaging, Transaction
from lab.chassis.retry import TryLater
from lab.day3_events.orchestrator import steps
from lab.day3_events.orchestrator.models import Saga

log = logging.getLogger(__name__)

_BATCH = 100
_LONGEST = 600.0


class OrderCreated(BaseModel):
    order_id: str
    user_id: str
    amount: int


class Answer(BaseModel):
    """Of what participants answer, the part that the orchestrator needs. The order's id says whose answer it is."""

    order_id: str
    reason: str = ""


class Command(BaseModel):
    """Data of every command; each participant reads the part that it needs."""

    order_id: str
    user_id: str
    amount: int
    reason: str
    template: str


class Conductor:
    def __init__(self, messaging: Messaging, *, remind_after: float, timeout: float) -> None:
        self._messaging = messaging
        self._remind_after = remind_after
        self._timeout = timeout

    def subscribe(self) -> None:
        self._messaging.subscribe("orchestrator.order-created", ["order.created"], self.begin)
        self._messaging.subscribe("orchestrator.answers", steps.ANSWERS, self.answered)

    def begin(self, event: Event) -> None:
        """A duplicate begins nothing: there is one saga an order."""
        order = payload(OrderCreated, event)
        with self._messaging.transaction() as transaction:
            if insert_missing(
                transaction.session,
                Saga,
                **order.model_dump(),
                correlation=event.correlationid,
                step=steps.CHARGING,
                since=0.0,
                remind_at=0.0,
            ):
                self._enter(transaction, transaction.session.get_one(Saga, order.order_id), steps.CHARGING)

    def answered(self, event: Event) -> None:
        answer = payload(Answer, event)
        with self._messaging.transaction() as transaction:
            saga = transaction.session.get(Saga, answer.order_id, with_for_update=True)
            if saga is None:  # a customer who cancels at once can be faster than the order
                raise TryLater(f"no saga for {answer.order_id} yet")
            self._advance(transaction, saga, event.type, answer.reason)

    def look_after(self) -> None:
        """See to the sagas that have waited for too long: tell them again what to do, the same command under the same
        id, or give up where that can be undone. Pauses double."""
        now = time.time()
        waiting = select(Saga).where(Saga.step != steps.ENDED, Saga.remind_at <= now).limit(_BATCH)
        with self._messaging.transaction() as transaction:
            for saga in transaction.session.scalars(waiting.with_for_update()).all():
                if now - saga.since >= self._timeout and (saga.step, steps.TIMED_OUT) in steps.NEXT:
                    self._advance(transaction, saga, steps.TIMED_OUT, "payment_timeout")
                    continue
                saga.reminders += 1
                saga.remind_at = self._next_look(saga, now)
                transaction.announce_again(steps.COMMANDS[saga.step], entity=saga.order_id)
                log.warning("order %s is still %s: told again", saga.order_id, saga.step, extra={"event": "reminder"})

    def _advance(self, transaction: Transaction, saga: Saga, happened: str, reason: str) -> None:
        following = steps.NEXT.get((saga.step, happened))
        if following is None:
            log.info("%s changes nothing: order %s is %s", happened, saga.order_id, saga.step, extra={"event": "late"})
            return
        if happened in ("order.confirmed", "order.cancelled"):
            saga.outcome = happened.removeprefix("order.")
        saga.reason = saga.reason or reason
        self._enter(transaction, saga, following)

    def _enter(self, transaction: Transaction, saga: Saga, step: str) -> None:
        """Begin the step, and tell whoever has to do it."""
        saga.step, saga.since, saga.reminders = step, time.time(), 0
        saga.remind_at = self._next_look(saga, saga.since)
        if command := steps.COMMANDS.get(step):
            told = Command(
                order_id=saga.order_id,
                user_id=saga.user_id,
                amount=saga.amount,
                reason=saga.reason,
                template=f"order_{saga.outcome}" if step == steps.NOTIFYING else "",
            )
            with correlated(saga.correlation):  # also of what a timeout or another request of the customer's set off
                transaction.announce(command, told, entity=saga.order_id)
        transaction.afterwards.append(lambda: _tell(saga))

    def _next_look(self, saga: Saga, now: float) -> float:
        """The next reminder, or the moment to give up if that comes first."""
        reminder: float = now + min(_LONGEST, self._remind_after * 2 ** min(saga.reminders, 16))
        given_up = saga.since + self._timeout
        return min(reminder, given_up) if (saga.step, steps.TIMED_OUT) in steps.NEXT else reminder


def _tell(saga: Saga) -> None:
    """Write the line that makes the step visible from outside."""
    log.info(
        "the saga of order %s is %s",
        saga.order_id,
        saga.step,
        extra={
            "event": "saga",
            "id": saga.order_id,
            "step": saga.step,
            "state": steps.state(saga.step, saga.outcome, saga.reason),
            "correlation_id": saga.correlation,
        },
    )
