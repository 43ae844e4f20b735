"""Errors as AMQP sorts them: soft ones close the channel, hard ones the connection. Texts are worded as RabbitMQ's."""

from __future__ import annotations

REPLIES = {
    200: "OK",
    311: "CONTENT_TOO_LARGE",
    312: "NO_ROUTE",
    313: "NO_CONSUMERS",
    320: "CONNECTION_FORCED",
    402: "INVALID_PATH",
    403: "ACCESS_REFUSED",
    404: "NOT_FOUND",
    405: "RESOURCE_LOCKED",
    406: "PRECONDITION_FAILED",
    501: "FRAME_ERROR",
    502: "SYNTAX_ERROR",
    503: "COMMAND_INVALID",
    504: "CHANNEL_ERROR",
    505: "UNEXPECTED_FRAME",
    506: "RESOURCE_ERROR",
    530: "NOT_ALLOWED",
    540: "NOT_IMPLEMENTED",
    541: "INTERNAL_ERROR",
}


class AmqpError(Exception):
    """Something the client is told with a close method: `code` and `text` (`NOT_FOUND - no queue 'x' in vhost '/'`)."""

    def __init__(self, code: int, explanation: str) -> None:
        self.code = code
        self.text = f"{REPLIES[code]} - {explanation}"
        super().__init__(f"{code} {self.text}")


class ChannelFailure(AmqpError):
    """A soft error: the channel closes, the connection stays."""


class ConnectionFailure(AmqpError):
    """A hard error: the whole connection closes."""


def no_queue(name: str, vhost: str) -> ChannelFailure:
    return ChannelFailure(404, f"no queue '{name}' in vhost '{vhost}'")


def no_exchange(name: str, vhost: str) -> ChannelFailure:
    return ChannelFailure(404, f"no exchange '{name}' in vhost '{vhost}'")


def refused(explanation: str) -> ChannelFailure:
    return ChannelFailure(403, explanation)


def precondition(explanation: str) -> ChannelFailure:
    return ChannelFailure(406, explanation)


def locked(name: str, vhost: str) -> ChannelFailure:
    return ChannelFailure(
        405,
        f"cannot obtain exclusive access to locked queue '{name}' in vhost '{vhost}'. It could be originally declared "
        "on another connection or the exclusive property value does not match that of the original declaration.",
    )


def not_implemented(explanation: str) -> ConnectionFailure:
    return ConnectionFailure(540, explanation)
