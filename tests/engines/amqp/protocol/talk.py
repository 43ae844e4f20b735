"""A client of a broker without sockets: frames and time in, frames out."""

from __future__ import annotations

from typing import Any

from pamqp import body, commands, frame, header

from lab.engines.amqp.core.broker import Broker
from lab.engines.amqp.protocol.clients import Clients
from lab.engines.amqp.protocol.connection import Connection
from lab.engines.amqp.protocol.frames import PROTOCOL_HEADER


class Talk:
    """A client on a broker of its own clock: says frames, hears frames."""

    def __init__(self, clients: Clients) -> None:
        self.connection = Connection(clients)

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

    def open(self, heartbeat: int = 0, capabilities: dict[str, bool] | None = None) -> Talk:
        self.say_bytes(PROTOCOL_HEADER)
        properties: Any = {"capabilities": capabilities or {"consumer_cancel_notify": True}}
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


def turns(clients: Clients) -> int:
    """Has everything done that is left to do, as a driver would; how many turns that took."""
    taken = 0
    while clients.broker.busy or clients.unfinished:
        clients.broker.work()
        for connection in list(clients.unfinished)[:1]:
            connection.go_on()
        taken += 1
    return taken
