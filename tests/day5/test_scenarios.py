"""What Friday claims is so each time that it is played: with a protection, and without it."""

from __future__ import annotations

from pathlib import Path

from tests.playing import Played, play


def number(played: Played, name: str, since: float = 0.0) -> float:
    return float(played.measure(name, since))


def test_retries_hide_a_flaky_neighbour_and_cost_attempts(tmp_path: Path) -> None:
    played = play(tmp_path, "day5", "flaky")
    (failed,) = played.answers
    assert float(failed) < 8  # of a hundred, where thirty calls of a hundred fail
    assert 1.1 < number(played, "amplification", 5) < 2
    assert number(played, "opened") == 0  # some errors are no outage


def test_a_breaker_spares_the_dead_and_closes_again(tmp_path: Path) -> None:
    played = play(tmp_path / "with", "day5", "outage")
    bare = play(tmp_path / "without", "day5", "outage", without="breaker")
    (spared,), (hammered,) = played.answers, bare.answers
    assert 0 < float(spared) <= float(hammered) / 5
    assert played.measure("path") == "open → half-open → closed"
    assert played.measure("last_state") == "closed"
    assert 8 < number(played, "open_seconds") < 20
    assert bare.measure("opened") == 0


def test_a_budget_ends_a_retry_storm(tmp_path: Path) -> None:
    played = play(tmp_path / "with", "day5", "retry-storm")
    bare = play(tmp_path / "without", "day5", "retry-storm", without="retry-budget,breaker")
    (calm,), (storm,) = played.answers, bare.answers
    assert 1 <= float(calm) <= 1.2
    assert 2.5 < float(storm) < 5


def test_without_jitter_retries_come_in_waves(tmp_path: Path) -> None:
    played = play(tmp_path / "with", "day5", "waves")
    bare = play(tmp_path / "without", "day5", "waves", without="jitter")
    (spread,), (peak,) = played.answers, bare.answers
    assert float(peak) >= 1.5 * float(spread) > 1
    assert number(bare, "quiet", 7) >= 2 * number(played, "quiet", 7)
    assert number(played, "amplification", 7) > 2  # both are the same retries, at other moments
    assert number(bare, "amplification", 7) > 2


def test_a_bulkhead_keeps_other_pages_fast_and_a_fallback_keeps_them_whole(tmp_path: Path) -> None:
    played = play(tmp_path / "with", "day5", "slow-dependency")
    bare = play(tmp_path / "without", "day5", "slow-dependency", without="bulkhead,fallback")
    assert played.answers == ["fast", "degraded"]
    assert number(played, "turned_away") >= 30
    assert number(played, "fallbacks") > 5
    assert bare.answers == ["hurt", "failing"]
    assert bare.measure("fallbacks") == 0


def test_shedding_answers_at_once(tmp_path: Path) -> None:
    played = play(tmp_path / "with", "day5", "overload")
    bare = play(tmp_path / "without", "day5", "overload", without="shedding")
    (shed,) = played.answers
    assert 10 < float(shed) < 75
    assert number(played, "shed_ms", 8) < number(played, "served_ms", 8)
    assert bare.answers == [0]
    assert number(played, "served_ms", 8) < number(bare, "served_ms", 8)


def test_an_order_is_placed_once_however_often_its_answer_is_lost(tmp_path: Path) -> None:
    played = play(tmp_path / "with", "day5", "lost-answer")
    bare = play(tmp_path / "without", "day5", "lost-answer", without="idempotency")
    assert number(played, "torn") >= 5
    assert number(played, "repeated") >= 5
    assert played.answers == [0]
    (twice,) = bare.answers
    assert float(twice) >= 5
    assert bare.measure("repeated") == 0


def test_a_job_outlives_its_holder_and_is_done_once(tmp_path: Path) -> None:
    played = play(tmp_path, "day5", "background-task")
    assert played.answers == ["once"]
    assert number(played, "taken_over", 5) >= 1
    assert number(played, "jobs") >= 6
    assert played.measure("doubled") == 0
