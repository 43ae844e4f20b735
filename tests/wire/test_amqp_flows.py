"""The AMQP decoder: what the two sides say becomes the right Flows, however the bytes are cut."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp import commands, header
from pamqp.frame import marshal
from pamqp.heartbeat import Heartbeat

from lab.wire.amqp.session import AmqpSession
from lab.wire.session import Side, Undecodable
from tests.wire.amqp_play import (
    GREETING,
    Play,
    ack,
    confirming,
    consuming,
    deliver,
    message,
    nack,
    opened,
    publish,
    say,
    told,
)

Basic, Channel, Connection, Exchange, Queue = (
    commands.Basic,
    commands.Channel,
    commands.Connection,
    commands.Exchange,
    commands.Queue,
)


def test_a_publish_carries_its_names_and_ids() -> None:
    play = Play()
    play.client(GREETING, publish("m1", correlation_id="req-7", text=b"x" * 10_000, split=4088))
    [flow] = play.flows
    assert (flow.op, flow.exchange, flow.routing_key) == ("publish order.created", "shop.events", "order.created")
    assert (flow.message, flow.correlation, flow.bytes, flow.outcome) == ("m1", "req-7", 10_000, "ok")
    assert flow.protocol == "amqp"
    assert flow.detail == ""


def test_an_empty_body_is_a_whole_message() -> None:
    assert Play().client(GREETING, publish("m1", text=b"")) == ["publish order.created m1"]


def test_without_a_message_id_the_body_tells_messages_apart() -> None:
    play = Play()
    play.client(
        GREETING, publish("", text=b"one"), publish("", text=b"two", split=1), publish("", text=b"one", split=2)
    )
    one, two, again = (flow.detail for flow in play.flows)
    assert one.startswith("body ")
    assert one == again != two


@pytest.mark.parametrize(
    ("headers", "correlation"),
    [
        ({"x": 1, "correlationid": "a-1"}, "a-1"),
        ({"deep": {"correlationid": "no"}, "list": [1, "two"], "cloudEvents:correlationid": "a-2"}, "a-2"),
        ({"cloudEvents_correlationid": "a-3"}, "a-3"),
        ({"X-Request-ID": "a-4", "flag": True, "nothing": None, "float": 1.5}, "a-4"),
        (
            {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
            "4bf92f3577b34da6a3ce929d0e0e4736",
        ),
        ({"other": "x"}, ""),
    ],
)
def test_correlation_falls_back_to_the_headers(headers: dict[str, object], correlation: str) -> None:
    play = Play()
    play.client(GREETING, publish("m1", headers=headers, delivery_mode=2, priority=3, expiration="1000"))
    assert play.flows[0].correlation == correlation
    assert play.flows[0].message == "m1"


def test_the_property_wins_over_the_header() -> None:
    play = Play()
    play.client(GREETING, publish("m1", correlation_id="prop", headers={"correlationid": "header"}))
    assert play.flows[0].correlation == "prop"


def test_cloudevents_in_binary_mode_have_their_id_in_the_headers() -> None:
    play = Play()
    play.client(GREETING, publish("", headers={"cloudEvents:id": "e-9"}))
    assert play.flows[0].message == "e-9"


def test_confirms_answer_publishes_one_by_one_and_many_at_once() -> None:
    play = confirming(opened(Play()))
    play.client(*(publish(f"m{n}", correlation_id=f"c{n}") for n in range(1, 6)))
    play.flows.clear()
    play.now = 0.25
    assert play.server(ack(2)) == ["confirm m2 confirmed"]
    assert play.server(ack(4, multiple=True)) == [f"confirm m{n} confirmed" for n in (1, 3, 4)]
    assert play.server(nack(5)) == ["confirm m5 nacked error"]
    assert [flow.ms for flow in play.flows] == [250.0] * 5
    assert play.flows[0].correlation == "c2"
    assert play.flows[0].routing_key == "order.created"


def test_publishes_before_confirm_select_are_not_counted() -> None:
    play = Play()
    play.client(GREETING, publish("m0"), say(commands.Confirm.Select()), publish("m1"))
    assert play.server(ack(1)) == ["confirm m1 confirmed"]


def test_a_return_comes_before_its_confirm() -> None:
    play = confirming(opened(Play()))
    play.client(publish("m1", mandatory=True))
    returned = message(Basic.Return(312, "NO_ROUTE", "shop.events", "order.created"), "m1")
    assert play.server(returned + ack(1)) == ["return m1 312 NO_ROUTE error", "confirm m1 confirmed"]


def test_deliveries_know_their_queue_and_acks_their_message() -> None:
    play = consuming(opened(Play()))
    assert play.server(deliver("m1", 1), deliver("m2", 2, again=True), deliver("m3", 3)) == [
        "deliver orders.mail m1",
        "deliver orders.mail m2",
        "deliver orders.mail m3",
    ]
    assert [flow.redelivered for flow in play.flows] == [False, True, False]
    play.flows.clear()
    play.now = 0.5
    assert play.client(say(Basic.Reject(2, requeue=False))) == ["reject m2 rejected"]
    assert play.client(nack(1, requeue=True)) == ["nack m1 requeued"]
    assert play.client(ack(3)) == ["ack m3 acked"]
    assert {(flow.queue, flow.ms) for flow in play.flows} == {("orders.mail", 500.0)}


def test_one_ack_may_answer_many() -> None:
    play = consuming(opened(Play()))
    play.server(*(deliver(f"m{n}", n) for n in range(1, 7)))
    assert play.client(ack(2)) == ["ack m2 acked"]
    assert play.client(ack(4, multiple=True)) == ["ack m1 acked", "ack m3 acked", "ack m4 acked"]
    assert play.client(nack(0, multiple=True)) == ["nack m5 requeued", "nack m6 requeued"]
    assert play.client(ack(9)) == []


def test_a_consumer_without_acks_owes_none() -> None:
    play = Play()
    play.client(GREETING, say(Basic.Consume(queue="q", consumer_tag="c", no_ack=True)))
    play.server(say(Basic.ConsumeOk("c")))
    assert play.server(deliver("m1", 1)) == ["deliver q m1 no-ack"]
    assert play.session.closed(Side.CLIENT, 1.0) == []


def test_the_broker_may_name_queue_and_consumer() -> None:
    play = Play()
    play.client(GREETING, say(Queue.Declare(queue="", exclusive=True)))
    play.now = 0.01
    assert play.server(say(Queue.DeclareOk("amq.gen-1", 0, 0))) == ["declare amq.gen-1 OK"]
    assert (play.flows[-1].queue, play.flows[-1].ms) == ("amq.gen-1", 10.0)
    play.client(say(Queue.Bind(queue="", exchange="shop.events", routing_key="order.*")))
    assert play.server(say(Queue.BindOk())) == ["bind OK"]
    assert (play.flows[-1].queue, play.flows[-1].routing_key) == ("amq.gen-1", "order.*")
    play.client(say(Basic.Consume(queue="", consumer_tag="")))
    assert play.server(say(Basic.ConsumeOk("amq.ctag-1"))) == ["consume amq.gen-1 OK"]
    assert play.server(deliver("m1", 1, consumer="amq.ctag-1")) == ["deliver amq.gen-1 m1"]


def test_calls_are_paired_in_order_and_nowait_needs_no_answer() -> None:
    play = Play()
    assert play.client(
        GREETING,
        say(Exchange.Declare(exchange="shop.events", exchange_type="topic")),
        say(Queue.Declare(queue="a")),
        say(Queue.Declare(queue="b", nowait=True)),
        say(Queue.Purge(queue="a")),
        say(Exchange.Bind(destination="x", source="y", routing_key="k")),
    ) == ["declare b"]
    answers = (Exchange.DeclareOk(), Queue.DeclareOk("a", 3, 1), Queue.PurgeOk(3), Exchange.BindOk())
    assert play.server(*map(say, answers)) == ["declare shop.events OK", "declare a OK", "purge a OK", "bind OK"]
    assert (play.flows[-1].exchange, play.flows[-1].detail) == ("y", "exchange x")


def test_get_has_its_queue_its_time_and_its_ack() -> None:
    play = Play()
    play.client(GREETING, say(Basic.Get(queue="q")))
    play.now = 0.002
    assert play.server(message(Basic.GetOk(1, False, "x", "k", 4), "m1")) == ["get q m1"]
    assert play.flows[-1].ms == pytest.approx(2.0)
    assert play.client(ack(1)) == ["ack m1 acked"]
    play.client(say(Basic.Get(queue="q", no_ack=True)))
    assert play.server(say(Basic.GetEmpty())) == ["get q empty"]


def test_every_flow_says_what_it_is_and_which_side_sent_it() -> None:
    play = confirming(opened(Play()))
    play.client(say(Queue.Declare(queue="q")), say(Basic.Consume(queue="q", consumer_tag="c")))
    play.server(say(Queue.DeclareOk("q", 0, 0)), say(Basic.ConsumeOk("c")))
    play.client(publish("m1"), publish("m2"), publish("m3"))
    returned = message(Basic.Return(312, "NO_ROUTE", "shop.events", "order.created"), "m3")
    play.server(ack(1), nack(2), returned, deliver("m4", 1), deliver("m5", 2))
    play.client(ack(1), say(Basic.Reject(2)), say(Basic.Get(queue="q")), say(Basic.Get(queue="q")))
    play.server(message(Basic.GetOk(3, False, "x", "k", 4), "m6"), say(Basic.GetEmpty()))
    play.server(say(Channel.Close(406, "PRECONDITION_FAILED", 0, 0)))
    assert [(told(flow), flow.role, "broker" if flow.back else "client") for flow in play.flows] == [
        ("declare q OK", "setup", "client"),
        ("consume q OK", "subscribe", "client"),
        ("publish order.created m1", "message", "client"),
        ("publish order.created m2", "message", "client"),
        ("publish order.created m3", "message", "client"),
        ("confirm m1 confirmed", "ack", "broker"),
        ("confirm m2 nacked error", "nack", "broker"),
        ("return m3 312 NO_ROUTE error", "nack", "broker"),
        ("deliver q m4", "delivery", "broker"),
        ("deliver q m5", "delivery", "broker"),
        ("ack m4 acked", "ack", "client"),
        ("reject m5 requeued", "nack", "client"),
        ("get q m6", "delivery", "broker"),
        ("get q empty", "call", "client"),
        ("close channel 406 error", "setup", "broker"),
    ]


def test_cancelling_from_either_side() -> None:
    play = consuming(opened(Play()))
    play.client(say(Basic.Cancel("c")))
    assert play.server(deliver("m1", 1), say(Basic.CancelOk("c"))) == [
        "deliver orders.mail m1",
        "cancel orders.mail OK",
    ]
    play = consuming(opened(Play()))
    assert play.server(say(Basic.Cancel("c"))) == ["cancel orders.mail cancelled by the broker error"]


def test_consumers_that_come_and_go_leave_nothing_in_the_books() -> None:
    play = opened(Play())
    for number in range(3):
        tag = f"c{number}"
        play.client(say(Basic.Consume(queue="q")))
        play.server(say(Basic.ConsumeOk(tag)))
        play.client(say(Basic.Cancel(tag)))
        play.server(say(Basic.CancelOk(tag)))
    play.client(say(Basic.Consume(queue="q")))
    play.server(say(Basic.ConsumeOk("last")), say(Basic.Cancel("last")))
    assert not any(channel.consumers for channel in play.session._connection.channels.values())


def test_recover_gives_everything_back() -> None:
    play = consuming(opened(Play()))
    play.server(deliver("m1", 1), deliver("m2", 2))
    play.client(say(Basic.Recover(requeue=True)))
    assert play.server(say(Basic.RecoverOk())) == ["nack m1 requeued", "nack m2 requeued"]


def test_a_channel_error_answers_the_call_and_ends_what_is_open() -> None:
    play = consuming(confirming(opened(Play())))
    play.client(publish("p1"), say(Queue.Declare(queue="q", passive=True)))
    play.server(deliver("m1", 1))
    text = "NOT_FOUND - no queue 'q' in vhost '/'"
    assert play.server(say(Channel.Close(404, text, 50, 10))) == [
        "declare q 404 NOT_FOUND error",
        "close channel 404 NOT_FOUND error",
    ]
    assert play.flows[-1].detail == text
    assert play.client(say(Channel.CloseOk())) == ["confirm p1 channel closed lost", "nack m1 channel closed"]
    play.client(say(Channel.Open()), publish("p2"))
    assert play.server(ack(1)) == []


def test_a_connection_that_ends_leaves_no_question_open() -> None:
    play = consuming(confirming(opened(Play())))
    play.client(publish("p1"), say(Queue.Declare(queue="q")))
    play.server(deliver("m1", 1))
    flows = [told(flow) for flow in play.session.closed(Side.SERVER, 1.0)]
    assert flows == [
        "confirm p1 connection lost lost",
        "declare q connection lost lost",
        "ack m1 connection lost lost",
    ]
    assert play.session.closed(Side.CLIENT, 1.0) == []


def test_opening_and_closing_a_connection() -> None:
    play = Play()
    play.client(GREETING)
    play.server(say(Connection.Start(server_properties={}), 0))
    play.client(say(Connection.StartOk({}, "PLAIN", "\0guest\0hunter2"), 0))
    play.now = 0.03
    play.client(say(Connection.Open("/shop"), 0))
    assert play.server(say(Connection.OpenOk(), 0)) == ["open /shop OK"]
    assert play.flows[-1].ms == 30.0
    forced = say(Connection.Close(320, "CONNECTION_FORCED - broker forced connection closure", 0, 0), 0)
    assert play.server(forced) == ["close 320 CONNECTION_FORCED error"]
    assert "hunter2" not in repr(play.flows)


def test_a_refused_login_is_told_without_the_password() -> None:
    play = Play()
    play.client(GREETING, say(Connection.StartOk({}, "PLAIN", "\0guest\0hunter2"), 0))
    play.server(say(Connection.Close(403, "ACCESS_REFUSED - Login was refused", 0, 0), 0))
    assert [told(flow) for flow in play.flows] == ["close 403 ACCESS_REFUSED error"]
    assert "hunter2" not in repr(play.flows)


def test_a_normal_close_is_no_error() -> None:
    play = Play()
    play.client(GREETING)
    assert play.client(say(Connection.Close(200, "Normal shutdown", 0, 0), 0)) == ["close 200"]
    assert play.server(say(Connection.CloseOk(), 0)) == []


def test_a_blocked_publisher_is_shown() -> None:
    play = Play()
    play.client(GREETING)
    assert play.server(say(Connection.Blocked("low on disk"), 0)) == ["blocked late"]
    assert play.server(say(Connection.Unblocked(), 0)) == ["unblocked OK"]


def test_heartbeats_are_nobodys_flow() -> None:
    play = Play()
    assert play.client(GREETING, marshal(Heartbeat(), 0), publish("m1")) == ["publish order.created m1"]


def test_a_server_of_another_version_answers_with_its_own() -> None:
    play = Play()
    assert play.client(GREETING) == []
    assert play.server(b"AMQP\x00\x01\x00\x00") == []


def test_unanswered_publishes_do_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.wire.amqp.channel.REMEMBERED", 100)
    play = consuming(confirming(opened(Play())))
    play.client(*(publish(f"p{n}") for n in range(1, 1001)))
    play.server(*(deliver(f"m{n}", n) for n in range(1, 1001)))
    lost = play.session.closed(Side.CLIENT, 1.0)
    assert 100 <= len(lost) <= 202
    assert {flow.message for flow in lost} >= {"p1000", "m1000"}


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        GREETING + b"\x07\x00\x01\x00\x00\x00\x00\xce",
        GREETING + b"\x01\x00\x01\x00\x00\x00\x04\x00\x00\x00\x00\xcd",
        GREETING + b"\x03\x00\x01\x00\x00\x00\x01x\xcd",
        GREETING + b"\x01\x00\x01\x7f\xff\xff\xff" + b"x" * 10,
    ],
)
def test_garbage_is_undecodable(garbage: bytes) -> None:
    with pytest.raises(Undecodable):
        AmqpSession().observe(Side.CLIENT, garbage, 0.0)


# Any split gives the same flows.

keys = st.sampled_from(["order.created", "user.registered", "k" * 200])
texts = st.binary(max_size=300)


@st.composite
def conversations(draw: st.DrawFn) -> list[tuple[Side, bytes]]:
    """What two sides say on three channels, frames of different channels interleaved."""
    numbers = {channel: [0, 0] for channel in (1, 2, 7)}
    said = [(Side.CLIENT, GREETING)]
    for channel in numbers:
        said.append((Side.CLIENT, say(commands.Confirm.Select(), channel)))
        said.append((Side.CLIENT, say(Basic.Consume(queue=f"q{channel}", consumer_tag="c"), channel)))
        said.append((Side.SERVER, say(Basic.ConsumeOk("c"), channel)))
    for turn in range(draw(st.integers(1, 20))):
        channel = draw(st.sampled_from([1, 2, 7]))
        counts = numbers[channel]
        ident = draw(st.sampled_from(["", f"m{turn}"]))
        match draw(st.sampled_from(["publish", "deliver", "confirm", "ack", "beat"])):
            case "publish":
                counts[0] += 1
                unit = publish(ident, draw(keys), channel, text=draw(texts), split=draw(st.integers(1, 400)))
                said.append((Side.CLIENT, unit))
            case "deliver":
                counts[1] += 1
                said.append((Side.SERVER, deliver(ident, counts[1], channel, text=draw(texts))))
            case "confirm":
                said.append((Side.SERVER, ack(draw(st.integers(0, counts[0] + 1)), draw(st.booleans()), channel)))
            case "ack":
                said.append((Side.CLIENT, ack(draw(st.integers(0, counts[1] + 1)), draw(st.booleans()), channel)))
            case _:
                said.append((draw(st.sampled_from(list(Side))), marshal(Heartbeat(), 0)))
    return said


@settings(max_examples=150)
@given(said=conversations(), seed=st.integers(0, 2**32))
def test_any_split_gives_the_same_flows(said: list[tuple[Side, bytes]], seed: int) -> None:
    whole = Play()
    for side, data in said:
        whole.observe(side, data)
    cut, luck = Play(), random.Random(seed)
    for side, data in said:
        pos = 0
        while pos < len(data):
            step = luck.choice((1, 2, 7, 30, 1000))
            cut.observe(side, data[pos : pos + step])
            pos += step
    assert cut.flows == whole.flows


def _joined(said: list[tuple[Side, bytes]], luck: random.Random) -> list[tuple[Side, bytes]]:
    """What one side says in a row, now and then in one piece."""
    joined: list[tuple[Side, bytes]] = []
    for side, data in said:
        if joined and joined[-1][0] is side and luck.random() < 0.7:
            joined[-1] = (side, joined[-1][1] + data)
        else:
            joined.append((side, data))
    return joined


@settings(max_examples=150)
@given(said=conversations(), seed=st.integers(0, 2**32))
def test_intercepting_without_a_fault_changes_nothing(said: list[tuple[Side, bytes]], seed: int) -> None:
    whole, cut, luck = Play(), Play(), random.Random(seed)
    expected = {Side.CLIENT: b"", Side.SERVER: b""}
    intercepting = False
    for side, data in _joined(said, luck):
        whole.observe(side, data)
        expected[side.other] += data
        pos = 0
        while pos < len(data):
            if not (intercepting and cut.session.held()):
                intercepting = luck.random() < 0.5
            chunk = data[pos : pos + luck.choice((1, 2, 7, 30, 1000))]
            pos += len(chunk)
            if intercepting:
                cut.intercept(side, chunk)
                if luck.random() < 0.1:
                    cut.release()
            else:
                cut.observe(side, chunk)
                cut.sent[side.other] += chunk
    cut.release()
    assert cut.sent == expected
    assert cut.flows == whole.flows
    assert not cut.session.held()


@settings(max_examples=200)
@given(good=conversations(), bad=st.binary(max_size=400), seed=st.integers(0, 2**32))
def test_garbage_passes_through_interception_untouched(good: list[tuple[Side, bytes]], bad: bytes, seed: int) -> None:
    play, luck = Play(), random.Random(seed)
    fed = {Side.CLIENT: b"", Side.SERVER: b""}
    for side, data in [*good[: luck.randrange(len(good))], (luck.choice(list(Side)), bad)]:
        fed[side.other] += data
        play.intercept(side, data)
        if play.effects:
            break
    play.release()
    assert play.sent == fed


def test_a_header_without_a_method_is_ignored() -> None:
    stray = marshal(header.ContentHeader(0, 3, Basic.Properties()), 5)
    assert Play().client(GREETING, stray, publish("m1")) == ["publish order.created m1"]
