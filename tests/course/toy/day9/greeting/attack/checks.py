"""Guests under attack: one is spoilt who does not hear their name, or waits for it for a second."""

from __future__ import annotations

from functools import partial
from typing import Any

from lab.faults.schedule import Schedule
from lab.grading import behaviour, suffered


@behaviour("A1")
def check_guests_under_attack(http: Any, chaos: Any, new: Any) -> None:
    guests = [new.id("guest") for _ in range(20)]
    with chaos.playing(chaos.schedule(Schedule())):
        answers = http.open_loop([partial(http.get, f"/greet/{guest}") for guest in guests], 2.0)
    spoilt = [
        answer
        for guest, answer in zip(guests, answers, strict=True)
        if answer.status != 200 or guest not in answer.text or answer.seconds > 1
    ]
    suffered(spoilt, len(guests), "20 guests, each greeted by name within a second")
