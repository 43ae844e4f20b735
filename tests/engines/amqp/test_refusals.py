"""Every refusal with RabbitMQ's code and text: what a client may not do, and what it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tests.engines.amqp.conftest import Client
from tests.waiting import eventually

Refusal = Callable[[Callable[[], object]], tuple[int, str]]


def later(channel: BlockingChannel) -> None:
    """Waits until the broker has said what it thinks of what was sent before."""
    channel.queue_declare("", exclusive=True)


WRONG_ARGUMENTS: list[tuple[dict[str, Any], str]] = [
    ({"x-message-ttl": -1}, "invalid arg 'x-message-ttl' for {q}: {{value_negative,-1}}"),
    ({"x-message-ttl": "abc"}, "invalid arg 'x-message-ttl' for {q}: \"expected integer, got longstr\""),
    ({"x-message-ttl": True}, "invalid arg 'x-message-ttl' for {q}: \"expected integer, got bool\""),
    ({"x-expires": 0}, "invalid arg 'x-expires' for {q}: {{value_zero,0}}"),
    ({"x-message-ttl": 315360000001}, "invalid arg 'x-message-ttl' for {q}: {{value_too_large,315360000001}}"),
    ({"x-expires": 315360000001}, "invalid arg 'x-expires' for {q}: {{value_too_large,315360000001}}"),
    ({"x-expires": -5}, "invalid arg 'x-expires' for {q}: {{value_negative,-5}}"),
    ({"x-max-length": -1}, "invalid arg 'x-max-length' for {q}: {{value_negative,-1}}"),
    ({"x-max-length": "x"}, "invalid arg 'x-max-length' for {q}: \"expected integer, got longstr\""),
    ({"x-max-length-bytes": -1}, "invalid arg 'x-max-length-bytes' for {q}: {{value_negative,-1}}"),
    ({"x-overflow": "bogus"}, "invalid arg 'x-overflow' for {q}: invalid_overflow"),
    ({"x-overflow": 3}, "invalid arg 'x-overflow' for {q}: {{unacceptable_type,signedint}}"),
    ({"x-dead-letter-exchange": 5}, "invalid type 'signedint' for arg 'x-dead-letter-exchange' in {q}"),
    (
        {"x-dead-letter-routing-key": "k"},
        "invalid arg 'x-dead-letter-routing-key' for {q}: routing_key_but_no_dlx_defined",
    ),
    ({"x-max-priority": -1}, "invalid arg 'x-max-priority' for {q}: {{value_negative,-1}}"),
    ({"x-max-priority": 256}, "invalid arg 'x-max-priority' for {q}: {{max_value_exceeded,256}}"),
    ({"x-queue-type": "bogus"}, "invalid arg 'x-queue-type' for {q}: \"unsupported queue type 'bogus'\""),
    ({"x-queue-type": 5}, "invalid arg 'x-queue-type' for {q}: {{unacceptable_type,signedint}}"),
    (
        {"x-single-active-consumer": "yes"},
        "invalid arg 'x-single-active-consumer' for {q}: {{unacceptable_type,longstr}}",
    ),
    ({"x-queue-mode": "nope"}, "invalid arg 'x-queue-mode' for {q}: \"unsupported queue mode 'nope'\""),
    ({"x-queue-version": 9}, "invalid arg 'x-queue-version' for {q}: \"unsupported queue version '9'\""),
    ({"x-delivery-limit": 3}, "invalid arg 'x-delivery-limit' for {q} of queue type rabbit_classic_queue"),
    ({"x-queue-type": "quorum"}, "invalid property 'non-durable' for {q}"),
]
WRONG_QUORUM_ARGUMENTS: list[tuple[dict[str, Any], str]] = [
    ({"x-dead-letter-strategy": "bad"}, "invalid arg 'x-dead-letter-strategy' for {q}: invalid_dlx_strategy"),
    ({"x-quorum-initial-group-size": 0}, "invalid arg 'x-quorum-initial-group-size' for {q}: {{value_zero,0}}"),
    ({"x-queue-leader-locator": "bad"}, "invalid arg 'x-queue-leader-locator' for {q}: invalid_queue_locator_arg"),
]


@pytest.mark.parametrize(("arguments", "text"), WRONG_ARGUMENTS, ids=[str(case[0]) for case in WRONG_ARGUMENTS])
def test_wrong_queue_arguments_are_named(
    client: Client, refusal: Refusal, arguments: dict[str, Any], text: str
) -> None:
    name = client.name("wrong")
    refused = refusal(lambda: client.channel().queue_declare(name, arguments=arguments))
    place = f"queue '{name}' in vhost '/'"
    assert refused == (406, "PRECONDITION_FAILED - " + text.format(q=place))


@pytest.mark.parametrize(("arguments", "text"), WRONG_QUORUM_ARGUMENTS)
def test_wrong_arguments_of_quorum_queues_are_named(
    client: Client, refusal: Refusal, arguments: dict[str, Any], text: str
) -> None:
    name = client.name("wrong")
    quorum = {"x-queue-type": "quorum", **arguments}
    refused = refusal(lambda: client.channel().queue_declare(name, durable=True, arguments=quorum))
    place = f"queue '{name}' in vhost '/'"
    assert refused == (406, "PRECONDITION_FAILED - " + text.format(q=place))


def test_a_quorum_queue_is_durable_shared_and_lasting(client: Client, refusal: Refusal) -> None:
    name = client.name("quorum")
    place = f"PRECONDITION_FAILED - invalid property '{{}}' for queue '{name}' in vhost '/'"
    quorum = {"x-queue-type": "quorum"}

    def declared(**options: Any) -> tuple[int, str]:
        return refusal(lambda: client.channel().queue_declare(name, durable=True, arguments=quorum, **options))

    assert declared(exclusive=True) == (406, place.format("exclusive-owner"))
    assert declared(auto_delete=True) == (406, place.format("auto-delete"))


@pytest.mark.parametrize(
    "arguments",
    [{"x-bogus": 1}, {"x-message-ttl": 2**33}, {"x-max-priority": 0}, {"x-queue-mode": "lazy"}, {"x-queue-version": 2}],
    ids=str,
)
def test_other_arguments_are_taken(client: Client, arguments: dict[str, Any]) -> None:
    client.queue(client.channel(), arguments=arguments)


REDECLARATIONS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"durable": True}, {}, "'durable' for {q}: received 'false' but current is 'true'"),
    ({"auto_delete": True}, {}, "'auto_delete' for {q}: received 'false' but current is 'true'"),
    (
        {},
        {"arguments": {"x-message-ttl": 1000}},
        "'x-message-ttl' for {q}: received the value '1000' of type 'signedint' but current is none",
    ),
    (
        {"arguments": {"x-message-ttl": 1000}},
        {},
        "'x-message-ttl' for {q}: received none but current is the value '1000' of type 'signedint'",
    ),
    (
        {"arguments": {"x-message-ttl": 1000}},
        {"arguments": {"x-message-ttl": 2000}},
        "'x-message-ttl' for {q}: received '2000' but current is '1000'",
    ),
    (
        {"arguments": {"x-dead-letter-exchange": "a"}},
        {"arguments": {"x-dead-letter-exchange": "b"}},
        "'x-dead-letter-exchange' for {q}: received 'b' but current is 'a'",
    ),
    (
        {"arguments": {"x-max-priority": 5}},
        {"arguments": {"x-max-priority": 6}},
        "'x-max-priority' for {q}: received '6' but current is '5'",
    ),
]


@pytest.mark.parametrize(("first", "second", "text"), REDECLARATIONS)
def test_a_redeclared_queue_must_agree(
    client: Client, refusal: Refusal, first: dict[str, Any], second: dict[str, Any], text: str
) -> None:
    name = client.queue(client.channel(), **first)
    refused = refusal(lambda: client.channel().queue_declare(name, **second))
    assert refused == (
        406,
        "PRECONDITION_FAILED - inequivalent arg " + text.format(q=f"queue '{name}' in vhost '/'"),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"x-message-ttl": 1000}, {"x-message-ttl": 1000}),
        ({"x-bogus": 1}, {"x-bogus": 2}),
        ({}, {"x-queue-type": "classic"}),
        ({"x-queue-type": "classic"}, {}),
    ],
    ids=str,
)
def test_a_queue_may_be_redeclared_alike(client: Client, first: dict[str, Any], second: dict[str, Any]) -> None:
    channel = client.channel()
    name = client.queue(channel, arguments=first)
    channel.queue_declare(name, arguments=second)


EXCHANGES: list[tuple[dict[str, Any], str]] = [
    ({"exchange_type": "fanout"}, "'type' for {x}: received 'fanout' but current is 'direct'"),
    ({"durable": True}, "'durable' for {x}: received 'true' but current is 'false'"),
    ({"auto_delete": True}, "'auto_delete' for {x}: received 'true' but current is 'false'"),
    ({"internal": True}, "'internal' for {x}: received 'true' but current is 'false'"),
    (
        {"arguments": {"alternate-exchange": "a"}},
        "'alternate-exchange' for {x}: received the value 'a' of type 'longstr' but current is none",
    ),
]


@pytest.mark.parametrize(("second", "text"), EXCHANGES)
def test_a_redeclared_exchange_must_agree(client: Client, refusal: Refusal, second: dict[str, Any], text: str) -> None:
    name = client.exchange(client.channel(), "direct")
    refused = refusal(lambda: client.channel().exchange_declare(name, **second))
    assert refused == (
        406,
        "PRECONDITION_FAILED - inequivalent arg " + text.format(x=f"exchange '{name}' in vhost '/'"),
    )


def test_an_unknown_exchange_type(client: Client, refusal: Refusal) -> None:
    code, text = refusal(lambda: client.channel().exchange_declare(client.name("x"), "bogus"))
    # RabbitMQ closed the connection with 503 until 3.11; since then it is the channel's failure.
    assert code == (503 if client.broker.name == "rabbitmq" else 406)
    assert text.endswith("unknown exchange type 'bogus'")


DEFAULT = (403, "ACCESS_REFUSED - operation not permitted on the default exchange")
MISSING_QUEUE = (404, "NOT_FOUND - no queue 'none' in vhost '/'")
MISSING_EXCHANGE = (404, "NOT_FOUND - no exchange 'none' in vhost '/'")
NO_NAME = (404, "NOT_FOUND - no previously declared queue")
HERE = "probe.refusals"


def mine(act: Callable[[BlockingChannel], object]) -> Callable[[BlockingChannel], object]:
    """The act after an exclusive queue of one's own was declared."""

    def both(channel: BlockingChannel) -> object:
        channel.queue_declare(HERE, exclusive=True)
        return act(channel)

    return both


def published(properties: pika.BasicProperties, exchange: str = "") -> Callable[[BlockingChannel], object]:
    def act(channel: BlockingChannel) -> None:
        channel.basic_publish(exchange, "nowhere", b"", properties)
        later(channel)

    return act


def consumed(*options: dict[str, Any], queue: str = HERE) -> Callable[[BlockingChannel], object]:
    def act(channel: BlockingChannel) -> None:
        for each in options:
            channel.basic_consume(queue, lambda *_: None, **each)

    return act


def followed(act: Callable[[BlockingChannel], object]) -> Callable[[BlockingChannel], object]:
    def both(channel: BlockingChannel) -> None:
        act(channel)
        later(channel)

    return both


P = pika.BasicProperties
REFUSALS: dict[str, tuple[Callable[[BlockingChannel], object], tuple[int, str]]] = {
    "passive queue": (lambda c: c.queue_declare("none", passive=True), MISSING_QUEUE),
    "passive exchange": (lambda c: c.exchange_declare("none", passive=True), MISSING_EXCHANGE),
    "reserved queue": (
        lambda c: c.queue_declare("amq.mine"),
        (403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'"),
    ),
    "reserved exchange": (
        lambda c: c.exchange_declare("amq.mine"),
        (403, "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'"),
    ),
    "declare default": (lambda c: c.exchange_declare("", "direct"), DEFAULT),
    "passive default": (lambda c: c.exchange_declare("", passive=True), DEFAULT),
    "delete default": (lambda c: c.exchange_delete(""), DEFAULT),
    "delete system exchange": (
        lambda c: c.exchange_delete("amq.direct"),
        (403, "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed"),
    ),
    "bind to default": (mine(lambda c: c.queue_bind(HERE, "", "k")), DEFAULT),
    "unbind from default": (mine(lambda c: c.queue_unbind(HERE, "", "k")), DEFAULT),
    "bind default exchange": (lambda c: c.exchange_bind("", "amq.direct", "k"), DEFAULT),
    "bind from default exchange": (lambda c: c.exchange_bind("amq.direct", "", "k"), DEFAULT),
    "bind missing queue": (lambda c: c.queue_bind("none", "amq.direct", "k"), MISSING_QUEUE),
    "bind missing exchange": (mine(lambda c: c.queue_bind(HERE, "none", "k")), MISSING_EXCHANGE),
    "bind exchange to missing": (lambda c: c.exchange_bind("amq.direct", "none", "k"), MISSING_EXCHANGE),
    "bind missing to exchange": (lambda c: c.exchange_bind("none", "amq.direct", "k"), MISSING_EXCHANGE),
    "purge missing": (lambda c: c.queue_purge("none"), MISSING_QUEUE),
    "get missing": (lambda c: c.basic_get("none"), MISSING_QUEUE),
    "consume missing": (consumed({}, queue="none"), MISSING_QUEUE),
    "purge without name": (lambda c: c.queue_purge(""), NO_NAME),
    "get without name": (lambda c: c.basic_get(""), NO_NAME),
    "delete without name": (lambda c: c.queue_delete(""), NO_NAME),
    "bind without name": (lambda c: c.queue_bind("", "amq.direct", "k"), NO_NAME),
    "passive without name": (
        lambda c: c.queue_declare("", passive=True),
        (404, "NOT_FOUND - no queue '' in vhost '/'"),
    ),
    "ack of nothing": (
        followed(lambda c: c.basic_ack(5)),
        (406, "PRECONDITION_FAILED - unknown delivery tag 5"),
    ),
    "ack 0": (followed(lambda c: c.basic_ack(0)), (406, "PRECONDITION_FAILED - unknown delivery tag 0")),
    "multiple ack of nothing": (
        followed(lambda c: c.basic_ack(7, multiple=True)),
        (406, "PRECONDITION_FAILED - unknown delivery tag 7"),
    ),
    "reject of nothing": (
        followed(lambda c: c.basic_reject(7)),
        (406, "PRECONDITION_FAILED - unknown delivery tag 7"),
    ),
    "publish to missing exchange": (published(P(), "none"), MISSING_EXCHANGE),
    "expiration no number": (
        published(P(expiration="abc")),
        (406, "PRECONDITION_FAILED - invalid expiration 'abc': no_integer"),
    ),
    "expiration half a number": (
        published(P(expiration="12a")),
        (406, "PRECONDITION_FAILED - invalid expiration '12a': {leftover_string,\"a\"}"),
    ),
    "expiration negative": (
        published(P(expiration="-1")),
        (406, "PRECONDITION_FAILED - invalid expiration '-1': {value_negative,-1}"),
    ),
    "expiration nothing": (
        published(P(expiration="")),
        (406, "PRECONDITION_FAILED - invalid expiration '': no_integer"),
    ),
    "expiration with a sign only": (
        published(P(expiration="+")),
        (406, "PRECONDITION_FAILED - invalid expiration '+': no_integer"),
    ),
    "expiration half a negative number": (
        published(P(expiration="-1 ms")),
        (406, "PRECONDITION_FAILED - invalid expiration '-1 ms': {leftover_string,\" ms\"}"),
    ),
    "expiration in ten years": (
        published(P(expiration="315360000001")),
        (406, "PRECONDITION_FAILED - invalid expiration '315360000001': {value_too_large,315360000001}"),
    ),
    "somebody else's user id": (
        published(P(user_id="bob")),
        (406, "PRECONDITION_FAILED - user_id property set to 'bob' but authenticated user was 'guest'"),
    ),
    "delivery mode 0": (
        published(P(delivery_mode=0)),
        (406, "PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,0}"),
    ),
    "delivery mode 3": (
        published(P(delivery_mode=3)),
        (406, "PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,3}"),
    ),
    "CC no list": (
        published(P(headers={"CC": "abc"})),
        (406, 'PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"CC",longstr}'),
    ),
    "commit without tx": (lambda c: c.tx_commit(), (406, "PRECONDITION_FAILED - channel is not transactional")),
    "rollback without tx": (lambda c: c.tx_rollback(), (406, "PRECONDITION_FAILED - channel is not transactional")),
    "tx, then confirms": (
        lambda c: (c.tx_select(), c.confirm_delivery()),
        (406, "PRECONDITION_FAILED - cannot switch from tx to confirm mode"),
    ),
    "confirms, then tx": (
        lambda c: (c.confirm_delivery(), c.tx_select()),
        (406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode"),
    ),
    "recover without requeue": (
        lambda c: c.basic_recover(requeue=False),
        (540, "NOT_IMPLEMENTED - requeue=false"),
    ),
    "prefetch size": (lambda c: c.basic_qos(prefetch_size=10), (540, "NOT_IMPLEMENTED - prefetch_size!=0 (10)")),
    "flow off": (lambda c: c.flow(False), (540, "NOT_IMPLEMENTED - active=false")),
    "priority no number": (
        mine(consumed({"arguments": {"x-priority": "a"}})),
        (
            406,
            f"PRECONDITION_FAILED - invalid arg 'x-priority' for queue '{HERE}' in vhost '/': "
            '"expected integer, got longstr"',
        ),
    ),
    "an offset in what is no stream": (
        mine(consumed({"arguments": {"x-stream-offset": "first"}})),
        (
            406,
            f"PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue '{HERE}' in vhost '/' "
            "of queue type rabbit_classic_queue",
        ),
    ),
    "cancel on failover no truth": (
        mine(consumed({"arguments": {"x-cancel-on-ha-failover": "yes"}})),
        (
            406,
            f"PRECONDITION_FAILED - invalid arg 'x-cancel-on-ha-failover' for queue '{HERE}' in vhost '/': "
            "{unacceptable_type,longstr}",
        ),
    ),
    "an inbox that is nobody's": (
        lambda c: c.queue_declare("amq.rabbitmq.reply-to.nobody"),
        (404, "NOT_FOUND - no queue 'amq.rabbitmq.reply-to.nobody' in vhost '/'"),
    ),
    "consumer beside an exclusive one": (
        mine(consumed({"exclusive": True}, {})),
        (403, f"ACCESS_REFUSED - queue '{HERE}' in vhost '/' in exclusive use"),
    ),
    "exclusive consumer beside another": (
        mine(consumed({}, {"exclusive": True})),
        (403, f"ACCESS_REFUSED - queue '{HERE}' in vhost '/' in exclusive use"),
    ),
    "delete used queue if unused": (
        mine(lambda c: (consumed({})(c), c.queue_delete(HERE, if_unused=True))),
        (406, f"PRECONDITION_FAILED - queue '{HERE}' in vhost '/' in use"),
    ),
    "delete full queue if empty": (
        mine(lambda c: (c.basic_publish("", HERE, b""), c.queue_delete(HERE, if_empty=True))),
        (406, f"PRECONDITION_FAILED - queue '{HERE}' in vhost '/' not empty"),
    ),
    "replies with acks": (
        consumed({}, queue="amq.rabbitmq.reply-to"),
        (406, "PRECONDITION_FAILED - reply consumer cannot acknowledge"),
    ),
    "replies twice": (
        consumed({"auto_ack": True}, {"auto_ack": True}, queue="amq.rabbitmq.reply-to"),
        (406, "PRECONDITION_FAILED - reply consumer already set"),
    ),
    "reply-to without consumer": (
        published(P(reply_to="amq.rabbitmq.reply-to")),
        (406, "PRECONDITION_FAILED - fast reply consumer does not exist"),
    ),
    "x-match nonsense": (
        mine(lambda c: c.queue_bind(HERE, "amq.headers", "", arguments={"x-match": "some"})),
        (
            406,
            'PRECONDITION_FAILED - Invalid x-match field value <<"some">>; expected all, any, all-with-x, '
            "or any-with-x",
        ),
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(client: Client, refusal: Refusal, case: str) -> None:
    act, expected = REFUSALS[case]
    channel = client.channel()
    assert refusal(lambda: act(channel)) == expected


def test_an_exclusive_consumer_beside_a_single_active_one(client: Client, refusal: Refusal) -> None:
    channel = client.channel()
    queue = client.queue(channel, arguments={"x-single-active-consumer": True})
    refused = refusal(lambda: consumed({"exclusive": True}, queue=queue)(channel))
    assert refused == (403, f"ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use")


def test_a_transaction_that_a_full_queue_refuses(client: Client, refusal: Refusal) -> None:
    channel = client.channel()
    queue = client.queue(channel, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    channel.tx_select()
    for _ in range(2):
        channel.basic_publish("", queue, b"x")
    assert refusal(channel.tx_commit) == (406, "PRECONDITION_FAILED - partial tx completion")


QUORUM: dict[str, tuple[Callable[[BlockingChannel, str], object], tuple[int, str]]] = {
    "global prefetch": (
        lambda c, q: (c.basic_qos(prefetch_count=3, global_qos=True), c.basic_consume(q, lambda *_: None)),
        (540, "NOT_IMPLEMENTED - {q} does not support global qos"),
    ),
    "delete if unused": (
        lambda c, q: c.queue_delete(q, if_unused=True),
        (
            540,
            "NOT_IMPLEMENTED - cannot delete {q}. queue.delete operations with if-unused flag set are not supported "
            "by quorum queues",
        ),
    ),
    "delete if empty": (
        lambda c, q: c.queue_delete(q, if_empty=True),
        (
            540,
            "NOT_IMPLEMENTED - cannot delete {q}. queue.delete operations with if-empty flag set are not supported "
            "by quorum queues",
        ),
    ),
    "get beside a single active consumer": (
        lambda c, q: c.basic_get(q),
        (
            405,
            "RESOURCE_LOCKED - cannot obtain access to locked {q}. basic.get operations are not supported by quorum "
            "queues with single active consumer",
        ),
    ),
}


@pytest.mark.parametrize("case", QUORUM)
def test_what_a_quorum_queue_cannot(client: Client, refusal: Refusal, case: str) -> None:
    act, (code, text) = QUORUM[case]
    channel = client.channel()
    queue = client.queue(
        channel, durable=True, arguments={"x-queue-type": "quorum", "x-single-active-consumer": "beside" in case}
    )
    assert refusal(lambda: act(channel, queue)) == (code, text.format(q=f"queue '{queue}' in vhost '/'"))


def test_publishing_to_an_internal_exchange(client: Client, refusal: Refusal) -> None:
    channel = client.channel()
    name = client.exchange(channel, "direct", internal=True)
    refused = refusal(lambda: published(P(), name)(channel))
    assert refused == (403, f"ACCESS_REFUSED - cannot publish to internal exchange '{name}' in vhost '/'")


def test_deleting_a_bound_exchange_if_unused(client: Client, refusal: Refusal) -> None:
    channel = client.channel()
    name = client.exchange(channel, "direct")
    queue = client.queue(channel)
    channel.queue_bind(queue, name, "k")
    refused = refusal(lambda: channel.exchange_delete(name, if_unused=True))
    assert refused == (406, f"PRECONDITION_FAILED - exchange '{name}' in vhost '/' in use")


LOCKED: list[Callable[[BlockingChannel, str], object]] = [
    lambda c, q: c.queue_declare(q),
    lambda c, q: c.queue_declare(q, exclusive=True),
    lambda c, q: c.queue_declare(q, passive=True),
    lambda c, q: c.queue_delete(q),
    lambda c, q: c.basic_get(q),
    lambda c, q: c.basic_consume(q, lambda *_: None),
    lambda c, q: c.queue_bind(q, "amq.direct", "k"),
    lambda c, q: c.queue_purge(q),
]


@pytest.mark.parametrize("act", LOCKED)
def test_an_exclusive_queue_is_locked_to_others(
    client: Client, refusal: Refusal, act: Callable[[BlockingChannel, str], object]
) -> None:
    name = client.name("mine")
    client.channel().queue_declare(name, exclusive=True)
    code, text = refusal(lambda: act(client.channel(), name))
    assert code == 405
    assert text.startswith(
        f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{name}' in vhost '/'. It could be"
    )


def test_what_does_not_exist_is_deleted_and_unbound_in_peace(client: Client) -> None:
    channel = client.channel()
    queue = client.queue(channel)
    assert channel.queue_delete("none").method.message_count == 0
    channel.exchange_delete("none")
    channel.queue_unbind("none", "amq.direct", "k")
    channel.queue_unbind(queue, "none", "k")
    channel.queue_unbind(queue, "amq.direct", "never bound")
    channel.exchange_unbind("none", "amq.direct", "k")
    channel.exchange_unbind("amq.fanout", "amq.direct", "never bound")


def test_a_multiple_ack_names_a_tag_that_is_not_acked_yet(client: Client, refusal: Refusal) -> None:
    channel = client.channel()
    queue = client.queue(channel)
    for _ in range(2):
        channel.basic_publish("", queue, b"x")
    fetched = [eventually(lambda: channel.basic_get(queue))[0].delivery_tag for _ in range(2)]
    channel.basic_ack(fetched[1])
    channel.basic_ack(fetched[1], multiple=True)
    refused = refusal(lambda: later(channel))
    assert refused == (406, f"PRECONDITION_FAILED - unknown delivery tag {fetched[1]}")


def test_an_exclusive_queue_is_never_durable(client: Client) -> None:
    """Declaring it so, or not, is the same."""
    channel = client.channel()
    name = client.name("mine")
    for durable in (True, False, True):
        channel.queue_declare(name, exclusive=True, durable=durable)


def test_a_refused_vhost_and_a_refused_login(client: Client) -> None:
    with pytest.raises(pika.exceptions.ProbableAccessDeniedError, match="vhost nope not found"):
        client.connect(virtual_host="nope")
    with pytest.raises(pika.exceptions.ProbableAuthenticationError, match="Login was refused"):
        client.connect(credentials=pika.PlainCredentials("guest", "wrong"))


def test_a_refused_channel_leaves_the_others_alone(client: Client, refusal: Refusal) -> None:
    connection = client.connect()
    one, other = connection.channel(), connection.channel()
    refusal(lambda: one.queue_declare("none", passive=True))
    queue = client.queue(other)
    assert other.queue_declare(queue, passive=True).method.queue == queue
    again = connection.channel(one.channel_number)
    again.queue_declare(queue, passive=True)
