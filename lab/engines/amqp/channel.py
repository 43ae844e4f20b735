"""A channel: the methods of classes exchange, queue, basic, confirm and tx, and what a channel holds between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lab.engines.amqp import frames, methods
from lab.engines.amqp import methods as m
from lab.engines.amqp.arguments import QueueRules, check_expiration, consumer_priority
from lab.engines.amqp.consumer import Consumer
from lab.engines.amqp.errors import (
    ChannelFailure,
    ConnectionFailure,
    not_implemented,
    precondition,
    refused,
    unexpected_frame,
)
from lab.engines.amqp.exchange import Binding, Exchange
from lab.engines.amqp.message import Entry, Message
from lab.engines.amqp.properties import Properties, body_size, with_changes
from lab.engines.amqp.queue import Queue
from lab.engines.amqp.reply_to import PSEUDO_QUEUE, ReplyInbox
from lab.engines.amqp.vhost import copies_of, server_name

if TYPE_CHECKING:
    from lab.engines.amqp.connection import Connection

MAX_BODY = 134217728

Held = tuple[Entry, Queue, Consumer | None]
"""A delivery that waits for its ack; no consumer for one that came by basic.get."""


class Channel:
    """See the module."""

    def __init__(self, connection: Connection, number: int) -> None:
        self.connection = connection
        self.number = number
        self.vhost = connection.vhost
        self.broker = connection.broker
        self.flowing = True
        self.closing = False
        """A failure was told; all that comes before close-ok is ignored."""
        self.delivery_tag = 0
        self.unacked: dict[int, Held] = {}
        self.load = 0
        """Unacked deliveries to consumers."""
        self.limit = 0
        """Prefetch for all consumers together; 0 is none."""
        self.consumers: dict[str, Consumer] = {}
        self._prefetch = 0
        self._last_queue = ""
        self._confirming = False
        self._published = 0
        self._unsafe: dict[int, None] = {}
        self._confirmed: list[int] = []
        self._inbox: ReplyInbox | None = None
        self._tx: list[Callable[[], None]] | None = None
        self._tx_acked: list[tuple[int, Held]] = []
        self._address: bytes | None = None
        self._publish_flags = 0
        self._header: bytes | None = None
        self._body: list[bytes] = []
        self._missing = 0

    # frames

    def method_frame(self, payload: bytes) -> None:
        """Raises ChannelFailure, ConnectionFailure; methods.BadMethod, methods.UnknownMethod."""
        if self._address is not None:
            raise self._out_of_order()
        index = payload[:4]
        if index == b"\x00\x3c\x00\x28":
            self._address = payload[6:-1]
            self._publish_flags = payload[-1]
            if self.broker.alarms:
                self.connection.block()
        elif index == b"\x00\x3c\x00\x50" and len(payload) == 13:
            self._settle(int.from_bytes(payload[4:12], "big"), bool(payload[12] & 1), Queue.finish)
        else:
            method = methods.decode(payload)
            handler = _HANDLERS.get(type(method))
            if handler is None:
                raise ConnectionFailure(503, "unimplemented method")
            handler(self, method)

    def header_frame(self, payload: bytes) -> None:
        if self._address is None or self._header is not None:
            raise self._out_of_order()
        if len(payload) < 14:
            raise frames.bad_frame(501, frames.HEADER, payload)
        if payload[:2] != b"\x00\x3c":
            other = int.from_bytes(payload[:2], "big")
            raise unexpected_frame(f"expected content header for class 60, got one for class {other} instead")
        self._header = payload
        self._missing = body_size(payload)
        if self._missing > MAX_BODY:
            raise precondition(f"message size {self._missing} is larger than configured max size {MAX_BODY}")
        if not self._missing:
            self._complete(b"")

    def body_frame(self, payload: bytes) -> None:
        if self._header is None:
            raise self._out_of_order()
        self._missing -= len(payload)
        if self._missing < 0:
            raise self._out_of_order()
        if not self._missing and not self._body:
            self._complete(payload)
            return
        self._body.append(payload)
        if not self._missing:
            self._complete(b"".join(self._body))

    @property
    def in_content(self) -> bool:
        """Whether a basic.publish waits for the rest of its content."""
        return self._address is not None

    def _out_of_order(self) -> ConnectionFailure:
        if self._address is None:
            return unexpected_frame("expected method frame, got non method frame instead")
        if self._header is None:
            return unexpected_frame("expected content header for class 60, got non content header frame instead")
        return unexpected_frame("expected content body, got non content body frame instead")

    def _complete(self, body: bytes) -> None:
        assert self._address is not None
        assert self._header is not None
        address, header, flags = self._address, self._header, self._publish_flags
        self._address = self._header = None
        if self._body:
            self._body = []
        if flags & 2:
            raise not_implemented("immediate=true")
        self.vhost.check_publish(address)
        properties = Properties(header)
        if properties.expiration is not None:
            check_expiration(properties.expiration)
        if properties.user_id is not None and properties.user_id != self.connection.user_bytes:
            claimed = properties.user_id.decode("utf-8", "replace")
            raise precondition(
                f"user_id property set to '{claimed}' but authenticated user was '{self.connection.user}'"
            )
        if properties.reply_to == PSEUDO_QUEUE.encode():
            if self._inbox is None:
                raise precondition("fast reply consumer does not exist")
            header = with_changes(header, reply_to=self._inbox.name.encode())
            properties = Properties(header)
        message = Message(address, header, body, properties)
        copies: list[str] = []
        if properties.headers_at and b"CC" in header:
            copies = copies_of(message, "CC", "BCC")
            if b"BCC" in header:
                headers = {name: field for name, field in message.headers.items() if name != "BCC"}
                message = Message(address, with_changes(header, headers=headers), body)
        mandatory = bool(flags & 1)
        if self._tx is not None:
            self._tx.append(lambda: self._publish(message, copies, mandatory, 0))
            return
        if self._confirming:
            self._published += 1
        self._publish(message, copies, mandatory, self._published)

    def _publish(self, message: Message, copies: list[str], mandatory: bool, sequence: int) -> None:
        store = self.broker.store
        before = store.position
        queues, accepted = self.vhost.publish(message, copies)
        if not queues and mandatory:
            self._return(message, 312, "NO_ROUTE")
        if not sequence:
            return
        if not accepted:
            self.flush_confirms()
            self.connection.write(frames.nack(self.number, sequence, False))
        elif store.position != before and message.properties.persistent:
            self._unsafe[sequence] = None
            self.broker.when_safe(lambda: self._now_safe(sequence))
        else:
            self._confirm(sequence)

    def _now_safe(self, sequence: int) -> None:
        if self._unsafe.pop(sequence, sequence) is None:
            self._confirm(sequence)

    def _confirm(self, sequence: int) -> None:
        if not self._confirmed:
            self.connection.confirm_soon(self)
        self._confirmed.append(sequence)

    def flush_confirms(self) -> None:
        """Writes the confirms gathered since the last call: one `multiple` ack as far as nothing is left open below."""
        sequences = self._confirmed
        if not sequences:
            return
        self._confirmed = []
        sequences.sort()
        oldest_open = next(iter(self._unsafe), None)
        split = len(sequences)
        if oldest_open is not None:
            split = sum(1 for each in sequences if each < oldest_open)
        if split > 1:
            self.connection.write(frames.ack(self.number, sequences[split - 1], True))
        else:
            split = 0
        for sequence in sequences[split:]:
            self.connection.write(frames.ack(self.number, sequence, False))

    def _return(self, message: Message, code: int, text: str) -> None:
        method = frames.returned(self.number, code, text, message.address)
        self.connection.write(
            frames.content(self.number, method, message.header, message.body, self.connection.frame_max)
        )

    # exchanges

    def _exchange_declare(self, method: m.ExchangeDeclare) -> None:
        if method.passive:
            self._no_default_exchange(method.exchange)
            self.vhost.exchange(method.exchange)
        else:
            self.vhost.declare_exchange(
                method.exchange.replace("\r", "").replace("\n", ""),
                method.kind,
                durable=method.durable,
                auto_delete=method.auto_delete,
                internal=method.internal,
                arguments=method.arguments,
            )
        self._reply(method.nowait, m.ExchangeDeclareOk())

    def _exchange_delete(self, method: m.ExchangeDelete) -> None:
        self.vhost.delete_exchange(method.exchange, if_unused=method.if_unused)
        self._reply(method.nowait, m.ExchangeDeleteOk())

    def _exchange_bind(self, method: m.ExchangeBind) -> None:
        self._no_default_exchange(method.source, method.destination)
        source = self.vhost.exchange(method.source)
        destination = self.vhost.exchange(method.destination)
        self.vhost.bind(Binding(source, destination, method.routing_key, method.arguments))
        self._reply(method.nowait, m.ExchangeBindOk())

    def _exchange_unbind(self, method: m.ExchangeUnbind) -> None:
        self._no_default_exchange(method.source, method.destination)
        source = self.vhost.exchanges.get(method.source)
        destination = self.vhost.exchanges.get(method.destination)
        if source is not None and destination is not None:
            self.vhost.unbind(Binding(source, destination, method.routing_key, method.arguments))
        self._reply(method.nowait, m.ExchangeUnbindOk())

    def _no_default_exchange(self, *names: str) -> None:
        if "" in names:
            raise refused("operation not permitted on the default exchange")

    # queues

    def _queue_declare(self, method: m.QueueDeclare) -> None:
        name = method.queue.replace("\r", "").replace("\n", "")
        if name == PSEUDO_QUEUE or (name.startswith(PSEUDO_QUEUE + ".") and name in self.vhost.inboxes):
            self._reply(method.nowait, m.QueueDeclareOk(name, 0, 1))
            return
        if method.passive:
            queue = self.vhost.queue(name, self.connection)
            queue.used()
        else:
            queue = self.vhost.declare_queue(
                name,
                self.connection,
                durable=method.durable,
                exclusive=method.exclusive,
                auto_delete=method.auto_delete,
                arguments=method.arguments,
            )
        self._last_queue = queue.name
        self._reply(method.nowait, m.QueueDeclareOk(queue.name, len(queue.ready), len(queue.consumers)))

    def _queue_bind(self, method: m.QueueBind) -> None:
        key = method.routing_key
        if method.queue == "" and key == "":
            key = self._queue_name("")
        source = self._bindable(method.exchange)
        self.vhost.bind(Binding(source, self._queue(method.queue), key, method.arguments))
        self._reply(method.nowait, m.QueueBindOk())

    def _queue_unbind(self, method: m.QueueUnbind) -> None:
        name = self._queue_name(method.queue)
        self._no_default_exchange(method.exchange)
        source, queue = self.vhost.exchanges.get(method.exchange), self.vhost.queues.get(name)
        if source is not None and queue is not None:
            self.vhost.check_owner(queue, self.connection)
            self.vhost.unbind(Binding(source, queue, method.routing_key, method.arguments))
        self._reply(False, m.QueueUnbindOk())

    def _queue_purge(self, method: m.QueuePurge) -> None:
        queue = self._queue(method.queue)
        self._reply(method.nowait, m.QueuePurgeOk(queue.purge()))

    def _queue_delete(self, method: m.QueueDelete) -> None:
        name = self._queue_name(method.queue)
        queue = self.vhost.queues.get(name)
        count = 0
        if queue is not None:
            self.vhost.check_owner(queue, self.connection)
            if method.if_unused and queue.consumers:
                raise precondition(f"queue '{name}' in vhost '{self.vhost.name}' in use")
            if method.if_empty and len(queue.ready):
                raise precondition(f"queue '{name}' in vhost '{self.vhost.name}' not empty")
            count = self.vhost.remove_queue(queue)
        self._reply(method.nowait, m.QueueDeleteOk(count))

    def _queue(self, name: str) -> Queue:
        return self.vhost.queue(self._queue_name(name), self.connection)

    def _queue_name(self, name: str) -> str:
        if name:
            return name
        if not self._last_queue:
            raise ChannelFailure(404, "no previously declared queue")
        return self._last_queue

    def _bindable(self, name: str) -> Exchange:
        self._no_default_exchange(name)
        return self.vhost.exchange(name)

    # consuming

    def _qos(self, method: m.BasicQos) -> None:
        if method.prefetch_size:
            raise not_implemented(f"prefetch_size!=0 ({method.prefetch_size})")
        if method.global_:
            self.limit = method.prefetch_count
            self._wake_all()
        else:
            self._prefetch = method.prefetch_count
        self._reply(False, m.BasicQosOk())

    def _consume(self, method: m.BasicConsume) -> None:
        tag = method.consumer_tag or server_name("amq.ctag-")
        if tag in self.consumers:
            raise ConnectionFailure(530, f"attempt to reuse consumer tag '{tag}'")
        if method.queue == PSEUDO_QUEUE:
            self._consume_replies(method, tag)
            return
        queue = self._queue(method.queue)
        if queue.exclusively_consumed or (method.exclusive and queue.consumers):
            raise refused(f"queue '{queue.name}' in vhost '{self.vhost.name}' in exclusive use")
        consumer = Consumer(
            self,
            queue,
            tag,
            no_ack=method.no_ack,
            exclusive=method.exclusive,
            priority=consumer_priority(queue.name, self.vhost.name, method.arguments),
            limit=self._prefetch,
            arguments=method.arguments,
        )
        self.consumers[tag] = consumer
        self._reply(method.nowait, m.BasicConsumeOk(tag))
        queue.add_consumer(consumer)
        queue.dispatch()

    def _consume_replies(self, method: m.BasicConsume, tag: str) -> None:
        if self._inbox is not None:
            raise precondition("reply consumer already set")
        if not method.no_ack:
            raise precondition("reply consumer cannot acknowledge")
        self._inbox = ReplyInbox(self.vhost, server_name(f"{PSEUDO_QUEUE}."), QueueRules())
        consumer = self.consumers[tag] = Consumer(self, self._inbox, tag, no_ack=True)
        self._inbox.opened(consumer)
        self._reply(method.nowait, m.BasicConsumeOk(tag))

    def _cancel(self, method: m.BasicCancel) -> None:
        consumer = self.consumers.pop(method.consumer_tag, None)
        if consumer is not None:
            consumer.queue.remove_consumer(consumer)
            if consumer.queue is self._inbox:
                self._inbox = None
        self._reply(method.nowait, m.BasicCancelOk(method.consumer_tag))

    def queue_gone(self, consumer: Consumer) -> None:
        """The queue of one of its consumers was deleted."""
        self.consumers.pop(consumer.tag, None)
        if self.connection.wants_cancel_notify and not self.closing:
            self._reply(False, m.BasicCancel(consumer.tag, True))

    def _get(self, method: m.BasicGet) -> None:
        queue = self._queue(method.queue)
        entry = queue.take()
        if entry is None:
            self._reply(False, m.BasicGetEmpty(""))
            return
        tag = self.delivery_tag = self.delivery_tag + 1
        message = queue.as_delivered(entry)
        self.connection.write(
            frames.content(
                self.number,
                frames.get_ok(self.number, tag, entry.redelivered, message.address, len(queue.ready)),
                message.header,
                message.body,
                self.connection.frame_max,
            )
        )
        if method.no_ack:
            queue.finish(entry)
        else:
            self.unacked[tag] = (entry, queue, None)

    # acknowledging

    def _ack(self, method: m.BasicAck) -> None:
        self._settle(method.delivery_tag, method.multiple, Queue.finish)

    def _nack(self, method: m.BasicNack) -> None:
        self._settle(method.delivery_tag, method.multiple, None if method.requeue else Queue.reject)

    def _reject(self, method: m.BasicReject) -> None:
        self._settle(method.delivery_tag, False, None if method.requeue else Queue.reject)

    def _settle(self, tag: int, multiple: bool, end: Callable[[Queue, Entry], None] | None) -> None:
        """Ends deliveries by ack (`Queue.finish`) or reject (`Queue.reject`), or requeues them (None)."""
        taken = self._take(tag, multiple)
        if self._tx is not None:
            self._tx_acked += taken
            self._tx.append(lambda: self._end([held for _, held in taken], end))
            return
        self._end([held for _, held in taken], end)

    def _take(self, tag: int, multiple: bool) -> list[tuple[int, Held]]:
        """The deliveries an ack means, no longer unacked. Raises ChannelFailure 406 for an unknown tag."""
        unacked = self.unacked
        if not multiple:
            held = unacked.pop(tag, None)
            if held is None:
                raise precondition(f"unknown delivery tag {tag}")
            return [(tag, held)]
        if tag == 0:
            taken = list(unacked.items())
            unacked.clear()
            return taken
        if not unacked or tag > self.delivery_tag or tag < next(iter(unacked)):
            raise precondition(f"unknown delivery tag {tag}")
        taken = []
        for each in unacked:
            if each > tag:
                break
            taken.append((each, unacked[each]))
        for each, _ in taken:
            del unacked[each]
        return taken

    def _end(self, taken: list[Held], end: Callable[[Queue, Entry], None] | None) -> None:
        if end is None:
            self._give_back(taken)
        else:
            for entry, queue, consumer in taken:
                end(queue, entry)
                if consumer is not None:
                    consumer.released()
        self._wake(taken)

    def _give_back(self, taken: list[Held]) -> None:
        by_queue: dict[Queue, list[Entry]] = {}
        for entry, queue, consumer in taken:
            by_queue.setdefault(queue, []).append(entry)
            if consumer is not None:
                consumer.released()
        for queue, entries in by_queue.items():
            queue.requeue(entries)

    def _wake(self, taken: list[Held]) -> None:
        if self.limit:
            self._wake_all()
        elif len(taken) == 1:
            consumer = taken[0][2]
            if consumer is not None and consumer.parked:
                consumer.wake()
        else:
            for consumer in {held[2]: None for held in taken}:
                if consumer is not None:
                    consumer.wake()

    def _wake_all(self) -> None:
        for consumer in list(self.consumers.values()):
            consumer.wake()

    def wake(self) -> None:
        """The connection has room again."""
        self._wake_all()

    def _recover(self, method: m.BasicRecover | m.BasicRecoverAsync) -> None:
        if not method.requeue:
            raise not_implemented("requeue=false")
        taken = list(self.unacked.values())
        self.unacked.clear()
        if isinstance(method, m.BasicRecover):
            self._reply(False, m.BasicRecoverOk())
        self._give_back(taken)
        self._wake(taken)

    # modes

    def _confirm_select(self, method: m.ConfirmSelect) -> None:
        if self._tx is not None:
            raise precondition("cannot switch from tx to confirm mode")
        self._confirming = True
        self._reply(method.nowait, m.ConfirmSelectOk())

    def _tx_select(self, _: m.TxSelect) -> None:
        if self._confirming:
            raise precondition("cannot switch from confirm to tx mode")
        if self._tx is None:
            self._tx = []
        self._reply(False, m.TxSelectOk())

    def _tx_commit(self, _: m.TxCommit) -> None:
        steps = self._transaction()
        before = self.broker.store.position
        self._tx, self._tx_acked = [], []
        for step in steps:
            step()
        if self.broker.store.position == before:
            self._reply(False, m.TxCommitOk())
        else:
            self.broker.when_safe(lambda: None if self.closing else self._reply(False, m.TxCommitOk()))

    def _tx_rollback(self, _: m.TxRollback) -> None:
        self._transaction()
        self._restore_acked()
        self._tx = []
        self._reply(False, m.TxRollbackOk())

    def _transaction(self) -> list[Callable[[], None]]:
        if self._tx is None:
            raise precondition("channel is not transactional")
        return self._tx

    def _restore_acked(self) -> None:
        """Acks that were not committed did not happen."""
        self.unacked = dict(sorted([*self.unacked.items(), *self._tx_acked], key=lambda item: item[0]))
        self._tx_acked = []

    # the channel itself

    def _flow(self, method: m.ChannelFlow) -> None:
        if not method.active:
            raise not_implemented("active=false")
        self._reply(False, m.ChannelFlowOk(True))

    def _close(self, _: m.ChannelClose) -> None:
        self.flush_confirms()
        self.end()
        self.connection.forget_channel(self)
        self.connection.write(frames.method_frame(self.number, m.ChannelCloseOk()))

    def _open_again(self, _: m.ChannelOpen) -> None:
        raise ConnectionFailure(504, "second 'channel.open' seen")

    def end(self) -> None:
        """Gives everything back: consumers go, unacked deliveries return to their places."""
        self.closing = True
        if self._tx is not None:
            self._restore_acked()
        consumers = list(self.consumers.values())
        self.consumers.clear()
        # Requeue first, so that nobody gets a later message before a returned one; but never to those who leave.
        self.flowing = False
        taken = list(self.unacked.values())
        self.unacked.clear()
        self._give_back(taken)
        for consumer in consumers:
            consumer.queue.remove_consumer(consumer)

    def fail(self, failure: ChannelFailure, class_id: int, method_id: int) -> None:
        """Tells the client and ignores all that comes before its close-ok."""
        self.flush_confirms()
        self.end()
        self._address = self._header = None
        self._body = []
        self.connection.write(
            frames.method_frame(self.number, m.ChannelClose(failure.code, failure.text, class_id, method_id))
        )

    def _reply(self, nowait: bool, method: Any) -> None:
        if not nowait:
            self.connection.write(frames.method_frame(self.number, method))

    def _access_request(self, _: m.AccessRequest) -> None:
        self._reply(False, m.AccessRequestOk(1))


_HANDLERS: dict[type, Callable[[Channel, Any], None]] = {
    m.AccessRequest: Channel._access_request,
    m.BasicAck: Channel._ack,
    m.BasicCancel: Channel._cancel,
    m.BasicConsume: Channel._consume,
    m.BasicGet: Channel._get,
    m.BasicNack: Channel._nack,
    m.BasicQos: Channel._qos,
    m.BasicRecover: Channel._recover,
    m.BasicRecoverAsync: Channel._recover,
    m.BasicReject: Channel._reject,
    m.ChannelClose: Channel._close,
    m.ChannelFlow: Channel._flow,
    m.ChannelOpen: Channel._open_again,
    m.ConfirmSelect: Channel._confirm_select,
    m.ExchangeBind: Channel._exchange_bind,
    m.ExchangeDeclare: Channel._exchange_declare,
    m.ExchangeDelete: Channel._exchange_delete,
    m.ExchangeUnbind: Channel._exchange_unbind,
    m.QueueBind: Channel._queue_bind,
    m.QueueDeclare: Channel._queue_declare,
    m.QueueDelete: Channel._queue_delete,
    m.QueuePurge: Channel._queue_purge,
    m.QueueUnbind: Channel._queue_unbind,
    m.TxCommit: Channel._tx_commit,
    m.TxRollback: Channel._tx_rollback,
    m.TxSelect: Channel._tx_select,
}
