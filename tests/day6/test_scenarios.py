"""What Saturday claims is so each time that it is played."""

from __future__ import annotations

from pathlib import Path

from tests.playing import Played, play


def number(played: Played, name: str, since: float = 0.0) -> float:
    return float(played.measure(name, since))


def test_users_moves_out_and_nobody_notices(tmp_path: Path) -> None:
    played = play(tmp_path, "day6", "strangle")
    assert played.answers == [0, "no"]
    assert number(played, "failed") == 0
    assert number(played, "lost") == 0
    assert number(played, "registered") > 10
    assert number(played, "compared") > 10
    assert number(played, "different") == 0
    assert number(played, "copied") > 0
    assert number(played, "by_new", 26) > 60
    assert number(played, "by_legacy", 26) == 0
    assert number(played, "orders_by_legacy", 26) > 10


def test_the_way_back_is_one_row_and_loses_nobody(tmp_path: Path) -> None:
    played = play(tmp_path, "day6", "rollback")
    assert played.answers == ["users", 0]
    assert 5 < number(played, "failed") < number(played, "requests") / 2
    assert number(played, "failed_others") == 0
    assert number(played, "lost") == 0
    assert number(played, "failed", 23) == 0
    assert number(played, "by_new", 23) == 0
    assert number(played, "by_legacy", 23) > 60
