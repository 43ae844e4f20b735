"""Old and new agree at any moment of a move, and whatever is missed on the way is made good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lab.chassis.database import Database
from lab.chassis.problems import Problem
from lab.day1_monolith.monolith import app as monolith
from lab.day6_integration.gateway import app as gateway
from lab.day6_integration.gateway.strangler import _drawn
from lab.day6_integration.users import app as users
from lab.day6_integration.users import legacy as legacies
from lab.day6_integration.users.copies import Copies
from lab.day6_integration.users.legacy import Legacy
from lab.day6_integration.users.models import Base
from lab.day6_integration.users.views import Registration, Renaming, UserView

NOBODY = "http://127.0.0.1:9"
PERSON = {"email": "a@example.uz", "name": "Aziza"}


@pytest.fixture
def record(tmp_path: Path) -> Iterator[TestClient]:
    """The monolith."""
    url = f"sqlite:///{tmp_path / 'legacy.db'}"
    app = monolith.create_app(monolith.Settings(service_name="legacy", database_url=url, notify_url=NOBODY))
    with TestClient(app) as client:
        yield client


@pytest.fixture
def legacy(record: TestClient, monkeypatch: pytest.MonkeyPatch) -> Legacy:
    """The monolith as the new service sees it, from now on wherever that is told to look for it."""
    monkeypatch.setattr(legacies, "http_client", lambda *_, **__: record)
    return Legacy(NOBODY, 1)


@pytest.fixture
def copies(legacy: Legacy, tmp_path: Path) -> Copies:
    database = Database(f"sqlite:///{tmp_path / 'users.db'}")
    database.create_tables(Base.metadata)
    return Copies(database, legacy)


def registered(record: TestClient, email: str = "a@example.uz") -> UserView:
    return UserView.model_validate(record.post("/users", json={**PERSON, "email": email}).json())


def test_the_backfill_copies_all_and_the_next_one_mends(
    copies: Copies, record: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(legacies, "PAGE", 2)
    people = [registered(record, f"{n}@example.uz") for n in range(5)]
    assert copies.sweep() == 5
    assert copies.page("", 9) == sorted(people, key=lambda user: user.id)
    assert copies.sweep() == 0
    record.patch(f"/users/{people[0].id}", json={"name": "B"})
    for gone in people[1:3]:
        record.delete(f"/users/{gone.id}")
    newcomer = registered(record, "new@example.uz")
    assert copies.sweep() == 4
    left = [people[0].model_copy(update={"name": "B"}), *people[3:], newcomer]
    assert copies.page("", 9) == sorted(left, key=lambda user: user.id)


def test_whom_the_copy_lacks_or_doubts_it_asks_for(copies: Copies, record: TestClient) -> None:
    user = registered(record)
    assert copies.find(user.id) == user
    record.patch(f"/users/{user.id}", json={"name": "B"})
    assert copies.find(user.id) == user
    copies.doubt(user.id)
    assert copies.find(user.id) == user.model_copy(update={"name": "B"})
    record.delete(f"/users/{user.id}")
    copies.renew(user.id)
    assert copies.find(user.id) is None
    assert copies.page("", 9) == []


def test_a_reader_who_was_told_earlier_does_not_undo_a_write(
    copies: Copies, record: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = registered(record)
    renamed = user.model_copy(update={"name": "B"})

    def late(_: Legacy, __: str) -> UserView:
        copies.keep(renamed)  # a rename comes and is kept while this answer, of before it, is on its way
        return user

    monkeypatch.setattr(Legacy, "find", late)
    copies.renew(user.id)
    monkeypatch.undo()
    assert copies.find(user.id) == renamed


@pytest.fixture
def new(record: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(legacies, "http_client", lambda *_, **__: record)
    url = f"sqlite:///{tmp_path / 'users.db'}"
    settings = users.Settings(service_name="users", database_url=url, legacy_url=NOBODY, sweep_ms=3_600_000)
    with TestClient(users.create_app(settings)) as client:
        yield client


def test_the_new_service_says_what_the_monolith_says(new: TestClient, record: TestClient) -> None:
    user = new.post("/users", json=PERSON).json()
    for client in (new, record):
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
        one, other = (client.request(method, path, json=body) for client in (new, record))
        assert (one.status_code, one.json()) == (other.status_code, other.json())
    assert new.get(f"/users/{user['id']}").json()["name"] == "B"
    record.post("/orders", json={"user_id": user["id"], "amount": 5})
    assert new.delete(f"/users/{user['id']}").json()["code"] == "user_has_orders"
    assert new.get(f"/users/{user['id']}").status_code == 200


def test_a_write_that_the_monolith_does_not_answer_leaves_a_doubt(
    new: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = new.post("/users", json=PERSON).json()
    renamed = Legacy.rename

    def done_but_unheard(legacy: Legacy, user_id: str, renaming: Renaming) -> UserView:
        renamed(legacy, user_id, renaming)
        raise Problem(504, "legacy_unavailable", "The monolith did not answer.")

    monkeypatch.setattr(Legacy, "rename", done_but_unheard)
    assert new.patch(f"/users/{user['id']}", json={"name": "B"}).status_code == 504
    assert new.get(f"/users/{user['id']}").json()["name"] == "B"


def test_without_an_answer_there_is_no_guess() -> None:
    legacy = Legacy(NOBODY, 1)
    with pytest.raises(Problem) as refused:
        legacy.register(Registration(email="a@example.uz", name="A"))
    assert refused.value.status == 503


def table(tmp_path: Path) -> FastAPI:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    settings = gateway.Settings(service_name="gateway", database_url=url, legacy_url=NOBODY, users_url=NOBODY)
    return gateway.create_app(settings)


def test_the_route_table_outlives_the_gateway(tmp_path: Path) -> None:
    with TestClient(table(tmp_path)) as client:
        assert {route["mode"] for route in client.get("/routes").json().values()} == {"legacy"}
        assert client.get("/users/7").json()["code"] == "legacy_unavailable"
        assert client.put("/routes/users", json={"mode": "percent", "share": 30}).status_code == 200
        assert client.put("/routes/users", json={"mode": "percent", "share": 101}).status_code == 422
        assert client.put("/routes/orders", json={"mode": "new"}).json()["code"] == "nothing_new"
        assert client.put("/routes/nobody", json={"mode": "legacy"}).status_code == 404
        assert client.put("/routes/users", json={"mode": "new"}).status_code == 200
    with TestClient(table(tmp_path)) as client:
        assert client.get("/routes").json()["users"]["mode"] == "new"
        assert client.get("/users/7").json()["code"] == "users_unavailable"
        assert client.get("/orders/7").json()["code"] == "legacy_unavailable"


def test_a_share_is_about_so_many_paths_and_grows_without_moving_anybody_back() -> None:
    paths = [f"/users/{n}" for n in range(2000)]
    third = {path for path in paths if _drawn(path, 33)}
    assert 0.25 < len(third) / len(paths) < 0.41
    assert third <= {path for path in paths if _drawn(path, 66)}
    assert not any(_drawn(path, 0) for path in paths)
    assert all(_drawn(path, 100) for path in paths)
