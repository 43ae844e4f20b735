"""Consuming from Kafka: commit last, lose no partition over slow work, and never be alive but deaf.

A commit says "we have dealt with everything before this offset", of one partition. So the records of a partition are
handled one after the other, those of different partitions side by side; and a record that fails does not hold up
the others behind it, but goes to a topic of its own to be tried again (see retry.py).

One thread owns the client and only moves records: as long as it polls, the group knows that we are there, however slow
a handler is. When partitions go to somebody else, what is under way is finished and committed first; if they are lost
already, whoever has them now handles those records again, and the inbox knows them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Fetched

from lab.chassis import metrics
from lab.chassis.broker import Handle, Verdict
from lab.chassis.kafka import record
from lab.chassis.kafka.client import Contact, settings
from lab.chassis.kafka.lane import Lane, Record
from lab.chassis.retry import WAIT

log = logging.getLogger(__name__)

POLL = 0.05
COMMIT_EVERY = 0.1
PATIENCE = 2.0
"""Seconds that handlers get to finish when their partition goes or the service stops."""
NOT_THERE_YET = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._PARTITION_EOF)
"""A topic is made when it is first used."""

Partition = tuple[str, int]


class Consumer:
    """Consumes a topic as a member of `group`; begins again until it is stopped."""

    def __init__(
        self,
        bootstrap: str,
        group: str,
        topic: str,
        handle: Handle,
        *,
        prefetch: int,
        workers: int,
        session_timeout_ms: int,
    ) -> None:
        self._settings = {
            **settings(bootstrap, f"{group} consumer", self._on_error),
            "group.id": group,
            "auto.offset.reset": "earliest",  # a new group begins with the first event, not with the next one
            "enable.auto.commit": False,  # the default commits what was polled, handled or not
            "partition.assignment.strategy": "cooperative-sticky",  # who keeps a partition goes on with it meanwhile
            "session.timeout.ms": session_timeout_ms,
            "heartbeat.interval.ms": session_timeout_ms // 4,
            "max.poll.interval.ms": max(60_000, session_timeout_ms),
            "allow.auto.create.topics": True,
            "check.crcs": True,
            "fetch.wait.max.ms": 100,  # a broker answers as soon as it has something; librdkafka's mock waits this out
        }
        self._group = group
        self._topic = topic
        self._handle = handle
        self._prefetch = prefetch
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="handler")
        self._lanes: dict[Partition, Lane] = {}
        self._committed = 0.0
        self._contact = Contact("consuming")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consumer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take nothing new, let handlers finish, commit and leave the group, so that nobody waits for our timeout."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE + 1)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def check(self) -> str | None:
        """For `/readyz`."""
        return None if self._contact else "not consuming: no connection to the broker"

    def _on_error(self, error: KafkaError) -> None:
        self._contact.failed(error)

    # -- the owner's thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        """Whatever goes wrong, begin again: a consumer whose thread has died looks alive from outside and is not."""
        while not self._stopping.is_set():
            try:
                self._consume()
            except Exception:
                log.exception("the consumer broke down")
                self._stopping.wait(1)

    def _consume(self) -> None:
        client = Client(self._settings)
        try:
            self._find_topic(client)
            client.subscribe([self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)
            while not (self._stopping.is_set() or self._contact.broken):
                self._take(client.poll(POLL))
                for lane in self._lanes.values():
                    if lane.begin():
                        self._pool.submit(self._work, lane)
                self._hold_back(client)
                if time.monotonic() - self._committed > COMMIT_EVERY:
                    self._commit(client, self._lanes)
                self._contact.ask(client)
        finally:
            self._leave(client)
            self._contact.ended()
            client.close()

    def _find_topic(self, client: Client) -> None:
        """Ask for the topic, which makes it if it is not there yet. The client itself would ask again for a missing
        one every few seconds only."""
        while not self._stopping.is_set():
            try:
                client.list_topics(self._topic, timeout=1.0)
                return
            except KafkaException:
                self._stopping.wait(0.2)

    def _take(self, fetched: Fetched | None) -> None:
        if fetched is None:
            return
        error = fetched.error()
        if error is not None:
            if error.code() not in NOT_THERE_YET:
                log.warning("cannot fetch: %s", error, extra={"event": "broker"})
            return
        topic, partition, offset = fetched.topic(), fetched.partition(), fetched.offset()
        if topic is not None and partition is not None and offset is not None:
            message = record.message(fetched)
            due = fetched.timestamp()[1] / 1000 + message.headers[WAIT] / 1000 if WAIT in message.headers else 0.0
            self._lanes.setdefault((topic, partition), Lane()).add(Record(offset, message, due))

    def _hold_back(self, client: Client) -> None:
        """Fetch no more of a partition than can be handled soon: what is here is lost to others while we are slow."""
        for (topic, partition), lane in self._lanes.items():
            if not lane.paused and lane.waiting > self._prefetch:
                client.pause([TopicPartition(topic, partition)])
                lane.paused = True
            elif lane.paused and lane.waiting <= self._prefetch // 2:
                client.resume([TopicPartition(topic, partition)])
                lane.paused = False

    def _commit(self, client: Client, partitions: Iterable[Partition]) -> bool:
        """Say how far we came; whether it was accepted. If the group has gone on without us, the records come again,
        to us or to others; if nobody answered, it is said again."""
        self._committed = time.monotonic()
        lanes = {one: lane for one in partitions if (lane := self._lanes.get(one))}
        done = {one: offset for one, lane in lanes.items() if (offset := lane.to_commit) is not None}
        if not done:
            return True
        try:
            client.commit(offsets=[TopicPartition(*one, offset) for one, offset in done.items()], asynchronous=False)
        except KafkaException as error:
            log.warning("not committed: %s", error.args[0].str(), extra={"event": "commit"})
            return False
        for one, offset in done.items():
            lanes[one].committed = offset
        return True

    def _on_assign(self, client: Client, partitions: list[TopicPartition]) -> None:
        """Read each of them, also one that was held back when it went: librdkafka remembers that, the new lane does
        not."""
        client.resume(partitions)
        log.info("partitions: %s more", len(partitions), extra={"event": "rebalance", "group": self._group})

    def _on_revoke(self, client: Client, partitions: list[TopicPartition]) -> None:
        self._give_up(client, [(one.topic, one.partition) for one in partitions])

    def _on_lost(self, _client: Client, partitions: list[TopicPartition]) -> None:
        """Others have them already: there is nothing left to commit."""
        for one in partitions:
            if lane := self._lanes.pop((one.topic, one.partition), None):
                lane.close(0)

    def _give_up(self, client: Client, partitions: list[Partition]) -> None:
        """Finish what is under way, and say how far we came."""
        self._finish(partitions, time.monotonic() + PATIENCE)
        self._commit(client, partitions)
        for partition in partitions:
            self._lanes.pop(partition, None)

    def _leave(self, client: Client) -> None:
        """Give up everything. If the group is sharing out its partitions, it waits for us to take part in that: so we
        do, and then say how far we came."""
        deadline = time.monotonic() + PATIENCE
        self._finish(self._lanes, deadline)
        while not (self._commit(client, self._lanes) or self._contact.broken or time.monotonic() > deadline):
            client.poll(POLL)  # what it brings is not handled, so others get it
        self._lanes.clear()

    def _finish(self, partitions: Iterable[Partition], deadline: float) -> None:
        for partition in partitions:
            if lane := self._lanes.get(partition):
                lane.close(max(0.0, deadline - time.monotonic()))

    # -- a worker's thread -------------------------------------------------------------------------------------------

    def _work(self, lane: Lane) -> None:
        """Handle what waits in the lane. A message that could be neither handled nor parked stays where it is: it is
        handled again, and nothing behind it before."""
        while (mine := lane.take()) is not None:
            verdict = self._handle(mine.message)
            metrics.CONSUMED.labels(self._group, verdict.value).inc()
            if verdict is Verdict.ACK:
                lane.handled(mine)
