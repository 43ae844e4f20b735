"""Which handler reads which AMQP method, by the side that sends it. A method that is not listed gives no Flow."""

from __future__ import annotations

from lab.wire.amqp import calls
from lab.wire.amqp import flows as messages
from lab.wire.amqp import frames as wire
from lab.wire.amqp.channel import Handler


def _closing(*, back: bool) -> dict[int, Handler]:
    return {
        wire.CONNECTION_CLOSE: calls.close("close", back=back),
        wire.CHANNEL_CLOSE: calls.close("close channel", back=back),
        wire.CHANNEL_CLOSE_OK: calls.channel_close_ok,
        wire.CONNECTION_CLOSE_OK: calls.connection_close_ok,
    }


FROM_CLIENT: dict[int, Handler] = _closing(back=False) | {
    wire.BASIC_PUBLISH: messages.start_publish,
    wire.BASIC_ACK: messages.settled(wire.BASIC_ACK),
    wire.BASIC_NACK: messages.settled(wire.BASIC_NACK),
    wire.BASIC_REJECT: messages.settled(wire.BASIC_REJECT),
    wire.BASIC_GET: calls.get,
    wire.BASIC_CONSUME: calls.consume,
    wire.BASIC_CANCEL: calls.cancel,
    wire.CONFIRM_SELECT: calls.confirm_select,
    wire.CONNECTION_OPEN: calls.open_connection,
    wire.EXCHANGE_DECLARE: calls.call("declare", wire.EXCHANGE_DECLARE_OK, "exchange", "type", nowait=16),
    wire.EXCHANGE_DELETE: calls.call("delete", wire.EXCHANGE_DELETE_OK, "exchange", nowait=2),
    wire.EXCHANGE_BIND: calls.call("bind", wire.EXCHANGE_BIND_OK, "to", "exchange", "key", nowait=1),
    wire.EXCHANGE_UNBIND: calls.call("unbind", wire.EXCHANGE_UNBIND_OK, "to", "exchange", "key", nowait=1),
    wire.QUEUE_DECLARE: calls.call("declare", wire.QUEUE_DECLARE_OK, "queue", nowait=16),
    wire.QUEUE_DELETE: calls.call("delete", wire.QUEUE_DELETE_OK, "queue", nowait=4),
    wire.QUEUE_PURGE: calls.call("purge", wire.QUEUE_PURGE_OK, "queue", nowait=1),
    wire.QUEUE_BIND: calls.call("bind", wire.QUEUE_BIND_OK, "queue", "exchange", "key", nowait=1),
    wire.QUEUE_UNBIND: calls.call("unbind", wire.QUEUE_UNBIND_OK, "queue", "exchange", "key"),
}

FROM_SERVER: dict[int, Handler] = (
    _closing(back=True)
    | {
        wire.BASIC_DELIVER: messages.start_deliver,
        wire.BASIC_RETURN: messages.start_return,
        wire.BASIC_GET_OK: messages.start_get,
        wire.BASIC_GET_EMPTY: calls.get_empty,
        wire.BASIC_ACK: messages.confirmed(wire.BASIC_ACK),
        wire.BASIC_NACK: messages.confirmed(wire.BASIC_NACK),
        wire.BASIC_RECOVER_OK: messages.recovered,
        wire.BASIC_CANCEL: calls.cancelled_by_broker,
        wire.BASIC_CANCEL_OK: calls.cancel_ok,
        wire.BASIC_CONSUME_OK: calls.consuming,
        wire.QUEUE_DECLARE_OK: calls.declared,
        wire.CONNECTION_BLOCKED: calls.blocked,
        wire.CONNECTION_UNBLOCKED: calls.unblocked,
    }
    | {
        answer_id: calls.ok(answer_id)
        for answer_id in (
            wire.CONNECTION_OPEN_OK,
            wire.EXCHANGE_DECLARE_OK,
            wire.EXCHANGE_DELETE_OK,
            wire.EXCHANGE_BIND_OK,
            wire.EXCHANGE_UNBIND_OK,
            wire.QUEUE_DELETE_OK,
            wire.QUEUE_PURGE_OK,
            wire.QUEUE_BIND_OK,
            wire.QUEUE_UNBIND_OK,
        )
    }
)
