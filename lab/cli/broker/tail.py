"""`lab broker tail`: what passes through an exchange, message by message."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.cli import exits
from lab.cli.broker import running as brokers
from lab.cli.failure import Failure
from lab.cli.options import Json
from lab.cli.output import out, paint, say
from lab.journal.visible import visible
from lab.locale import tr

if TYPE_CHECKING:
    from datetime import datetime

EXAMPLES = (
    "lab broker tail events",
    "lab broker tail events 'order.*'",
    "lab broker tail events --json | jq .routing_key",
    "lab broker tail amq.fanout --url amqp://guest:guest@127.0.0.1:5672",
)
EVERY_KEY = "#"
PREVIEW = 120
"""Characters of a body that a line shows at most, less in a narrow terminal; `--json` has all of it."""
NARROWEST = 24
URL_FORM = tr("write it like amqp://guest:guest@127.0.0.1:5672")
WAITING = 10_000
"""Messages that the broker keeps for a tail that prints too slowly; beyond that it drops the oldest."""


def tail(
    exchange: Annotated[str, typer.Argument(metavar="EXCHANGE", help="Name of the exchange, as in lab broker status.")],
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="[KEY]",
            help="Only what a binding with this key takes; # (everything) if left out.",
            show_default=False,
        ),
    ] = None,
    url: Annotated[
        str, typer.Option("--url", metavar="AMQP_URL", help="URL of any broker, RabbitMQ too.", show_default=False)
    ] = "",
    data: brokers.Data = None,
    run_id: brokers.OfRun = None,
    as_json: Json = False,
) -> None:
    """Print the messages that pass through an exchange, from now on. Ctrl-C ends it.

    It binds a queue of its own, so nobody else's messages are taken. If it cannot keep up, it misses messages.
    """
    if exchange == "":
        why = tr("It takes no bindings: it hands each message to the queue that its key names.\n")
        why += tr("A tap before the broker shows these, too.")
        more = "lab tap amqp :5673 127.0.0.1:5672"
        raise Failure(tr("nobody can listen to the default exchange"), why=why, next=more, code=exits.USAGE)
    found = None if url else _only(brokers.find(data, run_id))
    _tail(url or (found.url if found else ""), exchange, key, found, as_json=as_json)


def _only(found: list[brokers.Broker]) -> brokers.Broker:
    from lab.system.secrets import without_login

    if len(found) > 1:
        why = "\n".join(tr("{name} at {url}", name=broker.name, url=without_login(broker.url)) for broker in found)
        more = f"lab broker tail EXCHANGE {found[0].chosen_by}"
        raise Failure(tr("which broker? Several are running"), why=why, next=more, code=exits.USAGE)
    return found[0]


def _tail(url: str, exchange: str, key: str | None, found: brokers.Broker | None, *, as_json: bool) -> None:
    import logging
    from contextlib import suppress

    import pika
    from pika.exceptions import AMQPConnectionError, AMQPError, ChannelClosedByBroker

    from lab.system.secrets import without_login

    logging.getLogger("pika").setLevel(logging.CRITICAL)  # errors are reported once, below
    if not url.startswith(("amqp://", "amqps://")):
        raise typer.BadParameter(tr("--url is no AMQP URL; {url_form}", url_form=URL_FORM))
    where = without_login(url)
    try:
        parameters = pika.URLParameters(url if where.count("/") > 2 else f"{url}/")
    except (ValueError, TypeError) as problem:
        raise typer.BadParameter(
            tr("--url is no AMQP URL ({problem}); {url_form}", problem=problem, url_form=URL_FORM)
        ) from None
    parameters.heartbeat = 0  # a reader that pauses the output (`| less`) must not lose the connection
    parameters.client_properties = {"connection_name": "lab broker tail"}
    try:
        connection = pika.BlockingConnection(parameters)
    except (AMQPError, OSError) as problem:
        why = _reason(problem) or tr("Nothing answers there.")
        raise Failure(
            tr("cannot connect to {where}", where=where), why=why, next="lab broker", code=exits.FAILED
        ) from None
    try:
        channel = connection.channel()
        if key is None and _is_direct(connection, exchange):
            raise _needs_key(exchange, found)
        queue = channel.queue_declare(
            "", exclusive=True, auto_delete=True, arguments={"x-max-length": WAITING}
        ).method.queue
        taken = EVERY_KEY if key is None else key
        channel.queue_bind(queue, exchange, taken)
        say(
            tr(
                '{where}: what passes through {exchange} with key "{taken}", from now on. Ctrl-C ends it.',
                where=where,
                exchange=exchange,
                taken=taken,
            )
        )
        for method, properties, body in channel.consume(queue, auto_ack=True, exclusive=True):
            _print(_told(method, properties, body), as_json=as_json)
        raise Failure(tr("the broker ended the tail"), why=tr("Its queue was deleted."))
    except ChannelClosedByBroker as problem:
        if problem.reply_code == 404:
            more = tr("lab broker status lists its exchanges")
            raise Failure(
                tr('there is no exchange "{exchange}" at {where}', exchange=exchange, where=where), next=more
            ) from None
        raise Failure(
            tr(
                "the broker refused: {reply_code} {reply_text}",
                reply_code=problem.reply_code,
                reply_text=problem.reply_text,
            )
        ) from None
    except AMQPConnectionError as problem:
        raise Failure(tr("the broker at {where} went away", where=where), why=_reason(problem)) from None
    finally:
        with suppress(AMQPError, OSError):
            connection.close()


def _is_direct(connection: Any, exchange: str) -> bool:
    """Whether the exchange is a direct one, where `#` is a key like any other.

    AMQP has no way to ask. A declaration that differs from what exists is refused, the type being compared first.
    Should the exchange vanish between the two questions, what the second one makes goes with the tail's binding.
    """
    from pika.exceptions import ChannelClosedByBroker

    channel = connection.channel()
    channel.exchange_declare(exchange, passive=True)
    try:
        channel.exchange_declare(exchange, "direct", auto_delete=True)
    except ChannelClosedByBroker as refused:
        return refused.reply_code == 406 and "'type'" not in refused.reply_text
    channel.close()
    return True


def _needs_key(exchange: str, found: brokers.Broker | None) -> Failure:
    status = found.status if found and found.status else {"vhosts": {}}
    bindings = [binding for vhost in status["vhosts"].values() for binding in vhost["bindings"]]
    keys = sorted({visible(binding["routing_key"]) for binding in bindings if binding["source"] == exchange})
    why = tr("A direct exchange hands on by the exact key, so no key stands for all of them.")
    if keys:
        why += tr("\nKeys that are bound now: {keys}", keys=", ".join(keys))
    more = f"lab broker tail {exchange} {keys[0] if keys else 'KEY'}"
    return Failure(
        tr("{exchange} is a direct exchange: which KEY?", exchange=exchange), why=why, next=more, code=exits.USAGE
    )


def _told(method: Any, properties: Any, body: bytes) -> dict[str, Any]:
    """A message, field by field as `--json` prints it; `size` is that of the body in octets."""
    from datetime import UTC, datetime

    return {
        "time": datetime.now(UTC),
        "exchange": method.exchange,
        "routing_key": method.routing_key,
        "message_id": properties.message_id,
        "correlation_id": properties.correlation_id,
        "content_type": properties.content_type,
        "headers": properties.headers or {},
        "size": len(body),
        "body": body,
    }


def whole(body: bytes) -> str:
    """The body as `--json` has it: text as text, anything else in hexadecimal."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"0x{body.hex()}"


def preview(body: bytes) -> str:
    """The body's beginning on one line; … where it is cut."""
    head = body[: 4 * PREVIEW]
    try:
        text = visible(head.decode())
    except UnicodeDecodeError as problem:
        if problem.start > len(head) - 4 and len(head) < len(body):  # only the cut made it invalid
            text = visible(head[: problem.start].decode())
        else:
            text = f"0x{head.hex()}"
    return _cut(text, PREVIEW, whole=len(head) == len(body))


def _print(message: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        import json

        time = message["time"].isoformat(timespec="milliseconds")
        out(json.dumps({**message, "time": time, "body": whole(message["body"])}, default=str))
        return
    before = "  ".join(
        (
            _clock(message["time"]),
            visible(message["routing_key"]) or '""',
            tr("id {id}", id=visible(message["message_id"] or "-")),
            tr("correlation {id}", id=visible(message["correlation_id"] or "-")),
            f"{message['size']} B",
        )
    )
    room = PREVIEW
    if sys.stdout.isatty():
        room = max(NARROWEST, shutil.get_terminal_size().columns - len(before) - 3)
    out(f"{before}  {paint(_cut(preview(message['body']), room), 'dim')}".rstrip())


def _cut(text: str, room: int, *, whole: bool = True) -> str:
    return text if whole and len(text) <= room else f"{text[: room - 1]}…"


def _clock(time: datetime) -> str:
    return time.astimezone().strftime("%H:%M:%S.%f")[:-3]


def _reason(problem: BaseException) -> str:
    """The message of the innermost of pika's wrapped errors."""
    while problem.args and isinstance(problem.args[0], BaseException):
        problem = problem.args[0]
    inner = getattr(problem, "exception", None)
    if isinstance(inner, BaseException):
        return _reason(inner)
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return str(problem) if any(problem.args) else ""
