"""The sequence diagram of a story: well-formed, complete, inside its frame."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.grading.evidence.sequence import svg
from lab.grading.model import Line
from tests.grading.samples import STORY_OF_A_DOUBLE_CHARGE, STORY_OF_A_FLOOD

NS = "{http://www.w3.org/2000/svg}"


def wire(mark: str = "", *, who: str = "orders", to: str = "payments", more: int = 0) -> Line:
    return Line(t=1.0, lane="wire", who=who, to=to, what="POST /charges", result="201", mark=mark, more=more)


def drawn(*lines: Line) -> Xml.Element:
    return Xml.fromstring(svg(lines))


def kinds(element: Xml.Element) -> set[str]:
    return {name for one in element.iter() for name in one.get("class", "").split()}


def text(element: Xml.Element) -> str:
    return " ".join("".join(one.itertext()) for one in element.iter(f"{NS}text"))


def heads(element: Xml.Element) -> list[str]:
    return ["".join(one.itertext()) for one in element.iter(f"{NS}text") if one.get("class") == "lane"]


def test_one_lane_a_process_the_outside_first() -> None:
    assert heads(drawn(*STORY_OF_A_FLOOD)) == ["client", "gateway", "users"]
    assert heads(drawn(*STORY_OF_A_DOUBLE_CHARGE)) == ["check", "amqp", "payments", "payment"]


def test_what_did_not_arrive_looks_different() -> None:
    assert "arrow" in kinds(drawn(wire()))
    assert "broken" not in kinds(drawn(wire()))
    assert {"broken"} <= kinds(drawn(wire("lost")))
    assert {"broken"} <= kinds(drawn(wire("refused")))
    assert {"late"} <= kinds(drawn(wire("late")))
    for mark in ("duplicate", "redelivered", "again"):
        assert {"again"} <= kinds(drawn(wire(mark)))
    assert {"more"} <= kinds(drawn(wire(more=17)))


def test_a_lost_one_ends_on_its_way_and_a_late_one_slants() -> None:
    lost = next(one for one in drawn(wire("lost")).iter(f"{NS}path") if one.get("stroke-dasharray"))
    whole = next(one for one in drawn(wire()).iter(f"{NS}path") if one.get("class") == "arrow")
    end = [float(re.findall(r"H([\d.]+)", one.get("d", ""))[0]) for one in (lost, whole)]
    assert end[0] < end[1] - 50
    late = next(one for one in drawn(wire("late")).iter(f"{NS}path") if one.get("class") == "late")
    start, stop = (float(y) for y in re.findall(r" ([\d.]+)", late.get("d", "")))
    assert stop > start


def test_the_decisive_line_is_lit_and_said() -> None:
    assert "here" in kinds(drawn(wire("here")))
    assert "◀ here" in text(drawn(wire("duplicate here")))
    assert "DUPLICATE" in text(drawn(wire("duplicate here")))
    assert "here" not in kinds(drawn(wire("duplicate")))


def test_a_fault_is_a_band_from_its_beginning_to_its_end() -> None:
    begins = Line(
        t=0.5, lane="fault", who="f1", to="orders->payments", what="latency orders->payments 2s", result="added"
    )
    ends = Line(
        t=2.0, lane="fault", who="f1", to="orders->payments", what="latency orders->payments 2s", result="healed"
    )
    open_, closed = drawn(begins, wire(), wire()), drawn(begins, wire(), ends, wire())
    bands = [one for root in (open_, closed) for one in root.iter(f"{NS}rect") if one.get("class") == "band"]
    assert len(bands) == 2
    assert float(bands[1].get("height", "0")) < float(bands[0].get("height", "0"))


def test_a_dead_process_has_a_dotted_life() -> None:
    died = Line(t=1.0, lane="process", who="orders", what="failed", result="killed by SIGKILL")
    rose = Line(t=2.0, lane="process", who="orders", what="ready")
    assert {"dead", "fell", "rose"} <= kinds(drawn(wire(), died, wire(), rose))
    assert "dead" not in kinds(drawn(wire(), rose))


def test_texts_are_escaped_and_cut_but_kept_whole_for_those_who_point() -> None:
    long = "<script>alert(1)</script> " + "é" * 5000
    root = drawn(wire(), Line(t=1.1, lane="log", who="orders", what=long, result="error", place="orders.log:1"))
    assert not list(root.iter(f"{NS}script"))
    assert "orders.log:1" in text(root)
    assert "…" in text(root)
    assert any(long in "".join(one.itertext()) for one in root.iter(f"{NS}title"))


def test_nothing_to_tell_is_nothing() -> None:
    assert svg([]) == ""


def test_only_a_gap_or_a_fault_is_drawn_too() -> None:
    assert "7 more" in text(drawn(Line(t=1.0, lane="check", who="", what="", more=7)))
    drawn(Line(t=1.0, lane="fault", who="f1", to="orders", what="kill orders", result="added"))


@pytest.mark.parametrize("language", ["en", "uz"])
def test_in_both_languages(language: str) -> None:
    root = Xml.fromstring(svg(STORY_OF_A_DOUBLE_CHARGE, language=language))
    assert ("LOST" if language == "en" else "YO‘QOLDI") in text(root)


names = st.sampled_from(
    ["client", "gateway", "orders", "users", "redis", "amqp", "payments", "a-very-long-service-name"]
)
lines = st.builds(
    Line,
    t=st.floats(0, 100),
    lane=st.sampled_from(["wire", "fault", "log", "process", "check"]),
    who=names,
    to=st.one_of(st.just(""), names),
    what=st.one_of(st.just(""), st.text(max_size=200), st.just("latency gateway->users 2s")),
    result=st.text(max_size=60),
    mark=st.sampled_from(["", "lost", "late here", "duplicate", "refused", "redelivered", "again", "odd"]),
    more=st.sampled_from([0, 0, 3]),
    place=st.sampled_from(["", "orders.log:118"]),
)


@settings(max_examples=60)
@given(st.lists(lines, min_size=1, max_size=14))
def test_whatever_happens_all_of_it_is_inside_the_frame(story: list[Line]) -> None:
    root = Xml.fromstring(svg(story))
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    for one in root.iter(f"{NS}rect"):
        if one.get("x") is not None:
            assert float(one.get("x", "0")) >= 0
            assert float(one.get("x", "0")) + float(one.get("width", "0")) <= width + 1
            assert float(one.get("y", "0")) + float(one.get("height", "0")) <= height + 1
