"""What each key means for what is selected; every fault of the table is one that the lab understands."""

from __future__ import annotations

import pytest

from lab.dashboard.keys import KEYS, Act, AddFault, HealFault, Key, Refusal, decide, fitting, table
from lab.faults import text as fault_text
from lab.faults.catalogue import KINDS
from lab.journal.event import Event, Process
from lab.journal.picture.run import RunPicture
from lab.system.model import Engine, Link, Service, System
from tests.dashboard import shop
from tests.stamped import fault_change


def key(name: str) -> Key:
    return next(key for key in KEYS if key.name == name)


def decision(name: str, selection: str, *events: Event) -> object:
    run = RunPicture(shop.SYSTEM)
    run.apply_all(events)
    return decide(key(name), selection, shop.SYSTEM, run, "you")


def test_every_fault_of_the_table_can_be_parsed() -> None:
    for each in KEYS:
        for text in each.text:
            fault = fault_text.parse(text.format("orders->broker"))
            assert fault.kind in KINDS
            assert fault.target == "orders->broker"


def test_no_key_stands_twice_for_something_else() -> None:
    for live in (True, False):
        names = [each for key in table(live) for each in key.key.split(",")]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "selection", "text"),
    [
        ("latency", "client->orders", "latency client->orders 300ms"),
        ("refuse", "orders->broker", "refuse orders->broker"),
        ("lose ack", "orders->broker", "lose-ack orders->broker"),
        ("twice", "orders->broker", "redeliver orders->broker"),
        ("twice", "client->orders", "duplicate client->orders"),
        ("error", "client->orders", "status client->orders 503 30%"),
    ],
)
def test_a_fault_key_lays_its_fault_on_the_selected_link(name: str, selection: str, text: str) -> None:
    assert decision(name, selection) == AddFault(text)


def test_the_same_key_again_lifts_it() -> None:
    text = "latency client->orders 300ms for 30s"
    added = fault_change(text, t=1.0, id="f4", change="added", owner="you", duration=30.0)
    assert decision("latency", "client->orders", added) == HealFault("f4", text)
    assert isinstance(decision("latency", "client->users", added), AddFault)
    assert decision("slow", "client->orders", added) == AddFault("latency client->orders 2s jitter=1s")
    theirs = fault_change(text, t=1.0, id="f4", change="added", owner="scenario", duration=30.0)
    assert isinstance(decision("latency", "client->orders", theirs), AddFault)


@pytest.mark.parametrize(
    ("name", "selection", "says"),
    [
        (
            "lose ack",
            "client->orders",
            "lose ack needs AMQP or KAFKA; client→orders speaks HTTP. Select users→broker (Tab)",
        ),
        ("miss", "client->orders", "miss needs REDIS; client→orders speaks HTTP. This system has no REDIS link"),
        ("latency", "orders", "latency works on a link; orders is not one. Select client→orders (Tab)"),
        ("kill", "client->orders", "kill works on a process; client→orders is a link. Select a box (Tab)"),
        ("kill", "client", "client is the load generator: kill another process, or change the load with + and -"),
    ],
)
def test_a_key_that_does_not_fit_says_why(name: str, selection: str, says: str) -> None:
    assert decision(name, selection) == Refusal(says)


TRAFFIC = (
    shop.amqp("users->broker", "publish user.registered"),
    shop.amqp("orders->broker", "consume orders.users", queue="orders.users"),
    shop.amqp("orders->broker", "publish order.created"),
    shop.amqp("notifications->broker", "deliver notifications.orders", queue="notifications.orders"),
)


@pytest.mark.parametrize(
    ("name", "selection", "expected"),
    [
        ("lose ack", "orders->broker", AddFault("lose-ack orders->broker")),
        (
            "lose ack",
            "users->broker",
            Refusal("lose ack needs deliveries, and users→broker has had none so far. Select orders→broker (Tab)"),
        ),
        (
            "lose confirm",
            "notifications->broker",
            Refusal(
                "lose confirm needs publishes, and notifications→broker has had none so far. Select users→broker (Tab)"
            ),
        ),
        ("poison", "orders", Refusal("poison works on a link; orders is not one. Select orders→broker (Tab)")),
        (
            "twice",
            "users->broker",
            Refusal("twice needs deliveries, and users→broker has had none so far. Select orders→broker (Tab)"),
        ),
        ("lose ack", "payments->broker", AddFault("lose-ack payments->broker")),
        ("latency", "users->broker", AddFault("latency users->broker 300ms")),
    ],
)
def test_a_key_that_would_hit_nothing_names_a_link_where_it_can(
    name: str, selection: str, expected: Refusal | AddFault
) -> None:
    assert decision(name, selection, *TRAFFIC) == expected


def test_process_keys() -> None:
    assert decision("kill", "orders") == Act("orders", "kill")
    assert decision("restart", "broker") == Act("broker", "restart")
    assert decision("freeze", "orders") == Act("orders", "freeze")
    assert decision("freeze", "orders", Process(source="orders", state="frozen", pid=1)) == Act("orders", "thaw")


def test_the_foot_offers_only_what_fits() -> None:
    def names(selection: str) -> set[str]:
        return {key.name for key in fitting(table(live=True), selection, shop.SYSTEM, picture)}

    picture = RunPicture(shop.SYSTEM)

    assert {"latency", "lose ack", "twice", "poison"} <= names("orders->broker")
    assert not {"error", "kill", "miss"} & names("orders->broker")
    assert names("orders") == {"kill", "freeze", "terminate", "restart"}
    assert names("client") == set()
    picture.apply_all(TRAFFIC)
    assert {"lose ack", "twice", "poison", "lose confirm"} <= names("orders->broker")
    assert {"lose ack", "twice", "poison", "lose confirm"} & names("users->broker") == {"lose confirm"}
    assert {"lose ack", "twice", "poison", "lose confirm"} & names("notifications->broker") == {
        "lose ack",
        "twice",
        "poison",
    }


def test_a_recording_offers_no_faults() -> None:
    assert not [key for key in table(live=False) if key.text or key.act or key.action == "heal"]


KAFKA = System(
    name="log",
    services=(Service(name="readers", command=("./readers",)),),
    engines=(Engine(name="broker", kind="kafka"),),
    links=(Link(source="readers", target="broker", protocol="kafka"),),
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lose ack", "lose-commit readers->broker"),
        ("rebalance", "rebalance readers->broker for 10s"),
        ("lose confirm", "lose-confirm readers->broker"),
        ("poison", "poison readers->broker"),
    ],
)
def test_on_a_kafka_link_keys_lay_faults_of_kafka(name: str, text: str) -> None:
    picture = RunPicture(KAFKA)
    assert decide(key(name), "readers->broker", KAFKA, picture, "you") == AddFault(text)
    assert key(name) in fitting(KEYS, "readers->broker", KAFKA, picture)
