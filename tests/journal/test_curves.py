"""Curves are measured of what the taps saw while a rate held, and drawn as a picture."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from lab.journal.curves import CURVE, curves
from lab.journal.curves_picture import picture
from lab.journal.event import Event, Flow, Note


def mark(t: float, curve: str, rate: float | None) -> Note:
    return Note(t=t, topic=CURVE, data={"curve": curve, "rate": rate})


def visit(t: float, ms: float, status: str = "200", **more: object) -> Flow:
    flow = Flow(t=t, source="client", target="a", link="client->a", protocol="http", ms=ms, status=status)
    for name, value in more.items():
        setattr(flow, name, value)
    return flow


def a_run() -> list[Event]:
    """Two curves: ten visitors a second, all answered; then twenty, of which ten are, two of them with a 503."""
    return [
        visit(0.5, 900.0),
        mark(1.0, "one", 10.0),
        visit(1.5, 900.0),  # still of before
        *(visit(2.0 + n / 10, 50.0) for n in range(20)),
        visit(2.5, 1.0, source="other"),
        mark(4.0, "two", 20.0),
        *(visit(5.0 + n / 10, 500.0, "503" if n < 2 else "200") for n in range(10)),
        visit(5.5, 5000.0, "", outcome="lost"),
        mark(6.0, "", 5.0),
        *(visit(7.0 + n / 10, 900.0) for n in range(10)),
        Note(t=9.0, topic="scenario", data={"over": True}),
    ]


def test_each_rate_is_a_point_of_its_curve() -> None:
    found = curves(a_run())
    assert list(found) == ["one", "two"]
    (one,), (two,) = found.values()
    assert (one.rate, round(one.throughput, 1), one.p50, one.p95, one.failed) == (10, 10, 50, 50, 0)
    assert (two.rate, round(two.throughput, 1), two.p50, two.failed) == (20, 8, 500, 3)


def test_the_last_point_ends_with_the_scenario() -> None:
    events = [
        *a_run()[:-2],
        mark(7.0, "three", 1.0),
        visit(8.5, 1.0),
        Note(t=9.0, topic="scenario", data={"over": True}),
    ]
    assert [point.throughput for point in curves(events)["three"]] == [1.0]


def test_a_run_that_measures_none_has_none() -> None:
    assert curves([visit(1.0, 1.0), Note(t=2.0, topic="scenario", data={"over": True})]) == {}


def test_the_picture_shows_every_point_and_names_every_curve() -> None:
    drawn = ElementTree.fromstring(picture({"a < b": [*curves(a_run())["one"]] * 3, "c": curves(a_run())["two"]}))
    inside = list(drawn.iter())
    assert sum(element.tag.endswith("circle") for element in inside) == 2 * 4
    words = [element.text for element in inside if element.tag.endswith("text")]
    assert {"a < b", "c"} <= set(words)
