"""The opening of a connection: what the broker says of itself, who may log in, what is negotiated."""

from __future__ import annotations

from lab import __version__
from lab.engines.amqp.core.errors import ConnectionFailure
from lab.engines.amqp.core.table import BadTable, Field, Table, as_text, decode_table, text
from lab.engines.amqp.protocol.methods import ConnectionStart, ConnectionTune, ConnectionTuneOk

CHANNEL_MAX = 2047
FRAME_MAX = 131072
FRAME_MIN = 4096
FIRST_FRAME_MAX = 8192
"""Octets of a frame before its size was agreed upon, as since RabbitMQ 4.1; 4,096 would not hold a long token."""
HEARTBEAT = 60
MECHANISMS = ("PLAIN", "AMQPLAIN")
CAPABILITIES = (
    "publisher_confirms",
    "exchange_exchange_bindings",
    "basic.nack",
    "consumer_cancel_notify",
    "connection.blocked",
    "consumer_priorities",
    "authentication_failure_close",
    "per_consumer_qos",
    "direct_reply_to",
)


def start() -> ConnectionStart:
    properties = {
        # Some clients look for this name before they use RabbitMQ's extensions, all of which are here.
        "product": text("RabbitMQ"),
        "version": text("3.13.0"),
        "platform": text(f"lab {__version__}"),
        "information": text("The lab's embedded broker: for learning and tests, on loopback."),
        "cluster_name": text("lab@localhost"),
        "capabilities": Field("F", {name: Field("t", True) for name in CAPABILITIES}),
    }
    return ConnectionStart(0, 9, properties, " ".join(MECHANISMS).encode(), b"en_US")


def tune() -> ConnectionTune:
    return ConnectionTune(CHANNEL_MAX, FRAME_MAX, HEARTBEAT)


def credentials(mechanism: str, response: bytes) -> tuple[str, str] | None:
    """(user, password) from a login; None for a response that is none of its mechanism."""
    if mechanism == "PLAIN":
        parts = response.split(b"\0")
        if len(parts) != 3:
            return None
        return parts[1].decode("utf-8", "replace"), parts[2].decode("utf-8", "replace")
    try:
        fields, _ = decode_table(len(response).to_bytes(4, "big") + response)
    except BadTable:
        return None
    user, password = as_text(fields.get("LOGIN")), as_text(fields.get("PASSWORD"))
    return None if user is None or password is None else (user, password)


def capability(client_properties: Table, name: str) -> bool:
    """Whether the client says that it knows an extension."""
    capabilities = client_properties.get("capabilities")
    if capabilities is None or capabilities.tag != "F":
        return False
    field = capabilities.value.get(name)
    return bool(field is not None and field.tag == "t" and field.value)


def negotiated(wish: ConnectionTuneOk) -> ConnectionTuneOk:
    """What holds from now on. Raises ConnectionFailure 530 for limits that are higher than offered, or too low."""
    channel_max = _within("channel_max", wish.channel_max, 1, CHANNEL_MAX)
    frame_max = _within("frame_max", wish.frame_max, FRAME_MIN, FRAME_MAX)
    return ConnectionTuneOk(channel_max, frame_max, wish.heartbeat)


def _within(name: str, wish: int, low: int, offered: int) -> int:
    if wish == 0 or wish > offered:
        unlimited = "" if wish else " (no limit)"
        raise ConnectionFailure(
            530,
            f"negotiated {name} = {wish}{unlimited} is higher than the maximum allowed value ({offered})",
        )
    if wish < low:
        raise ConnectionFailure(
            530,
            f"negotiated {name} = {wish} is lower than the minimum allowed value ({low})",
        )
    return wish
