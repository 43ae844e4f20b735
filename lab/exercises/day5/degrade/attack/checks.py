"""Customers under attack: a page is spoilt that does not come, or comes late. One that says it is degraded is fine."""

from __future__ import annotations

from lab.faults.schedule import Schedule
from lab.grading import Http, behaviour, suffered, tr
from lab.grading.checking.fixtures import New, SystemUnderTest
from lab.grading.instruments.chaos import Chaos

SECONDS, PAGES = 12.0, 100
TIMEOUT, LATE = 2.0, 3.0
"""Seconds: two timeouts, one after the other, are well above what is late, and one is well below it, on a busy machine,
too."""


@behaviour("A1", start=False)
def check_pages_under_attack(system: SystemUnderTest, http: Http, stub, chaos: Chaos, new: New) -> None:
    system.start("gateway", env={"HTTP_TIMEOUT_MS": int(TIMEOUT * 1000)})
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
