from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.faults import text
from lab.faults.catalogue import KINDS
from lab.faults.fault import Fault, Value
from lab.faults.kind import Kind
from lab.faults.text import FaultError, parse


def test_everything_said() -> None:
    fault = parse('latency orders->payments 300ms jitter=100ms 20% on "POST /charges*" for 10s')
    assert fault == Fault(
        kind="latency",
        target="orders->payments",
        params={"delay": 0.3, "jitter": 0.1},
        match="POST /charges*",
        share=0.2,
        duration=10.0,
    )


def test_what_is_left_out_takes_the_kinds_default() -> None:
    assert parse("latency a->b") == Fault(kind="latency", target="a->b", params={"delay": 0.3, "jitter": 0.0})
    assert parse("lose-ack a->b").count == 1
    assert parse("freeze payments").duration == 15.0


@pytest.mark.parametrize("words", ["a:b", "a->b", "a<->b"])
def test_a_pair_may_be_written_for_the_shell(words: str) -> None:
    assert parse(f"partition {words}").target == "a<->b"


def test_a_colon_stands_for_the_arrow() -> None:
    assert parse("refuse orders:payments").target == "orders->payments"


def test_a_kind_for_the_next_message_takes_all_of_them_when_a_share_or_time_is_given() -> None:
    assert parse("duplicate a->b").count == 1
    assert parse("duplicate a->b 20%").count is None
    assert parse("duplicate a->b for 5s").count is None
    assert parse("duplicate a->b 100%").count is None
    assert parse('duplicate a->b on "POST *"').count == 1
    assert parse("duplicate a->b 50% x3").count == 3


def test_a_reset_happens_now_unless_more_is_said() -> None:
    assert parse("reset a->b").duration is None
    assert parse("reset a->b for 5s").duration == 5
    assert parse("reset a->b 10%").duration == 30


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("", "KIND TARGET"),
        ("latncy a->b", 'did you mean "latency"'),
        ("latency", "where?"),
        ("latency a", "acts on a link"),
        ("latency a->a", "to itself"),
        ("latency a<->b", "a->b"),
        ("kill a->b", "one process"),
        ("latency a->b 300", "300ms or 300s"),
        ("latency a->b 300ms 200ms", "has its delay already"),
        ("latency a->b jiter=3s", 'did you mean "jitter"'),
        ("latency a->b fro 30s", 'did you mean "for"'),
        ("latency a->b for", "a time like 30s"),
        ("latency a->b on", "a pattern"),
        ('latency a->b on "POST', "quote"),
        ("latency a->b 0%", "over 0%"),
        ("latency a->b 101%", "up to 100%"),
        ("latency a->b x0", "x3"),
        ("bandwidth a->b 32", "a rate like"),
        ("bandwidth a->b 0B/s", "blackhole"),
        ("truncate a->b 5KB/s", "a size like"),
        ("status a->b 700", "200 to 599"),
        ("status a->b 5.5", "whole number"),
        ("error a->b LODING", 'did you mean "LOADING"'),
        ("refuse a->b 20%", "takes no share"),
        ("partition a:b x2", "takes no share"),
        ("blackhole a->b 5s", "takes no value"),
        ("kill payments for 5s", "takes no `for`"),
        ("reset a->b for ever", "happens once"),
        ("latency a->b! 5s", "not a target"),
    ],
)
def test_a_wrong_text_names_the_word_and_the_way_out(wrong: str, says: str) -> None:
    with pytest.raises(FaultError) as caught:
        parse(wrong)
    assert says in str(caught.value)


def test_an_unknown_parameter_in_data_is_refused_too() -> None:
    with pytest.raises(FaultError, match="no parameter"):
        text.complete(Fault(kind="latency", target="a->b", params={"speed": 3.0}))


def _values(kind: Kind) -> st.SearchStrategy[dict[str, Value]]:
    def one(unit: str, words: tuple[str, ...], low: int, high: int | None) -> st.SearchStrategy[Value]:
        match unit:
            case "time":
                return st.integers(0, 100_000).map(lambda ms: ms / 1000)
            case "rate":
                return st.integers(1, 10**9).map(float)
            case "word":
                return st.sampled_from(words)
            case _:
                return st.integers(low, high or 10**9)

    return st.fixed_dictionaries({p.name: one(p.unit, p.words, p.low, p.high) for p in kind.params})


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    kind = draw(st.sampled_from(list(KINDS.values())))
    target = {"link": "orders->payments", "pair": "a<->b", "process": "broker"}[kind.scope]
    share, count, match = 1.0, None, ""
    if kind.selective:
        share = draw(st.integers(1, 100)) / 100
        count = draw(st.none() | st.integers(1, 99))
        match = draw(st.just("") | st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1))
    duration: float | None = None
    if not kind.instant:
        duration = draw(st.integers(1, 600_000)) / 1000
    return Fault(
        kind=kind.name,
        target=target,
        params=draw(_values(kind)),
        match=match,
        share=share,
        count=count,
        duration=duration,
    )


@given(faults())
def test_text_and_fault_are_one(fault: Fault) -> None:
    assert parse(text.format(fault)) == fault


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_default_that_can_be_written(kind: str) -> None:
    target = {"link": "a->b", "pair": "a<->b", "process": "a"}[KINDS[kind].scope]
    fault = parse(f"{kind} {target}")
    assert parse(text.format(fault)) == fault
    assert KINDS[kind].summary
    assert KINDS[kind].promise
