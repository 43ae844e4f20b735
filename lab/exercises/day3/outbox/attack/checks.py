"""Consumers under attack: an order is spoilt that was taken, and of which nobody ever hears."""

from __future__ import annotations

from functools import partial

from lab.faults.schedule import Schedule
from lab.grading import Http, behaviour, suffered, tr, within
from lab.grading.checking.fixtures import New
from lab.grading.instruments.broker import Broker
from lab.grading.instruments.chaos import Chaos

SECONDS, ORDERS = 8.0, 60
AFTERWARDS = 12.0
"""Seconds in which what was kept is announced."""


@behaviour("A1")
def check_orders_under_attack(http: Http, broker: Broker, chaos: Chaos, new: New) -> None:
    with broker.listen("order.created") as heard:

        def unheard() -> list[str]:
            told = {(message.json or {}).get("data", {}).get("order_id") for message in heard.messages}
            return [order for order in taken if order not in told]

        with chaos.playing(chaos.schedule(Schedule())):
            orders = [{"ref": new.id("ref"), "amount": 25_000} for _ in range(ORDERS)]
            answers = http.open_loop([partial(http.post, "/orders", json=order) for order in orders], SECONDS)
        taken = [answer.json["id"] for answer in answers if answer.status == 201]
        within(AFTERWARDS, lambda: not unheard())
        refused = [answer for answer in answers if answer.status != 201]
        suffered(
            [*unheard(), *refused],
            ORDERS,
            tr("{count} orders in {seconds:g} s, each taken and announced in the end", count=ORDERS, seconds=SECONDS),
        )
