"""Customers under attack: a read is spoilt that shows what was overwritten a second ago, comes late, or not at all."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from functools import partial

from lab.faults.schedule import Schedule
from lab.grading import Answer, Http, behaviour, suffered, tr
from lab.grading.checking.fixtures import New
from lab.grading.instruments.chaos import Chaos

SECONDS, PRODUCTS, LOOKS = 14.0, 15, 12
LATE = 1.0
OLD = 1.0
"""Seconds after a write from which on a read must show it."""


@dataclass
class Product:
    """A product, its present name, and since when it has it."""

    id: str
    name: str
    since: float = 0.0
    spoilt: list[Answer] = field(default_factory=list)

    def rename(self, http: Http, name: str) -> None:
        answer = http.put(f"/products/{self.id}", json={"name": name, "price": 900})
        if answer.status in (200, 201):
            self.name, self.since = name, time.monotonic()

    def look(self, http: Http) -> None:
        name, since = self.name, self.since
        answer = http.get(f"/products/{self.id}")
        shown = answer.json.get("name") if answer.status == 200 and isinstance(answer.json, dict) else None
        old = shown != name and shown != self.name and answer.began > since + OLD
        if shown is None or old or answer.seconds > LATE:
            self.spoilt.append(answer)


@behaviour("A1")
def check_customers_under_attack(http: Http, stub, chaos: Chaos, new: New, rng: random.Random) -> None:
    products = [Product(new.id("p"), new.id("Tea")) for _ in range(PRODUCTS)]
    for one in products:
        stub["origin"].set("products", one.id, {"id": one.id, "name": one.name, "price": 900, "version": 1})
        one.look(http)
        one.spoilt.clear()
    looks = [partial(one.look, http) for one in products for _ in range(LOOKS)]
    visits = [*looks, *(partial(one.rename, http, new.id("New")) for one in products)]
    rng.shuffle(visits)
    with chaos.playing(chaos.schedule(Schedule())):
        http.open_loop(visits, SECONDS)
    suffered(
        [answer for one in products for answer in one.spoilt],
        len(looks),
        tr(
            "{count} reads in {seconds:g} s, each within {late:g} s and none older than {old:g} s",
            count=len(looks),
            seconds=SECONDS,
            late=LATE,
            old=OLD,
        ),
    )
