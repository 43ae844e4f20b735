"""`lab trace`: one order over everything that a day's services say it with, as the installed command tells it."""

from __future__ import annotations

import json
import shutil
from typing import Any

import httpx
import pytest

from tests.e2e.processes import Lab
from tests.waiting import eventually

Step = dict[str, Any]


def traced(lab: Lab, ident: str) -> list[Step]:
    told = lab("trace", ident, "--json")
    assert told.returncode == 0, told.stderr
    steps: list[Step] = json.loads(told.stdout)["story"]["steps"]
    return steps


def door(lab: Lab, service: str) -> str:
    """Where a visitor reaches the service, of the run that goes on."""
    (run,) = json.loads(lab("ps", "--json").stdout)["runs"]
    return next(str(link["url"]) for link in run["links"] if link["id"] == f"client->{service}")


def ended(lab: Lab, *words: str, state: str) -> list[Step]:
    """The steps of an order that came to its good end in a run with these words."""
    ran = lab("run", *words, "--json", "--for", "12s", timeout=170)
    assert ran.returncode == 0, ran.stderr
    latest = json.loads(lab("trace", "--json").stdout)["latest"]
    good = [one["id"] for one in latest if (one["entity"], one["state"]) == ("order", state)]
    assert good, latest
    return traced(lab, good[-1])


def step(steps: list[Step], kind: str, what: str, who: str = "") -> tuple[int, Step]:
    """The first such step, and its place."""
    return next(
        (place, one)
        for place, one in enumerate(steps)
        if one["kind"] == kind and what in one["what"] and one["who"].startswith(who)
    )


def written(steps: list[Step]) -> dict[str, str]:
    """What each service says that it has written for the order."""
    said: dict[str, str] = {}
    for one in steps:
        if one["kind"] == "write":
            assert one["by"] == "word"
            said[one["who"]] = said.get(one["who"], "") + one["what"] + ";"
    return said


def test_day2_over_http(lab: Lab) -> None:
    steps = ended(lab, "day2", state="paid")
    placed, asked = step(steps, "call", "POST /orders", "gateway"), step(steps, "call", "/users/", "orders")
    assert (asked[1]["depth"], asked[1]["to"][:6]) == (placed[1]["depth"] + 1, "users-")
    assert "orders +1" in written(steps)["orders"]
    assert "wallets ~1" in written(steps)["orders"]


def test_day2_over_grpc(lab: Lab) -> None:
    pytest.importorskip("grpc")
    steps = ended(lab, "day2", "--transport", "grpc", state="paid")
    placed, asked = step(steps, "call", "POST /orders", "gateway"), step(steps, "call", "UserService/GetUser", "orders")
    assert (asked[1]["depth"], asked[1]["result"], asked[1]["by"]) == (placed[1]["depth"] + 1, "OK", "id")
    assert placed[0] < asked[0] < step(steps, "write", "orders +1")[0]


def test_day2_by_question_and_answer_through_the_broker(lab: Lab) -> None:
    steps = ended(lab, "day2", "--transport", "broker", state="paid")
    places = [
        step(steps, "call", "POST /orders", "gateway")[0],
        step(steps, "publish", "users.questions", "orders")[0],
        step(steps, "deliver", "users.questions", "broker")[0],
        step(steps, "publish", "", "users")[0],
        step(steps, "write", "orders +1", "orders")[0],
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("broker", ["rabbitmq", "kafka"])
def test_day3_from_the_request_to_the_mail(lab: Lab, broker: str) -> None:
    if broker == "kafka":
        pytest.importorskip("confluent_kafka")
    steps = ended(lab, "day3", "--broker", broker, state="confirmed")
    depths = [
        step(steps, "call", "POST /orders", "client")[1]["depth"],
        step(steps, "publish", "order.created", "orders")[1]["depth"],
        step(steps, "deliver", "order.created")[1]["depth"],
        step(steps, "call", "POST /charges", "payments")[1]["depth"],
    ]
    assert depths == [0, 1, 2, 3]
    said = written(steps)
    assert "orders +1" in said["orders"]
    assert "outbox +1" in said["orders"]
    assert said["payments"] == "payments +1;payments ~1, outbox +1;"
    assert "inbox +1, orders ~1" in said["orders"]


@pytest.mark.postgres
def test_writes_are_told_alike_on_postgresql(lab: Lab) -> None:
    if not shutil.which("postgres"):
        pytest.skip("PostgreSQL is not installed")
    steps = ended(lab, "day2", "--engine", "sql=native", state="paid")
    assert "orders +1" in written(steps)["orders"]


def test_day4_says_how_it_knows_whose_a_command_of_redis_is(lab: Lab) -> None:
    """Nothing else is at work, so the command that the catalog makes meanwhile is this request's."""
    assert lab("run", "day4", "--detach", "--rate", "0").returncode == 0
    url = door(lab, "catalog")
    httpx.get(f"{url}/products/3", headers={"X-Request-ID": "first-look"}, timeout=20)
    httpx.get(f"{url}/products/3", headers={"X-Request-ID": "second-look"}, timeout=20)

    def redis(ident: str) -> list[tuple[str, str, str]]:
        return [
            (one["what"].split()[0], one["result"], one["by"]) for one in traced(lab, ident) if one["to"] == "redis"
        ]

    assert eventually(lambda: redis("first-look"), 20) == [("GET", "miss", "alone"), ("SET", "OK", "alone")]
    assert redis("second-look") == [("GET", "hit", "alone")]
    assert "(by time)" in lab("trace", "second-look").stdout


@pytest.mark.parametrize("broker", ["rabbitmq", "kafka"])
def test_day6_follows_one_order_over_everything(lab: Lab, broker: str) -> None:
    if broker == "kafka":
        pytest.importorskip("confluent_kafka")
    words = ("day6", "--scenario", "order-flow", "--broker", broker, "--json", "--for", "20s")
    assert lab("run", *words, timeout=170).returncode == 0
    latest = json.loads(lab("trace", "--json").stdout)["latest"]
    paid = [one["id"] for one in latest if (one["entity"], one["state"]) == ("payment", "approved")]
    assert paid, latest
    steps = traced(lab, paid[0])
    asked = step(steps, "call", "POST /orders", "gateway")
    assert step(steps, "call", "POST /orders", "orders")[1]["to"] == "legacy"
    asking = step(steps, "publish", "payment.requested", "orders")
    taken = step(steps, "deliver", "payment.requested")
    wallet = step(steps, "call", "/pay", "payments")
    depths = [one["depth"] for _, one in (asked, asking, taken, wallet)]
    assert depths == sorted(set(depths)), "each is below its cause"
    said = written(steps)
    assert "users ~1, orders ~1" in said["legacy"], "the wallet and the order, in one transaction"
    assert "payments +1" in said["payments"]
    assert {one["by"] for one in steps if one["to"] == "redis"} <= {"alone", "key"}


def test_a_trace_that_begins_with_a_traceparent_goes_on_through_the_broker(lab: Lab) -> None:
    assert lab("run", "day3", "--detach", "--rate", "0").returncode == 0
    url = door(lab, "users")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    user = {"email": "a@example.uz", "name": "A"}
    header = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    assert httpx.post(f"{url}/users", json=user, headers=header, timeout=20).status_code == 201
    steps = eventually(
        lambda: [one for one in traced(lab, trace) if one["kind"] == "deliver" and "user.registered" in one["what"]], 20
    )
    assert steps
