from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from pydantic import BaseModel
from sqlalchemy import text

from lab.chassis import inbox, outbox
from lab.chassis.database import Database
from lab.chassis.events import Event, happened


class Fact(BaseModel):
    n: int = 0


@pytest.fixture(autouse=True)
def tables(database: Database) -> None:
    database.create_tables(outbox.metadata, inbox.metadata)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The outbox' wall clock, in our hands."""
    now = [1000.0]
    monkeypatch.setattr(outbox, "time", SimpleNamespace(time=lambda: now[0]))
    return now


def add(database: Database, *facts: tuple[str, str]) -> list[Event]:
    """Put events of (entity, type) into the outbox."""
    events = [happened(kind, "orders", Fact()) for _, kind in facts]
    with database.write() as session:
        for (entity, _), event in zip(facts, events, strict=True):
            outbox.add(session, event, entity=entity)
    return events


def claim(database: Database, limit: int = 10) -> list[str]:
    with database.write() as session:
        return [pending.event_id for pending in outbox.claim(session, limit)]


def sent(database: Database, *events: Event) -> None:
    with database.write() as session:
        outbox.mark_sent(session, [event.id for event in events])


def test_an_event_whose_transaction_fails_was_never_there(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            outbox.add(session, happened("order.created", "orders", Fact()), entity="1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert claim(database) == []


def test_of_one_entity_the_next_event_comes_only_when_the_one_before_is_sent(database: Database) -> None:
    first, other, second = add(database, ("1", "order.created"), ("2", "order.created"), ("1", "order.confirmed"))
    assert claim(database) == [first.id, other.id]
    assert claim(database) == []  # in hand
    sent(database, first)
    assert claim(database) == [second.id]


def test_one_that_was_never_confirmed_is_due_again_later_and_later(database: Database, clock: list[float]) -> None:
    (event,) = add(database, ("1", "order.created"))
    pauses = []
    for _ in range(4):
        assert claim(database) == [event.id]
        began = clock[0]
        while not claim_due(database, clock):
            clock[0] += 1
        pauses.append(clock[0] - began)
    assert pauses == [5, 10, 20, 40]


def claim_due(database: Database, clock: list[float]) -> bool:
    """Whether something is due, without taking it."""
    with database.read() as session:
        due = session.execute(text("SELECT count(*) FROM outbox WHERE due <= :now"), {"now": clock[0]}).scalar()
    return bool(due)


def test_a_refused_one_is_tried_again_soon_and_holds_up_only_its_entity(database: Database, clock: list[float]) -> None:
    stuck, _, free = add(database, ("1", "order.created"), ("1", "order.confirmed"), ("2", "order.created"))
    assert claim(database) == [stuck.id, free.id]
    sent(database, free)
    with database.write() as session:
        outbox.mark_failed(session, [stuck.id], 1.0)
    clock[0] += 1
    assert claim(database) == [stuck.id]


def test_a_confirm_that_comes_late_still_counts(database: Database, clock: list[float]) -> None:
    (event,) = add(database, ("1", "order.created"))
    claim(database)
    clock[0] += 100
    sent(database, event)
    assert claim(database) == []
    with database.write() as session:
        outbox.mark_failed(session, [event.id], 0.0)  # the second attempt's failure, after the first one's confirm
    assert claim(database) == []


def test_announcing_again_sends_the_same_event(database: Database) -> None:
    created, settled = add(database, ("1", "order.created"), ("1", "order.confirmed"))
    claim(database)
    sent(database, created, settled)
    with database.write() as session:
        assert outbox.announce_again(session, entity="1", types=["order.created"]) == 1
        assert outbox.announce_again(session, event_id=settled.id) == 1
        assert outbox.announce_again(session, event_id="unknown") == 0
    assert claim(database) == [created.id]
    with database.read() as session:
        assert outbox.pending(session) == 2


def test_what_is_pending_is_not_announced_again(database: Database) -> None:
    add(database, ("1", "order.created"))
    with database.write() as session:
        assert outbox.announce_again(session, entity="1", types=["order.created"]) == 0


def test_two_relays_never_take_the_same_event_at_once(database: Database) -> None:
    events = add(database, *((str(n), "order.created") for n in range(60)))
    with ThreadPoolExecutor(4) as pool:
        taken = [event_id for batch in pool.map(lambda _: claim(database, 10), range(8)) for event_id in batch]
    assert sorted(taken) == sorted(event.id for event in events)


def test_old_events_are_forgotten_pending_ones_never(database: Database, clock: list[float]) -> None:
    old, pending = add(database, ("1", "order.created"), ("2", "order.created"))
    sent(database, old)
    clock[0] += outbox.KEEP + 1
    with database.write() as session:
        assert outbox.forget_old(session) == 1
    assert claim(database) == [pending.id]


def test_the_inbox_knows_an_event_the_second_time_for_each_consumer(database: Database) -> None:
    def first(consumer: str) -> bool:
        with database.write() as session:
            return inbox.first_time(session, consumer, "e1")

    assert [first("orders.a"), first("orders.a"), first("orders.b")] == [True, False, True]


def test_an_effect_that_fails_leaves_the_inbox_without_the_event(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            assert inbox.first_time(session, "orders.a", "e1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.write() as session:
        assert inbox.first_time(session, "orders.a", "e1")


def test_of_many_at_once_one_is_first(database: Database) -> None:
    def first(_: int) -> bool:
        with database.write() as session:
            return inbox.first_time(session, "orders.a", "e1")

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(first, range(16))) == 1
