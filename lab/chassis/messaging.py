"""A service's messaging as one piece: outbox and relay on the way out; consumer, retry and inbox on the way in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.orm import Session

from lab.chassis import inbox, outbox, resend
from lab.chassis.broker import Broker, NotPublished, Subscription
from lab.chassis.database import Database
from lab.chassis.events import Event, happened
from lab.chassis.problems import Problem
from lab.chassis.relay import Relay
from lab.chassis.settings import MessagingSettings

TABLES = (outbox.metadata, inbox.metadata, resend.metadata)


def connect(settings: MessagingSettings, on_unreadable: Callable[[str, str], None]) -> Broker:
    """The broker that the environment names. Only that one's client is imported: Kafka's is not everywhere."""
    if settings.amqp_url:
        from lab.chassis.rabbitmq import RabbitMQ

        return RabbitMQ(settings, on_unreadable)
    from lab.chassis.kafka.broker import Kafka

    return Kafka(settings, on_unreadable)


class Messaging:
    """`transaction()` to change and announce in one; `start`, `stop` and `checks` for the service's life."""

    def __init__(self, settings: MessagingSettings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._broker = connect(settings, self._ask_for)
        self._relay = Relay(database, self._broker.publisher)
        self.checks = {"publisher": self._broker.publisher.check, "consumer": self._broker.consumer.check}
        # Who announces events can be asked for a clean copy of one.
        self.subscribe(f"{settings.service_name}.resend-requests", [resend.TYPE], self._on_resend_requested)

    def subscribe(self, queue: str, types: Sequence[str], handler: Callable[[Event], None]) -> None:
        """Have events of these `types` arrive in `queue` and be handled by `handler`, which may meet any of them twice,
        late, or before others that happened earlier. Call it before `start`."""
        self._broker.subscribe(Subscription(queue, types, handler))

    def start(self) -> None:
        self._broker.publisher.start()
        self._relay.start()
        self._broker.consumer.start()

    def stop(self) -> None:
        """In this order: what handlers still write is announced, what is announced is still confirmed."""
        self._broker.consumer.stop()
        self._relay.stop()
        self._broker.publisher.stop()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A write transaction; what it announces goes out as soon as it has committed."""
        with self._database.write() as session:
            transaction = Transaction(session, self._settings.service_name)
            yield transaction
        for act in transaction.afterwards:
            act()
        self._relay.notify()

    def router(self) -> APIRouter:
        """The operator's routes."""
        router = APIRouter(prefix="/admin", tags=["operations"])

        @router.get("/outbox")
        def pending() -> dict[str, int]:
            with self._database.read() as session:
                return {"pending": outbox.pending(session)}

        @router.post("/dlq/replay")
        def replay() -> dict[str, int]:
            try:
                return {"replayed": self._broker.replay()}
            except NotPublished as error:
                raise Problem(503, "broker_unavailable", f"The broker did not answer: {error!r}") from error

        return router

    def _ask_for(self, event_id: str, queue: str) -> None:
        with self.transaction() as transaction:
            resend.ask(transaction.session, self._settings.service_name, event_id, queue)

    def _on_resend_requested(self, event: Event) -> None:
        with self.transaction() as transaction:
            resend.answer(transaction.session, event)


@dataclass(frozen=True)
class Transaction:
    """A database transaction that can also announce. `session` is SQLAlchemy's.

    What is in `afterwards` is done as soon as it has committed, and before the relay is woken: a log line about it
    comes before the line of whoever answers the announcement.
    """

    session: Session
    service: str
    afterwards: list[Callable[[], None]] = field(default_factory=list)

    def announce(self, kind: str, data: BaseModel, *, entity: str) -> None:
        """Tell everybody that something of type `kind` happened to `entity`, if and when this commits."""
        outbox.add(self.session, happened(kind, self.service, data), entity=entity)

    def announce_again(self, *types: str, entity: str) -> int:
        """Tell it once more, unchanged and under the same id: somebody seems not to have heard."""
        return outbox.announce_again(self.session, entity=entity, types=types)

    def first_time(self, consumer: str, event: Event) -> bool:
        """Whether `consumer` has not dealt with this event before. Commits together with what is done about it."""
        return inbox.first_time(self.session, consumer, event.id)
