"""Frames out of order, broken frames, handshakes that fail: what the broker answers on the wire."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from pamqp import body, commands, header

from tests.brokers import PrivateBroker
from tests.engines.amqp.wire import CAPABILITIES, HEADER, Wire

PUBLISH = commands.Basic.Publish(0, "", "nowhere")
QUEUE = commands.Queue.Declare(0, "probe.protocol")


def raw_frame(kind: int, channel: int, payload: bytes, end: bytes = b"\xce") -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + end


@pytest.mark.parametrize("greeting", [b"AMQP\x00\x01\x00\x09", b"GET / HTTP/1.1\r\n\r\n"], ids=["0-10", "http"])
def test_another_protocol_is_answered_with_ours(amqp_broker: PrivateBroker, greeting: bytes) -> None:
    with Wire(amqp_broker.port) as wire:
        wire.raw(greeting)
        assert wire.read() == (0, HEADER)
        assert wire.read() is None


def test_the_header_of_0_9_is_taken(amqp_broker: PrivateBroker) -> None:
    """Clients older than 0-9-1 begin so; two of Perl's still do."""
    with Wire(amqp_broker.port) as wire:
        for octet in b"AMQP\x01\x01\x00\x09":
            wire.raw(bytes([octet]))
        start = wire.expect(commands.Connection.Start)
        assert (start.version_major, start.version_minor) == (0, 9)


def test_the_offer(amqp_broker: PrivateBroker) -> None:
    with Wire(amqp_broker.port) as wire:
        for octet in HEADER:
            wire.raw(bytes([octet]))
        start = wire.expect(commands.Connection.Start)
        assert (start.version_major, start.version_minor) == (0, 9)
        assert set(start.mechanisms.split()) >= {"PLAIN", "AMQPLAIN"}
        assert start.locales == "en_US"
        assert start.server_properties["product"] == "RabbitMQ"
        assert set(start.server_properties["capabilities"]) == {
            "publisher_confirms",
            "exchange_exchange_bindings",
            "basic.nack",
            "consumer_cancel_notify",
            "connection.blocked",
            "consumer_priorities",
            "authentication_failure_close",
            "per_consumer_qos",
            "direct_reply_to",
        }
        wire.send(0, commands.Connection.StartOk({}, "PLAIN", "\0guest\0guest", "en_US"))
        tune = wire.expect(commands.Connection.Tune)
        assert (tune.channel_max, tune.frame_max, tune.heartbeat) == (2047, 131072, 60)


def test_amqplain(amqp_broker: PrivateBroker) -> None:
    with Wire(amqp_broker.port) as wire:
        wire.raw(HEADER)
        wire.expect(commands.Connection.Start)
        response = b"\x05LOGINS\x00\x00\x00\x05guest\x08PASSWORDS\x00\x00\x00\x05guest"
        wire.send(0, commands.Connection.StartOk({}, "AMQPLAIN", response.decode(), "en_US"))
        wire.expect(commands.Connection.Tune)


@pytest.mark.parametrize("knows", [True, False])
def test_a_wrong_password(amqp_broker: PrivateBroker, knows: bool) -> None:
    with Wire(amqp_broker.port) as wire:
        wire.raw(HEADER)
        wire.expect(commands.Connection.Start)
        properties: Any = {"capabilities": {"authentication_failure_close": knows}}
        wire.send(0, commands.Connection.StartOk(properties, "PLAIN", "\0guest\0wrong", "en_US"))
        text = (
            "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker "
            "logfile."
        )
        assert wire.closed() == ((403, text) if knows else None)


@pytest.mark.parametrize("tune", [(4000, 131072, 0), (2047, 1 << 20, 0), (2047, 100, 0)], ids=str)
def test_limits_that_were_not_offered(amqp_broker: PrivateBroker, tune: tuple[int, int, int]) -> None:
    with Wire(amqp_broker.port) as wire:
        wire.raw(HEADER)
        wire.expect(commands.Connection.Start)
        wire.send(0, commands.Connection.StartOk({}, "PLAIN", "\0guest\0guest", "en_US"))
        wire.expect(commands.Connection.Tune)
        wire.send(0, commands.Connection.TuneOk(*tune), commands.Connection.Open("/"))
        # RabbitMQ hangs up without a word; the embedded broker says why.
        assert wire.closed() is None or amqp_broker.name == "embedded"


FRAME_ERROR = "FRAME_ERROR - type {}, all octets = <<{}>>: {}"
OPEN = "0,20,0,10,0"
HEADER_WANTED = "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead"
BODY_WANTED = "UNEXPECTED_FRAME - expected content body, got non content body frame instead"
METHOD_WANTED = "UNEXPECTED_FRAME - expected method frame, got non method frame instead"
OPENING = b"\x00\x14\x00\x0a\x00"

BROKEN: dict[str, tuple[list[Any], tuple[int, str]]] = {
    "frame end": (
        [raw_frame(1, 2, OPENING, b"X")],
        (501, FRAME_ERROR.format(1, OPEN, "{invalid_frame_end_marker,88}")),
    ),
    "frame type": ([raw_frame(7, 2, OPENING)], (501, FRAME_ERROR.format(7, OPEN, "unknown_frame"))),
    "frame size": (
        [struct.pack(">BHI", 1, 1, 200000)],
        (501, FRAME_ERROR.format(1, "", "{frame_too_large,200000,131064}")),
    ),
    "heartbeat on a channel": ([raw_frame(8, 1, b"")], (505, "UNEXPECTED_FRAME - type 8, all octets = <<>>")),
    "method cut short": ([raw_frame(1, 1, b"\x00\x32\x00\x0a")], (501, "FRAME_ERROR - cannot decode <<>>")),
    "method cut in its fields": (
        [raw_frame(1, 1, b"\x00\x32\x00\x0a\x00")],
        (501, "FRAME_ERROR - cannot decode <<0>>"),
    ),
    "method with more behind it": (
        [raw_frame(1, 1, struct.pack(">HHIHB", 60, 10, 0, 5, 0) + b"junk")],
        (501, "FRAME_ERROR - cannot decode <<0,0,0,0,0,5,0,106,117,110,107>>"),
    ),
    "publish with more behind it": (
        [raw_frame(1, 1, b"\x00\x3c\x00\x28\x00\x00\x00\x01k\x00junk")],
        (501, "FRAME_ERROR - cannot decode <<0,0,0,1,107,0,106,117,110,107>>"),
    ),
    "publish cut short": (
        [raw_frame(1, 1, b"\x00\x3c\x00\x28\x00\x00\x00\x09k\x00")],
        (501, "FRAME_ERROR - cannot decode <<0,0,0,9,107,0>>"),
    ),
    "no method": ([raw_frame(1, 1, b"")], (501, FRAME_ERROR.format(1, "", "unknown_frame"))),
    "header cut short": (
        [PUBLISH, raw_frame(2, 1, b"\x00\x3c")],
        (501, FRAME_ERROR.format(2, "0,60", "unknown_frame")),
    ),
    "heartbeat with something in it": (
        [raw_frame(8, 0, b"x")],
        (501, 'FRAME_ERROR - type 8, all octets = <<"x">>: unknown_frame'),
    ),
    "a name that is no UTF-8": (
        [raw_frame(1, 1, b"\x00\x32\x00\x0a\x00\x00\x02\xff\xfe\x08\x00\x00\x00\x00")],
        (501, "FRAME_ERROR - Malformed UTF-8 in shortstr"),
    ),
    "header with a weight": ([PUBLISH, raw_frame(2, 1, struct.pack(">HHQH", 60, 7, 0, 0))], (505, HEADER_WANTED)),
    "body first": ([body.ContentBody(b"x")], (505, METHOD_WANTED)),
    "header first": ([header.ContentHeader(0, 1)], (505, METHOD_WANTED)),
    "method for header": ([PUBLISH, QUEUE], (505, HEADER_WANTED)),
    "body for header": ([PUBLISH, body.ContentBody(b"x")], (505, HEADER_WANTED)),
    "method for body": ([PUBLISH, header.ContentHeader(0, 5), QUEUE], (505, BODY_WANTED)),
    "header for body": ([PUBLISH, header.ContentHeader(0, 5), header.ContentHeader(0, 5)], (505, BODY_WANTED)),
    "body too long": ([PUBLISH, header.ContentHeader(0, 2), body.ContentBody(b"long"), QUEUE], (505, BODY_WANTED)),
    "header of another class": (
        [PUBLISH, raw_frame(2, 1, struct.pack(">HHQH", 50, 0, 1, 0))],
        (505, "UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead"),
    ),
    "immediate": (
        [commands.Basic.Publish(0, "", "nowhere", False, True), header.ContentHeader(0, 0)],
        (540, "NOT_IMPLEMENTED - immediate=true"),
    ),
    "a server's method": ([commands.Queue.DeclareOk("x", 1, 1)], (503, "COMMAND_INVALID - unimplemented method")),
    "open twice": ([commands.Channel.Open()], (504, "CHANNEL_ERROR - second 'channel.open' seen")),
}


@pytest.mark.parametrize("case", BROKEN)
def test_frames_that_cannot_be(amqp_broker: PrivateBroker, case: str) -> None:
    frames, expected = BROKEN[case]
    with Wire(amqp_broker.port).login() as wire:
        wire.channel()
        for each in frames:
            if isinstance(each, bytes):
                wire.raw(each)
            else:
                wire.send(1, each)
        assert wire.closed() == expected


@pytest.mark.parametrize("index", [(99, 1), (60, 7)], ids=str)
def test_methods_that_do_not_exist(amqp_broker: PrivateBroker, index: tuple[int, int]) -> None:
    with Wire(amqp_broker.port).login() as wire:
        wire.channel()
        wire.raw(raw_frame(1, 1, struct.pack(">HH", *index)))
        # RabbitMQ's connection process dies of it; the embedded broker keeps to the specification.
        closed = wire.closed()
        assert closed is None or closed[0] == 540


@pytest.mark.parametrize(
    ("channel", "method", "text"),
    [
        (3, QUEUE, "expected 'channel.open'"),
        (5, commands.Channel.Close(0, "", 0, 0), "expected 'channel.open'"),
        (5, commands.Channel.CloseOk(), "expected 'channel.open'"),
        (0, commands.Channel.Open(), "unexpected method in connection state running"),
        (0, commands.Connection.StartOk({}, "PLAIN", "x", "en_US"), "unexpected method in connection state running"),
        (0, commands.Connection.SecureOk("x"), "unexpected method in connection state running"),
    ],
)
def test_methods_where_they_do_not_belong(amqp_broker: PrivateBroker, channel: int, method: Any, text: str) -> None:
    with Wire(amqp_broker.port).login() as wire:
        wire.send(channel, method)
        assert wire.closed() == (504, f"CHANNEL_ERROR - {text}")


def test_too_many_channels(amqp_broker: PrivateBroker) -> None:
    with Wire(amqp_broker.port).login(tune=(2, 131072, 0)) as wire:
        wire.channel(1)
        wire.channel(2)
        wire.send(3, commands.Channel.Open())
        assert wire.closed() == (
            530,
            "NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)",
        )


def test_a_closing_channel_hears_nothing_until_close_ok(amqp_broker: PrivateBroker) -> None:
    with Wire(amqp_broker.port).login() as wire:
        wire.channel()
        wire.send(1, commands.Queue.Declare(0, "none", passive=True), commands.Queue.Declare(0, "", exclusive=True))
        close = wire.expect(commands.Channel.Close)
        assert (close.reply_code, close.class_id, close.method_id) == (404, 50, 10)
        wire.send(1, PUBLISH, header.ContentHeader(0, 1), body.ContentBody(b"x"))
        wire.send(1, commands.Channel.CloseOk(), commands.Channel.Open())
        wire.expect(commands.Channel.OpenOk)


@pytest.mark.parametrize("properties", [b"\x00\x00junk", b"\x00\x01\x00\x00", b"\x80\x00\x32a"])
def test_properties_that_are_none(amqp_broker: PrivateBroker, properties: bytes) -> None:
    """RabbitMQ fails over them itself (541); the embedded broker says whose fault it is. Neither passes them on."""
    with Wire(amqp_broker.port).login() as wire:
        wire.channel()
        wire.send(1, PUBLISH)
        wire.raw(raw_frame(2, 1, struct.pack(">HHQ", 60, 0, 0) + properties))
        closed = wire.closed()
        assert closed is not None
        assert closed[0] == (502 if amqp_broker.name == "embedded" else 541)


def test_long_names_and_those_beyond_ascii(amqp_broker: PrivateBroker) -> None:
    with Wire(amqp_broker.port).login() as wire:
        wire.channel()
        for name in ("\N{SNOWMAN}" * 60, "k" * 255):
            wire.send(1, commands.Basic.Publish(0, "", name, True), header.ContentHeader(0, 0))
            assert wire.expect(commands.Basic.Return).routing_key == name
            wire.expect(header.ContentHeader)
        # Names of queues and exchanges must be UTF-8; what is published is taken as it comes.
        wire.raw(raw_frame(1, 1, b"\x00\x3c\x00\x28\x00\x00\x00\x02\xff\xfe\x00"))
        wire.send(1, header.ContentHeader(0, 0), commands.Basic.Qos())
        wire.expect(commands.Basic.QosOk)


def test_both_sides_close_a_channel_at_once(amqp_broker: PrivateBroker) -> None:
    with Wire(amqp_broker.port).login() as wire:
        wire.channel()
        wire.send(1, commands.Queue.Declare(0, "none", passive=True), commands.Channel.Close(200, "", 0, 0))
        wire.expect(commands.Channel.Close)
        wire.expect(commands.Channel.CloseOk)


def test_the_client_ends_the_socket_after_its_close(amqp_broker: PrivateBroker) -> None:
    """The broker answers, twice if need be, and leaves the socket to the client."""
    with Wire(amqp_broker.port).login() as wire:
        for _ in range(2):
            wire.send(0, commands.Connection.Close(200, "", 0, 0))
            wire.expect(commands.Connection.CloseOk)
            with pytest.raises(TimeoutError):
                wire.read(0.5)


def test_update_secret_and_access_request(amqp_broker: PrivateBroker) -> None:
    with Wire(amqp_broker.port).login() as wire:
        wire.send(0, commands.Connection.UpdateSecret("new", "it was time"))
        wire.expect(commands.Connection.UpdateSecretOk)


def test_a_body_split_and_joined(amqp_broker: PrivateBroker) -> None:
    """Any split of the body goes in; frames of at most frame_max come out."""
    with Wire(amqp_broker.port).login(tune=(2047, 4096, 0)) as wire:
        wire.channel()
        wire.send(1, commands.Queue.Declare(0, "", exclusive=True))
        queue = wire.expect(commands.Queue.DeclareOk).queue
        content = bytes(range(256)) * 40
        wire.send(1, commands.Basic.Publish(0, "", queue), header.ContentHeader(0, len(content)))
        wire.send(1, body.ContentBody(b""), body.ContentBody(content[:1]), body.ContentBody(content[1:4000]))
        for start in range(4000, len(content), 4088):
            wire.send(1, body.ContentBody(content[start : start + 4088]))
        wire.send(1, commands.Basic.Get(0, queue, True))
        wire.expect(commands.Basic.GetOk)
        assert wire.expect(header.ContentHeader).body_size == len(content)
        got = b""
        while len(got) < len(content):
            piece = wire.expect(body.ContentBody).value
            assert len(piece) <= 4096 - 8
            got += piece
        assert got == content


def test_nowait_gets_no_answer(amqp_broker: PrivateBroker) -> None:
    with Wire(amqp_broker.port).login() as wire:
        wire.channel()
        name = "probe.nowait"
        quiet: list[Callable[[], Any]] = [
            lambda: commands.Queue.Declare(0, name, exclusive=True, nowait=True),
            lambda: commands.Exchange.Declare(0, name, "fanout", auto_delete=True, nowait=True),
            lambda: commands.Queue.Bind(0, name, name, "k", True, {}),
            lambda: commands.Exchange.Bind(0, name, "amq.fanout", "k", True, {}),
            lambda: commands.Exchange.Unbind(0, name, "amq.fanout", "k", True, {}),
            lambda: commands.Confirm.Select(True),
            lambda: commands.Basic.Consume(0, name, "tag", nowait=True),
            lambda: commands.Basic.Cancel("tag", True),
            lambda: commands.Queue.Purge(0, name, True),
            lambda: commands.Queue.Delete(0, name, nowait=True),
            lambda: commands.Exchange.Delete(0, name, nowait=True),
        ]
        for method in quiet:
            wire.send(1, method())
        wire.send(1, commands.Basic.Qos())
        wire.expect(commands.Basic.QosOk)


def test_heartbeats_come_and_silence_is_noticed(amqp_broker: PrivateBroker) -> None:
    with Wire(amqp_broker.port).login(tune=(2047, 131072, 1)) as wire:
        assert wire.names(quiet=1.0).count("Heartbeat") >= 2  # reads until the broker hung up


def test_a_nack_stands_for_all_below_it(amqp_broker: PrivateBroker) -> None:
    """What came before was confirmed, so both brokers say `multiple`."""
    with Wire(amqp_broker.port).login() as wire:
        wire.channel()
        full: Any = {"x-max-length": 0, "x-overflow": "reject-publish"}
        wire.send(1, commands.Queue.Declare(0, "", exclusive=True, arguments=full))
        queue = wire.expect(commands.Queue.DeclareOk).queue
        wire.send(1, commands.Confirm.Select())
        wire.expect(commands.Confirm.SelectOk)
        wire.send(1, commands.Basic.Publish(0, "", "nowhere"), header.ContentHeader(0, 0))
        assert wire.expect(commands.Basic.Ack).delivery_tag == 1
        for tag in (2, 3):
            wire.send(1, commands.Basic.Publish(0, "", queue), header.ContentHeader(0, 0))
            nack = wire.expect(commands.Basic.Nack)
            assert (nack.delivery_tag, nack.multiple, nack.requeue) == (tag, True, True)


def test_confirm_and_return_keep_their_order(amqp_broker: PrivateBroker) -> None:
    """A message that finds no queue is returned before it is confirmed, and before a later answer."""
    with Wire(amqp_broker.port).login() as wire:
        wire.channel()
        wire.send(1, commands.Basic.Publish(0, "", "nowhere", True), header.ContentHeader(0, 0))
        wire.send(1, commands.Confirm.Select())
        wire.expect(commands.Basic.Return)
        wire.expect(header.ContentHeader)
        wire.expect(commands.Confirm.SelectOk)
        wire.send(1, commands.Basic.Publish(0, "", "nowhere", True), header.ContentHeader(0, 0))
        returned = wire.expect(commands.Basic.Return)
        assert (returned.reply_code, returned.reply_text) == (312, "NO_ROUTE")
        wire.expect(header.ContentHeader)
        assert wire.expect(commands.Basic.Ack).delivery_tag == 1


def test_who_deletes_a_queue_hears_of_that_before_the_cancel(amqp_broker: PrivateBroker) -> None:
    with Wire(amqp_broker.port).login() as wire:
        wire.channel()
        wire.send(1, commands.Queue.Declare(0, "", exclusive=True))
        queue = wire.expect(commands.Queue.DeclareOk).queue
        wire.send(1, commands.Basic.Consume(0, queue, "tag"))
        wire.expect(commands.Basic.ConsumeOk)
        wire.send(1, commands.Queue.Delete(0, queue))
        wire.expect(commands.Queue.DeleteOk)
        assert wire.expect(commands.Basic.Cancel).consumer_tag == "tag"
        wire.send(1, commands.Basic.Cancel("tag"))
        assert wire.expect(commands.Basic.CancelOk).consumer_tag == "tag"


@pytest.mark.parametrize("octets", [3000, 9000])
def test_frames_before_tune_are_small(amqp_broker: PrivateBroker, octets: int) -> None:
    """Who has not logged in yet may not have the broker hold much. RabbitMQ takes 4,096 octets, since 4.1 8,192."""
    with Wire(amqp_broker.port) as wire:
        wire.raw(HEADER)
        wire.expect(commands.Connection.Start)
        properties: Any = {"capabilities": CAPABILITIES, "token": "x" * octets}
        wire.send(0, commands.Connection.StartOk(properties, "PLAIN", "\0guest\0guest", "en_US"))
        if octets < 4096:
            wire.expect(commands.Connection.Tune)
        else:
            assert (wire.closed() or (501, "it hung up, as RabbitMQ does"))[0] == 501
