"""The durable log: whatever was written comes back, whatever happened to the file's end or middle."""

from __future__ import annotations

import os
import random
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.engines.amqp.core.broker import Broker
from lab.engines.amqp.core.exchange import Binding
from lab.engines.amqp.core.log import Log, StoreInUse
from lab.engines.amqp.core.message import Message, address_of
from lab.engines.amqp.core.records import FIRST_MAGIC, HEAD, TARGET, message_record, read_targets, records
from lab.engines.amqp.core.recovery import restore

HEADER = struct.pack(">HHQHB", 60, 0, 1, 0x1000, 2)


def message(body: str) -> Message:
    return Message(address_of("x", "k"), HEADER, body.encode())


class Told(list[str]):
    """What the log said of the state of its files."""

    def __call__(self, text: str) -> None:
        self.append(text)


def opened(folder: Path, told: Told | None = None, file_bytes: int = 1 << 20) -> Log:
    return Log(folder, say=told if told is not None else Told(), file_bytes=file_bytes)


def settled(log: Log) -> None:
    """Does what a server does: writes, syncs and tidies until nothing is left to do."""
    while True:
        log.flush()
        if log.wants_sync:
            handles, position = log.sync_handles()
            for handle in handles:
                os.close(handle)
            log.synced(position)
        if not log.untidy:
            return
        log.tidy()


def stored(folder: Path) -> int:
    """Octets that the log's files take."""
    return sum(path.stat().st_size for path in folder.glob("*.log"))


def with_queue(folder: Path, file_bytes: int = 1 << 20) -> tuple[Log, int]:
    """A log with one durable queue, and the queue's number."""
    log = opened(folder, file_bytes=file_bytes)
    if not log.saved.queues:
        vhost = Broker(log).vhosts["/"]
        vhost.declare_queue("q", None, durable=True, exclusive=False, auto_delete=False, arguments={})
    return log, 1


def contents(folder: Path) -> dict[int, str]:
    """position -> body of what a broker would find; the files are as before afterwards."""
    log = opened(folder)
    found = {position: each.body.decode() for position, each in log.saved.messages.get(1, {}).items()}
    log.close()
    return found


def test_one_broker_a_folder(tmp_path: Path) -> None:
    log = opened(tmp_path)
    with pytest.raises(StoreInUse, match="another broker"):
        opened(tmp_path)
    log.close()
    opened(tmp_path).close()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.sampled_from("pppadrt"), st.integers(0, 30)), max_size=120),
    file_bytes=st.sampled_from([300, 1000, 1 << 20]),
)
def test_the_log_against_a_plain_model(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]], file_bytes: int
) -> None:
    """Publish, ack, mark as delivered, reopen: what is found is what a dictionary says."""
    folder = tmp_path_factory.mktemp("log")
    log, number = with_queue(folder, file_bytes)
    model: dict[int, tuple[str, bool]] = {}
    position = 0
    for step, choice in steps:
        if step == "p":
            position += 1
            model[position] = (f"body {position}", False)
            log.published(message(f"body {position}"), [(number, position, None)])
        elif step == "a" and model:
            gone = sorted(model)[choice % len(model)]
            del model[gone]
            log.removed(number, gone)
        elif step == "d" and model:
            seen = sorted(model)[choice % len(model)]
            model[seen] = (model[seen][0], True)
            log.delivered(number, seen)
        elif step == "r":
            log.close()
            log = opened(folder, file_bytes=file_bytes)
        elif step == "t" and log.untidy:
            log.tidy()
        if choice % 3:
            log.flush()
        else:
            settled(log)
    log.close()
    log = opened(folder)
    found = {at: (each.body.decode(), each.redelivered) for at, each in log.saved.messages.get(number, {}).items()}
    log.close()
    assert found == model


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_torn_tail_is_cut_off(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """The power goes at any byte: every message written wholly before is there, none is made up, and it goes on."""
    folder = tmp_path_factory.mktemp("torn")
    log, number = with_queue(folder)
    path = max(folder.glob("*.log"))
    ends = {}
    for position in range(1, 8):
        log.published(message("m" * position), [(number, position, None)])
        log.flush()
        ends[position] = path.stat().st_size
    log.close()
    full = path.read_bytes()
    cut = data.draw(st.integers(ends[1] - 30, len(full)))
    noise = data.draw(st.sampled_from([b"", b"\0" * 50]))
    path.write_bytes(full[:cut] + noise)
    told = Told()
    log = opened(folder, told)
    whole = {position for position, end in ends.items() if end <= cut}
    assert set(log.saved.messages.get(number, {})) == whole
    assert not any("damaged" in text for text in told)
    log.published(message("after"), [(number, 99, None)])
    log.close()
    assert set(contents(folder)) == whole | {99}


@pytest.mark.parametrize("what", ["body", "length too long", "length too short"])
def test_a_damaged_file_is_kept_aside_and_the_sound_rest_is_used(tmp_path: Path, what: str) -> None:
    log, number = with_queue(tmp_path)
    path = max(tmp_path.glob("*.log"))
    for position in range(1, 6):
        log.published(message(f"body {position}"), [(number, position, None)])
    log.close()
    broken = bytearray(path.read_bytes())
    at = broken.index(b"body 3")
    if what == "body":
        broken[at] ^= 0xFF
    else:
        # The head of the third record stands right behind the second.
        length = broken.index(b"body 2") + len("body 2")
        broken[length if what == "length too long" else length + 3] ^= 0x20
    path.write_bytes(broken)
    told = Told()
    log = opened(tmp_path, told)
    assert set(log.saved.messages[number]) == {1, 2, 4, 5}
    log.close()
    aside = tmp_path / f"{path.name}.damaged"
    assert aside.read_bytes() == broken
    (text,) = told
    assert text.startswith(f"{path.name} is damaged: of its {len(broken)} octets ")
    assert text.endswith(f"the file as it was is now {aside.name}")
    told.clear()
    log = opened(tmp_path, told)
    settled(log)
    log.close()
    told.clear()
    opened(tmp_path, told).close()
    assert told == [], "damage is reported until the file was written anew"
    assert set(contents(tmp_path)) == {1, 2, 4, 5}


def test_a_file_of_something_else_is_not_eaten(tmp_path: Path) -> None:
    (tmp_path / "00000001.log").write_bytes(b"notes of somebody's holidays")
    told = Told()
    opened(tmp_path, told).close()
    assert (tmp_path / "00000001.log.damaged").read_bytes() == b"notes of somebody's holidays"
    assert "damaged" in told[0]


TARGETS = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**48), st.floats(0, 2e9), st.integers(0, 1))


@settings(max_examples=30)
@given(targets=st.lists(TARGETS, min_size=1, max_size=20), times=st.integers(1, 7000), content=st.binary(max_size=50))
def test_a_message_record_says_which_queues_hold_it(
    targets: list[tuple[int, int, float, int]], times: int, content: bytes
) -> None:
    """Up to 140,000 queues, more than 16 bits count."""
    payload = message_record([TARGET.pack(*each) for each in targets] * times, content)
    found, end = read_targets(payload)
    assert found == targets * times
    assert payload[end:] == content


def test_more_queues_than_sixteen_bits_count_hold_one_message(tmp_path: Path) -> None:
    count = 0x10001
    log = opened(tmp_path)
    vhost = Broker(log).vhosts["/"]
    for number in range(count):
        queue = vhost.declare_queue(
            f"q{number}",
            None,
            durable=True,
            exclusive=False,
            auto_delete=False,
            arguments={},
        )
        vhost.bind(Binding(vhost.exchanges["amq.fanout"], queue, "", {}))
    message = Message(address_of("amq.fanout", ""), HEADER, b"to all")
    vhost.put(message, vhost.route(message))
    log.close()
    told = Told()
    log = opened(tmp_path, told)
    again = Broker(log)
    restore(again, log.saved)
    log.close()
    assert told == []
    bodies = [entry.message.body for queue in again.vhosts["/"].queues.values() for entry in queue.ready]
    assert bodies == [b"to all"] * count


def as_first_written(data: bytes) -> bytes:
    """A file of the log as the first format had it: a message's queues were counted with 16 bits."""
    parts = [FIRST_MAGIC]
    for payload, _, _ in records(data):
        old = b"M" + payload[3:] if payload[:1] == b"M" else payload
        parts.append(HEAD.pack(len(old), zlib.crc32(old)) + old)
    return b"".join(parts)


@pytest.mark.parametrize("harm", ["none", "torn", "damaged"])
def test_files_of_the_first_format_are_read(tmp_path: Path, harm: str) -> None:
    log, number = with_queue(tmp_path)
    for position in range(1, 6):
        log.published(message(f"body {position}"), [(number, position, None)])
    log.delivered(number, 4)
    log.removed(number, 2)
    log.close()
    for path in tmp_path.glob("*.log"):
        old = as_first_written(path.read_bytes())
        if harm == "torn":
            old = old[:-5]  # the removal
        elif harm == "damaged":
            # The length of the third message: the next ones must be found without it.
            at = old.index(b"body 2") + len("body 2")
            old = old[:at] + b"\x20" + old[at + 1 :] if b"body 3" in old else old
        path.write_bytes(old)
    wanted = {"none": {1, 3, 4, 5}, "torn": {1, 2, 3, 4, 5}, "damaged": {1, 4, 5}}[harm]
    told = Told()
    log = opened(tmp_path, told)
    assert {at: each.redelivered for at, each in log.saved.messages[number].items()} == {at: at == 4 for at in wanted}
    assert any("damaged" in text for text in told) == (harm == "damaged")
    log.published(message("new"), [(number, 6, None)])
    log.close()
    assert set(contents(tmp_path)) == wanted | {6}, "old and new files stand side by side"


def test_old_files_go_when_what_they_hold_is_dead(tmp_path: Path) -> None:
    """A long life with few live messages, one of them as old as the log, takes little disk."""
    log, number = with_queue(tmp_path, file_bytes=20_000)
    log.published(message("old"), [(number, 1, None)])
    for position in range(2, 3000):
        log.published(message("x" * 100), [(number, position, None)])
        log.removed(number, position)
        settled(log)
    log.close()
    assert stored(tmp_path) < 100_000
    assert contents(tmp_path) == {1: "old"}


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails half-way leaves no half record, and succeeds later."""
    log, number = with_queue(tmp_path)
    write = os.write
    chance = random.Random(1)

    def refusing(handle: int, data: bytes) -> int:
        if chance.random() < 0.5:
            raise OSError(28, "No space left on device")
        return write(handle, data[: max(1, len(data) // 2)])

    for position in range(1, 30):
        log.published(message(f"{position}"), [(number, position, None)])
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", refusing)
            try:
                log.flush()
            except OSError:
                continue
    log.close()
    assert set(contents(tmp_path)) == set(range(1, 30))
