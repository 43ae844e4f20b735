"""A broker that starts again: what it can handle is there, what it cannot is set aside, and it starts."""

from __future__ import annotations

import json
import struct
import zlib
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from lab.engines.amqp.core import aside
from lab.engines.amqp.core.broker import Broker
from lab.engines.amqp.core.exchange import Binding
from lab.engines.amqp.core.log import Log
from lab.engines.amqp.core.message import Message, address_of
from lab.engines.amqp.core.records import HEAD, MAGIC, records
from lab.engines.amqp.core.recovery import restore
from lab.engines.amqp.core.table import Field, Table, encode_table, text

HEADER = struct.pack(">HHQHB", 60, 0, 1, 0x1000, 2)
NOW = 1_700_000_000.0


def with_headers(headers: Table) -> bytes:
    return struct.pack(">HHQH", 60, 0, 1, 0x3000) + encode_table(headers) + b"\x02"


class Started:
    """A broker on a folder's log, as a server would start it."""

    def __init__(self, folder: Path, wall: float = NOW) -> None:
        self.log = Log(folder, say=lambda _: None, wall=lambda: wall)
        self.told: list[str] = []
        self.broker = Broker(
            self.log,
            wall=lambda: wall,
            give_up=aside.into(folder, self.told.append),
        )
        self.vhost = self.broker.vhosts["/"]
        restore(self.broker, self.log.saved)

    def declare(self, name: str, **arguments: Any) -> None:
        self.vhost.declare_queue(name, None, durable=True, exclusive=False, auto_delete=False, arguments=arguments)

    def publish(self, queue: str, header: bytes, body: bytes) -> None:
        message = Message(address_of("", queue), header, body)
        self.vhost.put(message, self.vhost.route(message))

    def given_up(self) -> list[tuple[str, bytes]]:
        path = self.log.folder / aside.NAME
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        assert all(any(line["why"] in each for each in self.told) for line in lines), "each is said"
        path.unlink(missing_ok=True)
        return [(line["queue"], b64decode(line["body"])) for line in lines]

    def waiting(self, queue: str) -> list[bytes]:
        return [entry.message.body for entry in self.vhost.queues[queue].ready]


@pytest.mark.parametrize(
    "count", [None, text("many"), Field("V", None), Field("l", 2**63 - 1), Field("L", -1), Field("d", 1.5)], ids=str
)
def test_a_message_that_dies_while_the_broker_is_down(tmp_path: Path, count: Field | None) -> None:
    """Its publisher wrote the `x-death` itself, as clients that publish a message again do."""
    death = {"queue": text("q"), "reason": text("expired"), **({} if count is None else {"count": count})}
    first = Started(tmp_path)
    first.declare(
        "q",
        **{
            "x-message-ttl": Field("I", 1000),
            "x-dead-letter-exchange": text(""),
            "x-dead-letter-routing-key": text("dead"),
        },
    )
    first.declare("dead")
    header = with_headers({"x-death": Field("A", [Field("F", death)])})
    first.publish("q", header, b"mortal")
    first.log.close()
    again = Started(tmp_path, wall=NOW + 60)
    assert (again.waiting("q"), again.waiting("dead"), again.given_up()) == ([], [b"mortal"], [])
    (entry,) = again.vhost.queues["dead"].ready
    (newest, *_) = entry.message.headers["x-death"].value
    assert 1 <= newest.value["count"].value < 2**63
    again.log.close()


def test_a_message_that_cannot_be_read_back_is_set_aside(tmp_path: Path) -> None:
    first = Started(tmp_path)
    first.declare("q")
    for body in (b"one", b"two", b"three"):
        first.publish("q", HEADER, body)
    first.log.flush()
    first.log.close()
    (path,) = tmp_path.glob("*.log")
    broken = HEADER[:-3] + b"\x70\x00\xff"
    rewritten(path, HEADER + b"two", broken + b"two")
    again = Started(tmp_path)
    assert again.waiting("q") == [b"one", b"three"]
    assert again.given_up() == [("q", b"two")]
    again.log.close()
    third = Started(tmp_path)
    assert (third.waiting("q"), third.given_up()) == ([b"one", b"three"], []), "it is set aside once"
    third.log.close()


def test_a_queue_whose_arguments_are_no_longer_taken(tmp_path: Path) -> None:
    first = Started(tmp_path)
    first.declare("odd", **{"x-max-length": Field("I", 5)})
    first.declare("q")
    first.publish("odd", HEADER, b"kept aside")
    first.publish("q", HEADER, b"stays")
    first.log.close()
    (path,) = tmp_path.glob("*.log")
    rewritten(path, encode_table({"x-max-length": Field("I", 5)}), encode_table({"x-max-length": Field("I", -5)}))
    again = Started(tmp_path)
    assert set(again.vhost.queues) == {"q"}
    assert again.waiting("q") == [b"stays"]
    assert again.given_up() == [("odd", b"kept aside")]
    again.log.close()


def rewritten(path: Path, old: bytes, new: bytes) -> None:
    """Changes the payload of a record, as a broker with other rules would have written it."""
    parts = [MAGIC]
    for payload, _, _ in records(path.read_bytes()):
        payload = payload.replace(old, new)
        parts.append(HEAD.pack(len(payload), zlib.crc32(payload)) + payload)
    path.write_bytes(b"".join(parts))


def test_headers_that_an_older_broker_took(tmp_path: Path) -> None:
    """They lie in the log, nested too deep to be read: the message waits as it is, and is set aside when it dies."""
    value = b"V"
    for _ in range(700):
        value = b"A" + len(value).to_bytes(4, "big") + value
    header = struct.pack(">HHQH", 60, 0, 1, 0x3000) + (len(value) + 2).to_bytes(4, "big") + b"\x01h" + value + b"\x02"
    first = Started(tmp_path)
    first.declare("q", **{"x-message-ttl": Field("I", 1000), "x-dead-letter-exchange": text("")})
    first.publish("q", header, b"deep")
    first.log.close()
    again = Started(tmp_path)
    assert again.waiting("q") == [b"deep"]
    again.log.close()
    third = Started(tmp_path, wall=NOW + 60)
    assert (third.waiting("q"), third.given_up()) == ([], [("q", b"deep")])
    third.log.close()


def with_orders(folder: Path, count: int) -> Path:
    """A log with a bound queue and `count` messages in it; its file."""
    first = Started(folder)
    first.vhost.declare_exchange(
        "orders", "topic", durable=True, auto_delete=False, internal=False, arguments={"alternate-exchange": text("x")}
    )
    first.declare("billing", **{"x-message-ttl": Field("I", 3_600_000)})
    first.vhost.bind(Binding(first.vhost.exchanges["orders"], first.vhost.queues["billing"], "order.#", {}))
    for number in range(count):
        first.publish("billing", HEADER, f"order {number}".encode())
        first.log.flush()
    first.log.close()
    (path,) = folder.glob("*.log")
    return path


def damaged(path: Path, start: int, octets: int = 100) -> None:
    data = bytearray(path.read_bytes())
    data[start : start + octets] = bytes(each ^ 0x5A for each in data[start : start + octets])
    path.write_bytes(data)


@pytest.mark.parametrize("start", [0, 8, 60, 130])
def test_damage_to_the_head_of_a_log_loses_no_queue(tmp_path: Path, start: int) -> None:
    """What is declared stands in two places of a file."""
    path = with_orders(tmp_path, 400)
    damaged(path, start)
    again = Started(tmp_path)
    assert len(again.waiting("billing")) >= 398
    assert again.vhost.exchanges["orders"].alternate == "x"
    assert again.vhost.queues["billing"].rules.ttl == 3600
    assert [each.routing_key for each in again.vhost.exchanges["orders"].bindings.values()] == ["order.#"]
    again.log.close()


def test_messages_whose_queue_was_lost_are_set_aside(tmp_path: Path) -> None:
    path = with_orders(tmp_path, 3)
    damaged(path, 8, path.read_bytes().index(b"order 0") - 100)
    again = Started(tmp_path)
    assert "billing" not in again.vhost.queues
    assert again.told == [
        "3 messages of queue 'number 1' cannot be handled (the queue's declaration was lost by damage): "
        f"they are set aside in {tmp_path / aside.NAME}"
    ]
    assert again.given_up() == [("number 1", f"order {number}".encode()) for number in range(3)]
    again.log.close()
    third = Started(tmp_path)
    assert third.told == [], "they are set aside once"
    third.declare("new")
    assert third.vhost.queues["new"].number == 2, "nobody is given the number of a lost queue"
    third.log.close()
