"""A connection without sockets: bytes and time in, bytes out. Time here is a number that the test sets."""

from __future__ import annotations

from typing import Any

import pytest
from pamqp import body, commands, frame, header

from lab.engines.amqp.core.broker import Broker
from lab.engines.amqp.protocol.clients import Clients
from lab.engines.amqp.protocol.connection import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, ROOM
from lab.engines.amqp.protocol.frames import PROTOCOL_HEADER
from tests.engines.amqp.protocol.talk import Talk, pass_time, turns


@pytest.fixture
def clients() -> Clients:
    return Clients(Broker(now=1000.0, wall=lambda: 1_700_000_000.0))


def test_heartbeats_are_sent_and_expected(clients: Clients) -> None:
    talk = Talk(clients).open(heartbeat=10)
    pass_time(clients.broker, 6)
    assert talk.names() == ["Heartbeat"]
    talk.say_bytes(b"\x08\x00\x00\x00\x00\x00\x00\xce")
    pass_time(clients.broker, 19)
    assert talk.connection in clients.connections
    pass_time(clients.broker, 10)
    assert talk.connection.closed
    assert talk.connection not in clients.connections


def test_a_client_that_never_opens_is_dropped(clients: Clients) -> None:
    talk = Talk(clients)
    talk.say_bytes(PROTOCOL_HEADER)
    pass_time(clients.broker, HANDSHAKE_TIMEOUT + 1)
    assert talk.connection.closed


def test_a_client_that_does_not_answer_a_close_is_dropped(clients: Clients) -> None:
    talk = Talk(clients).open()
    (close,) = talk.say((7, commands.Basic.Qos()))
    assert close.reply_code == 504
    assert talk.connection in clients.connections
    assert talk.publish("nowhere") == [], "nothing is answered meanwhile"
    pass_time(clients.broker, CLOSE_TIMEOUT + 1)
    assert talk.connection.closed


def test_a_client_that_stays_after_its_close_is_dropped(clients: Clients) -> None:
    talk = Talk(clients).open()
    (answer,) = talk.say((0, commands.Connection.Close(200, "", 0, 0)))
    assert answer.name == "Connection.CloseOk"
    assert talk.connection in clients.connections
    pass_time(clients.broker, CLOSE_TIMEOUT + 1)
    assert talk.connection not in clients.connections
    assert talk.connection.closed


def test_messages_expire_on_the_clock_with_nobody_looking(clients: Clients) -> None:
    talk = Talk(clients).open()
    letters: Any = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave", "x-message-ttl": 5000}
    talk.say((1, commands.Queue.Declare(0, "q", arguments=letters)), (1, commands.Queue.Declare(0, "grave")))
    talk.publish("q")
    pass_time(clients.broker, 4.9)
    assert (talk.ready("q"), talk.ready("grave")) == (1, 0)
    pass_time(clients.broker, 0.2)
    assert (talk.ready("q"), talk.ready("grave")) == (0, 1)


def test_a_requeued_message_keeps_its_time(clients: Clients) -> None:
    talk = Talk(clients).open()
    talk.say((1, commands.Queue.Declare(0, "q")))
    talk.publish("q", expiration="5000")
    talk.say((1, commands.Basic.Get(0, "q")))
    pass_time(clients.broker, 6)
    talk.say((1, commands.Basic.Nack(1)))
    assert talk.ready("q") == 0


def test_each_message_is_confirmed_by_a_frame_of_its_own(clients: Clients) -> None:
    """Some clients count confirms. Only what waited for the disk together is confirmed together."""
    talk = Talk(clients).open()
    talk.say((1, commands.Confirm.Select()))
    one = b"".join(
        frame.marshal(each, 1) for each in (commands.Basic.Publish(0, "", "nowhere"), header.ContentHeader(0, 0))
    )
    acks = talk.say_bytes(one * 50)
    assert [(ack.delivery_tag, ack.multiple) for ack in acks] == [(tag, False) for tag in range(1, 51)]


def test_deliveries_pause_when_the_socket_takes_no_more(clients: Clients) -> None:
    """What waits for a client is bounded; the rest stays in the queue, and comes when there is room."""
    reader, writer = Talk(clients).open(), Talk(clients).open()
    reader.say((1, commands.Queue.Declare(0, "q")), (1, commands.Basic.Consume(0, "q", "tag", no_ack=True)))
    content = b"x" * 100_000
    for _ in range(50):
        writer.publish("q", content)
    waiting = len(reader.connection.take_output())
    assert ROOM <= waiting < ROOM + 200_000
    reader.connection.written(waiting)
    assert reader.connection.take_output() == b""
    got = waiting // 100_000
    while got < 50:
        reader.connection.written(0)
        data = reader.connection.take_output()
        assert 0 < len(data) < ROOM + 200_000
        got += len(data) // 100_000
    assert writer.ready("q") == 0


def test_channels_of_one_connection_share_its_room(clients: Clients) -> None:
    reader, writer = Talk(clients).open(), Talk(clients).open()
    reader.say((2, commands.Channel.Open()), (3, commands.Channel.Open()))
    queues = ["a", "b", "c"]
    for queue in queues:
        reader.say((1, commands.Queue.Declare(0, queue)))
        for _ in range(60):
            writer.publish(queue, queue.encode() * 100_000)
    for channel, queue in enumerate(queues, 1):
        reader.connection.receive(frame.marshal(commands.Basic.Consume(0, queue, queue, no_ack=True), channel))
    got = ""
    while len(got) < 90:
        data = reader.connection.take_output()
        got += "".join(queue * (data.count(queue.encode() * 100_000)) for queue in queues)
        reader.connection.written(0)
    assert all(got.count(queue) >= 24 for queue in queues), got


@pytest.mark.parametrize("left", [False, True])
def test_publishers_go_on_as_soon_as_a_reader_made_room(left: bool) -> None:
    """Nothing else need happen on the broker: that the reader reads, or is gone, is enough."""
    clients = Clients(Broker(memory_limit=2 << 20))
    reader, writer = Talk(clients).open(), Talk(clients).open()
    reader.say((1, commands.Queue.Declare(0, "q", exclusive=True)), (1, commands.Basic.Consume(0, "q", no_ack=True)))
    for _ in range(10_000):
        writer.publish("q", b"x" * 200)
    assert list(clients.broker.blocked) == [writer.connection]
    if left:
        reader.connection.lost()
    turns(clients)
    while not left and reader.connection.take_output():
        reader.connection.written(0)
        turns(clients)
    assert not clients.broker.blocked
    assert clients.broker.memory == 0


def test_the_end_of_a_connection_gives_back_all_it_held(clients: Clients) -> None:
    one, other = Talk(clients).open(), Talk(clients).open()
    one.say((1, commands.Queue.Declare(0, "q")), (1, commands.Queue.Declare(0, "mine", exclusive=True)))
    one.say((1, commands.Basic.Consume(0, "q", "tag")), (2, commands.Channel.Open()))
    one.say((2, commands.Basic.Consume(0, "q", "tag")))
    for number in range(4):
        other.publish("q", str(number).encode())
    assert other.ready("q") == 0
    one.connection.lost()
    assert other.ready("q") == 4
    heard = other.say((1, commands.Basic.Consume(0, "q", "tag")))
    assert [each.value for each in heard if isinstance(each, body.ContentBody)] == [b"0", b"1", b"2", b"3"]
    (close,) = other.say((1, commands.Queue.Declare(0, "mine", passive=True)))
    assert close.reply_code == 404
    assert clients.broker.memory > 0
    other.connection.lost()
    assert clients.broker.memory == sum(entry.message.size for entry in clients.broker.vhosts["/"].queues["q"].ready)


def test_a_headers_table_that_is_none_is_its_publishers_failure(clients: Clients) -> None:
    talk = Talk(clients).open()
    good = frame.marshal(header.ContentHeader(0, 0, commands.Basic.Properties(headers={"a": 1})), 1)
    assert good.count(b"\x01ab") == 1
    talk.say((1, commands.Basic.Publish(0, "", "nowhere")))
    (close,) = talk.say_bytes(good.replace(b"\x01ab", b"\x01a?"))
    assert close.reply_code == 502
