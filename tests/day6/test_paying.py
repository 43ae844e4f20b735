"""Whoever pays, however often and by whichever way: the money is taken once."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from lab.chassis.client import http_client
from lab.chassis.database import Database
from lab.chassis.events import Event, happened
from lab.chassis.messaging import TABLES, Messaging
from lab.chassis.retry import TryLater
from lab.chassis.settings import MessagingSettings
from lab.day6_integration.calls import neighbour as neighbours
from lab.day6_integration.calls.neighbour import Neighbour
from lab.day6_integration.payments.handlers import Handlers, PaymentRequested
from lab.day6_integration.payments.models import Base, Payment
from lab.day6_integration.payments.wallet import Wallet

NOBODY = "http://127.0.0.1:9"


pytestmark = pytest.mark.usefixtures("found")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'payments.db'}")
    database.create_tables(Base.metadata, *TABLES)
    return database


def handlers(database: Database) -> Handlers:
    settings = MessagingSettings(service_name="payments", database_url="", amqp_url="amqp://127.0.0.1:9")
    return Handlers(Messaging(settings, database), Wallet(Neighbour("legacy", NOBODY, timeout=1)))


def requested(order_id: str) -> Event:
    return happened("payment.requested", "orders", PaymentRequested(order_id=order_id, amount=700))


def bought(legacy: TestClient, deposit: int) -> tuple[str, str]:
    user: str = legacy.post("/users", json={"email": "a@example.uz", "name": "A"}).json()["id"]
    legacy.post(f"/wallets/{user}/deposit", json={"amount": deposit})
    order: str = legacy.post("/orders", json={"user_id": user, "amount": 700}).json()["id"]
    return user, order


def payment(database: Database, event: Event) -> tuple[str, str]:
    with database.read() as session:
        row = session.get_one(Payment, event.id)
        return row.status, row.reason


def test_a_request_that_comes_twice_and_one_more_request_take_the_money_once(
    legacy: TestClient, database: Database
) -> None:
    user, order = bought(legacy, 2000)
    first, second = requested(order), requested(order)
    for event in (first, first, second):
        handlers(database).payment_requested(event)
    assert legacy.get(f"/wallets/{user}").json()["balance"] == 1300
    assert payment(database, first) == payment(database, second) == ("approved", "")


def test_what_was_paid_in_the_monolith_is_approved_and_not_paid_again(legacy: TestClient, database: Database) -> None:
    user, order = bought(legacy, 2000)
    legacy.post(f"/orders/{order}/pay")
    event = requested(order)
    handlers(database).payment_requested(event)
    assert payment(database, event) == ("approved", "")
    assert legacy.get(f"/wallets/{user}").json()["balance"] == 1300


def test_a_wallet_that_holds_too_little_declines_and_may_be_asked_again(legacy: TestClient, database: Database) -> None:
    user, order = bought(legacy, 10)
    first, second = requested(order), requested(order)
    handlers(database).payment_requested(first)
    assert payment(database, first) == ("declined", "insufficient_funds")
    legacy.post(f"/wallets/{user}/deposit", json={"amount": 1000})
    handlers(database).payment_requested(second)
    assert payment(database, second) == ("approved", "")


def test_without_an_answer_nothing_is_decided(
    legacy: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, order = bought(legacy, 2000)
    event = requested(order)
    monkeypatch.setattr(neighbours, "http_client", http_client)  # now nobody is reached
    with pytest.raises(TryLater):
        handlers(database).payment_requested(event)
    assert payment(database, event) == ("charging", "")
    monkeypatch.setattr(neighbours, "http_client", lambda *_, **__: legacy)
    handlers(database).payment_requested(event)
    assert payment(database, event) == ("approved", "")
    assert legacy.get(f"/wallets/{user}").json()["balance"] == 1300
