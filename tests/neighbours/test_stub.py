"""Stubs seen from outside: through sockets and HTTP clients, told from the test's own thread."""

from __future__ import annotations

import json
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import httpx
import pytest

from lab.neighbours import open_stub
from lab.neighbours.payment import Payment
from lab.neighbours.stub import (
    Hold,
    Reply,
    Rest,
    Seen,
    Stub,
    answer,
    cut,
    delay,
    drip,
    garbage,
    hang,
    lost,
    reset,
    status,
)
from lab.neighbours.successor import Successor
from lab.neighbours.users import Users
from tests.waiting import eventually

T = TypeVar("T")


@pytest.fixture
def users() -> Iterator[Users]:
    stub = open_stub("users")
    assert isinstance(stub, Users)
    stub.add(7, name="Malika", email="m@example.com")
    yield stub
    stub.close()


@pytest.fixture
def payment() -> Iterator[Payment]:
    stub = open_stub("payment")
    assert isinstance(stub, Payment)
    yield stub
    stub.close()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    limits = httpx.Limits(max_connections=None)
    with httpx.Client(timeout=10, limits=limits, trust_env=False) as client:
        yield client


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64) as pool:
        yield pool


def url(stub: Stub, path: str) -> str:
    return f"http://127.0.0.1:{stub.port}{path}"


def charge(client: httpx.Client, stub: Stub, key: str, order: str = "o-1", amount: int = 500) -> httpx.Response:
    body = {"order_id": order, "amount": amount}
    return client.post(url(stub, "/charges"), json=body, headers={"Idempotency-Key": key})


def exchange(stub: Stub, sent: bytes) -> bytes:
    """All that comes back for some bytes until the connection ends."""
    with socket.create_connection(("127.0.0.1", stub.port), timeout=5) as sock:
        sock.sendall(sent)
        got = b""
        while part := sock.recv(65_536):
            got += part
    return got


def test_known_users_are_found_and_others_are_not(users: Users, client: httpx.Client) -> None:
    users.add("u-8", name="Anvar")
    assert client.get(url(users, "/users/7")).json() == {"id": 7, "name": "Malika", "email": "m@example.com"}
    missing = client.get(url(users, "/users/9"))
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_user")
    assert missing.headers["content-type"] == "application/problem+json"
    items = client.get(url(users, "/users?ids=7,9,u-8")).json()["items"]
    assert [item["id"] for item in items] == [7, "u-8"]
    users.remove(7)
    assert client.get(url(users, "/users/7")).status_code == 404
    assert client.get(url(users, "/nowhere")).status_code == 404
    assert client.get(url(users, "/readyz")).json()["status"] == "ready"


def test_everything_about_a_request_is_seen(payment: Payment, client: httpx.Client) -> None:
    before = time.monotonic()
    client.post(url(payment, "/charges?a=1&b="), json={"x": 1}, headers={"Idempotency-Key": "k", "X-Request-ID": "r-1"})
    client.get(url(payment, "/some%20where"))
    first, second = payment.seen
    assert (first.method, first.path, first.query) == ("POST", "/charges", {"a": "1", "b": ""})
    assert (first.json, first.key, first.headers["x-request-id"]) == ({"x": 1}, "k", "r-1")
    assert before < first.at < second.at < time.monotonic()
    assert (second.path, second.json, second.key, first.conn) == ("/some where", None, "", second.conn)


def test_counting_and_forgetting(payment: Payment, client: httpx.Client) -> None:
    for key in ("a", "b", "a"):
        charge(client, payment, key)
    client.get(url(payment, "/charges"))
    assert (payment.count(), payment.count("POST /charges"), payment.count("* /ch*")) == (4, 3, 4)
    assert payment.count(where=lambda seen: seen.key == "a") == 2
    assert payment.keys("POST /charges") == {"a", "b"}
    assert (payment.connections, payment.max_in_flight, payment.in_flight) == (1, 1, 0)
    payment.forget()
    assert (payment.count(), payment.keys(), payment.max_in_flight, payment.connections) == (0, set(), 0, 0)


def test_the_successor_keeps_its_promises_in_other_clothes(client: httpx.Client) -> None:
    stub = open_stub("successor")
    assert isinstance(stub, Successor)
    try:
        stub.add("u-8", name="Anvar")
        before = client.get(url(stub, "/users/u-8"))
        stub.release = 2
        after, missing = client.get(url(stub, "/users/u-8")), client.get(url(stub, "/users/u-9"))
        assert before.json() == {"id": "u-8", "name": "Anvar", "email": "malika@example.com"}
        assert (after.status_code, after.json()["id"], after.json()["name"]) == (200, "u-8", "Anvar")
        assert after.json() != before.json()
        assert after.headers["content-type"] == "application/json; charset=utf-8"
        assert (missing.status_code, missing.json()["code"]) == (404, "no_such_account")
        items = client.get(url(stub, "/users?ids=u-8,u-9")).json()["items"]
        assert [user["id"] for user in items] == ["u-8"]
        stub.start_over()
        assert stub.release == 1
    finally:
        stub.close()


def test_connections_are_told_apart(users: Users) -> None:
    for _ in range(3):
        httpx.get(url(users, "/users/7"), trust_env=False)
    assert users.connections == 3
    assert [seen.conn for seen in users.seen] == [1, 2, 3]


def test_the_newest_rule_goes_first_and_ends_after_its_times(users: Users, client: httpx.Client) -> None:
    users.will(status(500))
    users.will(status(503, headers={"Retry-After": "1"}), on="GET /users/*", times=2)
    users.will(answer({"items": []}, 203), where=lambda seen: seen.query.get("page") == "2")
    answers = [client.get(url(users, "/users/7")) for _ in range(3)]
    assert [one.status_code for one in answers] == [503, 503, 500]
    assert (answers[0].headers["retry-after"], answers[0].json()["code"]) == ("1", "service_unavailable")
    paged = client.get(url(users, "/users/7?page=2"))
    assert (paged.status_code, paged.json()) == (203, {"items": []})
    users.heal()
    assert client.get(url(users, "/users/7")).status_code == 200


def test_rules_add_up(users: Users, client: httpx.Client) -> None:
    users.will(status(503, json={"error": "down"}))
    users.will(delay(0.2))
    began = time.monotonic()
    slow = client.get(url(users, "/users/7"))
    assert (slow.status_code, slow.json()) == (503, {"error": "down"})
    assert time.monotonic() - began >= 0.2


def test_garbage_is_not_what_was_agreed(users: Users, client: httpx.Client) -> None:
    users.will(garbage())
    got = client.get(url(users, "/users/7"))
    assert got.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        got.json()


def test_a_reset_is_a_reset_and_the_work_is_not_done(payment: Payment) -> None:
    payment.will(reset(), times=1)
    with socket.create_connection(("127.0.0.1", payment.port), timeout=5) as sock:
        sock.sendall(_charge_bytes("k"))
        with pytest.raises(ConnectionResetError):
            sock.recv(100)
    assert (payment.count(), payment.charges, payment.in_flight) == (1, [], 0)


def test_what_is_lost_was_done(payment: Payment, client: httpx.Client) -> None:
    payment.will(lost(), times=1)
    with socket.create_connection(("127.0.0.1", payment.port), timeout=5) as sock:
        sock.sendall(_charge_bytes("k"))
        with pytest.raises(ConnectionResetError):
            sock.recv(100)
    assert [made["key"] for made in payment.charges] == ["k"]
    again = charge(client, payment, "k")
    assert (again.status_code, again.json()["id"]) == (201, payment.charges[0]["id"])
    assert len(payment.charges) == 1


def test_an_answer_that_is_cut_ends_in_the_middle(users: Users, client: httpx.Client) -> None:
    users.will(cut(), times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        client.get(url(users, "/users/7"))
    assert (users.count(), users.in_flight) == (1, 0)
    assert client.get(url(users, "/users/7")).status_code == 200


def test_a_hang_ends_with_a_reset_after_its_time(users: Users, client: httpx.Client) -> None:
    users.will(hang(0.2))
    began = time.monotonic()
    with pytest.raises(httpx.ReadError):
        client.get(url(users, "/users/7"))
    assert time.monotonic() - began >= 0.2


def test_healing_ends_hangs_also_those_whose_times_are_over(
    users: Users, client: httpx.Client, threads: ThreadPoolExecutor
) -> None:
    users.will(hang(), times=1)
    hung = threads.submit(client.get, url(users, "/users/7"))
    eventually(lambda: users.in_flight == 1)
    users.heal()
    with pytest.raises(httpx.ReadError):
        hung.result(5)
    assert users.in_flight == 0
    assert client.get(url(users, "/users/7")).status_code == 200


def test_held_requests_meet_the_check_and_go_on_when_released(
    payment: Payment, client: httpx.Client, threads: ThreadPoolExecutor
) -> None:
    held = payment.will(Hold(), on="POST /charges")
    calls = [threads.submit(charge, client, payment, f"k{n}", f"o-{n}") for n in range(3)]
    eventually(lambda: held.held == 3)
    assert (held.held, payment.in_flight, payment.charges) == (3, 3, [])
    held.release()
    assert [call.result(5).status_code for call in calls] == [201] * 3
    assert (held.held, held.arrived, payment.in_flight, payment.max_in_flight) == (0, 3, 0, 3)
    assert charge(client, payment, "later").status_code == 201


def test_a_hold_goes_on_with_the_older_rules(
    payment: Payment, client: httpx.Client, threads: ThreadPoolExecutor
) -> None:
    payment.will(status(503))
    held = payment.will(Hold(), times=1)
    call = threads.submit(charge, client, payment, "k")
    eventually(lambda: held.held == 1)
    payment.will(status(418))
    held.release()
    assert call.result(5).status_code == 503


def test_who_leaves_while_held_is_in_flight_no_more_and_gets_nothing_done(payment: Payment) -> None:
    held = payment.will(Hold())
    with socket.create_connection(("127.0.0.1", payment.port), timeout=5) as sock:
        sock.sendall(_charge_bytes("k"))
        eventually(lambda: held.held == 1)
    eventually(lambda: payment.in_flight == 0)
    held.release()
    assert (held.held, payment.charges, payment.count()) == (0, [], 1)


def test_forgetting_keeps_what_is_in_flight(users: Users, client: httpx.Client, threads: ThreadPoolExecutor) -> None:
    held = users.will(Hold())
    calls = [threads.submit(client.get, url(users, "/users/7")) for _ in range(4)]
    eventually(lambda: held.held == 4)
    users.forget()
    assert (users.count(), users.in_flight, users.max_in_flight) == (0, 4, 4)
    held.release()
    for call in calls:
        call.result(5)
    users.forget()
    assert (users.in_flight, users.max_in_flight) == (0, 0)


def test_a_drip_sends_byte_after_byte(users: Users) -> None:
    users.will(drip(0.01))
    with socket.create_connection(("127.0.0.1", users.port), timeout=5) as sock:
        sock.sendall(b"GET /users/7 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        parts = list(iter(lambda: sock.recv(65_536), b""))
    body = b"".join(parts).partition(b"\r\n\r\n")[2]
    assert json.loads(body) == {"id": 7, "name": "Malika", "email": "m@example.com"}
    assert len(parts) > len(body) / 2
    assert users.in_flight == 0


def test_who_leaves_a_drip_is_in_flight_no_more(users: Users) -> None:
    users.will(drip(0.05))
    with socket.create_connection(("127.0.0.1", users.port), timeout=5) as sock:
        sock.sendall(b"GET /users/7 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(1)
        assert users.in_flight == 1
    eventually(lambda: users.in_flight == 0)


def test_an_offer_of_http2_is_passed_over(users: Users) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
    asked = b"GET /users/7 HTTP/1.1\r\nHost: x\r\n" + offer + b"\r\n"
    got = exchange(users, asked + asked + b"GET /users/7 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert got.count(b"HTTP/1.1 200 OK") == 3


def test_pipelined_chunked_and_expecting_requests_are_answered_in_order(users: Users) -> None:
    chunked = (
        b"POST /users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        b'7\r\n{"a":1}\r\n0\r\n\r\n'
    )
    got = exchange(
        users, chunked + b"HEAD /users/7 HTTP/1.1\r\nHost: x\r\n\r\nGET /users/7 HTTP/1.0\r\nHost: x\r\n\r\n"
    )
    heads = [line for line in got.split(b"\r\n") if b"HTTP/1.1 " in line]
    assert [head.split(b"HTTP/1.1 ")[1][:3] for head in heads] == [b"100", b"404", b"200", b"200"]
    assert got.count(b"Malika") == 1
    assert users.seen[0].json == {"a": 1}


def test_nonsense_is_a_bad_request(users: Users) -> None:
    assert exchange(users, b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert users.count() == 0


def test_a_dead_stub_refuses_and_comes_back_on_its_port(users: Users, client: httpx.Client) -> None:
    assert client.get(url(users, "/users/7")).status_code == 200
    users.down()
    with pytest.raises(httpx.TransportError):
        client.get(url(users, "/users/7"))
    with pytest.raises(httpx.ConnectError):
        client.get(url(users, "/users/7"))
    users.up()
    assert client.get(url(users, "/users/7")).status_code == 200


def test_starting_over_is_being_as_new(payment: Payment, client: httpx.Client, threads: ThreadPoolExecutor) -> None:
    charge(client, payment, "k")
    payment.will(hang())
    hung = threads.submit(charge, client, payment, "k2")
    eventually(lambda: payment.in_flight == 1)
    payment.start_over()
    with pytest.raises(httpx.TransportError):
        hung.result(5)
    assert (payment.charges, payment.count(), payment.in_flight, payment.max_in_flight) == ([], 0, 0, 0)
    assert charge(client, payment, "k").status_code == 201


def test_who_is_there_when_it_goes_down_is_in_flight_no_more(users: Users) -> None:
    for _ in range(50):
        held = users.will(Hold())
        with socket.create_connection(("127.0.0.1", users.port), timeout=5) as sock:
            sock.sendall(b"GET /users/7 HTTP/1.1\r\nHost: x\r\n\r\n")
            eventually(lambda held=held: held.held == 1)  # type: ignore[misc]
            users.down()
            assert users.in_flight == 0
        users.up()


def test_a_broken_rule_is_our_own_fault_and_is_kept(users: Users, client: httpx.Client) -> None:
    users.will(status(503), where=lambda seen: bool(seen.json["nothing there"]))
    assert client.get(url(users, "/users/7")).json()["code"] == "stub_broken"
    assert [type(error) for error in users.errors] == [TypeError]
    assert users.in_flight == 0


def test_400_callers_at_once_are_all_in_flight(users: Users) -> None:
    held = users.will(Hold())
    socks = [socket.create_connection(("127.0.0.1", users.port), timeout=10) for _ in range(400)]
    try:
        for sock in socks:
            sock.sendall(b"GET /users/7 HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: held.held == 400)
        held.release()
        assert all(sock.recv(65_536).startswith(b"HTTP/1.1 200") for sock in socks)
    finally:
        for sock in socks:
            sock.close()
    assert (users.max_in_flight, users.connections, users.in_flight) == (400, 400, 0)


def test_a_plain_answer_takes_less_than_a_millisecond(users: Users) -> None:
    times = []
    with socket.create_connection(("127.0.0.1", users.port), timeout=5) as sock:
        for _ in range(300):
            began = time.perf_counter()
            sock.sendall(b"GET /users/7 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert sock.recv(65_536).startswith(b"HTTP/1.1 200")
            times.append(time.perf_counter() - began)
    # The fastest tenth: the machine's other work is not the stub's.
    assert statistics.quantiles(times, n=10)[0] < 0.001


def test_many_threads_may_tell_and_look_at_once(users: Users, threads: ThreadPoolExecutor) -> None:
    over = threading.Event()

    def meddle() -> None:
        while not over.is_set():
            users.will(status(503), times=1)
            users.count("GET /users/*")
            users.heal()

    def ask() -> list[int]:
        with httpx.Client(trust_env=False, timeout=10) as client:
            return [client.get(url(users, "/users/7")).status_code for _ in range(25)]

    meddlers = [threads.submit(meddle) for _ in range(2)]
    try:
        codes = [code for codes in _all(threads, ask, 8) for code in codes]
    finally:
        over.set()
    for meddler in meddlers:
        meddler.result(5)
    assert set(codes) <= {200, 503}
    assert (users.count(), users.in_flight, users.errors) == (200, 0, [])


def test_the_origin_numbers_the_versions_of_a_row(client: httpx.Client) -> None:
    origin = open_stub("origin")
    try:
        path = url(origin, "/rows/products/p-1")
        assert client.put(path, json={"name": "tea"}).json() == {"id": "p-1", "name": "tea", "version": 1}
        assert client.put(path, json={"name": "tea", "version": 1}).json()["version"] == 2
        origin.set("products", "p-1", {"name": "coffee", "version": 7})  # type: ignore[attr-defined]
        assert client.get(path).json() == {"name": "coffee", "version": 7}
        assert client.put(path, json={"name": "cocoa"}).json()["version"] == 8
    finally:
        origin.close()


def test_the_inventory_commits_what_is_reserved_and_takes_it_back(client: httpx.Client) -> None:
    inventory = open_stub("inventory")
    try:
        assert client.post(url(inventory, "/reservations"), json={"order_id": "o-1"}).status_code == 201
        for _ in range(2):
            committed = client.post(url(inventory, "/reservations/o-1/commit"))
            assert (committed.status_code, committed.json()) == (200, {"order_id": "o-1", "committed": True})
        assert client.delete(url(inventory, "/reservations/o-1")).status_code == 204
        assert client.post(url(inventory, "/reservations/o-1/commit")).status_code == 404

        async def refuse(seen: Seen, _: Rest) -> Reply:
            return inventory.decline(seen)

        inventory.will(refuse)
        refused = [
            client.post(url(inventory, path), json={"order_id": "o-2"})
            for path in ("/reservations", "/reservations/o-2/commit")
        ]
        assert [(one.status_code, one.json()["code"]) for one in refused] == [(409, "out_of_stock"), (409, "recalled")]
        assert client.delete(url(inventory, "/reservations/o-2")).status_code == 204
    finally:
        inventory.close()


def test_payment_declines_what_no_card_covers_and_gives_back_on_request(payment: Payment, client: httpx.Client) -> None:
    declined = charge(client, payment, "k1", "o-1", 80_001)
    assert (declined.status_code, declined.json()["code"], declined.json()["order_id"]) == (402, "declined", "o-1")
    assert charge(client, payment, "k1", "o-1", 80_001).status_code == 402
    assert charge(client, payment, "k2", "o-2", 80_000).status_code == 201
    assert charge(client, payment, "k2", "o-3", 80_000).json()["code"] == "key_reused"
    assert client.post(url(payment, "/charges"), json={"order_id": "o-4", "amount": 1}).status_code == 400
    assert charge(client, payment, "k5", "o-5", -1).status_code == 422
    assert ([made["order_id"] for made in payment.charges], len(payment.declined)) == (["o-2"], 1)
    for _ in range(2):
        back = client.post(url(payment, "/refunds"), json={"order_id": "o-2"})
        assert (back.status_code, back.json()["amount"]) == (201, 80_000)
    assert payment.charges[0]["status"] == "refunded"
    assert charge(client, payment, "k6", "o-2").json()["code"] == "voided"
    assert payment.refunds == [{"order_id": "o-2", "amount": 80_000}]
    assert len(client.get(url(payment, "/charges?order_id=o-2")).json()["items"]) == 1


WORK: list[tuple[str, str, str, Any, int, Any]] = [
    ("orders", "GET", "/orders?user_id=7", None, 200, {"items": []}),
    ("orders", "GET", "/orders/1", None, 404, None),
    (
        "notify",
        "POST",
        "/notify",
        {"user_id": 7, "template": "hello", "order_id": 1},
        202,
        {"status": "accepted", "user_id": 7, "template": "hello", "order_id": 1},
    ),
    ("notify", "POST", "/notify", ["nonsense"], 422, None),
    ("origin", "GET", "/rows/products/1", None, 404, None),
    ("origin", "PUT", "/rows/products/1", {"name": "tea"}, 200, {"name": "tea", "id": "1", "version": 1}),
    ("origin", "PUT", "/rows/products/1", 7, 422, None),
    ("inventory", "POST", "/reservations", {"order_id": 1}, 201, {"order_id": 1}),
    ("inventory", "POST", "/reservations", {}, 422, None),
    ("inventory", "POST", "/reservations/1/commit", None, 404, None),
    ("inventory", "DELETE", "/reservations/1", None, 204, None),
    ("report", "GET", "/report", None, 200, {"orders": 128, "revenue": 6_400_000}),
    ("report", "POST", "/reports", {"user_id": 1}, 422, None),
]


@pytest.mark.parametrize(("name", "method", "path", "body", "code", "expected"), WORK)
def test_ready_made_stubs_do_their_work(
    client: httpx.Client, name: str, method: str, path: str, body: Any, code: int, expected: Any
) -> None:
    stub = open_stub(name)
    try:
        got = client.request(method, url(stub, path), json=body)
        assert got.status_code == code
        if expected is not None:
            assert got.json() == expected
        assert (stub.errors, stub.count()) == ([], 1)
    finally:
        stub.close()


def test_an_unknown_stub_is_named_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match=r"'paymant'; there are .*inventory, notify, .*payment"):
        open_stub("paymant")


def _charge_bytes(key: str) -> bytes:
    body = b'{"order_id": "o-1", "amount": 500}'
    return (
        f"POST /charges HTTP/1.1\r\nHost: x\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )


def _all(threads: ThreadPoolExecutor, work: Callable[[], T], times: int) -> list[T]:
    futures: list[Future[T]] = [threads.submit(work) for _ in range(times)]
    return [future.result(30) for future in futures]
