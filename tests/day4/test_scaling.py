"""What Thursday claims of scaling is so each time that it is played."""

from __future__ import annotations

from pathlib import Path

from lab.journal.curves import curves
from tests.playing import play


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
