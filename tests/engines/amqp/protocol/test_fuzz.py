"""Broken bytes of every kind: a connection never raises, and the next client finds the broker as it should be."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp import body, commands, frame, header

from lab.engines.amqp.core.broker import Broker
from lab.engines.amqp.protocol.clients import Clients
from lab.engines.amqp.protocol.connection import Connection
from lab.engines.amqp.protocol.frames import PROTOCOL_HEADER
from tests.engines.amqp.protocol.talk import Talk

LETTERS: Any = {"x-dead-letter-exchange": "", "x-max-length": 2, "x-message-ttl": 100, "x-max-priority": 3}
PROPERTIES = commands.Basic.Properties(
    delivery_mode=2, headers={"CC": ["q"], "BCC": ["q"], "n": {"deep": [1, True]}}, expiration="10", priority=2
)


def published(key: str) -> list[Any]:
    return [commands.Basic.Publish(0, "", key, True), header.ContentHeader(0, 3, PROPERTIES), body.ContentBody(b"abc")]


LIFE: list[bytes] = [
    PROTOCOL_HEADER,
    *(
        frame.marshal(each, 0)
        for each in (
            commands.Connection.StartOk({}, "PLAIN", "\0guest\0guest", "en_US"),
            commands.Connection.TuneOk(2047, 131072, 0),
            commands.Connection.Open("/"),
        )
    ),
    *(
        frame.marshal(each, 1)
        for each in (
            commands.Channel.Open(),
            commands.Queue.Declare(0, "q", arguments=LETTERS),
            commands.Exchange.Declare(0, "x", "headers"),
            commands.Exchange.Declare(0, "t", "topic"),
            commands.Queue.Bind(0, "q", "x", "", False, {"x-match": "any"}),
            commands.Exchange.Bind(0, "x", "t", "a.#", False, {}),
            commands.Confirm.Select(),
            *published("q"),
            *published("nowhere"),
            commands.Basic.Qos(0, 2, False),
            commands.Basic.Consume(0, "q", "tag"),
            commands.Basic.Nack(1, True, True),
            commands.Basic.Reject(2, False),
            commands.Basic.Get(0, "q"),
            commands.Basic.Recover(True),
            commands.Basic.Cancel("tag"),
            commands.Queue.Purge(0, "q"),
            commands.Queue.Delete(0, "q"),
            commands.Exchange.Delete(0, "x"),
            commands.Channel.Close(200, "", 0, 0),
        )
    ),
]


@settings(max_examples=300)
@given(data=st.data())
def test_no_bytes_break_a_connection(data: st.DataObject) -> None:
    order = data.draw(st.one_of(st.just(LIFE), st.permutations(LIFE[4:]).map(lambda rest: LIFE[:4] + rest)))
    stream = bytearray(b"".join(order))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(stream) - 1))
        kind = data.draw(st.sampled_from(["change", "insert", "cut"]))
        if kind == "change":
            stream[at] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            stream[at:at] = data.draw(st.binary(max_size=12))
        else:
            del stream[at : at + data.draw(st.integers(1, 20))]
    broker = Broker()
    clients = Clients(broker)
    connection = Connection(clients)
    step = data.draw(st.integers(1, len(stream)))
    for start in range(0, len(stream), step):
        if connection.closed:
            break
        connection.receive(bytes(stream[start : start + step]))
        connection.take_output()
        connection.written(0)
        broker.now += 0.01
        broker.tick()
    connection.lost()
    assert not clients.connections
    after = Talk(clients).open()
    assert [each.name for each in after.say((1, commands.Queue.Declare(0, "mine")))] == ["Queue.DeclareOk"]
    assert after.publish("mine") == []
    assert after.ready("mine") == 1
