"""The core without sockets: bytes and time in, bytes out. Time here is a number that the test sets."""

from __future__ import annotations

from typing import Any

import pytest
from pamqp import body, commands, frame, header

from lab.engines.amqp.broker import Broker
from lab.engines.amqp.connection import CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, ROOM, Connection
from lab.engines.amqp.frames import PROTOCOL_HEADER


class Talk:
    """A client on a broker of its own clock: says frames, hears frames."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.connection = Connection(broker)

    def say(self, *sent: tuple[int, Any]) -> list[Any]:
        return self.say_bytes(b"".join(frame.marshal(each, channel) for channel, each in sent))

    def say_bytes(self, data: bytes) -> list[Any]:
        self.connection.receive(data)
        return self.hear()

    def hear(self) -> list[Any]:
        data = self.connection.take_output()
        self.connection.written(0)
        heard = []
        while data:
            used, _, each = frame.unmarshal(data)
            heard.append(each)
            data = data[used:]
        return heard

    def names(self) -> list[str]:
        return [each.name for each in self.hear()]

    def open(self, heartbeat: int = 0) -> Talk:
        self.say_bytes(PROTOCOL_HEADER)
        properties: Any = {"capabilities": {"consumer_cancel_notify": True}}
        self.say((0, commands.Connection.StartOk(properties, "PLAIN", "\0guest\0guest", "en_US")))
        self.say((0, commands.Connection.TuneOk(2047, 131072, heartbeat)), (0, commands.Connection.Open("/")))
        self.say((1, commands.Channel.Open()))
        return self

    def publish(self, queue: str, content: bytes = b"x", **properties: Any) -> list[Any]:
        head = header.ContentHeader(0, len(content), commands.Basic.Properties(**properties))
        parts: list[Any] = [commands.Basic.Publish(0, "", queue), head]
        if content:
            parts.append(body.ContentBody(content))
        return self.say(*((1, each) for each in parts))

    def ready(self, queue: str) -> int:
        (answer,) = self.say((1, commands.Queue.Declare(0, queue, passive=True)))
        return int(answer.message_count)


def pass_time(broker: Broker, seconds: float) -> None:
    """Moves the clock from timer to timer, as a driver would."""
    end = broker.now + seconds
    while (when := broker.next_timer) is not None and when <= end:
        broker.now = max(broker.now, when)
        broker.tick()
    broker.now = end


@pytest.fixture
def broker() -> Broker:
    return Broker(now=1000.0, wall=lambda: 1_700_000_000.0)


def test_heartbeats_are_sent_and_expected(broker: Broker) -> None:
    talk = Talk(broker).open(heartbeat=10)
    pass_time(broker, 6)
    assert talk.names() == ["Heartbeat"]
    talk.say_bytes(b"\x08\x00\x00\x00\x00\x00\x00\xce")
    pass_time(broker, 19)
    assert talk.connection in broker.connections
    pass_time(broker, 10)
    assert talk.connection.closed
    assert talk.connection not in broker.connections


def test_a_client_that_never_opens_is_dropped(broker: Broker) -> None:
    talk = Talk(broker)
    talk.say_bytes(PROTOCOL_HEADER)
    pass_time(broker, HANDSHAKE_TIMEOUT + 1)
    assert talk.connection.closed


def test_a_client_that_does_not_answer_a_close_is_dropped(broker: Broker) -> None:
    talk = Talk(broker).open()
    (close,) = talk.say((7, commands.Basic.Qos()))
    assert close.reply_code == 504
    assert talk.connection in broker.connections
    assert talk.publish("nowhere") == [], "nothing is answered meanwhile"
    pass_time(broker, CLOSE_TIMEOUT + 1)
    assert talk.connection.closed


def test_a_client_that_stays_after_its_close_is_dropped(broker: Broker) -> None:
    talk = Talk(broker).open()
    (answer,) = talk.say((0, commands.Connection.Close(200, "", 0, 0)))
    assert answer.name == "Connection.CloseOk"
    assert talk.connection in broker.connections
    pass_time(broker, CLOSE_TIMEOUT + 1)
    assert talk.connection not in broker.connections
    assert talk.connection.closed


def test_messages_expire_on_the_clock_with_nobody_looking(broker: Broker) -> None:
    talk = Talk(broker).open()
    letters: Any = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave", "x-message-ttl": 5000}
    talk.say((1, commands.Queue.Declare(0, "q", arguments=letters)), (1, commands.Queue.Declare(0, "grave")))
    talk.publish("q")
    pass_time(broker, 4.9)
    assert (talk.ready("q"), talk.ready("grave")) == (1, 0)
    pass_time(broker, 0.2)
    assert (talk.ready("q"), talk.ready("grave")) == (0, 1)


def test_a_requeued_message_keeps_its_time(broker: Broker) -> None:
    talk = Talk(broker).open()
    talk.say((1, commands.Queue.Declare(0, "q")))
    talk.publish("q", expiration="5000")
    talk.say((1, commands.Basic.Get(0, "q")))
    pass_time(broker, 6)
    talk.say((1, commands.Basic.Nack(1)))
    assert talk.ready("q") == 0


def test_confirms_of_one_read_are_one_frame(broker: Broker) -> None:
    talk = Talk(broker).open()
    talk.say((1, commands.Confirm.Select()))
    one = b"".join(
        frame.marshal(each, 1) for each in (commands.Basic.Publish(0, "", "nowhere"), header.ContentHeader(0, 0))
    )
    (ack,) = talk.say_bytes(one * 50)
    assert (ack.delivery_tag, ack.multiple) == (50, True)
    (ack,) = talk.say_bytes(one)
    assert (ack.delivery_tag, ack.multiple) == (51, False)


def test_deliveries_pause_when_the_socket_takes_no_more(broker: Broker) -> None:
    """What waits for a client is bounded; the rest stays in the queue, and comes when there is room."""
    reader, writer = Talk(broker).open(), Talk(broker).open()
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


@pytest.mark.parametrize("left", [False, True])
def test_publishers_go_on_as_soon_as_a_reader_made_room(left: bool) -> None:
    """Nothing else need happen on the broker: that the reader reads, or is gone, is enough."""
    broker = Broker(memory_limit=2 << 20)
    reader, writer = Talk(broker).open(), Talk(broker).open()
    reader.say((1, commands.Queue.Declare(0, "q", exclusive=True)), (1, commands.Basic.Consume(0, "q", no_ack=True)))
    for _ in range(10_000):
        writer.publish("q", b"x" * 200)
    assert list(broker.blocked) == [writer.connection]
    if left:
        reader.connection.lost()
    while not left and reader.connection.take_output():
        reader.connection.written(0)
    assert not broker.blocked
    assert broker.memory == 0


def test_the_end_of_a_connection_gives_back_all_it_held(broker: Broker) -> None:
    one, other = Talk(broker).open(), Talk(broker).open()
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
    assert broker.memory > 0
    other.connection.lost()
    assert broker.memory == sum(entry.message.size for entry in broker.vhosts["/"].queues["q"].ready)


def test_a_headers_table_that_is_none_is_its_publishers_failure(broker: Broker) -> None:
    talk = Talk(broker).open()
    good = frame.marshal(header.ContentHeader(0, 0, commands.Basic.Properties(headers={"a": 1})), 1)
    assert good.count(b"\x01ab") == 1
    talk.say((1, commands.Basic.Publish(0, "", "nowhere")))
    (close,) = talk.say_bytes(good.replace(b"\x01ab", b"\x01a?"))
    assert close.reply_code == 502
