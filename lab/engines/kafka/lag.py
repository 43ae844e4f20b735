"""Asks Kafka once a second how far its groups are behind, on connections of its own, past every tap.

What a group has still to read of a partition is to it what a queue is to its consumers: `ready` is the lag, from the
offset that the group has committed to the end. A partition has one consumer in a group, or none.
"""

from __future__ import annotations

import asyncio
import struct
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from lab.journal.event import Flow, Queue
from lab.wire.kafka import apis
from lab.wire.kafka.reading import Reader, Short, text

EVERY = 1.0
PATIENCE = 2.0
LONGEST_ANSWER = 4 << 20

Address = tuple[str, int]
Partition = tuple[str, int]


class Place(NamedTuple):
    """A partition as a group reads it."""

    group: str
    topic: str
    partition: int


class LagProbe:
    """Looks after one cluster; see `lab.engines.watch.QueueWatch`. It knows the groups that were seen on the wire."""

    def __init__(self, url: str, told: Callable[[dict[str, Queue]], None]) -> None:
        host, _, port = url.rpartition(":")
        self._bootstrap = (host, int(port))
        self._told = told
        self._places: dict[str, Place] = {}
        self._owners: dict[str, str] = {}
        """Who was given the partition last, and has not left the group."""
        self._last: dict[str, Queue] = {}

    def learn(self, flow: Flow) -> None:
        if flow.queue and flow.queue not in self._places:
            group, topic, partition = flow.queue.rsplit("/", 2)
            self._places[flow.queue] = Place(group, topic, int(partition))
        if flow.queue and flow.role == "subscribe":
            self._owners[flow.queue] = flow.source
        elif flow.op.startswith("leave "):
            left = flow.op.removeprefix("leave ")
            for name in [name for name, owner in self._owners.items() if owner == flow.source]:
                if self._places[name].group == left:
                    del self._owners[name]

    async def watch(self) -> None:
        while True:
            brokers = _Brokers(self._bootstrap)
            try:
                while True:
                    async with asyncio.timeout(PATIENCE):
                        await self._look(brokers)
                    await asyncio.sleep(EVERY)
            except (OSError, TimeoutError, EOFError, Short, KeyError):
                await asyncio.sleep(EVERY)
            finally:
                brokers.close()

    async def _look(self, brokers: _Brokers) -> None:
        places = dict(self._places)
        if not places:
            return
        ends = await brokers.ends({(place.topic, place.partition) for place in places.values()})
        groups = defaultdict(set)
        for place in places.values():
            groups[place.group].add((place.topic, place.partition))
        committed = {group: await brokers.committed(group, partitions) for group, partitions in groups.items()}
        found = {}
        for name, place in sorted(places.items()):
            end = ends.get((place.topic, place.partition), 0)
            if end:  # of a topic that nobody has written to there is nothing to say
                behind = end - max(0, committed[place.group].get((place.topic, place.partition), 0))
                found[name] = Queue(ready=max(0, behind), consumers=int(name in self._owners))
        if found != self._last:
            self._last = found
            self._told(found)


class _Brokers:
    """As much of a Kafka client as it takes to ask for offsets. It raises KeyError for what the cluster does not know
    yet, and what reading and connecting raise."""

    def __init__(self, bootstrap: Address) -> None:
        self._bootstrap = bootstrap
        self._open: dict[Address, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The offset of the record that will be stored next."""
        by_leader = defaultdict(set)
        for partition, leader in (await self._leaders({topic for topic, _ in partitions})).items():
            if partition in partitions:
                by_leader[leader].add(partition)
        found: dict[Partition, int] = {}
        for leader, led in by_leader.items():
            asked = _topics(led, lambda number: struct.pack(">iq", number, -1))
            answer = await self._ask(leader, apis.LIST_OFFSETS, 1, struct.pack(">i", -1) + asked)
            for _ in answer.array():
                topic = answer.text()
                for _ in answer.array():
                    number, _, _, offset = answer.int32(), answer.int16(), answer.int64(), answer.int64()
                    found[topic, number] = offset
        return found

    async def committed(self, group: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The offset up to which the group has dealt with each; -1 for not at all."""
        found = await self._ask(self._bootstrap, apis.FIND_COORDINATOR, 0, text(group, flexible=False))
        if found.int16():
            raise KeyError(group)
        found.int32()
        asked = text(group, flexible=False) + _topics(partitions, lambda number: struct.pack(">i", number))
        answer = await self._ask((found.text(), found.int32()), apis.OFFSET_FETCH, 1, asked)
        offsets: dict[Partition, int] = {}
        for _ in answer.array():
            topic = answer.text()
            for _ in answer.array():
                number, offset = answer.int32(), answer.int64()
                answer.text()
                answer.int16()
                offsets[topic, number] = offset
        return offsets

    async def _leaders(self, topics: Collection[str]) -> Mapping[Partition, Address]:
        names = b"".join(text(topic, flexible=False) for topic in topics)
        # The byte at the end: topics that are not there yet are not to be made.
        answer = await self._ask(self._bootstrap, apis.METADATA, 4, struct.pack(">i", len(topics)) + names + b"\0")
        answer.int32()
        brokers: dict[int, Address] = {}
        for _ in answer.array():
            node = answer.int32()
            brokers[node] = answer.text(), answer.int32()
            answer.text()
        answer.text()
        answer.int32()
        leaders: dict[Partition, Address] = {}
        for _ in answer.array():
            answer.int16()
            topic = answer.text()
            answer.int8()
            for _ in answer.array():
                _, number, leader = answer.int16(), answer.int32(), answer.int32()
                for _ in range(2):
                    for _ in answer.array():
                        answer.int32()
                if leader in brokers:
                    leaders[topic, number] = brokers[leader]
        return leaders

    def close(self) -> None:
        for _, writer in self._open.values():
            writer.close()

    async def _ask(self, broker: Address, api: int, version: int, body: bytes) -> Reader:
        if broker not in self._open:
            self._open[broker] = await asyncio.open_connection(*broker)
        reader, writer = self._open[broker]
        if writer.is_closing():  # uvloop would raise an error of its own
            raise EOFError
        request = struct.pack(">hhi", api, version, 1) + text("lab lag probe", flexible=False) + body
        writer.write(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        if not 4 <= size <= LONGEST_ANSWER:
            raise EOFError
        return Reader(await reader.readexactly(size), 4)


def _topics(partitions: Iterable[Partition], item: Callable[[int], bytes]) -> bytes:
    """Partitions by topic, each as an item."""
    by_topic = defaultdict(list)
    for topic, number in sorted(partitions):
        by_topic[topic].append(item(number))
    written = [
        text(topic, flexible=False) + struct.pack(">i", len(items)) + b"".join(items)
        for topic, items in by_topic.items()
    ]
    return struct.pack(">i", len(written)) + b"".join(written)
