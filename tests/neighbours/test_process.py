"""Neighbours as processes of their own, as a System runs them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lab import neighbours
from tests.brokers import free_port
from tests.waiting import eventually

ROOMS = ("system", "journal", "faults", "wire", "engines", "load", "runtime", "grading", "course", "dashboard", "cli")


class Neighbour:
    """A process of `module`, started again in the same folder as often as asked."""

    def __init__(self, name: str, folder: Path, **env: str) -> None:
        self.folder = folder
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{(port := free_port())}", trust_env=False, timeout=5)
        self._command = [sys.executable, "-m", f"lab.neighbours.{name}"]
        self._env = {"PORT": str(port), **env}
        self.start()

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=self.folder, env=self._env, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        eventually(self.ready, 20)

    def ready(self) -> bool:
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def charge(self, key: str, order: str = "o-1", amount: int = 500) -> httpx.Response:
        return self.http.post("/charges", json={"order_id": order, "amount": amount}, headers={"Idempotency-Key": key})

    def tell(self, do: str, **more: object) -> httpx.Response:
        return self.http.put("/behaviour", json={"do": do, **more})

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.http.close()


@pytest.fixture
def payment(tmp_path: Path) -> Iterator[Neighbour]:
    found = Neighbour("payment", tmp_path, SERVICE_NAME="provider", DECLINE_OVER="1000")
    yield found
    found.close()


@pytest.mark.parametrize("name", neighbours.names())
def test_each_is_a_program_that_ends_well_when_asked(name: str, tmp_path: Path) -> None:
    found = Neighbour(name, tmp_path)
    found.process.send_signal(signal.SIGTERM)
    try:
        assert found.process.wait(10) == 0
    finally:
        found.close()


def test_its_books_outlive_a_kill(payment: Neighbour) -> None:
    made = payment.charge("k")
    assert payment.charge("big", "o-2", 1001).status_code == 402
    payment.http.post("/refunds", json={"order_id": "o-1"})
    payment.process.kill()
    payment.process.wait()
    payment.start()
    assert payment.charge("k").json() == made.json()
    books = payment.http.get("/charges").json()
    assert [(item["status"], item["requests"]) for item in books["items"]] == [("refunded", 2), ("declined", 1)]
    assert (books["requests"], books["keys"]) == (3, 2)
    assert payment.http.get("/refunds?order_id=o-1").json()["items"] == [{"order_id": "o-1", "amount": 500}]
    assert payment.charge("k3").json()["code"] == "voided"


def test_a_line_that_a_kill_cut_off_is_passed_over(payment: Neighbour) -> None:
    payment.charge("k")
    payment.process.kill()
    payment.process.wait()
    with (payment.folder / "payment.charges.ndjson").open("ab") as file:
        file.write(b'{"key": "half')
    payment.start()
    assert payment.http.get("/charges").json()["keys"] == 1


def test_it_behaves_as_it_is_told(payment: Neighbour) -> None:
    told = payment.tell("status", status=418, times=1)
    assert (told.status_code, told.json()["do"]) == (200, "status")
    assert [payment.charge("k").status_code for _ in range(2)] == [418, 201]
    payment.tell("decline", key="o-2")
    declined = payment.charge("k2", "o-2", 1)
    assert (declined.status_code, declined.json()["code"]) == (402, "declined")
    assert payment.charge("k3", "o-3", 1).status_code == 201
    payment.tell("delay", seconds=0.2)
    began = time.monotonic()
    assert payment.charge("k4", "o-4", 1).status_code == 201
    assert time.monotonic() - began >= 0.2
    payment.tell("reset")
    with pytest.raises(httpx.ReadError):
        payment.charge("k5", "o-5", 1)
    payment.tell("ok", key="o-5")
    assert payment.charge("k5", "o-5", 1).status_code == 201
    assert payment.http.get("/charges").status_code == 200, "a behaviour concerns only what changes something"
    assert payment.http.delete("/behaviour").status_code == 204
    assert payment.charge("k6", "o-6", 1).status_code == 201
    assert payment.tell("dance").status_code == 422


def test_work_whose_answer_is_kept_back_is_done(payment: Neighbour) -> None:
    payment.tell("lose-response", times=1)
    with pytest.raises(httpx.ReadTimeout):
        payment.http.post(
            "/charges", json={"order_id": "o-1", "amount": 5}, headers={"Idempotency-Key": "k"}, timeout=0.3
        )
    assert payment.http.get("/charges").json()["keys"] == 1


def test_it_logs_what_it_answered_under_the_callers_id(payment: Neighbour) -> None:
    payment.http.get("/charges", headers={"X-Request-ID": "r-1"})
    lines = [json.loads(line) for line in (payment.folder / "log").read_text().splitlines()]
    assert [(line["service"], line["msg"], line["correlation_id"]) for line in lines] == [
        ("provider", "GET /charges 200", "r-1")
    ]


def test_a_mail_is_sent_once_per_key_and_can_be_refused(tmp_path: Path) -> None:
    mail = Neighbour("notify", tmp_path)
    try:
        asked = {"user_id": "u", "template": "hello", "order_id": "o-1"}
        for key in ("k", "k", "l"):
            assert mail.http.post("/notify", json=asked, headers={"Idempotency-Key": key}).json()["order_id"] == "o-1"
        found = mail.http.get("/mails?order_id=o-1").json()
        assert ([item["key"] for item in found["items"]], found["requests"]) == (["k", "l"], 3)
        mail.tell("decline")
        refused = mail.http.post("/notify", json=asked, headers={"Idempotency-Key": "m"})
        assert (refused.status_code, refused.json()["code"]) == (422, "undeliverable")
    finally:
        mail.close()


def test_no_room_imports_a_neighbour_by_its_name() -> None:
    root = Path(neighbours.__file__).parents[1]
    sources = [path for room in ROOMS for path in (root / room).rglob("*.py")]
    assert len(sources) > 100
    wanted = [f"lab.neighbours.{name}" for name in neighbours.names()]
    assert [path for path in sources if any(name in path.read_text(encoding="utf-8") for name in wanted)] == []


def test_a_neighbour_is_given_records_and_tells_what_it_was_asked(tmp_path: Path) -> None:
    users = Neighbour("users", tmp_path)
    try:
        http = users.http
        assert http.post("/records", json={"id": "u-81", "name": "Lola"}).status_code == 201
        assert http.post("/records", json={"nobody": 1}).status_code == 422
        assert http.get("/users/u-81").json()["name"] == "Lola"
        http.put("/behaviour", json={"on": "GET /users/*", "do": "status", "status": 503, "times": 1})
        assert [http.get("/users/u-81", headers={"X-Request-ID": "r-1"}).status_code for _ in range(2)] == [503, 200]
        asked = http.get("/requests").json()["items"]
        assert [one["line"] for one in asked] == ["GET /users/u-81"] * 3
        assert asked[-1]["headers"]["x-request-id"] == "r-1"
        assert http.delete("/requests").status_code == 204
        assert http.get("/requests").json() == {"items": []}
    finally:
        users.close()
