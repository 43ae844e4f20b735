"""Each exercise's attack: the flaw can be shown as we showed it, and our solution withstands more than the flaw."""

from __future__ import annotations

import pytest

from lab.course import attack, catalog
from lab.course.exercise import Exercise

ATTACKED = [one for one in catalog.exercises() if attack.has_one(one)]


def test_there_are_services_to_attack() -> None:
    assert len(ATTACKED) >= 5


@pytest.mark.parametrize("exercise", ATTACKED, ids=lambda one: one.id)
def test_our_own_attack_shows_the_flaw(exercise: Exercise) -> None:
    meant = attack.load(exercise)
    with attack.Strike() as striking, attack.target(meant) as programs:
        struck = striking.play(meant, meant.ours, programs, 1, lambda _: None)
    assert struck.shows, f"spoilt {struck.spoilt:.0f} %, with our solution {struck.ours:.0f} %"
