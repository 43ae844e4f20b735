"""Every answer of a neighbour, and every way to give none, has a deliberate answer of ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from lab.chassis.problems import Problem
from lab.chassis.settings import SettingsError
from lab.day2_microservices.gateway import app as gateway
from lab.day2_microservices.gateway.neighbour import Neighbour, Unavailable
from lab.day2_microservices.gateway.pages import Pages
from lab.day2_microservices.orders import app as orders
from lab.day2_microservices.orders.directory import Bounded, RestDirectory
from lab.day2_microservices.orders.directory import Unavailable as NobodyKnows
from lab.day2_microservices.users import app as users

NOBODY = "http://127.0.0.1:9"
PERSON = {"email": "a@example.uz", "name": "Aziza"}


@contextmanager
def users_service(folder: Path, version: int = 1, contract: str = "kept") -> Iterator[TestClient]:
    url = f"sqlite:///{folder / 'users.db'}"
    settings = users.Settings(service_name="users", database_url=url, version=version, contract=contract)
    with TestClient(users.create_app(settings)) as client:
        yield client


@pytest.fixture
def orders_alone(tmp_path: Path) -> Iterator[TestClient]:
    url = f"sqlite:///{tmp_path / 'orders.db'}"
    settings = orders.Settings(service_name="orders", database_url=url, users_url=NOBODY)
    with TestClient(orders.create_app(settings)) as client:
        yield client


def test_many_users_are_one_request(tmp_path: Path) -> None:
    with users_service(tmp_path) as client:
        ids = [client.post("/users", json={**PERSON, "email": f"{n}@example.uz"}).json()["id"] for n in range(3)]
        found = client.get("/users", params={"ids": f"{ids[2]},{ids[0]},nobody,{ids[0]}"}).json()["items"]
        assert {user["id"] for user in found} == {ids[0], ids[2]}
        assert client.get("/users", params={"ids": ""}).json() == {"items": []}
        assert client.get("/users", params={"ids": ",".join(map(str, range(101)))}).status_code == 400
        assert len(client.get("/users").json()["items"]) == 3


@pytest.mark.parametrize(
    ("version", "contract", "fields"),
    [
        (1, "broken", {"id", "email", "name"}),
        (2, "kept", {"id", "email", "name", "full_name"}),
        (2, "broken", {"id", "email", "full_name"}),
    ],
)
def test_each_release_shows_its_fields(tmp_path: Path, version: int, contract: str, fields: set[str]) -> None:
    with users_service(tmp_path, version, contract) as client:
        user_id = client.post("/users", json=PERSON).json()["id"]
        assert set(client.get(f"/users/{user_id}").json()) == fields


def test_a_user_may_go(tmp_path: Path) -> None:
    with users_service(tmp_path) as client:
        user_id = client.post("/users", json=PERSON).json()["id"]
        assert client.post("/users", json=PERSON).status_code == 409
        assert client.patch(f"/users/{user_id}", json={"name": "B"}).json()["name"] == "B"
        assert client.delete(f"/users/{user_id}").status_code == 204
        assert client.get(f"/users/{user_id}").json()["code"] == "unknown_user"


def test_orders_reads_and_is_ready_without_users(orders_alone: TestClient) -> None:
    assert orders_alone.get("/readyz").status_code == 200
    assert orders_alone.get("/orders").json() == {"items": []}
    empty = orders_alone.get("/wallets/7")
    assert (empty.status_code, empty.json()["code"]) == (503, "users_unavailable"), "there may be no such user"
    refused = orders_alone.post("/orders", json={"user_id": "7", "amount": 5})
    assert (refused.status_code, refused.json()["code"]) == (503, "users_unavailable")
    assert int(refused.headers["Retry-After"]) >= 1
    assert orders_alone.get("/orders").json() == {"items": []}


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        (httpx.Response(200, json={"id": "7", "surprise": [1]}), True),
        (httpx.Response(404, json={}), False),
        (httpx.Response(200, json={"id": "8"}), None),
        (httpx.Response(200, json=["7"]), None),
        (httpx.Response(200, text="<html>"), None),
        (httpx.Response(500), None),
        (httpx.Response(302), None),
        (httpx.ReadTimeout("late"), None),
        (httpx.ConnectError("refused"), None),
    ],
)
def test_the_directory_says_yes_no_or_nobody_knows(answer: httpx.Response | Exception, known: bool | None) -> None:
    def answered(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    directory = RestDirectory(NOBODY, 1.0)
    directory._client = httpx.Client(base_url=NOBODY, transport=httpx.MockTransport(answered))
    if known is None:
        with pytest.raises(NobodyKnows):
            directory.knows("7")
    else:
        assert directory.knows("7") is known


def test_only_so_many_wait_for_users() -> None:
    entered, leave = threading.Semaphore(0), threading.Event()

    def slow(_: str) -> bool:
        entered.release()
        return leave.wait(10)

    bounded = Bounded(slow, 2)
    waiting = [threading.Thread(target=bounded.need, args=("7", 422)) for _ in range(2)]
    for thread in waiting:
        thread.start()
        assert entered.acquire(timeout=10)
    with pytest.raises(Problem) as refused:
        bounded.need("7", 422)
    assert refused.value.status == 503
    leave.set()
    for thread in waiting:
        thread.join(10)
    bounded.need("7", 422)


class Said(Neighbour):
    """A neighbour that says what is written here, or nothing."""

    def __init__(self, name: str, says: Mapping[str, object] | None) -> None:
        super().__init__(name, NOBODY, 1.0)
        self.says = says
        self.asked: list[str] = []

    def get(self, path: str, **_: str | int) -> httpx.Response:
        self.asked.append(path)
        if self.says is None:
            raise Unavailable(503, f"{self.name}_unavailable", "gone")
        if path in self.says:
            return httpx.Response(200, json=self.says[path])
        return httpx.Response(404, json={})


ORDERS = {"/orders": {"items": [{"id": n, "user_id": "7", "amount": 1, "status": "paid"} for n in "ab"]}}
USERS = {"/users/7": {"id": "7", "name": "A"}, "/users": {"items": [{"id": "7", "name": "A"}]}}


@pytest.mark.parametrize(("batch", "asked"), [(True, 1), (False, 2)])
def test_a_page_of_orders_names_their_users(batch: bool, asked: int) -> None:
    who = Said("users", USERS)
    page = Pages(who, Said("orders", ORDERS), batch=batch).of_orders(20)
    assert [item["user"].name for item in page["items"]] == ["A", "A"]
    assert page["degraded"] == []
    assert len(who.asked) == asked


def test_an_empty_page_asks_for_nobody() -> None:
    who = Said("users", USERS)
    assert Pages(who, Said("orders", {"/orders": {"items": []}}), batch=True).of_orders(20)["items"] == []
    assert who.asked == []


@pytest.mark.parametrize("batch", [True, False])
def test_a_page_says_what_is_missing(batch: bool) -> None:
    pages = Pages(Said("users", None), Said("orders", ORDERS), batch=batch)
    assert pages.of_user("7")["user"] is None
    assert pages.of_user("7")["degraded"] == ["users"]
    overview = pages.of_orders(20)
    assert [item["user"] for item in overview["items"]] == [None, None]
    assert overview["degraded"] == ["users"]
    half = Pages(Said("users", USERS), Said("orders", None), batch=batch).of_user("7")
    assert (half["user"].name, half["orders"], half["degraded"]) == ("A", None, ["orders"])
    with pytest.raises(Unavailable):
        Pages(Said("users", None), Said("orders", None), batch=batch).of_user("7")


@pytest.mark.parametrize("batch", [True, False])
def test_a_broken_contract_is_no_outage_and_a_deleted_user_is_none(batch: bool) -> None:
    renamed = {"/users/7": {"id": "7", "full_name": "A"}, "/users": {"items": [{"id": "7", "full_name": "A"}]}}
    with pytest.raises(Problem) as broken:
        Pages(Said("users", renamed), Said("orders", ORDERS), batch=batch).of_orders(20)
    assert (broken.value.status, broken.value.code) == (502, "contract_broken")
    gone = Pages(Said("users", {"/users": {"items": []}}), Said("orders", ORDERS), batch=batch).of_orders(20)
    assert ([item["user"] for item in gone["items"]], gone["degraded"]) == ([None, None], [])


class Passed(Neighbour):
    """A neighbour whose whole app is in this process."""

    def __init__(self, name: str, app: TestClient) -> None:
        super().__init__(name, NOBODY, 1.0)
        self._client = app


@contextmanager
def tuesday(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The three services, without processes."""
    with users_service(folder) as people:
        monkeypatch.setattr(orders, "RestDirectory", lambda *_: _Directory(people))
        shop = orders.Settings(
            service_name="orders", database_url=f"sqlite:///{folder / 'orders.db'}", users_url=NOBODY
        )
        with TestClient(orders.create_app(shop)) as sales:
            apps = {"users": people, "orders": sales}
            monkeypatch.setattr(gateway, "Neighbour", lambda name, *_: Passed(name, apps[name]))
            app = gateway.create_app(gateway.Settings(service_name="gateway", users_url=NOBODY, orders_url=NOBODY))
            with TestClient(app) as client:
                yield client


class _Directory(RestDirectory):
    def __init__(self, app: TestClient) -> None:
        super().__init__(NOBODY, 1.0)
        self._client = app


def test_the_api_is_mondays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tuesday(tmp_path, monkeypatch) as client:

        def code(response: httpx.Response) -> tuple[int, str]:
            return response.status_code, response.json()["code"]

        user = client.post("/users", json=PERSON).json()
        assert code(client.get("/wallets/nobody")) == (404, "unknown_user")
        assert client.get(f"/wallets/{user['id']}").json() == {"user_id": user["id"], "balance": 0}
        order = client.post("/orders", json={"user_id": user["id"], "amount": 700}).json()
        assert code(client.post("/orders", json={"user_id": "nobody", "amount": 1})) == (422, "unknown_user")
        assert code(client.delete(f"/users/{user['id']}")) == (409, "user_has_orders")
        assert code(client.post(f"/orders/{order['id']}/pay")) == (409, "insufficient_funds")
        assert client.delete(f"/orders/{order['id']}").status_code == 204
        assert client.delete(f"/users/{user['id']}").status_code == 204
        assert code(client.delete(f"/users/{user['id']}")) == (404, "unknown_user")


def test_nobody_is_deleted_while_orders_cannot_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with users_service(tmp_path) as people:
        user_id = people.post("/users", json=PERSON).json()["id"]
        apps = {"users": Passed("users", people), "orders": Neighbour("orders", NOBODY, 1.0)}
        monkeypatch.setattr(gateway, "Neighbour", lambda name, *_: apps[name])
        app = gateway.create_app(gateway.Settings(service_name="gateway", users_url=NOBODY, orders_url=NOBODY))
        with TestClient(app) as client:
            assert client.delete(f"/users/{user_id}").status_code == 503
            assert people.get(f"/users/{user_id}").status_code == 200


def test_the_gateway_is_ready_without_its_neighbours_and_says_so_of_them() -> None:
    app = gateway.create_app(gateway.Settings(service_name="gateway", users_url=NOBODY, orders_url=NOBODY))
    with TestClient(app) as client:
        assert client.get("/readyz").status_code == 200
        for path, code in (("/users/7", "users_unavailable"), ("/wallets/7", "orders_unavailable")):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, code)
            assert "Retry-After" in answer.headers


def test_settings_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CONTRACT"), users_service(tmp_path, contract="kpet"):
        pass
    with pytest.raises(SettingsError, match="COMPOSE"):
        gateway.create_app(
            gateway.Settings(service_name="gateway", users_url=NOBODY, orders_url=NOBODY, compose="loop")
        )
