"""A step of the load, wherever it is asked for."""

from __future__ import annotations

import pytest

from lab.load.steps import HIGHEST, LOWEST, step


@pytest.mark.parametrize(
    ("rate", "up", "down"),
    [(8, 16, 4), (0, LOWEST, 0), (0.5, LOWEST, 0.5), (1, 2, LOWEST), (1.5, 3, LOWEST), (HIGHEST, HIGHEST, HIGHEST / 2)],
)
def test_a_step_doubles_or_halves_within_bounds(rate: float, up: float, down: float) -> None:
    assert step(rate, "up") == up
    assert step(rate, "down") == down


def test_a_step_up_never_lowers_what_was_asked_for_by_number() -> None:
    assert step(HIGHEST * 3, "up") == HIGHEST * 3
