"""Customers under attack: an order is spoilt that is not taken, and a read that is not answered or comes late."""

from __future__ import annotations

from lab.faults.schedule import Schedule
from lab.grading import Answer, Http, behaviour, suffered, tr
from lab.grading.checking.fixtures import New
from lab.grading.instruments.chaos import Chaos

SECONDS, VISITS = 14.0, 120
LATE = 1.0


@behaviour("A1")
def check_customers_under_attack(http: Http, stub, chaos: Chaos, new: New) -> None:
    user = new.id("user")
    stub["users"].add(id=user, name=new.name(), email=new.email())

    def order() -> Answer:
        items = [{"sku": new.id("sku"), "qty": 1, "price": 45_000}]
        return http.post("/orders", json={"user_id": user, "items": items})

    def look() -> Answer:
        return http.get(f"/orders?user_id={user}")

    with chaos.playing(chaos.schedule(Schedule())):
        answers = http.open_loop([order, look] * (VISITS // 2), SECONDS)
    spoilt = [answer for answer in answers if answer.seconds > LATE or answer.status not in (200, 201)]
    suffered(
        spoilt,
        len(answers),
        tr(
            "{count} orders and reads in {seconds:g} s, each done within {late:g} s",
            count=VISITS,
            seconds=SECONDS,
            late=LATE,
        ),
    )
