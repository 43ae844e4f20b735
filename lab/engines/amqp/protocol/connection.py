"""One client's connection as a state machine: bytes and time in, bytes out. Sockets are somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, Any

from lab.engines.amqp.core.errors import ChannelFailure, ConnectionFailure
from lab.engines.amqp.core.table import Table, as_text
from lab.engines.amqp.protocol import frames, handshake, methods
from lab.engines.amqp.protocol import methods as m
from lab.engines.amqp.protocol.channel import Channel

if TYPE_CHECKING:
    from lab.engines.amqp.core.vhost import VirtualHost
    from lab.engines.amqp.protocol.clients import Clients

CLOSE_TIMEOUT = 5.0
"""Seconds a client has to answer connection.close, or to close the socket after its own was answered."""
HANDSHAKE_TIMEOUT = 10.0
"""Seconds a client has from its first byte to connection.open."""
ROOM = (1 << 19) + 1
"""Octets that may be written before deliveries pause: a little more than twice what the driver's socket may hold, so
that deliveries wait only where the socket will say that it has room again."""
UNREAD = -(1 << 24)
"""With less room than this nothing more is done for a client that does not read what was done before."""


class State(Enum):
    """How far a connection is."""

    PROTOCOL = "waits for the protocol header"
    STARTING = "waits for start-ok"
    SECURING = "waits for secure-ok"
    TUNING = "waits for tune-ok"
    OPENING = "waits for open"
    RUNNING = "open"
    CLOSING = "the last frame was sent, waits for close-ok or for the end of the socket"
    CLOSED = "nothing more is read"


class Connection:
    """See the module.

    The driver calls `receive`, `lost`, `written`; it sends what `take_output` gives and closes the socket after it
    once `closed` is true.
    """

    def __init__(self, clients: Clients, peer: str = "") -> None:
        self.clients = clients
        self.broker = broker = clients.broker
        self.peer = peer
        self.state = State.PROTOCOL
        self.user = ""
        self.user_bytes = b""
        self.client_properties: Table = {}
        self.wants_cancel_notify = False
        self.frame_max = handshake.FRAME_MAX
        self.room = ROOM
        """Octets that may still be written before deliveries to this connection pause; below 1 they do."""
        self.channels: dict[int, Channel] = {}
        self.vhost: VirtualHost = broker.vhosts["/"]
        self.held: list[frames.Frame] = []
        """What was received and must wait: because the client leaves too much unread, few frames may ask for much;
        because its turn is over; because what it asked for before is not done yet."""
        self.blocked = False
        """It published while something ran out; nothing is to be read from it until `unblock`."""
        self._waiting = False
        """What it asked for is not done yet: what it sent after that is to find it done."""
        self._reader = frames.FrameReader(handshake.FIRST_FRAME_MAX)
        self._out: list[bytes] = []
        self._early = b""
        self._channel_max = handshake.CHANNEL_MAX
        self._confirming: list[Channel] = []
        self._mechanism = ""
        self._heartbeat = 0
        self._last_received = broker.now
        self._last_sent = broker.now
        clients.connections[self] = None
        broker.at(broker.now + HANDSHAKE_TIMEOUT, self._check_opened)

    # the driver's side

    @property
    def closed(self) -> bool:
        return self.state is State.CLOSED

    def receive(self, data: bytes) -> None:
        """Bytes from the client."""
        self._last_received = self.broker.now
        if self.state is State.PROTOCOL:
            self._early += data
            if len(self._early) < 8 and any(each.startswith(self._early) for each in frames.PROTOCOL_HEADERS):
                return
            if self._early[:8] not in frames.PROTOCOL_HEADERS:
                self.write(frames.PROTOCOL_HEADER)
                self._stop()
                return
            data, self._early = self._early[8:], b""
            self.state = State.STARTING
            self._send(handshake.start())
        received = self._reader.feed(data)
        if self.held or self._waiting:
            self.held += received
            return
        self._take(received)

    def go_on(self) -> None:
        """A turn for what was held."""
        self.clients.unfinished.pop(self, None)
        if not self._waiting:
            held, self.held = self.held, []
            self._take(held)

    def wait_for(self, job: Iterator[object]) -> None:
        """Has done what may be long, in turns; nothing more is done for the client before it is."""
        self._waiting = True

        def through() -> Iterator[None]:
            try:
                for _ in job:
                    yield
            except Exception:
                self.crashed()
                raise
            finally:
                self._waiting = False
            self._come_back()

        self.broker.later(through())

    def _come_back(self) -> None:
        """Has what is held done in a turn of its own."""
        if self.held and self.state is not State.CLOSED:
            self.clients.unfinished[self] = None

    def _take(self, received: list[frames.Frame]) -> None:
        """Does what frames say, until the client leaves too much unread, its turn is over, or it must wait for what it
        asked: the rest is held."""
        rest = iter(received)
        broker = self.broker
        broker.begin_turn()
        try:
            for kind, number, payload in rest:
                if self.state is State.CLOSED:
                    break
                broker.worked += 1
                self._frame(kind, number, payload)
                broker.settle()
                if self.room < UNREAD or self._waiting or broker.turn_is_over:
                    self.held = list(rest)
            if not self.held and self._reader.failure is not None and self.state is not State.CLOSED:
                raise self._reader.failure
        except ConnectionFailure as failure:
            self._fail(failure, 0, 0)
        if self.room >= UNREAD and not self._waiting:
            self._come_back()
        broker.weigh()

    def take_output(self) -> bytes:
        """What is to be sent, in one piece."""
        for channel in self._confirming:
            channel.publishing.flush_confirms()
        self._confirming.clear()
        out = self._out
        self._out = []
        self._last_sent = self.broker.now
        return out[0] if len(out) == 1 else b"".join(out)

    def written(self, waiting: int) -> None:
        """The socket took what it could; `waiting` octets are still to go."""
        had_none = self.room <= 0
        self.room = ROOM - 2 * waiting
        if had_none and self.room > 0:
            self.broker.begin_turn()
            for channel in list(self.channels.values()):
                before = channel.deliveries.tag
                channel.wake()
                if channel.deliveries.tag != before:
                    self.channels[channel.number] = self.channels.pop(channel.number)  # round robin, as in a channel
            self.broker.settle()
            self.go_on()

    def lost(self) -> None:
        """The socket is gone."""
        self.broker.begin_turn()
        self._stop()
        self.broker.weigh()

    def write(self, data: bytes) -> None:
        """For channels and consumers."""
        self._out.append(data)
        self.room -= len(data)
        self.clients.changed[self] = None

    def confirm_soon(self, channel: Channel) -> None:
        """A channel has confirms to write: they go together at the end of what is being received."""
        self._confirming.append(channel)
        self.clients.changed[self] = None

    def block(self) -> None:
        """It published although something has run out."""
        if self.blocked:
            return
        self.blocked = True
        self.broker.blocked[self] = None
        self.clients.changed[self] = None
        if handshake.capability(self.client_properties, "connection.blocked"):
            self._send(m.ConnectionBlocked("low on " + " & ".join(sorted(self.broker.alarms, reverse=True))))

    def unblock(self) -> None:
        """There is room again."""
        self.blocked = False
        self.broker.blocked.pop(self, None)
        self.clients.changed[self] = None
        if handshake.capability(self.client_properties, "connection.blocked"):
            self._send(m.ConnectionUnblocked())

    def crashed(self) -> None:
        """The broker itself failed over what this client sent."""
        self._fail(ConnectionFailure(541, "the broker could not handle this"), 0, 0)

    def force_close(self, reason: str) -> None:
        """The broker ends the connection."""
        if self.state is State.RUNNING:
            self._fail(ConnectionFailure(320, f"broker forced connection closure with reason '{reason}'"), 0, 0)
        self._stop()

    # frames

    def _frame(self, kind: int, number: int, payload: bytes) -> None:
        if kind == frames.HEARTBEAT:
            if number:
                raise frames.bad_frame(505, kind, payload)
            return
        if number and self.state is State.RUNNING:
            channel = self.channels.get(number)
            if channel is None:
                self._open_channel(kind, number, payload)
            elif channel.closing:
                self._closing_channel(channel, kind, payload)
            else:
                self._channel_frame(channel, kind, payload)
            return
        if kind != frames.METHOD:
            if self.state is State.CLOSING:
                return
            raise frames.bad_frame(505, kind, payload)
        try:
            method = methods.decode(payload)
        except (methods.BadMethod, methods.UnknownMethod) as error:
            if self.state is State.CLOSING:
                return
            raise ConnectionFailure(501, str(error)) from error
        try:
            self._connection_method(method)
        except ConnectionFailure as failure:
            self._fail(failure, *methods.index_of(method))

    def _channel_frame(self, channel: Channel, kind: int, payload: bytes) -> None:
        try:
            if kind == frames.METHOD:
                channel.method_frame(payload)
            elif kind == frames.HEADER:
                channel.publishing.header(payload)
            else:
                channel.publishing.body(payload)
        except ChannelFailure as failure:
            channel.fail(failure, *_method_numbers(kind, payload))
        except methods.UnknownMethod as error:
            self._fail(ConnectionFailure(540, str(error)), *_method_numbers(kind, payload))
        except methods.BadMethod as error:
            self._fail(ConnectionFailure(501, str(error)), *_method_numbers(kind, payload))
        except ConnectionFailure as failure:
            numbers = (60, 40) if channel.publishing.open else _method_numbers(kind, payload)
            if failure.code == 505 and not channel.publishing.open:
                numbers = 0, 0
            self._fail(failure, *numbers)

    def _open_channel(self, kind: int, number: int, payload: bytes) -> None:
        numbers = _method_numbers(kind, payload)
        if kind != frames.METHOD or payload[:4] != b"\x00\x14\x00\x0a":
            self._fail(ConnectionFailure(504, "expected 'channel.open'"), *numbers)
            return
        if len(self.channels) >= self._channel_max:
            opened = len(self.channels)
            why = f"number of channels opened ({opened}) has reached the negotiated channel_max ({self._channel_max})"
            self._fail(ConnectionFailure(530, why), 0, 0)
            return
        self.channels[number] = Channel(self, number)
        self.write(frames.method_frame(number, m.ChannelOpenOk(b"")))

    def _closing_channel(self, channel: Channel, kind: int, payload: bytes) -> None:
        if kind != frames.METHOD:
            return
        if payload[:4] == b"\x00\x14\x00\x29":
            self.forget_channel(channel)
        elif payload[:4] == b"\x00\x14\x00\x28":
            self.write(frames.method_frame(channel.number, m.ChannelCloseOk()))
        elif payload[:4] == b"\x00\x14\x00\x0a":
            self._fail(ConnectionFailure(504, "second 'channel.open' seen"), 20, 10)

    def forget_channel(self, channel: Channel) -> None:
        del self.channels[channel.number]
        channel.let_go()

    def _connection_method(self, method: Any) -> None:
        state = self.state
        if isinstance(method, m.ConnectionCloseOk):
            self._stop()
        elif isinstance(method, m.ConnectionClose):
            self._end_channels()
            self._send(m.ConnectionCloseOk())
            self._await_end()
        elif state is State.CLOSING:
            return
        elif state is State.STARTING and isinstance(method, m.ConnectionStartOk):
            self._start_ok(method)
        elif state is State.TUNING and isinstance(method, m.ConnectionTuneOk):
            self._tune_ok(method)
        elif state is State.OPENING and isinstance(method, m.ConnectionOpen):
            self._open(method)
        elif state is State.RUNNING and isinstance(method, m.ConnectionUpdateSecret):
            self._send(m.ConnectionUpdateSecretOk())
        else:
            failure = ConnectionFailure(504, f"unexpected method in connection state {state.name.lower()}")
            self._fail(failure, *methods.index_of(method))

    # opening

    def _start_ok(self, method: m.ConnectionStartOk) -> None:
        self.client_properties = method.client_properties
        self.wants_cancel_notify = handshake.capability(method.client_properties, "consumer_cancel_notify")
        if method.mechanism not in handshake.MECHANISMS:
            raise ConnectionFailure(503, f"unknown authentication mechanism '{method.mechanism}'")
        login = handshake.credentials(method.mechanism, method.response)
        if login is None or self.clients.users.get(login[0]) != login[1]:
            if handshake.capability(method.client_properties, "authentication_failure_close"):
                raise ConnectionFailure(
                    403,
                    f"Login was refused using authentication mechanism {method.mechanism}. "
                    "For details see the broker logfile.",
                ) from None
            self._stop()
            return
        self.user = login[0]
        self.user_bytes = self.user.encode()
        self.state = State.TUNING
        self._send(handshake.tune())

    def _tune_ok(self, method: m.ConnectionTuneOk) -> None:
        agreed = handshake.negotiated(method)
        self._channel_max = agreed.channel_max
        self.frame_max = self._reader.frame_max = agreed.frame_max
        self._heartbeat = agreed.heartbeat
        if self._heartbeat:
            self.broker.at(self.broker.now + self._heartbeat / 2, self._beat)
        self.state = State.OPENING

    def _open(self, method: m.ConnectionOpen) -> None:
        vhost = self.broker.vhosts.get(method.virtual_host)
        if vhost is None:
            raise ConnectionFailure(530, f"vhost {method.virtual_host} not found")
        self.vhost = vhost
        self.state = State.RUNNING
        self._send(m.ConnectionOpenOk(""))

    # staying and ending

    def _beat(self) -> None:
        if self.state is State.CLOSED:
            return
        now = self.broker.now
        if self.blocked or self.held:
            # Nothing is read from it, so its silence says nothing.
            self._last_received = now
        if now - self._last_received > 2 * self._heartbeat:
            self._stop()
            return
        if now - self._last_sent >= self._heartbeat / 2 - 0.05:
            self.write(frames.HEARTBEAT_FRAME)
        self.broker.at(now + self._heartbeat / 2, self._beat)

    def _check_opened(self) -> None:
        if self.state not in (State.RUNNING, State.CLOSING):
            self._stop()

    def _fail(self, failure: ConnectionFailure, class_id: int, method_id: int) -> None:
        if self.state in (State.CLOSING, State.CLOSED):
            return
        self._end_channels()
        self._send(m.ConnectionClose(failure.code, failure.text, class_id, method_id))
        self._await_end()

    def _await_end(self) -> None:
        """Gives the client time to read the last frame and to close the socket, or to answer; then it is dropped.

        A socket closed right behind close-ok would look to some clients as if it had been cut.
        """
        self.state = State.CLOSING
        self.blocked = False
        self.broker.blocked.pop(self, None)
        self.broker.at(self.broker.now + CLOSE_TIMEOUT, self._stop)

    def _stop(self) -> None:
        if self.state is State.CLOSED:
            return
        self._end_channels()
        self.state = State.CLOSED
        self.clients.connections.pop(self, None)
        self.clients.unfinished.pop(self, None)
        self.broker.blocked.pop(self, None)
        self.clients.changed[self] = None

    def _end_channels(self) -> None:
        channels = list(self.channels.values())
        self.channels.clear()
        for channel in channels:
            channel.publishing.flush_confirms()
            # None of them may be handed what another gives back.
            channel.flowing = False
        for channel in channels:
            if not channel.closing:
                channel.end()
        for channel in channels:
            channel.let_go()
        self.vhost.remove_queues_of(self)
        self.broker.settle()

    def _send(self, method: Any) -> None:
        self.write(frames.method_frame(0, method))

    @property
    def name(self) -> str:
        """What the client calls itself, or where it comes from."""
        return as_text(self.client_properties.get("connection_name")) or self.peer


def _method_numbers(kind: int, payload: bytes) -> tuple[int, int]:
    """What a close method names as its cause; content failures are basic.publish's."""
    if kind != frames.METHOD:
        return 60, 40
    return int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:4], "big")
