"""A channel: the methods of classes exchange, queue, basic, confirm and tx, and what a channel holds between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from lab.engines.amqp.core.arguments import QueueRules, consumer_priority
from lab.engines.amqp.core.errors import (
    ChannelFailure,
    ConnectionFailure,
    no_queue,
    not_implemented,
    precondition,
    refused,
)
from lab.engines.amqp.core.exchange import Binding, Exchange
from lab.engines.amqp.core.queue import Queue
from lab.engines.amqp.core.reply_to import PSEUDO_QUEUE, ReplyInbox, new_address
from lab.engines.amqp.core.turns import FEW, SLOW
from lab.engines.amqp.core.vhost import server_name
from lab.engines.amqp.protocol import frames, methods
from lab.engines.amqp.protocol import methods as m
from lab.engines.amqp.protocol.consumer import ChannelConsumer
from lab.engines.amqp.protocol.deliveries import Deliveries
from lab.engines.amqp.protocol.publishing import Publishing

if TYPE_CHECKING:
    from lab.engines.amqp.protocol.connection import Connection


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
        self.publishing = Publishing(self)
        self.deliveries = Deliveries(self)
        self.consumers: dict[str, ChannelConsumer] = {}
        self.inbox: ReplyInbox | None = None
        """Where direct replies come in, once it consumes them."""
        self.transaction: list[Iterator[bool]] | None = None
        """What the open transaction will do when it is committed, each step by step and saying of each whether it took
        effect. None is no transactional channel."""
        self._prefetch = 0
        self._last_queue = ""

    # frames

    def method_frame(self, payload: bytes) -> None:
        """Raises ChannelFailure, ConnectionFailure; methods.BadMethod, methods.UnknownMethod."""
        if self.publishing.open:
            raise self.publishing.out_of_order()
        index = payload[:4]
        if index == b"\x00\x3c\x00\x28":
            self.publishing.method(payload)
        elif index == b"\x00\x3c\x00\x50" and len(payload) == 13:
            self.deliveries.settle(int.from_bytes(payload[4:12], "big"), bool(payload[12] & 1), Queue.finish)
        else:
            method = methods.decode(payload)
            handler = _HANDLERS.get(type(method))
            if handler is None:
                raise ConnectionFailure(503, "unimplemented method")
            self.broker.worked += SLOW
            handler(self, method)

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
        removing = self.vhost.delete_exchange(method.exchange, if_unused=method.if_unused)

        def delete() -> Iterator[None]:
            yield from removing
            self._reply(method.nowait or self.closing, m.ExchangeDeleteOk())

        self.connection.wait_for(delete())

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
        if name == PSEUDO_QUEUE or name.startswith(PSEUDO_QUEUE + "."):
            if name != PSEUDO_QUEUE and name not in self.vhost.inboxes:
                raise no_queue(name, self.vhost.name)
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
        key = self._binding_key(method.queue, method.routing_key)
        source = self._bindable(method.exchange)
        self.vhost.bind(Binding(source, self._queue(method.queue), key, method.arguments))
        self._reply(method.nowait, m.QueueBindOk())

    def _queue_unbind(self, method: m.QueueUnbind) -> None:
        name = self._queue_name(method.queue)
        self._no_default_exchange(method.exchange)
        source, queue = self.vhost.exchanges.get(method.exchange), self.vhost.queues.get(name)
        if source is not None and queue is not None:
            self.vhost.check_owner(queue, self.connection)
            key = self._binding_key(method.queue, method.routing_key)
            self.vhost.unbind(Binding(source, queue, key, method.arguments))
        self._reply(False, m.QueueUnbindOk())

    def _queue_purge(self, method: m.QueuePurge) -> None:
        count, rest = self._queue(method.queue).clear()

        def purge() -> Iterator[None]:
            yield from rest
            self._reply(method.nowait or self.closing, m.QueuePurgeOk(count))

        self.connection.wait_for(purge())

    def _queue_delete(self, method: m.QueueDelete) -> None:
        name = self._queue_name(method.queue)
        queue = self.vhost.queues.get(name)
        if queue is None:
            self._reply(method.nowait, m.QueueDeleteOk(0))
            return
        self.vhost.check_owner(queue, self.connection)
        for flag, asked in (("if-unused", method.if_unused), ("if-empty", method.if_empty)):
            if asked and queue.rules.quorum:
                raise not_implemented(
                    f"cannot delete queue '{name}' in vhost '{self.vhost.name}'. "
                    f"queue.delete operations with {flag} flag set are not supported by quorum queues"
                )
        if method.if_unused and queue.consumers:
            raise precondition(f"queue '{name}' in vhost '{self.vhost.name}' in use")
        if method.if_empty and len(queue.ready):
            raise precondition(f"queue '{name}' in vhost '{self.vhost.name}' not empty")
        if len(queue.incoming) <= FEW or method.if_unused or method.if_empty:
            # What was asked about a condition holds now, and might not in a later turn.
            self._reply(method.nowait, m.QueueDeleteOk(self.vhost.remove_queue(queue)))
            return

        def delete() -> Iterator[None]:
            count = yield from self.vhost.removing_queue(queue)
            self._reply(method.nowait or self.closing, m.QueueDeleteOk(count))

        self.connection.wait_for(delete())

    def _queue(self, name: str) -> Queue:
        return self.vhost.queue(self._queue_name(name), self.connection)

    def _queue_name(self, name: str) -> str:
        if name:
            return name
        if not self._last_queue:
            raise ChannelFailure(404, "no previously declared queue")
        return self._last_queue

    def _binding_key(self, queue: str, key: str) -> str:
        """Neither a queue nor a key: the last declared queue is bound by its own name."""
        return key or (self._last_queue if not queue else "")

    def _bindable(self, name: str) -> Exchange:
        self._no_default_exchange(name)
        return self.vhost.exchange(name)

    # consuming

    def _qos(self, method: m.BasicQos) -> None:
        if method.prefetch_size:
            raise not_implemented(f"prefetch_size!=0 ({method.prefetch_size})")
        if method.global_:
            self.deliveries.limit = method.prefetch_count
            self.wake()
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
        if queue.rules.quorum and self.deliveries.limit:
            raise not_implemented(f"queue '{queue.name}' in vhost '{self.vhost.name}' does not support global qos")
        if queue.exclusively_consumed or (method.exclusive and (queue.consumers or queue.rules.single_active)):
            raise refused(f"queue '{queue.name}' in vhost '{self.vhost.name}' in exclusive use")
        consumer = ChannelConsumer(
            self,
            queue,
            tag,
            no_ack=method.no_ack,
            exclusive=method.exclusive,
            priority=consumer_priority(queue.name, self.vhost.name, method.arguments, quorum=queue.rules.quorum),
            limit=self._prefetch,
            arguments=method.arguments,
        )
        self.consumers[tag] = consumer
        self._reply(method.nowait, m.BasicConsumeOk(tag))
        queue.add_consumer(consumer)
        queue.dispatch()

    def _consume_replies(self, method: m.BasicConsume, tag: str) -> None:
        if self.inbox is not None:
            raise precondition("reply consumer already set")
        if not method.no_ack:
            raise precondition("reply consumer cannot acknowledge")
        self.inbox = ReplyInbox(self.vhost, new_address(), QueueRules())
        consumer = self.consumers[tag] = ChannelConsumer(self, self.inbox, tag, no_ack=True)
        self.inbox.opened(consumer)
        self._reply(method.nowait, m.BasicConsumeOk(tag))

    def _cancel(self, method: m.BasicCancel) -> None:
        consumer = self.consumers.pop(method.consumer_tag, None)
        if consumer is not None:
            consumer.queue.remove_consumer(consumer)
            if consumer.queue is self.inbox:
                self.inbox = None
        self._reply(method.nowait, m.BasicCancelOk(method.consumer_tag))

    def queue_gone(self, consumer: ChannelConsumer) -> None:
        """The queue of one of its consumers was deleted."""
        if self.consumers.get(consumer.tag) is not consumer:
            return
        del self.consumers[consumer.tag]
        if self.connection.wants_cancel_notify and not self.closing:
            self._reply(False, m.BasicCancel(consumer.tag, True))

    def _get(self, method: m.BasicGet) -> None:
        queue = self._queue(method.queue)
        if queue.rules.quorum and queue.rules.single_active:
            raise ChannelFailure(
                405,
                f"cannot obtain access to locked queue '{queue.name}' in vhost '{self.vhost.name}'. "
                "basic.get operations are not supported by quorum queues with single active consumer",
            )
        entry = queue.take()
        if entry is None:
            self._reply(False, m.BasicGetEmpty(""))
            return
        tag = self.deliveries.tag = self.deliveries.tag + 1
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
            self.deliveries.unacked[tag] = (entry, queue, None)

    # acknowledging

    def _ack(self, method: m.BasicAck) -> None:
        self.deliveries.settle(method.delivery_tag, method.multiple, Queue.finish)

    def _nack(self, method: m.BasicNack) -> None:
        self.deliveries.settle(method.delivery_tag, method.multiple, None if method.requeue else Queue.reject)

    def _reject(self, method: m.BasicReject) -> None:
        self.deliveries.settle(method.delivery_tag, False, None if method.requeue else Queue.reject)

    def _recover(self, method: m.BasicRecover | m.BasicRecoverAsync) -> None:
        if not method.requeue:
            raise not_implemented("requeue=false")
        if isinstance(method, m.BasicRecover):
            self._reply(False, m.BasicRecoverOk())
        self.deliveries.give_all_back()

    def wake(self) -> None:
        """Something changed in favour of all its consumers: round robin, or the first would be served until it has
        nothing left."""
        deliveries = self.deliveries
        for consumer in list(self.consumers.values()):
            before = deliveries.tag
            consumer.wake()
            if deliveries.tag != before and self.consumers.pop(consumer.tag, None) is consumer:
                self.consumers[consumer.tag] = consumer  # behind all others, for the next time

    # modes

    def _confirm_select(self, method: m.ConfirmSelect) -> None:
        if self.transaction is not None:
            raise precondition("cannot switch from tx to confirm mode")
        self.publishing.confirming = True
        self._reply(method.nowait, m.ConfirmSelectOk())

    def _tx_select(self, _: m.TxSelect) -> None:
        if self.publishing.confirming:
            raise precondition("cannot switch from confirm to tx mode")
        if self.transaction is None:
            self.transaction = []
        self._reply(False, m.TxSelectOk())

    def _tx_commit(self, method: m.TxCommit) -> None:
        steps = itertools.chain.from_iterable(self._require_transaction())
        before = self.broker.store.position
        self.transaction = []
        self.deliveries.committed()

        def commit() -> Iterator[None]:
            complete = True
            try:
                for took_effect in steps:
                    complete = complete and took_effect
                    yield
                if not complete:
                    raise precondition("partial tx completion")
            except ChannelFailure as failure:
                if not self.closing:
                    self.fail(failure, *methods.index_of(method))
                return
            if self.broker.store.position == before:
                self._reply(self.closing, m.TxCommitOk())
            else:
                self.broker.when_safe(lambda: self._reply(self.closing, m.TxCommitOk()))

        self.connection.wait_for(commit())

    def _tx_rollback(self, _: m.TxRollback) -> None:
        self._require_transaction()
        self.transaction = []
        self.deliveries.roll_back()
        self._reply(False, m.TxRollbackOk())

    def _require_transaction(self) -> list[Iterator[bool]]:
        if self.transaction is None:
            raise precondition("channel is not transactional")
        return self.transaction

    # the channel itself

    def _flow(self, method: m.ChannelFlow) -> None:
        if not method.active:
            raise not_implemented("active=false")
        self._reply(False, m.ChannelFlowOk(True))

    def _close(self, _: m.ChannelClose) -> None:
        self.end()
        self.connection.forget_channel(self)
        self.connection.write(frames.method_frame(self.number, m.ChannelCloseOk()))

    def _open_again(self, _: m.ChannelOpen) -> None:
        raise ConnectionFailure(504, "second 'channel.open' seen")

    def end(self) -> None:
        """Gives everything back: consumers go, unacked deliveries return to their places."""
        self.closing = True
        self.publishing.stop()
        consumers = list(self.consumers.values())
        self.consumers.clear()

        # Requeue first, so that nobody gets a later message before a returned one; but never to those who leave.
        self.flowing = False
        self.deliveries.roll_back()
        self.deliveries.give_all_back([partial(each.queue.remove_consumer, each) for each in consumers])

    def let_go(self) -> None:
        """To be called once nothing comes for it any more. It is freed with its last user then: nobody looks for
        circles often."""
        self.publishing.let_go()
        self.deliveries.let_go()

    def fail(self, failure: ChannelFailure, class_id: int, method_id: int) -> None:
        """Tells the client and ignores all that comes before its close-ok."""
        self.end()
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
