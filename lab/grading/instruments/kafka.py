"""Kafka as a check sees and uses it: producing, reading topics, asking how far a group has come. It goes past every
tap."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from lab.grading.checking.expect import CannotTell, eventually
from lab.grading.instruments import messages
from lab.grading.instruments.messages import CLOUD_EVENT
from lab.journal.event import Flow
from lab.locale import tr
from lab.runtime.api import ControlError

PATIENCE = 10.0
"""Seconds for an answer; the grader's own questions are small."""
POLL = 0.05
ANY = -1
"""The partition of a record whose key decides."""
READER = "lab-grader"
"""Reading past groups needs the name of one that never commits."""

SETTINGS = {"log_level": 0, "broker.address.family": "v4", "client.id": "grader", "socket.timeout.ms": 5_000}

Value = Mapping[str, Any] | bytes | str | None
"""An event, or what is none."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it lies in its topic. A `value` that is None is a tombstone."""

    partition: int
    offset: int
    key: str
    value: bytes | None

    @property
    def json(self) -> Any:
        """The value as JSON, None if it is not."""
        try:
            return msgspec.json.decode(self.value or b"")
        except (ValueError, RecursionError):
            return None


class Kafka:
    """Every method raises CannotTell if Kafka is not there."""

    def __init__(self, url: str, flows: Callable[[], Iterable[Flow]], restart: Callable[[], None]) -> None:
        """`flows` gives what passed the taps in this check; `restart` returns when Kafka is there again."""
        self._url = url
        self._flows = flows
        self._restart = restart
        self._producer: Producer | None = None

    event = staticmethod(messages.event)

    def produce(self, topic: str, value: Value, key: str = "", *, partition: int = ANY) -> Record:
        """Store a record, in the partition of its key unless one is given; returns it as it was stored."""
        return self.produce_all(topic, [(key, value)], partition=partition)[0]

    def produce_all(self, topic: str, records: Iterable[tuple[str, Value]], *, partition: int = ANY) -> list[Record]:
        """Store records, each with its key, in this order."""
        producer = self._ready()
        given = list(records)
        stored: dict[int, Record] = {}
        refused: list[str] = []

        def told(at: int, error: KafkaError | None, message: Message) -> None:
            if error is None:
                stored[at] = _record(message)
            else:
                refused.append(error.str())

        for at, (key, value) in enumerate(given):
            headers: dict[str, str | bytes | None] = {"content-type": CLOUD_EVENT} if isinstance(value, Mapping) else {}
            producer.produce(
                topic,
                _bytes(value),
                key=key or None,
                partition=partition,
                headers=headers,
                on_delivery=partial(told, at),
            )
        producer.flush(PATIENCE)
        if len(stored) < len(given):
            self.close()
            why = refused[0] if refused else tr("it did not confirm it")
            raise CannotTell(tr("Kafka does not take the grader's record: {why}", why=why))
        return [stored[at] for at in range(len(given))]

    def records(self, topic: str) -> list[Record]:
        """All that is in the topic now: its partitions one after the other, each in its order."""
        client = Consumer({**SETTINGS, "bootstrap.servers": self._url, "group.id": READER, "enable.auto.commit": False})
        try:
            ends = self._ends(client, topic)
            client.assign([TopicPartition(topic, number, 0) for number in ends])
            found: dict[int, list[Record]] = {number: [] for number in ends}
            until = time.monotonic() + PATIENCE
            while any(len(found[number]) < end for number, end in ends.items()):
                message = client.poll(POLL)
                if message is not None and message.error() is None:
                    one = _record(message)
                    if one.offset < ends[one.partition]:
                        found[one.partition].append(one)
                elif time.monotonic() > until:
                    raise CannotTell(tr("Kafka does not give the grader all that is in {topic}", topic=topic))
            return [one for number in sorted(found) for one in found[number]]
        except KafkaException as error:
            raise _no_answer(error) from error
        finally:
            client.close()

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """By partition the offset up to which the group says that it has dealt with it; 0 where it has said nothing."""
        return self._places(group, topic)[0]

    def lag(self, group: str, topic: str) -> int:
        """How many records of the topic the group has not dealt with."""
        committed, ends = self._places(group, topic)
        return sum(max(0, end - committed[number]) for number, end in ends.items())

    def caught_up(self, group: str, topic: str, within: float = 20.0) -> None:
        """Return when the group has committed all that is in the topic. Raises BehaviourFailed (`lag`)."""
        eventually(
            lambda: self.lag(group, topic) == 0,
            tr("the group {group} to commit all that is in {topic}", group=group, topic=topic),
            within,
            code="lag",
            got=lambda: tr("{count} records are not committed", count=self.lag(group, topic)),
        )

    def owners(self, group: str, topic: str) -> dict[str, set[int]]:
        """The partitions that each process was given when the group shared them out last, told from the wire."""
        owned: dict[str, set[int]] = {}
        for flow in self._flows():
            if flow.op == f"sync {group}" and flow.outcome == "ok" and flow.status == "ok":
                places = [place.rpartition("/") for place in flow.detail.split(", ") if place]
                owned[flow.source] = {int(number) for name, _, number in places if name == topic}
        return owned

    def start_over(self) -> None:
        """A mock cluster that is made anew is empty: nothing else takes topics and groups away from it."""
        self.close()
        try:
            self._restart()
        except ControlError as error:
            raise CannotTell(
                tr("checks need a Kafka that the lab can empty, the embedded one: {error}", error=error)
            ) from error

    def close(self) -> None:
        """Forget the connection; the next question makes a new one."""
        if self._producer is not None:
            self._producer.purge()
            self._producer.flush(0)
        self._producer = None

    def _ready(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(
                {
                    **SETTINGS,
                    "bootstrap.servers": self._url,
                    "acks": "all",
                    "max.in.flight.requests.per.connection": 1,
                    "linger.ms": 0,
                    "delivery.timeout.ms": int(PATIENCE * 1000),
                    "retry.backoff.ms": 50,
                }
            )
        return self._producer

    def _places(self, group: str, topic: str) -> tuple[dict[int, int], dict[int, int]]:
        """What the group has committed of each partition, and where each ends."""
        client = Consumer({**SETTINGS, "bootstrap.servers": self._url, "group.id": group, "enable.auto.commit": False})
        try:
            ends = self._ends(client, topic)
            known = client.committed([TopicPartition(topic, number) for number in ends], timeout=PATIENCE)
            return {place.partition: max(0, place.offset) for place in known}, ends
        except KafkaException as error:
            raise _no_answer(error) from error
        finally:
            client.close()

    def _ends(self, client: Consumer, topic: str) -> dict[int, int]:
        """The offset of the record that will be stored next, by partition."""
        partitions = client.list_topics(topic, timeout=PATIENCE).topics[topic].partitions
        ends: dict[int, int] = defaultdict(int)
        for number in sorted(partitions):
            _, ends[number] = client.get_watermark_offsets(TopicPartition(topic, number), timeout=PATIENCE)
        return ends


def _record(message: Message) -> Record:
    partition, offset, value = message.partition(), message.offset(), message.value()
    assert partition is not None
    assert offset is not None
    key = _bytes(message.key()) or b""
    return Record(partition, offset, key.decode("utf-8", "replace"), _bytes(value))


def _bytes(value: Value) -> bytes | None:
    if isinstance(value, Mapping):
        return msgspec.json.encode(value)
    return value.encode() if isinstance(value, str) else value


def _no_answer(error: KafkaException) -> CannotTell:
    return CannotTell(tr("Kafka does not answer the grader: {error}", error=error.args[0].str()))
