"""Customers under attack: a page is spoilt that lacks its user, or comes late."""

from __future__ import annotations

from lab.faults.schedule import Schedule
from lab.grading import Http, behaviour, suffered, tr
from lab.grading.checking.fixtures import New
from lab.grading.instruments.chaos import Chaos

SECONDS, PAGES = 14.0, 140
LATE = 1.0


@behaviour("A1")
def check_pages_under_attack(http: Http, stub, chaos: Chaos, new: New) -> None:
    user = stub["users"].add(new.id("user"), name=new.name())
    path = f"/order-view/{user['id']}"
    with chaos.playing(chaos.schedule(Schedule())):
        answers = http.open_loop([lambda: http.get(path)] * PAGES, SECONDS)
    spoilt = [
        answer
        for answer in answers
        if answer.seconds > LATE or not isinstance(answer.json, dict) or answer.json.get("user") != user
    ]
    suffered(
        spoilt,
        len(answers),
        tr(
            "{count} pages in {seconds:g} s, each with its user and within {late:g} s",
            count=PAGES,
            seconds=SECONDS,
            late=LATE,
        ),
    )
