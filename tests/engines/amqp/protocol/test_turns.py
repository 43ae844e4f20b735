"""No client's wish holds up all others: what is much is done in turns, and others are served between them.

Turns are counted here, not timed: each is bounded by the number of its steps.
"""

from __future__ import annotations

import gc
import itertools
import json
import weakref
from typing import Any

import pytest
from pamqp import body, commands, frame, header

from lab.engines.amqp.core.broker import Broker
from lab.engines.amqp.core.turns import FEW, SLOW, TURN
from lab.engines.amqp.protocol.channel import Channel
from lab.engines.amqp.protocol.clients import Clients
from lab.engines.amqp.protocol.connection import HANDSHAKE_TIMEOUT
from lab.engines.amqp.protocol.status import status
from tests.engines.amqp.protocol.talk import Talk, pass_time, turns

MANY = 5 * TURN


@pytest.fixture
def clients() -> Clients:
    return Clients(Broker(now=1000.0, wall=lambda: 1_700_000_000.0))


def filled(clients: Clients, **arguments: Any) -> Talk:
    """A client whose queue `q` holds `MANY` messages."""
    talk = Talk(clients).open()
    talk.say((1, commands.Queue.Declare(0, "q", arguments=arguments)), (1, commands.Queue.Declare(0, "grave")))
    publish(talk, "", "q", MANY)
    turns(clients)
    assert talk.ready("q") == MANY
    return talk


def publish(talk: Talk, exchange: str, key: str, times: int) -> list[Any]:
    """Publishes so often in one breath."""
    parts: list[Any] = [commands.Basic.Publish(0, exchange, key), header.ContentHeader(0, 1), body.ContentBody(b"x")]
    return talk.say_bytes(b"".join(frame.marshal(each, 1) for each in parts) * times)


def test_a_purge(clients: Clients) -> None:
    talk, other = filled(clients), Talk(clients).open()
    assert talk.say((1, commands.Queue.Purge(0, "q")), (1, commands.Queue.Declare(0, "after"))) == []
    other.publish("q")
    assert other.ready("q") == 1, "another one is served meanwhile, and what it publishes now stays"
    assert turns(clients) >= MANY // TURN - 1
    purged, declared = talk.hear()
    assert (purged.message_count, declared.queue) == (MANY, "after"), "the client's next wish comes after it"
    assert (other.ready("q"), clients.broker.memory > 0) == (1, True)
    other.say((1, commands.Queue.Purge(0, "q")))
    assert clients.broker.memory == 0


def test_a_purge_whose_client_leaves(clients: Clients) -> None:
    talk, other = filled(clients), Talk(clients).open()
    talk.say((1, commands.Queue.Purge(0, "q")), *[(1, commands.Queue.Declare(0, "never"))] * MANY)
    talk.connection.lost()
    turns(clients)
    assert other.ready("q") == clients.broker.memory == 0
    assert "never" not in clients.broker.vhosts["/"].queues
    assert talk.connection not in clients.unfinished


def test_a_client_whose_wish_takes_longer_than_its_heartbeats(clients: Clients) -> None:
    """It is not read from meanwhile, so it cannot be silent."""
    filled(clients)
    talk = Talk(clients).open(heartbeat=5)
    talk.say((1, commands.Queue.Purge(0, "q")), (1, commands.Queue.Declare(0, "after")))
    pass_time(clients.broker, 60)
    assert not talk.connection.closed
    turns(clients)
    assert [each.name for each in talk.hear() if hasattr(each, "name")][-2:] == ["Queue.PurgeOk", "Queue.DeclareOk"]
    pass_time(clients.broker, 60)
    assert talk.connection.closed, "it is silent now"


def test_a_client_that_goes_on_after_its_last_word(clients: Clients) -> None:
    """Nothing is left to do for a connection that has ended, however much came behind the end."""
    talk = Talk(clients).open()
    much = [(1, commands.Queue.Declare(0, "q"))] * (TURN // (1 + SLOW) - 1)
    talk.say(*much, (0, commands.Connection.CloseOk()), *much)
    assert talk.connection.closed
    assert talk.connection not in clients.unfinished


def test_a_deleted_queue(clients: Clients) -> None:
    talk = filled(clients)
    (deleted,) = talk.say((1, commands.Queue.Delete(0, "q")))
    assert deleted.message_count == MANY
    assert turns(clients) >= MANY // TURN - 1
    assert clients.broker.memory == 0


def test_messages_that_expire_into_a_dead_letter_exchange(clients: Clients) -> None:
    grave = {"x-message-ttl": 1000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave"}
    filled(clients, **grave)
    other = Talk(clients).open()
    clients.broker.now += 2
    clients.broker.tick()
    seen = [other.ready("grave")]
    assert seen[0] <= TURN
    while seen[-1] < MANY:
        clients.broker.tick()
        clients.broker.work()
        seen.append(other.ready("grave"))
        assert seen[-1] - seen[-2] <= 2 * TURN
    assert other.ready("q") == 0


def test_a_message_is_in_the_store_until_it_is_dead_lettered(clients: Clients) -> None:
    """Between two turns a broker may end: what waits to be dead-lettered is somewhere at any time."""
    talk = filled(clients, **{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave"})
    per_message = clients.broker.memory // MANY
    talk.say((1, commands.Basic.Consume(0, "q", "tag")))
    turns(clients)
    talk.say_bytes(frame.marshal(commands.Basic.Nack(0, multiple=True, requeue=False), 1))
    while clients.broker.busy:
        waiting = sum(len(vhost.dead_letters) for vhost in clients.broker.vhosts.values())
        assert clients.broker.memory >= (waiting + len(clients.broker.vhosts["/"].queues["grave"].ready)) * per_message
        clients.broker.work()


def test_publishing_to_many_queues(clients: Clients) -> None:
    talk, other = Talk(clients).open(), Talk(clients).open()
    for number in range(TURN):
        talk.say((1, commands.Queue.Declare(0, str(number))), (1, commands.Queue.Bind(0, str(number), "amq.fanout")))
    publish(talk, "amq.fanout", "", 20)
    assert other.ready("0") == 1, "one message a turn"
    assert turns(clients) >= 19
    assert other.ready("0") == 20


def test_many_frames_at_once(clients: Clients) -> None:
    talk, other = Talk(clients).open(), Talk(clients).open()
    talk.say((1, commands.Queue.Declare(0, "q")))
    talk.say_bytes(frame.marshal(commands.Queue.Declare(0, "q"), 1) * MANY)
    assert other.ready("q") == 0
    assert turns(clients) >= MANY // TURN - 1


def test_clients_take_turns(clients: Clients) -> None:
    """Of two that sent much none waits until the other one is through."""
    talks = [Talk(clients).open() for _ in range(2)]
    for number, talk in enumerate(talks):
        talk.say((1, commands.Queue.Declare(0, f"q{number}")))
        publish(talk, "", f"q{number}", MANY)
    queues = [clients.broker.vhosts["/"].queues[f"q{number}"] for number in range(2)]
    while clients.unfinished:
        next(iter(clients.unfinished)).go_on()
        assert abs(len(queues[0].ready) - len(queues[1].ready)) <= TURN
    assert [len(queue.ready) for queue in queues] == [MANY, MANY]


def test_a_backlog_for_a_new_consumer(clients: Clients) -> None:
    talk = filled(clients)
    other = Talk(clients).open()
    talk.connection.receive(frame.marshal(commands.Basic.Consume(0, "q", no_ack=True), 1))
    assert other.ready("q") >= MANY - TURN - 1
    turns(clients)
    assert other.ready("q") < MANY - TURN


@pytest.mark.parametrize(
    "settle", [commands.Basic.Ack(0, multiple=True), commands.Basic.Nack(0, multiple=True, requeue=True)]
)
def test_many_deliveries_settled_at_once(clients: Clients, settle: Any) -> None:
    talk, other = filled(clients), Talk(clients).open()
    talk.say((1, commands.Basic.Consume(0, "q", "tag")))
    while turns(clients):
        talk.hear()
    talk.say((1, commands.Basic.Cancel("tag")))
    assert talk.say((1, settle), (1, commands.Queue.Declare(0, "q", passive=True))) == []
    other.publish("grave")
    assert other.ready("grave") == 1, "another one is served meanwhile"
    assert turns(clients) >= MANY // TURN - 1
    (declared,) = talk.hear()
    assert declared.message_count == (0 if settle.name == "Basic.Ack" else MANY), (
        "the client's next wish comes after it"
    )


def test_many_that_come_back_to_a_full_queue(clients: Clients) -> None:
    talk, other = filled(clients, **{"x-max-length": MANY}), Talk(clients).open()
    talk.say((1, commands.Basic.Consume(0, "q", "tag")))
    while turns(clients):
        talk.hear()
    talk.say((1, commands.Basic.Cancel("tag")))
    publish(talk, "", "q", MANY)
    turns(clients)
    talk.say((1, commands.Basic.Nack(0, multiple=True, requeue=True)))
    seen = [other.ready("q")]
    while clients.broker.busy:
        clients.broker.work()
        seen.append(other.ready("q"))
    assert max(abs(before - after) for before, after in itertools.pairwise(seen)) <= 2 * TURN
    assert (max(seen) > MANY + TURN, seen[-1]) == (True, MANY)


def test_a_client_that_leaves_with_much(clients: Clients) -> None:
    talk, other = filled(clients), Talk(clients).open()
    talk.say((1, commands.Basic.Consume(0, "q", "tag")))
    while turns(clients):
        talk.hear()
    talk.connection.lost()
    assert other.ready("q") < MANY
    assert turns(clients) >= MANY // TURN - 1
    (got, head, _) = other.say((1, commands.Basic.Get(0, "q")))
    assert (got.message_count, got.redelivered, head.body_size) == (MANY - 1, True, 1)


def declared(talk: Talk, exchange: str, many: int, exclusive: bool = False) -> None:
    """That many queues, bound to an exchange."""
    for number in range(many):
        declare = commands.Queue.Declare(0, str(number), exclusive=exclusive, nowait=True)
        talk.say((1, declare), (1, commands.Queue.Bind(0, str(number), exchange, nowait=True)))


def test_a_publish_to_more_queues_than_a_turn_has_steps(clients: Clients) -> None:
    talk, other = Talk(clients).open(), Talk(clients).open()
    declared(talk, "amq.fanout", MANY)
    talk.say((1, commands.Confirm.Select()))
    assert publish(talk, "amq.fanout", "", 1) == [], "not confirmed before it is in every queue"
    assert (other.ready("0"), other.ready(str(MANY - 1))) == (1, 0), "others are served meanwhile"
    other.publish(str(MANY - 1), b"second")
    other.say((1, commands.Queue.Delete(0, str(MANY - 2))))
    assert talk.say((1, commands.Basic.Get(0, "0", no_ack=True))) == [], "the client's next wish comes after it"
    assert turns(clients) >= MANY // TURN - 1
    assert [each.name for each in talk.hear() if hasattr(each, "name")][:2] == ["Basic.Ack", "Basic.GetOk"]
    queues = clients.broker.vhosts["/"].queues
    assert sum(len(queue.ready) for queue in queues.values()) == MANY - 2 + 1


def test_a_publish_to_many_queues_whose_client_leaves(clients: Clients) -> None:
    talk = Talk(clients).open()
    declared(talk, "amq.fanout", MANY)
    talk.say((1, commands.Confirm.Select()))
    publish(talk, "amq.fanout", "", 1)
    talk.connection.lost()
    turns(clients)
    assert Talk(clients).open().ready(str(MANY - 1)) == 1


@pytest.mark.parametrize("what", ["exchange", "queue"])
def test_what_is_bound_often_is_deleted(clients: Clients, what: str) -> None:
    talk, other = Talk(clients).open(), Talk(clients).open()
    talk.say((1, commands.Exchange.Declare(0, "x")), (1, commands.Queue.Declare(0, "q")))
    for number in range(MANY):
        talk.say((1, commands.Queue.Bind(0, "q", "x", str(number), nowait=True)))
    delete = commands.Exchange.Delete(0, "x") if what == "exchange" else commands.Queue.Delete(0, "q")
    assert talk.say((1, delete), (1, commands.Queue.Declare(0, "after"))) == []
    other.publish("q")
    assert turns(clients) >= MANY // TURN
    assert [each.name for each in talk.hear()] == [f"{what.title()}.DeleteOk", "Queue.DeclareOk"]
    vhost = clients.broker.vhosts["/"]
    assert ("x" in vhost.exchanges, "q" in vhost.queues) == (what == "queue", what == "exchange")
    assert not any(exchange.bindings for exchange in vhost.exchanges.values())
    assert not any(queue.incoming for queue in vhost.queues.values())


def test_a_client_that_leaves_with_many_queues(clients: Clients) -> None:
    talk, other = Talk(clients).open(), Talk(clients).open()
    declared(talk, "amq.topic", MANY, exclusive=True)
    talk.connection.lost()
    vhost = clients.broker.vhosts["/"]
    assert len(vhost.queues) > MANY - TURN
    other.publish("nowhere")
    assert turns(clients) >= MANY // TURN - 1
    assert not vhost.queues
    assert not vhost.exchanges["amq.topic"].bindings


def test_a_client_that_leaves_with_many_consumers(clients: Clients) -> None:
    talk, other = Talk(clients).open(), Talk(clients).open()
    other.say((1, commands.Queue.Declare(0, "q")))
    talk.say(*((1, commands.Basic.Consume(0, "q", nowait=True)) for _ in range(MANY)))
    while turns(clients):
        pass
    assert len(clients.broker.vhosts["/"].queues["q"].consumers) == MANY
    talk.connection.lost()
    assert clients.broker.busy
    assert turns(clients) >= MANY // TURN - 1
    other.publish("q")
    assert other.ready("q") == 1


def test_a_large_transaction(clients: Clients) -> None:
    talk, other = Talk(clients).open(), Talk(clients).open()
    talk.say((1, commands.Queue.Declare(0, "q")), (1, commands.Tx.Select()))
    publish(talk, "", "q", MANY)
    turns(clients)
    assert other.ready("q") == 0
    assert talk.say((1, commands.Tx.Commit()), (1, commands.Queue.Declare(0, "after"))) == []
    assert 0 < other.ready("q") < MANY
    assert turns(clients) >= MANY // TURN - 1
    assert [each.name for each in talk.hear()] == ["Tx.CommitOk", "Queue.DeclareOk"]
    assert other.ready("q") == MANY


def test_a_transaction_whose_exchange_went(clients: Clients) -> None:
    talk = Talk(clients).open()
    talk.say((1, commands.Exchange.Declare(0, "x")), (1, commands.Tx.Select()))
    publish(talk, "x", "", 1)
    Talk(clients).open().say((1, commands.Exchange.Delete(0, "x")))
    (closed,) = talk.say((1, commands.Tx.Commit()))
    assert (closed.reply_code, closed.method_id) == (404, 20)


def test_the_status_of_much(clients: Clients) -> None:
    """Told piece by piece, none of which is much; and it is one JSON text."""
    talk = Talk(clients).open()
    declared(talk, "amq.topic", MANY)
    talk.say((1, commands.Basic.Consume(0, "7", "tag")))
    pieces = list(status(clients, "amqp://here"))
    assert max(map(len, pieces)) < 300 * FEW
    told = json.loads("".join(pieces))
    (vhost,) = told["vhosts"].values()
    assert (told["url"], len(vhost["queues"]), len(vhost["bindings"])) == ("amqp://here", MANY, MANY)
    assert [each["tag"] for each in vhost["consumers"]] == ["tag"]


def test_what_goes_leaves_no_circles(clients: Clients) -> None:
    """Nobody looks for those while much lives: a client that opens a channel for each message would fill memory."""
    gc.collect()
    gc.disable()
    try:
        talk = Talk(clients).open()
        for _ in range(3):
            talk.say((2, commands.Channel.Open()), (2, commands.Queue.Declare(0, "q")), (2, commands.Basic.Consume()))
            talk.publish("q")
            talk.say((2, commands.Basic.Ack(1)), (2, commands.Channel.Close(200, "", 0, 0)))
        talk.say((3, commands.Channel.Open()), (3, commands.Queue.Declare(0, "none", passive=True)))
        talk.say((3, commands.Channel.CloseOk()))
        gone = [weakref.ref(each) for each in (talk.connection, *talk.connection.channels.values())]
        channels = [each for each in gc.get_objects() if isinstance(each, Channel)]
        assert len(channels) == 1
        del channels
        talk.connection.lost()
        turns(clients)
        clients.changed.clear()
        pass_time(clients.broker, HANDSHAKE_TIMEOUT)
        del talk
        assert [each() for each in gone] == [None] * len(gone)
    finally:
        gc.enable()


def test_a_defect_in_a_later_turn_ends_its_client_only() -> None:
    told: list[Exception] = []
    clients = Clients(Broker(now=1000.0, tell=told.append))
    talk, other = filled(clients), Talk(clients).open()
    queue = clients.broker.vhosts["/"].queues["q"]
    queue.forget = lambda _: 1 / 0  # type: ignore[method-assign, assignment]
    heard = talk.say((1, commands.Queue.Purge(0, "q")))
    turns(clients)
    assert [type(each) for each in told] == [ZeroDivisionError]
    assert [each.reply_code for each in heard] == [541]
    talk.say((0, commands.Connection.CloseOk()))
    assert talk.connection.closed
    assert other.ready("grave") == 0
