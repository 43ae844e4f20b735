"""Filter, sample and traffic: which of many flows are shown, and how."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from lab.dashboard.flow_filter import BadFilter, compile_filter
from lab.dashboard.sampling import LINES_PER_SECOND, ROOM, Sample
from lab.dashboard.traffic import MOST, TRAVEL, Traffic, shown
from lab.journal.event import Flow, Log
from lab.journal.picture.run import RunPicture
from tests.dashboard import shop

FLOW = shop.http("orders->payments", "POST /charges", "503", ms=80.0, outcome="error", correlation="req-7")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "orders",
        "POST 503",
        "link:orders->",
        "orders→payments",
        "-users",
        "ms>50",
        "ms<100",
        "outcome:error",
        "req-7",
    ],
)
def test_filter_keeps(text: str) -> None:
    test = compile_filter(text)
    assert test is None or test(FLOW)


@pytest.mark.parametrize(
    "text", ["users", "POST 200", "link:users", "-orders", "ms>100", "outcome:lost", "!503", "level:info"]
)
def test_filter_drops(text: str) -> None:
    test = compile_filter(text)
    assert test is not None
    assert not test(FLOW)


def test_filter_reads_logs_too() -> None:
    test = compile_filter("level:error -payments")
    assert test is not None
    assert test(Log(source="orders", level="error", message="boom"))
    assert not test(Log(source="payments", level="error", message="boom"))


@pytest.mark.parametrize(("text", "says"), [("ms>fast", "number of milliseconds"), ("lnk:orders", "no field 'lnk'")])
def test_filter_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(BadFilter, match=says):
        compile_filter(text)


def test_a_filter_may_have_a_colon_in_a_word() -> None:
    test = compile_filter("user:7")
    assert test is not None
    assert test(Flow(op="GET user:7", link="a->redis"))


def flows(seconds: float, orders: float) -> list[Flow]:
    return [event for event in shop.stream(seconds, orders=orders) if isinstance(event, Flow)]


def sampled(seen: Iterable[Flow]) -> Sample:
    sample = Sample()
    for flow in seen:
        sample.take(flow)
    return sample


def test_a_slow_run_is_shown_whole() -> None:
    seen = [shop.http("a->b", f"GET /{n}", t=n / 2) for n in range(60)]
    sample = sampled(seen)
    assert list(sample.lines) == seen
    assert sample.hidden(30.0) == (0, "")


def test_nothing_is_hidden_while_there_is_room() -> None:
    """Six requests in a row, each with a dozen commands behind it, on a screen that was empty."""
    seen = []
    for number in range(6):
        seen += [shop.http("client->web", f"GET /{number}", t=number / 10)]
        seen += [Flow(link="web->redis", protocol="redis", op=f"GET k{n}", t=number / 10) for n in range(8)]
    assert list(sampled(seen).lines) == seen


def test_a_chatty_link_does_not_drown_the_others() -> None:
    seen = []
    for tick in range(600):
        seen += [Flow(link="web->redis", protocol="redis", op=f"GET k{n}", t=tick / 10) for n in range(4)]
        if tick % 10 == 0:
            seen += [shop.http("client->web", f"GET /{tick}", t=tick / 10)]
    lines = sampled(seen).lines
    asked = [flow for flow in lines if flow.link == "client->web"]
    assert asked == [flow for flow in seen if flow.link == "client->web"][-len(asked) :]
    assert len(asked) > 20
    hidden, mostly = sampled(seen).hidden(60.0)
    assert hidden > 20
    assert mostly == "web->redis"


def test_a_fast_run_is_sampled_to_what_can_be_read_in_whole_stories() -> None:
    seen = flows(30, orders=40)
    sample = sampled(seen)
    assert len(sample.lines) < 30 * LINES_PER_SECOND * 1.3 + ROOM
    assert sample.hidden(30.0)[0] > 300
    stories = {flow.correlation for flow in list(sample.lines)[20:-40] if flow.correlation.startswith("req")}
    whole = {name: sum(flow.correlation == name for flow in seen) for name in stories}
    kept = {name: sum(flow.correlation == name for flow in sample.lines) for name in stories}
    assert sum(kept[name] == whole[name] for name in stories) >= 0.8 * len(stories)


def test_what_went_wrong_is_not_left_out() -> None:
    seen = flows(10, orders=40)
    bad = shop.amqp("orders->broker", "ack", t=5.0, outcome="lost")
    seen.insert(next(i for i, flow in enumerate(seen) if flow.t > 5.0), bad)
    assert bad in sampled(seen).lines


def test_dots_grow_with_the_logarithm_of_the_rate() -> None:
    assert shown(0) == 1
    assert shown(1) < shown(10) < shown(100)
    assert shown(1e6) == MOST


def moving(*seen: Flow) -> Traffic:
    traffic = Traffic()
    traffic.see(seen, RunPicture(shop.SYSTEM).links, 0.0, 10.0)
    return traffic


def test_a_request_travels_to_the_provider_and_is_gone() -> None:
    traffic = moving(shop.http("client->orders", "POST /orders"))
    places = [traffic.dots("client->orders", 10 + TRAVEL * way)[0][0] for way in (0.0, 0.5, 0.9)]
    assert places == pytest.approx([0.0, 0.5, 0.9])
    assert traffic.dots("client->orders", 10 + TRAVEL) == []


def test_a_delivery_travels_from_the_broker() -> None:
    [(place, _, _)] = moving(shop.amqp("payments->broker", "deliver q")).dots("payments->broker", 10.25)
    assert place == pytest.approx(0.75)


def test_a_lost_message_stops_half_way() -> None:
    traffic = moving(shop.amqp("payments->broker", "ack", outcome="lost"))
    assert traffic.dots("payments->broker", 10.9)[0][:2] == (0.5, "✕")


def test_an_error_comes_back() -> None:
    traffic = moving(shop.http("client->orders", "GET /", "503", outcome="error"))
    [(place, glyph, style)] = traffic.dots("client->orders", 10.25)
    assert place == pytest.approx(0.75)
    assert (glyph, style) == ("✕", "bad")


def test_acks_have_no_dots() -> None:
    assert moving(shop.amqp("payments->broker", "ack")).dots("payments->broker", 10.1) == []


def test_a_thousand_a_second_is_a_few_dots() -> None:
    run = RunPicture(shop.SYSTEM)
    traffic = Traffic()
    for step in range(40):
        batch = [shop.http("client->orders", "GET /", t=step / 10 + n / 1000) for n in range(100)]
        run.apply_all(batch)
        traffic.see(batch, run.links, run.now, step / 10)
    assert 3 <= len(traffic.dots("client->orders", 4.0)) <= MOST + 1
