"""Customers under attack: a page is spoilt that does not come, or comes late. One that says it is degraded is fine."""

from __future__ import annotations

from lab.faults.schedule import Schedule
from lab.grading import Http, behaviour, suffered, tr
from lab.grading.checking.fixtures import New
from lab.grading.instruments.chaos import Chaos

SECONDS, PAGES = 12.0, 100
LATE = 1.6


@behaviour("A1")
def check_pages_under_attack(http: Http, stub, chaos: Chaos, new: New) -> None:
    user = stub["users"].add(new.id("user"), name=new.name())
    stub["reco"].set(user["id"], [{"id": new.id("product"), "name": "green tea"}])
    stub["orders"].add(new.id("order"), user_id=user["id"])
    path = f"/home/{user['id']}"
    with chaos.playing(chaos.schedule(Schedule())):
        answers = http.open_loop([lambda: http.get(path)] * PAGES, SECONDS)
    spoilt = [answer for answer in answers if answer.seconds > LATE or answer.status != 200]
    suffered(
        spoilt,
        len(answers),
        tr("{count} pages in {seconds:g} s, each within {late:g} s", count=PAGES, seconds=SECONDS, late=LATE),
    )
