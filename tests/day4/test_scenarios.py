"""What Thursday claims is so each time that it is played."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.journal.curves import curves
from lab.journal.event import Flow, Log
from lab.journal.staleness import Staleness
from tests.playing import Played, play

NEGATIVE = 2.0
"""Seconds that the catalog remembers what does not exist."""
CUT = 8
"""Second of the scenario in which the line between the regions is cut."""
PROTECTED = pytest.mark.parametrize("strategy", ["cache-aside", "read-through", "write-through", "write-behind"])


def test_a_cache_becomes_warm_and_the_origin_is_read_at_most_once_a_miss(tmp_path: Path) -> None:
    played = play(tmp_path, "day4", "warm-up")
    (hits,) = played.answers
    assert 50 < float(hits) < 95
    assert 0.5 < float(played.measure("reads_per_miss")) <= 1
    assert played.measure("stale") == played.measure("lost_writes") == 0


def test_without_a_cache_each_read_is_the_origins(tmp_path: Path) -> None:
    played = play(tmp_path, "day4", "warm-up", strategy="none")
    assert played.answers == [0]
    assert played.measure("lookups") == 0
    assert float(played.measure("origin_reads")) > 100


def test_single_flight_saves_nine_reads_of_ten_at_least(tmp_path: Path) -> None:
    (together,) = play(tmp_path / "a", "day4", "expiry-storm").answers
    (each,) = play(tmp_path / "b", "day4", "expiry-storm", without="single-flight").answers
    assert 1 <= float(together) <= float(each) / 10
    assert float(each) <= 50


def test_who_knows_what_does_not_exist_asks_less(tmp_path: Path) -> None:
    with_all = play(tmp_path / "a", "day4", "warm-up")
    without = play(tmp_path / "b", "day4", "warm-up", without="negative,jitter")
    assert 0 < float(with_all.measure("ghost_reads")) < float(without.measure("ghost_reads"))
    assert _lives(without) == {10.0}
    spread = _lives(with_all) - {NEGATIVE}
    assert max(spread) - min(spread) > 2, "copies that were made together do not end together"


def test_a_cache_helps_the_median_and_who_misses_waits_for_the_origin(tmp_path: Path) -> None:
    cached = play(tmp_path / "a", "day4", "warm-up")
    none = play(tmp_path / "b", "day4", "warm-up", strategy="none")
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
    played = play(tmp_path, "day4", "redis-frozen")
    (half,) = played.answers
    assert 200 <= float(half) < 2000
    assert played.measure("failed") == 0
    assert float(played.measure("p50", 26)) < 200
    asked = {event.op.split()[0] for event in played.events if isinstance(event, Flow) and event.target == "redis"}
    assert "GET" in asked
    assert not asked & {"CLIENT", "HELLO"}, "new connections say nothing of the client, so that the story stays short"


def test_a_client_that_nobody_bounds_waits_as_long_as_the_cache_stands_still(tmp_path: Path) -> None:
    bounded = play(tmp_path / "a", "day4", "redis-frozen")
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


def test_taller_then_wider_answers_more_and_only_the_first_is_noticed(tmp_path: Path) -> None:
    played = play(tmp_path, "day4", "scaling")
    answered, taller, wider = played.answers
    assert (taller, wider) == ("yes", "no")
    one, tall, wide = curves(played.events).values()
    assert [point.rate for point in one] == [4, 8, 12]
    assert float(answered) < 10, "of twelve"
    best = [max(point.throughput for point in curve) for curve in (one, tall, wide)]
    assert best[1] > 1.4 * best[0]
    assert best[2] > 1.2 * best[1]
    assert one[-1].p95 > 2 * one[0].p95, "past its capacity it answers no more, only later"
    assert {flow.target for flow in played.flows("client->catalog")} == {"catalog-1", "catalog-2", "catalog-3"}


def test_the_narrowest_place_decides(tmp_path: Path) -> None:
    (narrow,) = play(tmp_path / "a", "day4", "pool").answers
    (wide,) = play(tmp_path / "b", "day4", "pool", pool="three").answers
    assert float(narrow) < 10, "a call takes more than 100 ms"
    assert float(wide) > 1.2 * float(narrow)


def test_availability_answers_everybody_and_pays_with_stale_answers_and_conflicts(tmp_path: Path) -> None:
    played = play(tmp_path, "day4", "partition")
    what, conflicts = played.answers
    assert (what, conflicts) == ("done", 10), "one for each traveller: residents are written where they live"
    assert played.measure("failed") == played.measure("refused_reads") == played.measure("refused_writes") == 0
    assert 0 < float(played.measure("outdated", CUT)) < float(played.measure("told_stale", CUT))
    assert float(played.measure("oldest")) > 10
    _in_step(played)


def test_consistency_refuses_in_the_region_that_is_cut_off_and_pays_with_nothing_else(tmp_path: Path) -> None:
    played = play(tmp_path, "day4", "partition", prefer="consistency")
    assert played.answers == ["refused", 0]
    for measure in ("reads", "writes"):
        assert 0 < float(played.measure(f"refused_{measure}")) < float(played.measure(measure, CUT)) * 0.7
    assert played.measure("outdated") == played.measure("told_stale") == 0
    refused = {
        event.correlation
        for event in played.events
        if isinstance(event, Flow) and event.status == "503" and _writes(event)
    }
    done = {event.correlation for event in played.events if isinstance(event, Log) and event.event == "written"}
    assert refused
    assert not refused & done, "what was refused is not done, also not when the line is back"
    assert not [e for e in played.events if isinstance(e, Flow) and e.link == "client->tashkent" and e.status == "503"]
    _in_step(played)


def test_each_operation_may_choose_for_itself(tmp_path: Path) -> None:
    played = play(tmp_path, "day4", "partition", prefer="per-operation")
    assert played.answers == ["refused", 0]
    assert float(played.measure("refused_writes")) > 0
    assert played.measure("refused_reads") == 0
    assert float(played.measure("told_stale")) > 0
    _in_step(played)


def _writes(flow: Flow) -> bool:
    return flow.source == "client" and flow.op.startswith("PUT ")


def _lives(played: Played) -> set[float]:
    """Seconds that copies were given to live."""
    return {event.ttl for event in played.events if isinstance(event, Flow) and event.ttl is not None}


def _waiting(played: Played) -> float:
    """How many of the visitors' changes that were promised had been at the origin by then."""
    changes = [event for event in played.events if isinstance(event, Flow) and event.op.startswith("PUT ")]
    promised = {event.correlation for event in changes if event.source == "client" and event.status == "200"}
    written = {event.correlation for event in changes if event.target == "origin"}
    return len(promised & written) / len(promised)


def _in_step(played: Played) -> None:
    """Soon after the line is back both regions have all that was promised anywhere, and they count it alike."""
    assert played.measure("different") == 0
    assert 0 < float(played.measure("converged")) < 5
    latest = dict[str, dict[str, dict[str, int]]]()
    for event in played.events:
        if isinstance(event, Log) and event.event in ("written", "replicated", "conflict"):
            latest.setdefault(event.data["id"], {})[event.source] = event.data["versions"]
    travellers = [regions for user, regions in latest.items() if user.startswith("traveller-")]
    assert len(travellers) == 10
    assert all(regions["tashkent"] == regions["samarkand"] for regions in travellers)
