"""The server when the system refuses: publishers are blocked and told, and all goes on by itself afterwards."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pamqp import commands

from lab.engines.amqp.core import log as log_module
from lab.engines.amqp.core.log import Log
from lab.engines.amqp.protocol import server as server_module
from lab.engines.amqp.protocol.server import Server
from tests.engines.amqp.core.test_disk import SmallDisk
from tests.engines.amqp.core.test_log import stored
from tests.engines.amqp.protocol.talk import Talk
from tests.waiting import aeventually

FILE_BYTES = 4000
CAPABILITIES = {"connection.blocked": True}


@pytest.fixture(autouse=True)
def short_files_and_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "RETRY_WRITE", 0.02)
    monkeypatch.setattr(server_module, "Log", partial(Log, file_bytes=FILE_BYTES))


class Refusing:
    """A system call that fails while `on`."""

    def __init__(self, call: Callable[..., Any], number: int) -> None:
        self.on = False
        self.refused = 0
        self._call = call
        self._number = number

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if self.on and self.wants(*arguments):
            self.refused += 1
            raise OSError(self._number, os.strerror(self._number))
        return self._call(*arguments, **options)

    def wants(self, *arguments: Any) -> bool:
        del arguments
        return True


class RefusingLogs(Refusing):
    def wants(self, *arguments: Any) -> bool:
        return str(arguments[0]).endswith(".log")


async def refused_for_a_while(folder: Path, refusing: Refusing) -> None:
    """Publishes until the call is refused, lets it be refused, ends the refusal: every message is confirmed."""
    said: list[str] = []
    server = Server(folder, say=said.append)
    talk = Talk(server.clients).open(capabilities=CAPABILITIES)
    talk.say((1, commands.Queue.Declare(0, "q", durable=True)), (1, commands.Confirm.Select()))
    server.after()
    await aeventually(lambda: not server.broker.awaiting)
    refusing.on = True
    sent = 0
    heard: list[Any] = []
    while not server.broker.alarms:
        heard += talk.publish("q", b"x" * 500, delivery_mode=2)
        sent += 1
        server.after()
        await asyncio.sleep(0.01)
        assert sent < 500, "the refusal was never noticed"
    heard += talk.publish("q", b"one more", delivery_mode=2)
    sent += 1
    server.after()
    heard += talk.hear()
    assert [each.reason for each in heard if each.name == "Connection.Blocked"] == ["low on disk"]
    seen = refusing.refused
    await aeventually(lambda: refusing.refused > seen)
    assert server.broker.alarms == {"disk"}
    assert len([text for text in said if "cannot write" in text]) == 1, "it is said once"
    refusing.on = False
    await aeventually(lambda: not server.broker.alarms and not server.broker.awaiting)
    heard += talk.hear()
    assert [each.name for each in heard].count("Connection.Unblocked") == 1
    confirmed = max(each.delivery_tag for each in heard if each.name == "Basic.Ack")
    assert confirmed == sent
    await server.stop()
    again = Server(folder, say=said.append)
    assert len(again.broker.vhosts["/"].queues["q"].ready) == sent
    await again.stop()


def test_out_of_descriptors_when_a_sync_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = Refusing(os.dup, errno.EMFILE)
    monkeypatch.setattr(os, "dup", refusing)
    asyncio.run(refused_for_a_while(tmp_path, refusing))


def test_a_sync_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = Refusing(os.fsync, errno.ENOSPC)
    monkeypatch.setattr(os, "fsync", refusing)
    asyncio.run(refused_for_a_while(tmp_path, refusing))


def test_no_descriptor_for_the_next_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = RefusingLogs(os.open, errno.EMFILE)
    monkeypatch.setattr(os, "open", refusing)
    asyncio.run(refused_for_a_while(tmp_path, refusing))


def test_a_disk_that_fills_when_the_next_file_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Begins(Refusing):
        def wants(self, *arguments: Any) -> bool:
            return bytes(arguments[1][:6]) == b"LABAMQ"

    refusing = Begins(os.write, errno.ENOSPC)
    monkeypatch.setattr(os, "write", refusing)
    asyncio.run(refused_for_a_while(tmp_path, refusing))


def test_a_disk_that_others_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing can be written all is drained and acknowledged; then the broker ends. Nothing comes back."""
    said: list[str] = []

    async def drained() -> None:
        server = Server(tmp_path, say=said.append)
        talk = Talk(server.clients).open(capabilities=CAPABILITIES)
        talk.say((1, commands.Queue.Declare(0, "q", durable=True)), (1, commands.Confirm.Select()))
        for _ in range(20):
            talk.publish("q", b"x" * 500, delivery_mode=2)
            server.after()
            await aeventually(lambda: not server.broker.awaiting)
        refusing = Refusing(os.write, errno.ENOSPC)
        refusing.on = True
        monkeypatch.setattr(os, "write", refusing)
        for tag in range(1, 20):
            talk.say((1, commands.Basic.Get(0, "q")), (1, commands.Basic.Ack(tag)))
        server.after()
        await aeventually(lambda: refusing.refused > 1)
        await server.stop()
        server.after()  # as sockets that end later have it done
        monkeypatch.undo()

    async def read_back() -> int:
        again = Server(tmp_path, say=said.append)
        found = len(again.broker.vhosts["/"].queues["q"].ready)
        await again.stop()
        return found

    asyncio.run(drained())
    assert asyncio.run(read_back()) == 1
    assert said[1:] == [f"cannot write the last to {tmp_path}: No space left on device"]


def test_a_full_disk_that_is_drained_serves_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody frees anything else: what was drained is the room."""

    async def drained() -> None:
        server = Server(tmp_path, say=lambda _: None)
        talk = Talk(server.clients).open(capabilities=CAPABILITIES)
        talk.say((1, commands.Queue.Declare(0, "q", durable=True)))
        for _ in range(50):
            talk.publish("q", b"x" * 500, delivery_mode=2)
            server.after()
        await aeventually(lambda: not server.broker.awaiting)
        SmallDisk(tmp_path, stored(tmp_path), monkeypatch)
        for tag in range(1, 51):
            talk.say((1, commands.Basic.Get(0, "q")), (1, commands.Basic.Ack(tag)))
            server.after()
        assert server.broker.alarms == {"disk"}
        await aeventually(lambda: not server.broker.alarms)
        await server.stop()

    asyncio.run(drained())


def test_publishers_wait_while_little_space_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Consuming goes on meanwhile, and publishing once there is more."""

    async def short_for_a_while() -> None:
        server = Server(tmp_path, say=lambda _: None)
        talk = Talk(server.clients).open(capabilities=CAPABILITIES)
        talk.say((1, commands.Queue.Declare(0, "q", durable=True)))
        talk.publish("q", b"one", delivery_mode=2)
        room = os.statvfs(tmp_path)
        monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_frsize=1, f_blocks=1 << 40, f_bavail=1 << 20))
        monkeypatch.setattr(log_module, "LOOK_EVERY", 1)
        server.after()
        assert server.broker.alarms == {"disk"}
        assert [each.name for each in talk.publish("q", b"two", delivery_mode=2)] == ["Connection.Blocked"]
        (_, _, got) = talk.say((1, commands.Basic.Get(0, "q")))
        assert got.value == b"one"
        talk.say((1, commands.Basic.Ack(1)))
        monkeypatch.setattr(os, "statvfs", lambda _: room)
        await aeventually(lambda: not server.broker.alarms)
        assert talk.names() == ["Connection.Unblocked"]
        await server.stop()

    asyncio.run(short_for_a_while())
