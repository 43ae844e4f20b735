"""The Kafka session, without sockets: what it reads, what it changes, and what it leaves alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.journal.event import Flow
from lab.wire.kafka import apis
from lab.wire.kafka.flows import OTHERS_FIRST
from lab.wire.kafka.records import batches, crc32c
from lab.wire.kafka.session import LONGEST_HELD, KafkaSession, sessions
from lab.wire.session import Address, Reset, Send, Stall
from tests.wire import kafka_play as kafka
from tests.wire.kafka_play import HOST, PORT, TAP, TOPIC
from tests.wire.playbook import C, Dialogue, S, Said, check_garbage, garbage, splits, striking


def session() -> KafkaSession:
    return sessions()(door)


def door(provider: Address) -> Address:
    return TAP if provider == (HOST, PORT) else ("127.0.0.1", 5000 + provider[1] % 1000)


def spoken(*said: Said, faults: tuple[str, ...] = ()) -> Dialogue:
    dialogue = Dialogue(session(), striking(*faults))
    for side, data in said:
        dialogue.says(side, data)
    assert not dialogue.gave_up
    return dialogue


CONSUMING: tuple[Said, ...] = (
    (C, kafka.join()),
    (S, kafka.joined(7)),
    (C, kafka.sync()),
    (S, kafka.synced([2])),
    (C, kafka.fetch(5)),
    (S, kafka.fetched(kafka.batch(5, kafka.event("e5"), kafka.event("e6")), 7)),
)
CONVERSATION: tuple[Said, ...] = (
    (C, kafka.produce(kafka.batch(0, kafka.event("e5"), kafka.event("e6")))),
    (S, kafka.produced(5)),
    *CONSUMING,
    (C, kafka.heartbeat()),
    (S, kafka.beaten()),
    (C, kafka.commit(7)),
    (S, kafka.committed()),
    (C, kafka.leave()),
    (S, kafka.left()),
)


def shown(flows: list[Flow]) -> list[tuple[object, ...]]:
    return [
        (f.role, f.op, f.status, f.outcome, f.key, f.message, f.correlation, f.queue, f.partition, f.offset, f.detail)
        for f in flows
    ]


QUEUE = "payments/shop.events/2"


def test_a_record_is_followed_from_its_producer_to_its_commit() -> None:
    dialogue = spoken(*CONVERSATION)
    assert dialogue.to[S] == b"".join(data for side, data in CONVERSATION if side is C)
    assert dialogue.to[C] == b"".join(data for side, data in CONVERSATION if side is S)
    told = [(f.role, f.op, f.partition, f.offset) for f in dialogue.flows if f.message == "e6"]
    assert told == [
        ("message", f"produce {TOPIC}", 2, None),
        ("ack", f"confirm {TOPIC}", 2, 6),
        ("delivery", f"fetch {TOPIC}", 2, 6),
        ("ack", f"commit {QUEUE}", 2, 6),
    ]
    for flow in dialogue.flows:
        if flow.message:
            assert (flow.exchange, flow.routing_key, flow.key) == (TOPIC, "order.created", "o1")
            assert flow.correlation == f"c-{flow.message}"
            assert flow.queue == (QUEUE if flow.op.startswith(("fetch", "commit")) else "")


def test_what_a_member_does_in_its_group_is_told() -> None:
    flows = spoken(*CONVERSATION).flows
    told = [(f.role, f.op, f.status, f.detail) for f in flows if not f.message]
    assert told == [
        ("subscribe", "join payments", "joined", "generation 7, range, leader of 1"),
        ("subscribe", "sync payments", "ok", "shop.events/2"),
        ("subscribe", f"assign {QUEUE}", "ok", ""),
        ("setup", "leave payments", "ok", ""),
    ]


@given(st.data())
def test_any_split_gives_the_same_flows_and_bytes(data: st.DataObject) -> None:
    whole, pieces = spoken(*CONVERSATION), spoken(*data.draw(splits(CONVERSATION)))
    assert shown(pieces.flows) == shown(whole.flows)
    assert pieces.to == whole.to


@given(garbage)
def test_garbage_passes_untouched(pieces: list[Said]) -> None:
    check_garbage(session, pieces)


@given(st.integers(0, 200), st.integers(0, 30), st.binary(max_size=300), st.binary(max_size=300))
def test_what_is_framed_well_and_else_nonsense_passes_untouched(
    api: int, version: int, asked: bytes, said: bytes
) -> None:
    request = kafka.Writer(api, version).asks(asked)
    answer = kafka.framed((1).to_bytes(4) + said)
    check_garbage(session, [(C, request)])
    if api not in (apis.METADATA, apis.FIND_COORDINATOR, apis.DESCRIBE_CLUSTER, apis.API_VERSIONS):
        check_garbage(session, [(C, request), (S, answer)])


@pytest.mark.parametrize("produce", [0, 2, 3, 5, 7, 8, 9])
def test_every_version_of_producing_is_read(produce: int) -> None:
    flows = spoken(
        (C, kafka.produce(kafka.batch(0, kafka.event("e1")), version=produce)), (S, kafka.produced(4, version=produce))
    ).flows
    assert [(f.role, f.message, f.partition, f.offset) for f in flows] == [
        ("message", "e1", 2, None),
        ("ack", "e1", 2, 4),
    ]


@pytest.mark.parametrize("fetch", [0, 1, 3, 4, 5, 7, 9, 11, 12])
def test_every_version_of_fetching_is_read(fetch: int) -> None:
    flows = spoken(
        (C, kafka.fetch(1, version=fetch)),
        (S, kafka.fetched(kafka.batch(0, kafka.event("e0"), kafka.event("e1")), 2, version=fetch)),
    ).flows
    # What lies before the offset that was asked for the consumer knows already, and passes over.
    assert [(f.role, f.message, f.offset, f.queue, f.status) for f in flows] == [("delivery", "e1", 1, "", "no-ack")]


@pytest.mark.parametrize(("join", "sync"), [(0, 0), (1, 1), (2, 2), (5, 3), (6, 4), (7, 5), (9, 5)])
@pytest.mark.parametrize("commit", [0, 1, 2, 3, 5, 6, 7, 8, 9])
def test_every_version_of_being_in_a_group_is_read(join: int, sync: int, commit: int) -> None:
    flows = spoken(
        (C, kafka.join(version=join)),
        (S, kafka.joined(1, version=join)),
        (C, kafka.sync(version=sync)),
        (S, kafka.synced([2], version=sync)),
        (C, kafka.fetch(0)),
        (S, kafka.fetched(kafka.batch(0, kafka.event("e0")), 1)),
        (C, kafka.commit(1, version=commit)),
        (S, kafka.committed(version=commit)),
    ).flows
    assert flows[0].detail == "generation 1, range, leader of 1"
    assert (flows[-1].op, flows[-1].message, flows[-1].status) == (f"commit {QUEUE}", "e0", "committed")


@pytest.mark.parametrize("version", range(6))
def test_every_version_of_leaving_is_read(version: int) -> None:
    assert spoken((C, kafka.leave(version=version)), (S, kafka.left(version=version))).flows[-1].op == "leave payments"


ELSEWHERE = ("broker-2", 9093)


@pytest.mark.parametrize("version", [0, 1, 3, 8, 9, 12])
def test_brokers_are_to_be_reached_at_the_tap(version: int) -> None:
    dialogue = spoken(
        (C, kafka.metadata(version=version)), (S, kafka.brokers((HOST, PORT), ELSEWHERE, version=version))
    )
    assert dialogue.to[C] == kafka.brokers(TAP, door(ELSEWHERE), version=version)


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4, 6])
def test_a_coordinator_is_to_be_reached_at_the_tap(version: int) -> None:
    dialogue = spoken((C, kafka.find(version=version)), (S, kafka.coordinator(HOST, PORT, version=version)))
    assert dialogue.to[C] == kafka.coordinator(*TAP, version=version)
    nobody = kafka.coordinator("", -1, version=version)
    assert spoken((C, kafka.find(version=version)), (S, nobody)).to[C] == nobody


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_described_cluster_is_to_be_reached_at_the_tap(version: int) -> None:
    dialogue = spoken((C, kafka.cluster(version=version)), (S, kafka.described(HOST, PORT, version=version)))
    assert dialogue.to[C] == kafka.described(*TAP, version=version)


@pytest.mark.parametrize("version", [0, 2, 3, 4])
def test_a_broker_offers_no_version_that_the_lab_does_not_read(version: int) -> None:
    offers = {apis.PRODUCE: (3, 13), apis.FETCH: (4, 18), apis.HEARTBEAT: (0, 3), 99: (0, 7)}
    read = {**offers, apis.PRODUCE: (3, 9), apis.FETCH: (4, 12)}
    dialogue = spoken((C, kafka.versions(version=version)), (S, kafka.offered(offers, version=version)))
    assert dialogue.to[C] == kafka.offered(read, version=version)
    refused = kafka.offered({}, version=0, error=35)
    assert spoken((C, kafka.versions(version=version)), (S, refused)).to[C] == refused


def test_half_an_answer_with_addresses_is_not_given_back() -> None:
    answer = kafka.brokers((HOST, PORT))
    dialogue = spoken((C, kafka.metadata()), (S, answer[:20]))
    dialogue.apply(dialogue.session.release())
    assert dialogue.says(S, answer[20:]).to[C] == kafka.brokers(TAP)


def test_other_halves_are_given_back_and_read_all_the_same() -> None:
    request, answer = kafka.produce(kafka.batch(0, kafka.event("e1"))), kafka.produced(4)
    dialogue = spoken((C, request[:30]))
    dialogue.apply(dialogue.session.release())
    assert dialogue.to[S] == request[:30]
    dialogue.says(C, request[30:]).says(S, answer[:9])
    dialogue.apply(dialogue.session.release())
    dialogue.says(S, answer[9:])
    assert dialogue.to == {S: request, C: answer}
    assert [f.op for f in dialogue.flows] == [f"produce {TOPIC}", f"confirm {TOPIC}"]


def test_a_long_frame_goes_through_in_pieces() -> None:
    request = kafka.produce(kafka.batch(0, bytes(LONGEST_HELD)))
    dialogue = Dialogue(session())
    for at in range(0, len(request), 1 << 20):
        dialogue.says(C, request[at : at + (1 << 20)])
        held = [len(lane.data) for lane in dialogue.session._lanes.values()]  # type: ignore[attr-defined]
        assert sum(held) < 1 << 20
    dialogue.says(S, kafka.produced(0))
    assert dialogue.to == {S: request, C: kafka.produced(0)}
    assert [f.op for f in dialogue.flows] == ["produce"]


def test_packed_records_are_read_or_named() -> None:
    def told(packing: str) -> list[tuple[str, str]]:
        records = kafka.batch(0, kafka.event("e1"), kafka.event("e2"), packing=packing)
        return [(f.message, f.detail) for f in spoken((C, kafka.produce(records, acks=0))).flows]

    assert told("gzip") == [("e1", ""), ("e2", "")]
    assert told("zstd") == [("", "2 records, zstd")]


def test_an_events_ids_are_found_in_headers_too() -> None:
    headers = {"ce_id": b"e1", "ce_type": b"user.registered", "correlationid": b"c1"}
    (flow,) = spoken((C, kafka.produce(kafka.batch(0, b"\x00\x01", headers=headers), acks=0))).flows
    assert (flow.message, flow.routing_key, flow.correlation) == ("e1", "user.registered", "c1")


def test_nobody_waits_for_an_answer_where_none_is_asked_for() -> None:
    dialogue = spoken((C, kafka.produce(kafka.batch(0, b"x"), acks=0)))
    assert dialogue.session.closed(C, 9.0) == []


def test_what_is_never_answered_is_lost() -> None:
    dialogue = spoken((C, kafka.produce(kafka.batch(0, kafka.event("e1")))), (C, kafka.fetch(0)), (C, kafka.join()))
    lost = [(f.op, f.outcome) for f in dialogue.session.closed(S, 9.0)]
    assert lost == [(f"confirm {TOPIC}", "lost"), ("join payments", "lost")]


def test_a_member_that_comes_again_rebalances_and_reads_again_what_it_had_not_committed() -> None:
    again = (*CONSUMING, *CONSUMING[:4], (C, kafka.fetch(5)), CONSUMING[-1])
    flows = spoken(*again).flows
    joins = [f.status for f in flows if f.op == "join payments"]
    assert joins == ["joined", "rebalance"]
    told = [(f.role, f.op, f.redelivered) for f in flows if f.message == "e6"]
    assert told == [
        ("delivery", f"fetch {TOPIC}", False),
        ("nack", f"give-back {QUEUE}", False),
        ("delivery", f"fetch {TOPIC}", True),
    ]


def test_a_cooperative_member_keeps_what_it_has_in_hand() -> None:
    joined = (S, kafka.joined(8, protocol="cooperative-sticky"))
    dialogue = spoken((C, kafka.join()), joined, *CONSUMING[2:], (C, kafka.join()), joined, *CONSUMING[2:4])
    assert not [f for f in dialogue.flows if f.role == "nack"]
    assert [f.op for f in dialogue.flows].count(f"assign {QUEUE}") == 1


def test_offsets_that_begin_anew_are_no_redelivery() -> None:
    flows = spoken(*CONSUMING, (C, kafka.fetch(0)), (S, kafka.fetched(kafka.batch(0, kafka.event("new")), 1))).flows
    assert not flows[-1].redelivered


# Faults.


def test_a_poisoned_record_has_a_right_checksum() -> None:
    records = kafka.batch(0, kafka.event("e0"), kafka.event("e1"))
    said = kafka.fetched(records, 2)
    dialogue = spoken((C, kafka.fetch(0)), (S, said), faults=("poison x1",))
    assert len(dialogue.to[C]) == len(said)
    assert dialogue.to[C].count(b'#"specversion') == 1
    assert [f.status for f in dialogue.flows] == ["poisoned", "no-ack"]
    at = dialogue.to[C].index(records[:17])
    (batch,) = batches(dialogue.to[C], at, len(dialogue.to[C]))
    crc = int.from_bytes(dialogue.to[C][at + 17 : at + 21])
    assert crc == crc32c(dialogue.to[C][at + 21 : batch.end])


def test_a_lost_confirm_takes_the_connection_with_it() -> None:
    dialogue = spoken(
        (C, kafka.produce(kafka.batch(0, kafka.event("e1")))), (S, kafka.produced(0)), faults=("lose-confirm",)
    )
    assert isinstance(dialogue.effects[-1], Reset)
    assert dialogue.to[C] == b""
    assert [(f.op, f.outcome) for f in dialogue.flows] == [(f"produce {TOPIC}", "ok"), (f"confirm {TOPIC}", "lost")]


def test_a_copy_of_a_publish_is_answered_to_nobody() -> None:
    request = kafka.produce(kafka.batch(0, kafka.event("e1")))
    dialogue = spoken((C, request), faults=("duplicate-publish",))
    assert len(dialogue.to[S]) == 2 * len(request)
    number = int.from_bytes(dialogue.to[S][len(request) + 8 : len(request) + 12], signed=True)
    dialogue.says(S, kafka.produced(0)).says(S, kafka.produced(1, number=number))
    assert dialogue.to[C] == kafka.produced(0)
    assert [(f.op.split()[0], f.outcome) for f in dialogue.flows] == [
        ("produce", "ok"),
        ("produce", "duplicate"),
        ("confirm", "ok"),
    ]


def test_a_commit_arrives_as_one_of_a_generation_that_is_over() -> None:
    dialogue = spoken(*CONSUMING, (C, kafka.commit(7)), (S, kafka.committed(22)), faults=("lose-commit",))
    assert dialogue.to[S].endswith(kafka.commit(7, generation=6))
    acks = [(f.message, f.outcome, f.status) for f in dialogue.flows if f.role == "ack"]
    assert acks == [("e5", "lost", "ILLEGAL_GENERATION"), ("e6", "lost", "ILLEGAL_GENERATION")]
    assert all(f.faults for f in dialogue.flows if f.role == "ack")


@pytest.mark.parametrize(
    ("member", "members", "waits"), [("m1", "m1 m2", True), ("m2", "m1 m2", False), ("m1", "m1", False)]
)
def test_the_leader_of_several_is_told_after_the_others(member: str, members: str, waits: bool) -> None:
    answer = kafka.joined(7, member, members=members.split())
    dialogue = spoken((C, kafka.join()), (S, answer))
    (sent,) = [effect for effect in dialogue.effects if isinstance(effect, Send) and effect.to is C]
    assert sent == Send(C, answer, delay=OTHERS_FIRST if waits else 0.0)


def test_a_member_whose_heartbeats_are_lost_hears_nothing_until_it_heals() -> None:
    dialogue = spoken((C, kafka.heartbeat()), faults=("rebalance",))
    assert isinstance(dialogue.effects[0], Stall)


@pytest.mark.parametrize("pattern", [f"produce {TOPIC}", "produce *", "produce"])
def test_a_pattern_finds_a_request(pattern: str) -> None:
    dialogue = spoken((C, kafka.produce(kafka.batch(0, b"x"))), faults=(f'latency 300ms on "{pattern}"',))
    assert dialogue.flows[0].outcome == "late"


def test_a_pattern_finds_fetched_records_and_no_empty_fetch() -> None:
    dialogue = spoken(
        (C, kafka.fetch(0)),
        (S, kafka.fetched(b"", 0)),
        (C, kafka.fetch(0)),
        (S, kafka.fetched(kafka.batch(0, b"x"), 1)),
        faults=('latency 300ms on "fetch *" x1',),
    )
    assert [f.outcome for f in dialogue.flows] == ["late"]
