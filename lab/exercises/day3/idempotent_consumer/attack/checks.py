"""Customers under attack: an order is spoilt that is not paid in the end, or paid twice."""

from __future__ import annotations

from functools import partial

from lab.faults.schedule import Schedule
from lab.grading import Http, behaviour, suffered, tr, within
from lab.grading.checking.fixtures import New
from lab.grading.instruments.broker import Broker
from lab.grading.instruments.chaos import Chaos

SECONDS, ORDERS = 8.0, 60
QUEUE = "payments.order-created"
AFTERWARDS = 12.0
"""Seconds in which what was given back is taken up again."""


@behaviour("A1")
def check_orders_under_attack(http: Http, stub, broker: Broker, chaos: Chaos, new: New) -> None:
    within(10.0, lambda: broker.exists(QUEUE))
    events = [broker.event("order.created", {"order_id": new.id("order"), "amount": 25_000}) for _ in range(ORDERS)]
    with chaos.playing(chaos.schedule(Schedule())):
        http.open_loop([partial(broker.publish, event) for event in events], SECONDS)
    orders = [event["data"]["order_id"] for event in events]

    def payments(order: str) -> int | None:
        answer = http.get(f"/payments?order_id={order}")
        return len(answer.json["items"]) if answer.status == 200 else None

    def keys(order: str) -> int:
        return len({seen.key for seen in stub["payment"].seen if seen.json.get("order_id") == order})

    within(AFTERWARDS, lambda: all(payments(order) == 1 for order in orders))
    spoilt = [order for order in orders if payments(order) != 1 or keys(order) != 1]
    suffered(
        spoilt,
        ORDERS,
        tr("{count} orders in {seconds:g} s, each paid once in the end", count=ORDERS, seconds=SECONDS),
    )
