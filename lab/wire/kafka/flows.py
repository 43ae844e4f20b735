"""From Kafka's requests and answers to Flows.

A record that is produced is a Flow when its request is complete (`produce shop.events`) and another when the broker
has stored it (`confirm`, with its offset); one that is fetched is a `fetch`, and a `commit` tells of each record that
it settles. What a consumer had in hand and will be given again (or somebody else) is a `give-back`. Empty fetches and
heartbeats that went well are no news.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lab.journal.deliveries import NEEDS_NO_ACK
from lab.journal.event import REBALANCE, Flow, Role
from lab.locale import trn
from lab.wire.disturb import touched
from lab.wire.kafka import apis, messages
from lab.wire.kafka.books import Books, Read, queue
from lab.wire.kafka.messages import Part
from lab.wire.kafka.reading import Reader
from lab.wire.kafka.records import Batch, Record, batches
from lab.wire.kafka.request import Request

MOST_RECORDS = 1_000
"""Records of one request or answer of which each has a Flow of its own."""

OTHERS_FIRST = 0.05
"""Seconds for which the leader of a group waits for its answer. Once it has shared the partitions out, a broker gives
theirs also to those who ask later. librdkafka's mock cluster refuses them, so a client that shares out at once would
leave the others behind again and again."""

_SUBSCRIBES = (apis.JOIN_GROUP, apis.SYNC_GROUP)


def asked(request: Request, reader: Reader, frame: bytes) -> None:
    """Read the body of a request. Raises Short."""
    version = request.version
    if request.api == apis.PRODUCE:
        acks, request.parts = messages.produce(reader, version)
        request.silent = acks == 0
        request.flows = [flow for part in request.parts for flow in _produced(frame, part)]
        request.ops = tuple(dict.fromkeys(f"produce {part.topic}" for part in request.parts)) or request.ops
        return
    if request.api == apis.FETCH:
        request.parts = messages.fetch(reader, version)
        return
    request.about = messages.key(request.api, reader, version)
    if request.about:
        request.ops = (f"{request.op} {request.about}",)
    if request.api == apis.OFFSET_COMMIT:
        request.generation_at = reader.pos if version >= 1 else 0
        request.parts = messages.commit(reader, version)
        request.ops = tuple(f"commit {_queue(request, part)}" for part in request.parts) or request.ops
    elif request.api in (apis.SYNC_GROUP, apis.HEARTBEAT):
        reader.int32()
        request.member = reader.text()
    elif request.api == apis.LEAVE_GROUP:
        request.member = reader.text() if version < 3 else next((reader.text() for _ in reader.array()), "")


def _produced(frame: bytes, part: Part) -> Iterator[Flow]:
    for batch in batches(frame, part.begin, part.end):
        for record in _shown(batch):
            flow = _about(record, part, "message", f"produce {part.topic}")
            flow.offset = None
            yield flow


def _shown(batch: Batch) -> Sequence[Record]:
    """The batch's records; what cannot be shown one by one is one record at its end."""
    shown, rest = batch.records[:MOST_RECORDS], batch.count - min(len(batch.records), MOST_RECORDS)
    if rest > 0:
        shown.append(Record(batch.last, size=batch.end - batch.begin, rest=rest, packing=batch.unread))
    return shown


def _about(record: Record, part: Part, role: Role, op: str) -> Flow:
    more = trn("{count} record", "{count} records", record.rest) if record.rest else ""
    return Flow(
        protocol="kafka",
        role=role,
        op=op,
        key=record.key,
        bytes=record.size,
        message=record.ids.id,
        correlation=record.ids.correlationid,
        exchange=part.topic,
        routing_key=record.ids.type or part.topic,
        partition=part.partition,
        offset=record.offset,
        detail=", ".join(filter(None, (more, record.packing))),
    )


def _like(flow: Flow, role: Role, op: str, status: str, *, back: bool = False) -> Flow:
    """The Flow of what is said about a record."""
    return Flow(
        protocol="kafka",
        role=role,
        back=back,
        op=op,
        status=status,
        key=flow.key,
        message=flow.message,
        correlation=flow.correlation,
        exchange=flow.exchange,
        routing_key=flow.routing_key,
        queue=flow.queue,
        partition=flow.partition,
        offset=flow.offset,
        redelivered=flow.redelivered and role != "message",
        detail=flow.detail,
    )


def confirmed(request: Request, parts: Iterable[Part], now: float) -> list[Flow]:
    """The answer to records."""
    found = []
    for part in parts:
        sent = [flow for flow in request.flows if (flow.exchange, flow.partition) == (part.topic, part.partition)]
        for at, flow in enumerate(sent):
            one = _like(flow, "nack" if part.error else "ack", f"confirm {part.topic}", "confirmed", back=True)
            one.ms = (now - request.at) * 1000
            one.offset = part.offset + at if part.offset >= 0 else None
            if part.error:
                one.outcome, one.status = "error", apis.error(part.error)
            found.append(one)
    return found


def delivered(
    request: Request, part: Part, offset: int, batch: Batch, books: Books, now: float
) -> Iterator[tuple[Record, Flow, list[Flow]]]:
    """Each record of a fetched batch that the consumer will look at (those before `offset` it knows), with its flow and
    those of what is given back before it."""
    group = books.group(request.client, part.topic, part.partition)
    for record in _shown(batch):
        if record.offset < offset:
            continue
        flow = _about(record, part, "delivery", f"fetch {part.topic}")
        flow.back = True
        if not group:
            flow.status = NEEDS_NO_ACK
            yield record, flow, []
            continue
        flow.queue = queue(group, part.topic, part.partition)
        place = (group, part.topic, part.partition)
        yield record, flow, given_back(books.deliver(place, record.offset, part.offset, flow, now), now)


def given_back(reads: Iterable[Read], now: float) -> list[Flow]:
    """Records that a consumer had in hand and did not commit: the group will read them again."""
    found = []
    for read in reads:
        flow = _like(read.flow, "nack", f"give-back {read.flow.queue}", "requeued")
        flow.ms = (now - read.at) * 1000
        found.append(flow)
    return found


def settled(request: Request, parts: Iterable[Part], books: Books, now: float) -> list[Flow]:
    """The answer to a commit, a Flow for each record that it settles."""
    offsets = {(part.topic, part.partition): part.offset for part in request.parts}
    found = []
    for part in parts:
        offset = offsets.get((part.topic, part.partition), -1)
        name = _queue(request, part)
        ask = books.in_hand if part.error else books.committed
        reads = ask(request.about, part.topic, part.partition, offset)
        for read in reads:
            flow = _like(read.flow, "ack", f"commit {name}", "committed")
            flow.ms = (now - read.at) * 1000
            found.append(flow)
        if not reads:
            flow = Flow(protocol="kafka", role="ack", op=f"commit {name}", status="committed", queue=name)
            flow.exchange, flow.partition, flow.offset = part.topic, part.partition, offset - 1
            flow.ms = (now - request.at) * 1000
            found.append(flow)
        if part.error:
            for flow in found[-max(1, len(reads)) :]:
                flow.outcome, flow.status = "lost", apis.error(part.error)
    return found


def answered(request: Request, reader: Reader, books: Books, now: float) -> list[Flow]:
    """The answer to anything else. Raises Short."""
    flow = exchange(request, now)
    if request.api == apis.JOIN_GROUP:
        return [_joined(request, flow, reader, books)]
    if request.api == apis.SYNC_GROUP:
        return _synced(request, flow, reader, books, now)
    if request.api == apis.HEARTBEAT:
        failed = _failed(flow, messages.group_error(reader, request.version))
        return [flow] if failed or request.fault is not None else []
    if request.api == apis.LEAVE_GROUP:
        _failed(flow, messages.group_error(reader, request.version))
        return [*given_back(books.left(request.client, request.member), now), flow]
    return [flow]


def exchange(request: Request, now: float) -> Flow:
    """The Flow of a request that is answered, or lost at its connection's end."""
    role: Role = "subscribe" if request.api in _SUBSCRIBES else "message" if request.api == apis.PRODUCE else "setup"
    return Flow(protocol="kafka", role=role, op=request.op, status="ok", ms=(now - request.at) * 1000)


def lost(requests: Iterable[Request], now: float) -> list[Flow]:
    """What will never be answered; a fetch that waits for records is none of it."""
    found = []
    for request in requests:
        if request.api == apis.FETCH or request.copy is not None:
            continue
        flows = [_like(flow, "ack", f"confirm {flow.exchange}", "", back=True) for flow in request.flows]
        for flow in flows or [exchange(request, now)]:
            touched(flow, request.fault)
            flow.outcome, flow.status, flow.ms = "lost", "connection lost", None
            found.append(flow)
    return found


def _joined(request: Request, flow: Flow, reader: Reader, books: Books) -> Flow:
    joined = messages.joined(reader, request.version)
    if not _failed(flow, joined.error):
        again = books.joined(request.client, joined.member, request.about, joined.generation, joined.protocol)
        flow.status = REBALANCE if again else "joined"
        flow.detail = f"generation {joined.generation}, {joined.protocol}"
        if joined.leads:
            flow.detail += f", leader of {joined.members}"
            request.late = OTHERS_FIRST if joined.members > 1 else 0.0
    return flow


def _synced(request: Request, flow: Flow, reader: Reader, books: Books, now: float) -> list[Flow]:
    error, given = messages.synced(reader, request.version)
    if _failed(flow, error):
        return [flow]
    mine = sorted((part.topic, part.partition) for part in given)
    flow.detail = ", ".join(f"{topic}/{partition}" for topic, partition in mine)
    back, fresh = books.assigned(request.client, request.member, mine)
    found = [*given_back(back, now), flow]
    for topic, partition in fresh:
        name = queue(request.about, topic, partition)
        found.append(Flow(protocol="kafka", role="subscribe", op=f"assign {name}", queue=name, status="ok"))
        found[-1].exchange, found[-1].partition = topic, partition
    return found


def _failed(flow: Flow, error: int) -> bool:
    if error:
        flow.status = apis.error(error)
        flow.outcome = "ok" if error in apis.ROUTINE else "error"
    return bool(error)


def _queue(request: Request, part: Part) -> str:
    return queue(request.about, part.topic, part.partition)
