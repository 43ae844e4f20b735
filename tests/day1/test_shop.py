"""The same API in both shapes, and modules that can be switched on one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, inspect

from lab.chassis.settings import SettingsError
from lab.day1_monolith.modular import app as modular
from lab.day1_monolith.monolith import app as monolith

NOBODY = "http://127.0.0.1:9"
PERSON = {"email": "a@example.uz", "name": "Aziza"}


def shop(shape: str, folder: Path) -> FastAPI:
    common: dict[str, Any] = {
        "service_name": "shop",
        "database_url": f"sqlite:///{folder / 'shop.db'}",
        "notify_url": NOBODY,
    }
    if shape == "monolith":
        return monolith.create_app(monolith.Settings(**common, report_rounds=20))
    return modular.create_app(modular.Settings(**common, report_rounds=20))


@pytest.fixture(params=["monolith", "modular"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(shop(request.param, tmp_path)) as client:
        yield client


def code(response: object) -> tuple[int, str]:
    return response.status_code, response.json()["code"]  # type: ignore[attr-defined]


def test_users_and_orders_live_and_die(client: TestClient) -> None:
    user = client.post("/users", json=PERSON).json()
    assert client.get(f"/users/{user['id']}").json() == user
    assert code(client.post("/users", json=PERSON)) == (409, "email_taken")
    assert client.patch(f"/users/{user['id']}", json={"name": "A"}).json()["name"] == "A"
    order = client.post("/orders", json={"user_id": user["id"], "amount": 700}).json()
    assert order["status"] == "created"
    assert code(client.delete(f"/users/{user['id']}")) == (409, "user_has_orders")
    assert client.get("/orders", params={"user_id": user["id"]}).json() == {"items": [order]}
    assert client.delete(f"/orders/{order['id']}").status_code == 204
    assert code(client.get(f"/orders/{order['id']}")) == (404, "unknown_order")
    assert client.delete(f"/users/{user['id']}").status_code == 204
    assert code(client.get(f"/users/{user['id']}")) == (404, "unknown_user")
    assert code(client.post("/orders", json={"user_id": user["id"], "amount": 1})) == (422, "unknown_user")


def test_an_order_is_paid_once_and_never_below_zero(client: TestClient) -> None:
    user = client.post("/users", json=PERSON).json()["id"]
    dear, cheap = (client.post("/orders", json={"user_id": user, "amount": n}).json()["id"] for n in (900, 300))
    assert code(client.post(f"/orders/{cheap}/pay")) == (409, "insufficient_funds")
    assert client.post(f"/wallets/{user}/deposit", json={"amount": 1000}).json()["balance"] == 1000
    assert client.post(f"/orders/{dear}/pay").json()["status"] == "paid"
    assert code(client.post(f"/orders/{dear}/pay")) == (409, "already_paid")
    assert code(client.post(f"/orders/{cheap}/pay")) == (409, "insufficient_funds")
    assert client.post(f"/orders/{cheap}/cancel").json()["status"] == "cancelled"
    assert code(client.post(f"/orders/{cheap}/pay")) == (409, "not_open")
    assert code(client.post(f"/orders/{dear}/cancel")) == (409, "not_open")
    assert client.get(f"/wallets/{user}").json() == {"user_id": user, "balance": 100}
    report = client.get("/report").json()
    assert (report["orders"], report["revenue"]) == (1, 900)


@contextmanager
def running(folder: Path, **more: Any) -> Iterator[TestClient]:
    settings = modular.Settings(service_name="shop", database_url=f"sqlite:///{folder / 'shop.db'}", **more)
    with TestClient(modular.create_app(settings)) as client:
        yield client


def test_a_module_that_is_off_has_neither_routes_nor_tables(tmp_path: Path) -> None:
    with running(tmp_path, modules="users") as client:
        assert client.post("/users", json=PERSON).status_code == 201
        assert client.get("/orders").status_code == 404
    assert inspect(create_engine(f"sqlite:///{tmp_path / 'shop.db'}")).get_table_names() == ["users_users"]


def test_orders_without_users_ask_them_where_they_are(tmp_path: Path) -> None:
    with running(tmp_path, modules="orders", users_url=NOBODY) as client:
        assert client.get("/users").status_code == 404
        assert code(client.post("/orders", json={"user_id": "u", "amount": 1})) == (503, "users_unavailable")
    tables = inspect(create_engine(f"sqlite:///{tmp_path / 'shop.db'}")).get_table_names()
    assert tables == ["orders_orders", "orders_wallets"]


@pytest.mark.parametrize(
    ("modules", "told"),
    [("users,order", "there is no module order"), ("orders", "USERS_URL"), ("users,notifications", "NOTIFY_URL")],
)
def test_modules_that_do_not_go_together_are_refused(tmp_path: Path, modules: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told), running(tmp_path, modules=modules):
        pass
