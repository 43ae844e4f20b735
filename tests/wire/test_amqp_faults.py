"""AMQP faults as playbooks: what each makes of messages and answers, and that both sides' numbers stay true."""

from __future__ import annotations

import json
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp import commands

from lab.faults.fault import Fault
from lab.wire.session import GiveUp, Mute, Reset, Send, Side, Stall, Wake
from tests.wire.amqp_play import (
    Play,
    ack,
    confirming,
    consuming,
    deliver,
    fault,
    message,
    nack,
    opened,
    publish,
    say,
    sentences,
    told,
)
from tests.wire.playbook import left

Basic = commands.Basic
CLIENT, SERVER = Side.CLIENT, Side.SERVER
BODY = '{"n": 1}'


def consumer(*faults: Fault) -> Play:
    play = consuming(opened(Play()))
    play.faults = list(faults)
    return play


def publisher(*faults: Fault) -> Play:
    play = confirming(opened(Play()))
    play.faults = list(faults)
    return play


# lose-ack


def test_a_lost_ack_takes_the_connection_with_it() -> None:
    play = consumer(fault("lose-ack"))
    play.intercept(SERVER, deliver("m1", 1) + deliver("m2", 2))
    play.flows.clear()
    play.intercept(CLIENT, ack(1) + ack(2))
    assert play.heard(SERVER) == []
    assert play.effects == [Reset("f1")]
    assert [told(flow) for flow in play.flows] == ["ack m1 acked lost f1"]
    assert [told(flow) for flow in play.session.closed(SERVER, 1.0)] == ["ack m2 connection lost lost"]


def test_a_lost_ack_for_many_loses_all_of_them() -> None:
    play = consumer(fault("lose-ack"))
    play.intercept(SERVER, deliver("m1", 1) + deliver("m2", 2))
    assert play.intercept(CLIENT, ack(2, multiple=True)) == ["ack m1 acked lost f1", "ack m2 acked lost f1"]
    assert play.heard(SERVER) == []


def test_a_nack_is_not_an_ack() -> None:
    play = consumer(fault("lose-ack"))
    play.intercept(SERVER, deliver("m1", 1))
    play.intercept(CLIENT, nack(1))
    assert play.heard(SERVER) == ["nack 1 requeue"]
    assert play.effects == []


def test_an_ack_is_chosen_by_its_queue() -> None:
    play = consumer(fault("lose-ack", match="ack orders.*"))
    play.intercept(SERVER, deliver("m1", 1))
    play.intercept(CLIENT, ack(1))
    assert play.effects == [Reset("f1")]


# redeliver


def test_a_delivery_comes_twice_and_is_acked_once() -> None:
    play = consumer(fault("redeliver"))
    assert play.intercept(SERVER, deliver("m1", 1)) == [
        "deliver orders.mail m1",
        "deliver orders.mail m1 duplicate f1",
    ]
    assert [flow.redelivered for flow in play.flows] == [False, True]
    assert play.heard(CLIENT) == [f"deliver 1 m1 {BODY}", f"deliver 2 again m1 {BODY}"]
    assert play.intercept(CLIENT, ack(1)) == ["ack m1 acked"]
    assert play.intercept(CLIENT, ack(2)) == ["ack m1 acked duplicate"]
    assert play.heard(SERVER) == ["ack 1"]


def test_a_copy_that_is_never_answered_owes_the_broker_nothing() -> None:
    play = consumer(fault("redeliver"))
    play.intercept(SERVER, deliver("m1", 1))
    play.intercept(CLIENT, ack(1))
    assert play.session.closed(CLIENT, 1.0) == []


def test_after_a_redelivery_the_numbers_stay_translated() -> None:
    play = consumer(fault("redeliver"))
    play.intercept(SERVER, deliver("m1", 1) + deliver("m2", 2) + deliver("m3", 3))
    assert [line.split()[1] for line in play.heard(CLIENT)] == ["1", "2", "3", "4"]
    play.intercept(CLIENT, nack(4) + say(Basic.Reject(3, requeue=False)))
    assert play.heard(SERVER) == ["nack 3 requeue", "reject 2"]
    play.release()
    assert play.session.held()
    play.intercept(CLIENT, ack(2) + ack(1))
    assert play.heard(SERVER) == ["ack 1"]
    assert play.session.held()


def test_multiple_acks_are_spelt_out_for_the_broker() -> None:
    play = consumer(fault("redeliver"))
    play.intercept(SERVER, b"".join(deliver(f"m{n}", n) for n in range(1, 5)))
    play.intercept(CLIENT, ack(4, multiple=True))
    assert play.heard(SERVER) == ["ack 1", "ack 2", "ack 3"]
    play.intercept(CLIENT, nack(0, multiple=True))
    assert play.heard(SERVER) == ["nack 4 requeue"]


def test_an_unknown_tag_stays_unknown() -> None:
    play = consumer(fault("redeliver"))
    play.intercept(SERVER, deliver("m1", 1) + deliver("m2", 2) + deliver("m3", 3))
    play.intercept(CLIENT, ack(1) + ack(2) + ack(2))
    assert play.heard(SERVER) == ["ack 1", f"ack {2**63 - 1}"]
    play.intercept(CLIENT, ack(0, multiple=True) + ack(0, multiple=True))
    assert play.heard(SERVER) == ["ack 2", "ack 3", "ack 0 multiple"]


def test_a_consumer_without_acks_gets_its_copy_too() -> None:
    play = opened(Play(faults=[fault("redeliver")]))
    play.client(say(Basic.Consume(queue="q", consumer_tag="c", no_ack=True)))
    play.server(say(Basic.ConsumeOk("c")))
    play.intercept(SERVER, deliver("m1", 1) + deliver("m2", 2))
    assert play.heard(CLIENT) == [f"deliver 1 m1 {BODY}", f"deliver 2 again m1 {BODY}", f"deliver 3 m2 {BODY}"]


def test_a_new_channel_counts_afresh() -> None:
    play = consumer(fault("redeliver"))
    play.intercept(SERVER, deliver("m1", 1))
    play.intercept(CLIENT, say(commands.Channel.Close(0, "", 0, 0)))
    play.intercept(SERVER, say(commands.Channel.CloseOk()))
    assert not play.session.held()


# lose-confirm


def test_a_confirm_is_lost_and_the_others_are_not() -> None:
    play = publisher(fault("lose-confirm"))
    play.intercept(CLIENT, publish("m1") + publish("m2") + publish("m3"))
    play.flows.clear()
    assert play.intercept(SERVER, ack(1)) == ["confirm m1 confirmed lost f1"]
    assert play.intercept(SERVER, ack(3, multiple=True)) == ["confirm m2 confirmed", "confirm m3 confirmed"]
    # `ack 3 multiple` would have told the client that 1 is confirmed, too.
    assert play.heard(CLIENT) == ["ack 2", "ack 3"]


def test_of_many_confirms_at_once_one_is_lost() -> None:
    play = publisher(fault("lose-confirm", match="confirm user.*"))
    play.intercept(CLIENT, publish("m1") + publish("m2", key="user.registered") + publish("m3"))
    play.intercept(SERVER, ack(3, multiple=True))
    assert play.heard(CLIENT) == ["ack 1", "ack 3"]


def test_a_nack_of_the_broker_is_no_confirm() -> None:
    play = publisher(fault("lose-confirm"))
    play.intercept(CLIENT, publish("m1"))
    play.intercept(SERVER, nack(1, requeue=False))
    assert play.heard(CLIENT) == ["nack 1"]


# duplicate-publish


def test_a_message_is_published_twice_and_confirmed_once() -> None:
    play = publisher(fault("duplicate-publish"))
    assert play.intercept(CLIENT, publish("m1", mandatory=True) + publish("m2")) == [
        "publish order.created m1",
        "publish order.created m1 duplicate f1",
        "publish order.created m2",
    ]
    # The copy is not mandatory: what cannot be routed comes back once.
    assert play.heard(SERVER) == [
        f"publish order.created mandatory m1 {BODY}",
        f"publish order.created m1 {BODY}",
        f"publish order.created m2 {BODY}",
    ]
    assert play.intercept(SERVER, ack(1)) == ["confirm m1 confirmed"]
    assert play.intercept(SERVER, ack(2)) == ["confirm m1 confirmed duplicate"]
    assert play.intercept(SERVER, ack(3)) == ["confirm m2 confirmed"]
    assert play.heard(CLIENT) == ["ack 1", "ack 2"]


def test_confirms_of_many_are_spelt_out_without_the_copy() -> None:
    play = publisher(fault("duplicate-publish", count=2))
    play.intercept(CLIENT, publish("m1") + publish("m2") + publish("m3"))
    play.intercept(SERVER, ack(5, multiple=True))
    assert play.heard(CLIENT) == ["ack 1", "ack 2", "ack 3"]


def test_without_confirms_nothing_needs_translating() -> None:
    play = opened(Play(faults=[fault("duplicate-publish")]))
    play.intercept(CLIENT, publish("m1"))
    assert play.heard(SERVER) == [f"publish order.created m1 {BODY}"] * 2
    assert not play.session.held()


# poison


@pytest.mark.parametrize("text", [b'{"a": [1, 2]}', b"[]", b"7", b'"word"', b"null", b' {"a": 1}', b"# no json"])
def test_a_poisoned_body_does_not_parse(text: bytes) -> None:
    play = consumer(fault("poison"))
    assert play.intercept(SERVER, deliver("m1", 1, text=text, split=5)) == ["deliver orders.mail m1 poisoned error f1"]
    [line] = play.heard(CLIENT)
    body = line.removeprefix("deliver 1 m1 ")
    assert len(body) == len(text)
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    assert not play.session.held()


def test_what_is_published_is_not_poisoned() -> None:
    play = publisher(fault("poison"))
    play.intercept(CLIENT, publish("m1"))
    assert play.heard(SERVER) == [f"publish order.created m1 {BODY}"]


def test_a_message_that_was_asked_for_may_be_poisoned() -> None:
    play = opened(Play(faults=[fault("poison")]))
    play.client(say(Basic.Get(queue="q")))
    play.intercept(SERVER, message(Basic.GetOk(1, False, "x", "k", 0), "m1"))
    assert play.heard(CLIENT) == ['got 1 m1 #"n": 1}']


def test_an_empty_body_is_left_for_one_that_can_be_poisoned() -> None:
    play = consumer(fault("poison"))
    play.intercept(SERVER, deliver("m1", 1, text=b"") + deliver("m2", 2))
    assert play.heard(CLIENT) == ["deliver 1 m1 ", 'deliver 2 m2 #"n": 1}']


# reorder


def test_deliveries_come_in_reverse_under_numbers_that_rise() -> None:
    play = consumer(fault("reorder", hold=3))
    play.intercept(SERVER, deliver("m1", 1) + deliver("m2", 2))
    assert play.heard(CLIENT) == []
    assert play.session.held()
    assert play.intercept(SERVER, deliver("m3", 3) + deliver("m4", 4)) == [
        "deliver orders.mail m3 late f1",
        "deliver orders.mail m2 late f1",
        "deliver orders.mail m1 late f1",
        "deliver orders.mail m4",
    ]
    assert play.heard(CLIENT) == [f"deliver {n} {m} {BODY}" for n, m in ((1, "m3"), (2, "m2"), (3, "m1"), (4, "m4"))]
    # The client answers the first it got; for the broker that is its third.
    play.intercept(CLIENT, ack(1, multiple=True))
    assert play.heard(SERVER) == ["ack 3"]
    play.intercept(CLIENT, ack(3, multiple=True))
    assert play.heard(SERVER) == ["ack 2", "ack 1"]


def test_held_deliveries_do_not_wait_for_ever() -> None:
    play = consumer(fault("reorder", hold=5))
    play.intercept(SERVER, deliver("m1", 1) + deliver("m2", 2))
    [wake] = play.effects
    assert isinstance(wake, Wake)
    play.intercept(CLIENT, b"")
    assert play.heard(CLIENT) == []
    play.now = wake.delay
    play.intercept(CLIENT, b"")
    assert play.heard(CLIENT) == [f"deliver 1 m2 {BODY}", f"deliver 2 m1 {BODY}"]


def test_healing_lets_deliveries_go() -> None:
    play = consumer(fault("reorder", hold=5))
    play.intercept(SERVER, deliver("m1", 1) + deliver("m2", 2))
    play.release()
    assert play.heard(CLIENT) == [f"deliver 1 m2 {BODY}", f"deliver 2 m1 {BODY}"]


def test_deliveries_come_before_the_end_of_their_consumer() -> None:
    play = consumer(fault("reorder", hold=5))
    play.intercept(SERVER, deliver("m1", 1) + say(Basic.CancelOk("c")))
    assert play.heard(CLIENT) == [f"deliver 1 m1 {BODY}", "Basic.CancelOk"]


def test_another_queue_is_not_held_up() -> None:
    play = consumer(fault("reorder", match="deliver orders.mail", hold=2))
    play.client(say(Basic.Consume(queue="other", consumer_tag="d")))
    play.server(say(Basic.ConsumeOk("d")))
    play.intercept(SERVER, deliver("m1", 1) + deliver("x", 2, consumer="d") + deliver("m2", 3))
    assert [line.split()[2] for line in play.heard(CLIENT)] == ["x", "m2", "m1"]
    play.intercept(CLIENT, ack(1) + ack(2) + ack(3))
    assert play.heard(SERVER) == ["ack 2", "ack 3", "ack 1"]


# Faults of any link, for chosen messages.


def test_a_chosen_publish_is_late() -> None:
    play = publisher(fault("latency", match="publish user.*", delay=0.3))
    assert play.intercept(CLIENT, publish("m1") + publish("m2", key="user.registered")) == [
        "publish order.created m1",
        "publish user.registered m2 late f1",
    ]
    [send] = play.effects
    assert isinstance(send, Send)
    assert (send.to, send.delay) == (SERVER, 0.3)
    assert sentences(left(send)) == [f"publish user.registered m2 {BODY}"]


@pytest.mark.parametrize(
    ("kind", "effect"), [("blackhole", Stall("f1")), ("one-way", Mute("f1")), ("reset", Reset("f1"))]
)
def test_a_chosen_delivery_stalls_mutes_or_cuts_the_connection(kind: str, effect: object) -> None:
    play = consumer(fault(kind, match="deliver *"))
    play.intercept(SERVER, deliver("m1", 1))
    assert play.effects == [effect]
    assert (play.heard(CLIENT) == []) == (kind == "reset")
    assert play.flows[0].faults == ("f1",)
    assert (play.flows[0].outcome == "error") == (kind == "reset")


def test_a_chosen_ack_is_late() -> None:
    play = consumer(fault("latency", match="ack *", delay=0.3))
    play.intercept(SERVER, deliver("m1", 1))
    assert play.intercept(CLIENT, ack(1)) == ["ack m1 acked late f1"]
    assert play.effects == [Send(SERVER, ack(1), 0.3)]


def test_two_faults_may_meet_in_one_message() -> None:
    play = publisher(fault("duplicate-publish"), fault("latency", delay=0.1))
    play.intercept(CLIENT, publish("m1"))
    assert play.heard(SERVER) == [f"publish order.created m1 {BODY}"] * 2
    assert [told(flow) for flow in play.flows] == [
        "publish order.created m1 late f1",
        "publish order.created m1 duplicate f1 f1",
    ]


# Taking over and letting go.


def test_a_message_half_forwarded_is_not_touched() -> None:
    play = consumer(fault("redeliver", count=1))
    unit = deliver("m1", 1, text=b"x" * 100)
    play.server(unit[:60])
    assert play.intercept(SERVER, unit[60:] + deliver("m2", 2)) == [
        "deliver orders.mail m1",
        "deliver orders.mail m2",
        "deliver orders.mail m2 duplicate f1",
    ]
    assert sentences(unit[:60] + play.sent[CLIENT]) == [
        f"deliver 1 m1 {'x' * 100}",
        f"deliver 2 m2 {BODY}",
        f"deliver 3 again m2 {BODY}",
    ]


def test_a_very_long_message_goes_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.wire.amqp.session.LONGEST_HELD", 1000)
    play = consumer(fault("redeliver", count=1))
    unit = deliver("m1", 1, text=b"x" * 5000)
    play.intercept(SERVER, unit[:2000])
    assert len(play.sent[CLIENT]) == 2000
    assert play.intercept(SERVER, unit[2000:] + deliver("m2", 2))[:2] == [
        "deliver orders.mail m1",
        "deliver orders.mail m2",
    ]
    assert [line[:12] for line in play.heard(CLIENT)] == ["deliver 1 m1", "deliver 2 m2", "deliver 3 ag"]


def test_a_long_message_gets_the_number_that_is_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    play = consumer(fault("redeliver", count=1))
    play.intercept(SERVER, deliver("m1", 1))
    monkeypatch.setattr("lab.wire.amqp.session.LONGEST_HELD", 1000)
    play.intercept(SERVER, deliver("m2", 2, text=b"x" * 5000))
    assert [line[:12] for line in play.heard(CLIENT)] == ["deliver 1 m1", "deliver 2 ag", "deliver 3 m2"]
    play.intercept(CLIENT, ack(3))
    assert play.heard(SERVER) == ["ack 2"]


def test_bytes_that_stop_to_be_amqp_all_come_out() -> None:
    play = consumer(fault("reorder", hold=9))
    half = deliver("m2", 2)[:40]
    play.intercept(SERVER, deliver("m1", 1) + half)
    play.intercept(CLIENT, b"\x09garbage garbage")
    assert isinstance(play.effects[-1], GiveUp)
    assert play.sent[SERVER] == b"\x09garbage garbage"
    assert play.sent[CLIENT].endswith(half)
    assert sentences(play.sent[CLIENT].removesuffix(half)) == [f"deliver 1 m1 {BODY}"]


def test_what_was_forgotten_is_still_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.wire.amqp.channel.REMEMBERED", 4)
    play = consumer(fault("redeliver"))
    play.server(*(deliver(f"m{n}", n) for n in range(1, 7)))
    play.intercept(SERVER, deliver("m7", 7))
    play.intercept(CLIENT, ack(1) + ack(6, multiple=True))
    told_broker = play.heard(SERVER)
    assert told_broker[0] == "ack 1"
    assert told_broker[1].endswith("multiple")
    assert told_broker[-1] == "ack 6"


def test_confirms_that_were_forgotten_still_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.wire.amqp.channel.REMEMBERED", 4)
    play = publisher(fault("duplicate-publish"))
    play.client(*(publish(f"m{n}") for n in range(1, 7)))
    play.intercept(CLIENT, publish("m7"))
    play.intercept(SERVER, ack(8, multiple=True))
    heard = play.heard(CLIENT)
    assert heard[0].endswith("multiple")
    assert heard[-1] == "ack 7"


# Whatever faults strike, and however the client answers: a model of client and broker finds no wrong number.


@settings(max_examples=200)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_consumer_and_broker_never_meet_a_number_they_do_not_know(data: st.DataObject, seed: int) -> None:
    luck = random.Random(seed)
    play = consumer()
    menu = [fault("redeliver", count=None), fault("reorder", count=None, hold=3)]
    broker: dict[int, str] = {}
    client: dict[int, str] = {}
    handled: set[str] = set()
    settled: list[str] = []
    given_tag = highest = 0
    for _ in range(data.draw(st.integers(1, 40))):
        play.faults = luck.sample(menu, luck.randrange(3))
        if not play.faults and luck.random() < 0.3:
            play.release()
        if luck.random() < 0.6:
            given_tag += 1
            broker[given_tag] = f"m{given_tag}"
            play.intercept(SERVER, deliver(f"m{given_tag}", given_tag))
        elif client:
            tag, multiple = luck.choice(list(client)), luck.random() < 0.5
            answered = [number for number in client if number == tag or (multiple and number < tag)]
            handled |= {client.pop(number) for number in answered}
            play.intercept(CLIENT, ack(tag, multiple))
        for line in play.heard(CLIENT):
            _, number, *rest = line.split()
            highest += 1
            assert int(number) == highest
            client[highest] = rest[1] if rest[0] == "again" else rest[0]
        for line in play.heard(SERVER):
            number = line.split()[1]
            assert "multiple" not in line or not play.session.held()
            numbers = [known for known in broker if known <= int(number)] if "multiple" in line else [int(number)]
            settled.extend(broker.pop(known) for known in numbers)
    # The broker forgot exactly what the consumer had handled.
    assert set(settled) == handled


@settings(max_examples=200)
@given(turns=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_publisher_and_broker_never_confirm_the_wrong_message(turns: int, seed: int) -> None:
    luck = random.Random(seed)
    play = publisher()
    menu = [fault("duplicate-publish", count=None), fault("lose-confirm", count=None)]
    broker: dict[int, str] = {}
    accepted = published = 0
    answered: set[str] = set()
    confirmed: list[int] = []
    for _ in range(turns):
        play.faults = luck.sample(menu, luck.randrange(3))
        if luck.random() < 0.6:
            published += 1
            play.intercept(CLIENT, publish(f"m{published}"))
        elif broker:
            tag, multiple = luck.choice(list(broker)), luck.random() < 0.5
            taken = [number for number in broker if number == tag or (multiple and number < tag)]
            answered |= {broker.pop(number) for number in taken}
            play.intercept(SERVER, ack(tag, multiple))
        for line in play.heard(SERVER):
            accepted += 1
            broker[accepted] = line.split()[2]
        for line in play.heard(CLIENT):
            number = int(line.split()[1])
            reached = [earlier for earlier in range(1, number) if earlier not in confirmed]
            confirmed += [*reached, number] if "multiple" in line else [number]
    lost = {flow.message for flow in play.flows if flow.op == "confirm" and flow.outcome == "lost"}
    told_client = {f"m{number}" for number in confirmed}
    assert len(confirmed) == len(told_client)
    assert not told_client & lost
    # A message is answered by the confirm of the client's own copy of it, which may still be to come.
    assert told_client | lost <= answered


# Whatever begins or heals in the middle of whichever frame: what leaves is always made of whole frames.


def whole_frames(data: bytes) -> dict[int, list[bytes]]:
    """The frames by channel; AssertionError if something stands between or within them."""
    found: dict[int, list[bytes]] = {}
    while data:
        kind, channel, size = struct.unpack_from(">BHI", data)
        assert kind in (1, 2, 3, 8)
        assert data[size + 7 : size + 8] == b"\xce"
        found.setdefault(channel, []).append(data[: size + 8])
        data = data[size + 8 :]
    return found


def woven(luck: random.Random, messages: dict[int, list[bytes]]) -> bytes:
    """The frames of several channels, woven into one stream."""
    waiting = {channel: whole_frames(b"".join(said))[channel] for channel, said in messages.items()}
    stream = b""
    while any(waiting.values()):
        channel = luck.choice([channel for channel, frames in waiting.items() if frames])
        stream += waiting[channel].pop(0)
    return stream


@pytest.mark.parametrize("side", [CLIENT, SERVER])
@settings(max_examples=150)
@given(seed=st.integers(0, 2**32))
def test_what_leaves_is_whole_frames_wherever_faults_begin_and_heal(side: Side, seed: int) -> None:
    luck = random.Random(seed)
    play = opened(Play())
    numbers = range(1, 4)
    if side is CLIENT:
        said = {c: [publish(f"m{c}{n}", channel=c, text=b"x" * 90, split=30) for n in range(3)] for c in numbers}
    else:
        said = {c: [deliver(f"m{c}{n}", n + 1, channel=c, text=b"x" * 90, split=30) for n in range(3)] for c in numbers}
    stream = woven(luck, said)
    reorders = luck.random() < 0.5
    left, heard, active = stream, b"", False
    while left:
        size = luck.randrange(1, 60)
        piece, left = left[:size], left[size:]
        match luck.randrange(6):
            case 0:
                active = True
                play.faults = [fault("reorder", count=None, hold=3)] if reorders else []
            case 1 if active:
                active, play.faults = False, []
                play.release()
            case 2 if active:
                play.now += 2
                play.intercept(side, b"")
        if active or play.session.held():
            play.intercept(side, piece)
        else:
            play.observe(side, piece)
            play.sent[side.other] += piece
    play.faults = []
    play.release()
    heard = play.sent[side.other]
    assert len(heard) == len(stream)
    if reorders and side is SERVER:
        assert {c: len(frames) for c, frames in whole_frames(heard).items()} == dict.fromkeys(numbers, 15)
    else:
        assert whole_frames(heard) == whole_frames(stream)


@pytest.mark.parametrize("how", ["heal", "wake"])
def test_deliveries_that_were_held_wait_for_the_frame_under_way(how: str) -> None:
    play = consumer(fault("reorder", hold=5))
    big = message(commands.Basic.Deliver("d", 1, False, "", "q"), "big", b"y" * (9 << 20), channel=2, split=131_072)
    play.intercept(SERVER, deliver("m1", 1) + deliver("m2", 2))
    play.intercept(SERVER, big[:-5_000])
    if how == "heal":
        play.release()
    else:
        play.now += 2
        play.intercept(SERVER, b"")
    assert len(play.sent[CLIENT]) == len(big) - 5_000
    play.intercept(SERVER, big[-5_000:])
    by_channel = whole_frames(play.sent[CLIENT])
    assert b"".join(by_channel[2]) == big
    assert [line.split()[2] for line in sentences(b"".join(by_channel[1]))] == ["m2", "m1"]
