"""Conducting: what is due is taken up, asked for, and written down; whoever dies over it is followed by another one.

Nothing about a saga is kept in memory. A step is written down as begun before it is asked for, and as done after the
answer; no transaction is open in between. So after a crash it is asked for again, under the same key.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import select, update

from lab.chassis.database import Database
from lab.chassis.ids import correlated
from orders.models import Order
from orders.neighbours import Neighbours, Refused, Unanswered
from orders.saga import Saga

log = logging.getLogger(__name__)

_POLL = 0.2
_LEASE = 3.0
"""Seconds after which somebody else takes over a saga whose conductor is not heard of. Who lives renews it in time,
however long a call takes."""

_GOODBYE = 3.0
"""Seconds that a stop waits for calls under way."""


@dataclass(frozen=True)
class Patience:
    """In seconds. `saga`: until it turns round; `retry`: before something is asked for again."""

    saga: float
    retry: float


class Conductor:
    """Sagas beside each other, each on a thread of the pool: one that waits for a neighbour holds up no other one."""

    def __init__(self, database: Database, neighbours: Neighbours, patience: Patience, workers: int = 32) -> None:
        self._database = database
        self._patience = patience
        self._name = uuid.uuid4().hex
        self._calls: Mapping[str, Callable[[Order], None]] = {
            "reserve": lambda order: neighbours.reserve(order.id, order.sku),
            "charge": lambda order: neighbours.charge(order.id, order.amount),
            "confirm": lambda order: neighbours.confirm(order.id),
            "notify": lambda order: neighbours.notify(order.id),
            "refund": lambda order: neighbours.refund(order.id),
            "release": lambda order: neighbours.release(order.id),
        }
        self._in_hand: set[str] = set()
        """What is being conducted here, for the leases only."""
        self._places = threading.Semaphore(workers)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="saga")
        self._something_new = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="conductor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What is under way is finished up to its next step, if that comes soon. All else is due after the next start,
        as it is after a crash."""
        self._stopping.set()
        self._something_new.set()
        self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)
        until = time.monotonic() + _GOODBYE
        while self._in_hand and time.monotonic() < until:
            time.sleep(0.05)

    def begin(self, order: Order) -> Order:
        """A new order's saga, to be saved in the transaction that saves the order."""
        order.saga = Saga()
        order.look_at = time.time()
        order.deadline = order.look_at + self._patience.saga
        return order

    def notice(self) -> None:
        """There is something new: do not wait for the next look."""
        self._something_new.set()

    def _run(self) -> None:
        renewed = time.monotonic()
        while not self._stopping.is_set():
            ident = None
            try:
                if time.monotonic() - renewed > _LEASE / 3:
                    self._renew()
                    renewed = time.monotonic()
                if self._places.acquire(timeout=_POLL):
                    ident = self._take_up()
                    if ident is None:
                        self._places.release()
            except Exception:
                log.exception("cannot look for sagas; tried again")
            if ident is not None:
                self._in_hand.add(ident)
                self._pool.submit(self._conduct, ident)
                continue
            self._something_new.wait(_POLL)
            self._something_new.clear()

    def _renew(self) -> None:
        mine = update(Order).where(Order.holder == self._name, Order.id.in_(list(self._in_hand)))
        with self._database.write() as session:
            session.execute(mine.where(Order.look_at.is_not(None)).values(look_at=time.time() + _LEASE))

    def _take_up(self) -> str | None:
        """The order that has been due for longest is ours for the length of a lease."""
        now = time.time()
        due = select(Order).where(Order.look_at <= now).order_by(Order.look_at).limit(1)
        with self._database.read() as session:
            if session.scalar(due) is None:
                return None
        with self._database.write() as session:
            order = session.scalar(due)
            if order is None:
                return None
            order.holder, order.look_at = self._name, now + _LEASE
            return order.id

    def _conduct(self, ident: str) -> None:
        try:
            while not self._stopping.is_set() and self._one_step(ident):
                pass
        except Exception:
            log.exception("order %s: given back, tried again when its lease has ended", ident)
        finally:
            self._in_hand.discard(ident)
            self._places.release()

    def _one_step(self, ident: str) -> bool:
        """Ask for what comes next. Whether there is more to do now."""
        order = self._write(ident, self._begin)
        action = order.saga.next if order else None
        if order is None or action is None:
            return False
        try:
            with correlated(order.request_id):
                self._calls[action](order)
        except Refused as error:
            reason = error.reason  # the name `error` ends with this block
            log.info("order %s: %s refused: %s", ident, action, reason)
            if action in ("refund", "release"):
                return self._later(ident)  # there is no way back from the way back
            return self._write(ident, lambda saga, _: saga.refused(action, reason)) is not None
        except Unanswered as error:
            log.warning("order %s: %s unanswered: %s", ident, action, error)
            return self._later(ident)
        return self._write(ident, lambda saga, _: saga.done(action)) is not None

    def _begin(self, saga: Saga, deadline: float) -> Saga:
        """Write down what is about to be asked for, or that it has taken too long."""
        if saga.state == "running" and not saga.passed_the_pivot and time.time() >= deadline:
            saga = saga.given_up("timeout")
        return saga.begun(saga.next) if saga.next else saga

    def _write(self, ident: str, change: Callable[[Saga, float], Saga]) -> Order | None:
        """Change the saga, and go on holding it. None if it is not ours any more: our lease had ended."""
        with self._database.write() as session:
            order = session.get_one(Order, ident, with_for_update=True)
            if order.holder != self._name or order.look_at is None:
                return None
            order.look_at = time.time() + _LEASE
            order.saga = change(order.saga, order.deadline)
        return order

    def _later(self, ident: str) -> bool:
        with self._database.write() as session:
            order = session.get_one(Order, ident, with_for_update=True)
            if order.holder == self._name:
                order.holder, order.look_at = "", time.time() + self._patience.retry
        return False
