"""Old and new agree at any moment of a move, and whatever is missed on the way is made good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lab.chassis.client import http_client
from lab.chassis.database import Database
from lab.chassis.messaging import TABLES, Messaging
from lab.chassis.problems import Problem
from lab.chassis.settings import MessagingSettings
from lab.day6_integration.calls import neighbour as neighbours
from lab.day6_integration.calls.neighbour import Neighbour
from lab.day6_integration.calls.protected import Unavailable
from lab.day6_integration.gateway import app as gateway
from lab.day6_integration.gateway.strangler import _drawn
from lab.day6_integration.moving import record as records
from lab.day6_integration.moving.copies import Copies
from lab.day6_integration.moving.record import Record
from lab.day6_integration.orders import app as orders
from lab.day6_integration.users import app as users
from lab.day6_integration.users.models import Base, User
from lab.day6_integration.users.views import Registration, Renaming, UserView

NOBODY = "http://127.0.0.1:9"
PERSON = {"email": "a@example.uz", "name": "Aziza"}
NO_BROKER, NO_REDIS = "amqp://127.0.0.1:9", "redis://127.0.0.1:9"
NEVER = 3_600_000


@pytest.fixture
def record(found: None) -> Record[UserView]:  # noqa: ARG001 - it is there
    return Record(Neighbour("legacy", NOBODY, timeout=1), "users", UserView)


@pytest.fixture
def copies(record: Record[UserView], tmp_path: Path) -> Copies[UserView]:
    url = f"sqlite:///{tmp_path / 'users.db'}"
    database = Database(url)
    database.create_tables(Base.metadata, *TABLES)
    settings = MessagingSettings(service_name="users", database_url=url, amqp_url=NO_BROKER)
    return Copies(database, Messaging(settings, database), record, User, UserView)


def registered(legacy: TestClient, email: str = "a@example.uz") -> UserView:
    return UserView.model_validate(legacy.post("/users", json={**PERSON, "email": email}).json())


def test_the_backfill_copies_all_and_the_next_one_mends(
    copies: Copies[UserView], legacy: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PAGE", 2)
    people = [registered(legacy, f"{n}@example.uz") for n in range(5)]
    assert copies.sweep() == 5
    assert copies.page("", 9) == sorted(people, key=lambda user: user.id)
    assert copies.sweep() == 0
    legacy.patch(f"/users/{people[0].id}", json={"name": "B"})
    for gone in people[1:3]:
        legacy.delete(f"/users/{gone.id}")
    newcomer = registered(legacy, "new@example.uz")
    assert copies.sweep() == 4
    left = [people[0].model_copy(update={"name": "B"}), *people[3:], newcomer]
    assert copies.page("", 9) == sorted(left, key=lambda user: user.id)


def test_whom_the_copy_lacks_or_doubts_it_asks_for(copies: Copies[UserView], legacy: TestClient) -> None:
    user = registered(legacy)
    assert copies.find(user.id) == user
    legacy.patch(f"/users/{user.id}", json={"name": "B"})
    assert copies.find(user.id) == user
    copies.doubt(user.id)
    assert copies.find(user.id) == user.model_copy(update={"name": "B"})
    legacy.delete(f"/users/{user.id}")
    copies.renew(user.id)
    assert copies.find(user.id) is None
    assert copies.page("", 9) == []


def test_a_reader_who_was_told_earlier_does_not_undo_a_write(
    copies: Copies[UserView], legacy: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = registered(legacy)
    renamed = user.model_copy(update={"name": "B"})

    def late(_: Record[UserView], __: str) -> UserView:
        copies.keep(renamed)  # a rename comes and is kept while this answer, of before it, is on its way
        return user

    monkeypatch.setattr(Record, "find", late)
    copies.renew(user.id)
    monkeypatch.undo()
    assert copies.find(user.id) == renamed


@pytest.fixture
def new(found: None, tmp_path: Path) -> Iterator[TestClient]:  # noqa: ARG001 - it is there
    """The new users, with neither broker nor Redis: without them it is slower, and that is all."""
    url = f"sqlite:///{tmp_path / 'users.db'}"
    settings = users.Settings(
        service_name="users",
        database_url=url,
        legacy_url=NOBODY,
        amqp_url=NO_BROKER,
        redis_url=NO_REDIS,
        sweep_ms=NEVER,
    )
    with TestClient(users.create_app(settings)) as client:
        yield client


def test_the_new_users_says_what_the_monolith_says(new: TestClient, legacy: TestClient) -> None:
    user = new.post("/users", json=PERSON).json()
    for client in (new, legacy):
        assert client.get(f"/users/{user['id']}").json() == user
        assert client.get("/users").json() == {"items": [user]}
    for method, path, body in (
        ("POST", "/users", PERSON),
        ("POST", "/users", {"email": "nobody", "name": "A"}),
        ("PATCH", "/users/nobody", {"name": "A"}),
        ("PATCH", f"/users/{user['id']}", {"name": "B"}),
        ("GET", "/users/nobody", None),
        ("DELETE", "/users/nobody", None),
    ):
        one, other = (client.request(method, path, json=body) for client in (new, legacy))
        assert (one.status_code, one.json()) == (other.status_code, other.json())
    assert new.get(f"/users/{user['id']}").json()["name"] == "B"
    legacy.post("/orders", json={"user_id": user["id"], "amount": 5})
    assert new.delete(f"/users/{user['id']}").json()["code"] == "user_has_orders"
    assert new.get(f"/users/{user['id']}").status_code == 200


def test_a_write_that_the_monolith_does_not_answer_leaves_a_doubt(
    new: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = new.post("/users", json=PERSON).json()
    renamed = Record[UserView].change

    def done_but_unheard(record: Record[UserView], user_id: str, renaming: Renaming) -> UserView:
        renamed(record, user_id, renaming)
        raise Unavailable(504, "legacy", "The monolith did not answer.", sent=True)

    monkeypatch.setattr(Record, "change", done_but_unheard)
    assert new.patch(f"/users/{user['id']}", json={"name": "B"}).status_code == 504
    assert new.get(f"/users/{user['id']}").json()["name"] == "B"


def test_without_an_answer_there_is_no_guess() -> None:
    record = Record(Neighbour("legacy", NOBODY, timeout=1), "users", UserView)
    with pytest.raises(Problem) as refused:
        record.create(Registration(email="a@example.uz", name="A"))
    assert refused.value.status == 503


@pytest.fixture
def new_orders(found: None, tmp_path: Path) -> Iterator[TestClient]:  # noqa: ARG001 - it is there
    """The new orders, without a broker; its users are asked of the monolith."""
    url = f"sqlite:///{tmp_path / 'orders.db'}"
    settings = orders.Settings(
        service_name="orders",
        database_url=url,
        legacy_url=NOBODY,
        users_url=NOBODY,
        amqp_url=NO_BROKER,
        sweep_ms=NEVER,
        pay_wait_ms=1,
    )
    with TestClient(orders.create_app(settings)) as client:
        yield client


def test_the_new_orders_says_what_the_monolith_says(new_orders: TestClient, legacy: TestClient) -> None:
    user = registered(legacy)
    placed = {"user_id": user.id, "amount": 700}
    order = new_orders.post("/orders", json=placed).json()
    other = legacy.post("/orders", json=placed).json()
    assert order == {**other, "id": order["id"]}
    assert new_orders.post("/orders", json={**placed, "user_id": "nobody"}).json()["code"] == "unknown_user"
    for client in (new_orders, legacy):
        assert client.get(f"/orders/{order['id']}").json() == order
    assert new_orders.post(f"/orders/{order['id']}/cancel").json()["status"] == "cancelled"
    for method, path in (
        ("POST", f"/orders/{order['id']}/cancel"),
        ("POST", f"/orders/{order['id']}/pay"),
        ("GET", f"/orders/{other['id']}"),
        ("GET", "/orders/nobody"),
        ("POST", "/orders/nobody/pay"),
        ("DELETE", "/orders/nobody"),
    ):
        one, two = (client.request(method, path) for client in (new_orders, legacy))
        assert (one.status_code, one.json()) == (two.status_code, two.json())


def test_a_payment_that_takes_long_is_promised_and_not_lost(new_orders: TestClient, legacy: TestClient) -> None:
    order = new_orders.post("/orders", json={"user_id": registered(legacy).id, "amount": 700}).json()
    assert new_orders.get("/admin/outbox").json() == {"pending": 0}
    answer = new_orders.post(f"/orders/{order['id']}/pay")
    assert (answer.status_code, answer.json()["status"]) == (202, "created")
    assert new_orders.get("/admin/outbox").json() == {"pending": 1}


def table(tmp_path: Path, legacy: str = NOBODY) -> FastAPI:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    settings = gateway.Settings(
        service_name="gateway", database_url=url, legacy_url=legacy, users_url=NOBODY, orders_url=NOBODY
    )
    return gateway.create_app(settings)


def test_the_route_table_outlives_the_gateway(tmp_path: Path) -> None:
    with TestClient(table(tmp_path)) as client:
        assert {route["mode"] for route in client.get("/routes").json().values()} == {"legacy"}
        assert client.get("/users/7").json()["code"] == "legacy_unavailable"
        assert client.put("/routes/users", json={"mode": "percent", "share": 30}).status_code == 200
        assert client.put("/routes/users", json={"mode": "percent", "share": 101}).status_code == 422
        assert client.put("/routes/wallets", json={"mode": "new"}).json()["code"] == "nothing_new"
        assert client.put("/routes/nobody", json={"mode": "legacy"}).status_code == 404
        assert client.put("/routes/users", json={"mode": "new"}).status_code == 200
    with TestClient(table(tmp_path)) as client:
        assert client.get("/routes").json()["users"]["mode"] == "new"
        assert client.get("/users/7").json()["code"] == "users_unavailable"
        assert client.get("/orders/7").json()["code"] == "legacy_unavailable"


@pytest.fixture
def gate(legacy: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The gateway before the monolith; of the new services none is there."""
    real = http_client
    monkeypatch.setattr(
        neighbours, "http_client", lambda url, **how: legacy if url == "http://legacy" else real(url, **how)
    )
    with TestClient(table(tmp_path, legacy="http://legacy")) as client:
        yield client


def test_the_monolith_answers_for_a_dead_service_where_the_route_says_so(gate: TestClient, legacy: TestClient) -> None:
    user = registered(legacy)
    gate.put("/routes/users", json={"mode": "new"})
    assert gate.get(f"/users/{user.id}").status_code == 503
    gate.put("/routes/users", json={"mode": "new", "fallback": True})
    for _ in range(20):  # whether the breaker is closed or open
        assert gate.get(f"/users/{user.id}").json() == user.model_dump()
    # What was never sent may be sent elsewhere.
    assert gate.post("/users", json={**PERSON, "email": "b@example.uz"}).status_code == 201


def test_a_write_that_may_have_been_done_is_not_sent_to_the_monolith(
    gate: TestClient, legacy: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.put("/routes/users", json={"mode": "new", "fallback": True})
    sent: Callable[..., object] = Neighbour.send

    def unheard(neighbour: Neighbour, call: neighbours.Call) -> object:
        if neighbour.name == "users":
            raise Unavailable(504, "users", "users did not answer.", sent=True)
        return sent(neighbour, call)

    monkeypatch.setattr(Neighbour, "send", unheard)
    assert gate.post("/users", json=PERSON).status_code == 504
    assert legacy.get("/users").json() == {"items": []}
    assert gate.get("/users").json() == {"items": []}


def test_in_the_shadow_reads_are_compared_and_writes_are_not_made_twice(
    gate: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    sent: Callable[..., object] = Neighbour.send
    asked: list[str] = []
    says = {"id": "wrong"}

    def new(neighbour: Neighbour, call: neighbours.Call) -> object:
        if neighbour.name != "users":
            return sent(neighbour, call)
        asked.append(f"{call.method} {call.path}")
        return httpx.Response(200, json=says)

    monkeypatch.setattr(Neighbour, "send", new)
    gate.put("/routes/users", json={"mode": "shadow"})
    user = gate.post("/users", json=PERSON).json()
    assert asked == [f"PUT /copies/{user['id']}"]
    assert gate.get(f"/users/{user['id']}").json() == user  # the monolith's, whatever the new one says
    says = user
    assert gate.get(f"/users/{user['id']}").json() == user
    same = [vars(line)["same"] for line in caplog.records if vars(line).get("event") == "shadow"]
    assert same == [False, True]


def test_a_share_is_about_so_many_paths_and_grows_without_moving_anybody_back() -> None:
    paths = [f"/users/{n}" for n in range(2000)]
    third = {path for path in paths if _drawn(path, 33)}
    assert 0.25 < len(third) / len(paths) < 0.41
    assert third <= {path for path in paths if _drawn(path, 66)}
    assert not any(_drawn(path, 0) for path in paths)
    assert all(_drawn(path, 100) for path in paths)
