"""What Thursday claims of its cache is so each time that it is played."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.journal.event import Flow
from lab.journal.staleness import Staleness
from tests.playing import Played, play, play_once

NEGATIVE = 2.0
"""Seconds that the catalog remembers what does not exist."""
PROTECTED = pytest.mark.parametrize("strategy", ["cache-aside", "read-through", "write-through", "write-behind"])


def test_a_cache_becomes_warm_and_the_origin_is_read_at_most_once_a_miss(tmp_path: Path) -> None:
    played = play_once(tmp_path, "day4", "warm-up")
    (hits,) = played.answers
    assert 50 < float(hits) < 95
    assert 0.5 < float(played.measure("reads_per_miss")) <= 1
    assert played.measure("stale") == played.measure("lost_writes") == 0


def test_without_a_cache_each_read_is_the_origins(tmp_path: Path) -> None:
    played = play_once(tmp_path, "day4", "warm-up", strategy="none")
    assert played.answers == [0]
    assert played.measure("lookups") == 0
    assert float(played.measure("origin_reads")) > 100


def test_single_flight_saves_nine_reads_of_ten_at_least(tmp_path: Path) -> None:
    (together,) = play(tmp_path / "a", "day4", "expiry-storm").answers
    (each,) = play(tmp_path / "b", "day4", "expiry-storm", without="single-flight").answers
    assert 1 <= float(together) <= float(each) / 10
    assert float(each) <= 50


def test_who_knows_what_does_not_exist_asks_less(tmp_path: Path) -> None:
    with_all = play_once(tmp_path / "a", "day4", "warm-up")
    without = play(tmp_path / "b", "day4", "warm-up", without="negative,jitter")
    assert 0 < float(with_all.measure("ghost_reads")) < float(without.measure("ghost_reads"))
    assert _lives(without) == {10.0}
    spread = _lives(with_all) - {NEGATIVE}
    assert max(spread) - min(spread) > 2, "copies that were made together do not end together"


def test_a_cache_helps_the_median_and_who_misses_waits_for_the_origin(tmp_path: Path) -> None:
    cached = play_once(tmp_path / "a", "day4", "warm-up")
    none = play_once(tmp_path / "b", "day4", "warm-up", strategy="none")
    assert float(cached.measure("p50", 8)) < float(none.measure("p50", 8)) / 2
    assert float(cached.measure("p99", 8)) > 4 * float(cached.measure("p50", 8))
    assert float(cached.measure("origin_reads", 8)) < 0.7 * float(cached.measure("lookups", 8))


@PROTECTED
def test_a_dead_cache_is_no_error_and_leaves_nothing_stale(tmp_path: Path, strategy: str) -> None:
    played = play(tmp_path, "day4", "redis-down", strategy=strategy)
    assert played.answers == ["no"]
    assert float(played.measure("hit_ratio", 24)) > 20
    assert played.measure("stale") == 0


def test_a_frozen_cache_costs_two_tenths_of_a_second(tmp_path: Path) -> None:
    played = play_once(tmp_path, "day4", "redis-frozen")
    (half,) = played.answers
    assert 200 <= float(half) < 2000
    assert played.measure("failed") == 0
    assert float(played.measure("p50", 26)) < 200
    asked = {event.op.split()[0] for event in played.events if isinstance(event, Flow) and event.target == "redis"}
    assert "GET" in asked
    assert not asked & {"CLIENT", "HELLO"}, "new connections say nothing of the client, so that the story stays short"


def test_a_client_that_nobody_bounds_waits_as_long_as_the_cache_stands_still(tmp_path: Path) -> None:
    bounded = play_once(tmp_path / "a", "day4", "redis-frozen")
    default = play(tmp_path / "b", "day4", "redis-frozen", **{"redis-client": "default"})
    assert float(default.answers[0]) > 5 * float(bounded.answers[0])
    assert float(bounded.measure("longest", 10)) < 5
    assert 10 < float(default.measure("longest", 10)) < 20, "from the freeze to its end, twelve seconds later"
    assert float(default.measure("failed")) > 20


def test_a_copy_deleted_before_the_write_comes_back_old(tmp_path: Path) -> None:
    before = play(tmp_path / "a", "day4", "stale-read")
    after = play(tmp_path / "b", "day4", "stale-read", invalidate="after")
    assert float(before.answers[0]) > 10
    assert after.answers == [0]
    versions, began = Staleness(), before.notes("scenario")[0].t
    stale = [event.t - began for event in before.events if versions.stale(event)]
    assert any(t > 9 for t in stale), "seconds later it is still there"
    assert before.measure("overdue") == 0, "the copy has come to its end"
    assert not any(t > 19 for t in stale)


def test_what_is_written_behind_is_lost_with_the_process(tmp_path: Path) -> None:
    behind = play(tmp_path / "a", "day4", "write-behind-loss")
    (lost,) = behind.answers
    assert 0 < float(lost) < float(behind.measure("written"))
    through = play(tmp_path / "b", "day4", "write-behind-loss", strategy="write-through")
    assert through.answers == [0]
    assert _waiting(through) == 1, "each of its writes waits for the origin"
    assert _waiting(behind) == 0


def _lives(played: Played) -> set[float]:
    """Seconds that copies were given to live."""
    return {event.ttl for event in played.events if isinstance(event, Flow) and event.ttl is not None}


def _waiting(played: Played) -> float:
    """How many of the visitors' changes that were promised had been at the origin by then."""
    changes = [event for event in played.events if isinstance(event, Flow) and event.op.startswith("PUT ")]
    promised = {event.correlation for event in changes if event.source == "client" and event.status == "200"}
    written = {event.correlation for event in changes if event.target == "origin"}
    return len(promised & written) / len(promised)
