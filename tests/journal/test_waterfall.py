"""A story as bars: where each step began, how long it took, and what stands for what."""

from __future__ import annotations

import pytest

from lab.journal.event import Log
from lab.journal.story import story
from lab.journal.waterfall import MOMENT, PAUSE, axis, waterfall
from lab.locale import speaking
from tests.journal.test_story import Tape, saga


def drawn(tape: Tape, ident: str, width: int) -> list[str]:
    return ["".join(text for text, _ in line) for line in waterfall(story(tape.events, ident), width)]


def bar(lines: list[str], label: str) -> tuple[int, int]:
    """The first and the last cell of the bar in the line with this label."""
    line = next(line for line in lines if line.strip().startswith(label))
    cells = [place for place, char in enumerate(line) if char in "█▓░×"]
    return cells[0], cells[-1]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("language", ["en", "uz"])
def test_no_line_is_wider_than_the_terminal_and_bars_stand_below_their_causes(width: int, language: str) -> None:
    tape = Tape()
    saga(tape, 1.0, "41", "req-41")
    with speaking(language):
        lines = drawn(tape, "41", width)
    assert max(map(len, lines)) <= width
    asked, told = bar(lines, "client→orders POST"), bar(lines, "orders→broker order.created")
    taken, charged = bar(lines, "broker→payments order.created"), bar(lines, "payments→provider POST")
    assert asked[0] < asked[1] < told[0] <= taken[0] < charged[0] < charged[1] <= taken[1]


def test_what_a_service_has_written_is_a_bar_that_ends_with_its_commit_and_is_called_its_own_word() -> None:
    tape = Tape()
    writes = [{"table": "orders", "act": "insert", "rows": 1}, {"table": "outbox", "act": "insert", "rows": 2}]
    tape.add(1.02, Log(source="orders", event="sql", correlation="c", data={"ms": 10.0, "writes": writes}))
    tape.http(1.03, "client->orders", "POST /orders", "201", 30.0, "c")
    lines = drawn(tape, "c", 120)
    (asked, answered), (begun, committed) = bar(lines, "client→orders"), bar(lines, "orders SQL orders +1, outbox +2")
    third = (answered - asked) / 3
    assert begun == pytest.approx(asked + third, abs=1)
    assert committed == pytest.approx(asked + 2 * third, abs=1)
    assert any(line.startswith("own word: ") for line in lines)


def test_a_line_of_somebody_elses_with_the_same_name_does_not_break_a_story() -> None:
    tape = Tape()
    tape.add(1.0, Log(source="orders", event="sql", message="select 1", correlation="c", data={"ms": "x", "writes": 7}))
    tape.http(1.01, "client->orders", "GET /orders", "200", 20.0, "c")
    line = next(line for line in drawn(tape, "c", 80) if "SQL" in line)
    assert "orders SQL select 1" in line
    assert MOMENT in line


def test_a_pause_is_cut_out_so_that_what_happened_stays_readable() -> None:
    tape = Tape()
    tape.http(1.1, "client->orders", "POST /orders", "201", 100.0, "c")
    tape.http(9.1, "client->orders", "GET /orders/1", "200", 100.0, "c")
    lines = drawn(tape, "c", 80)
    first, second = bar(lines, "client→orders POST"), bar(lines, "client→orders GET")
    assert first[1] - first[0] == pytest.approx(second[1] - second[0], abs=1)
    assert first[1] - first[0] > 8
    assert any(PAUSE in line for line in lines)


def test_an_axis_keeps_the_order_of_times() -> None:
    spans = [(0.0, 0.1), (0.05, 0.3), (4.0, 4.0), (4.2, 4.9), (90.0, 90.2)]
    drawn_on = axis(spans, 30)
    cells = [drawn_on.cell(t) for t in sorted(t for span in spans for t in span)]
    assert cells == sorted(cells)
    assert 0 <= cells[0] <= cells[-1] < 30


def test_what_was_lost_ends_with_a_cross() -> None:
    tape = Tape()
    tape.http(1.1, "client->orders", "POST /orders", "closed", 100.0, "c", outcome="lost")
    assert "×" in next(line for line in drawn(tape, "c", 80) if "client→orders" in line)
