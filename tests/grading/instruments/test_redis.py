"""The Redis instrument against the embedded Redis and, where it is installed, a real server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis import ResponseError

from lab.engines.recipe import Place
from lab.engines.redis import tiers
from lab.grading.checking.expect import CannotTell
from lab.grading.instruments.redis import Redis
from tests.brokers import free_port
from tests.waiting import eventually


class Server:
    """A Redis process that can be stopped and started on the same port."""

    def __init__(self, tier: str, folder: Path) -> None:
        self.port = free_port()
        embedded = tiers.embedded(Place(data=folder, port=lambda: self.port)).argv
        real = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        self._command = embedded if tier == "embedded" else real
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self._answers)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as sock:
                sock.sendall(b"*1\r\n$4\r\nPING\r\n")
                return sock.recv(100) == b"+PONG\r\n"
        except OSError:
            return False


@pytest.fixture(
    scope="module",
    params=["embedded", pytest.param("real", marks=pytest.mark.redis_server)],
)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if request.param == "real" and shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = Server(request.param, tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def redis(server: Server) -> Iterator[Redis]:
    client = Redis(f"redis://127.0.0.1:{server.port}")
    client.flushall()
    yield client
    client.close()


def test_keys_and_what_they_have_to_live(redis: Redis) -> None:
    redis.set("catalog:product:1", b"x", ex=30)
    redis.set("catalog:product:2", b"x")
    redis.set("other", b"x", ex=30)
    found = redis.keys_like("catalog:*")
    assert list(found) == ["catalog:product:1", "catalog:product:2"]
    first = found["catalog:product:1"]
    assert first is not None
    assert 29 < first <= 30
    assert found["catalog:product:2"] is None
    assert redis.keys_like("nothing*") == {}


def test_garbage_is_of_the_wrong_content_or_type(redis: Redis) -> None:
    redis.set("k", b'{"id": 1}', ex=30)
    redis.garbage("k")
    assert redis.get("k") == b"{not json"
    redis.garbage("k", "list")
    assert redis.type("k") == b"list"


def test_an_error_is_an_answer_and_does_not_cost_the_connection(redis: Redis, server: Server) -> None:
    redis.garbage("k", "list")
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as sock:
        for asked, said in ((b"GET k", b"-WRONGTYPE "), (b"GET", b"-ERR wrong number"), (b"PING", b"+PONG\r\n")):
            words = asked.split()
            sock.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
            assert sock.recv(200).startswith(said)


def test_who_watches_a_key_may_find_it_unreadable(redis: Redis) -> None:
    redis.garbage("k", "list")
    with redis.pipeline() as pipe:
        pipe.watch("k")  # type: ignore[no-untyped-call]
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            pipe.get("k")
        pipe.multi()
        pipe.set("k", b"good")
        assert pipe.execute() == [True]
    assert redis.get("k") == b"good"


def test_it_outlives_a_restart_of_the_server(redis: Redis, server: Server) -> None:
    redis.set("k", b"x")
    server.stop()
    with pytest.raises(CannotTell, match="does not answer"):
        redis.get("k")
    server.start()
    redis.set("k", b"y")
    assert redis.get("k") == b"y"


def test_a_frozen_server_is_not_waited_for_long(redis: Redis, server: Server) -> None:
    redis.ping()
    os.kill(server.process.pid, signal.SIGSTOP)
    eventually(lambda: psutil.Process(server.process.pid).status() == psutil.STATUS_STOPPED)
    try:
        began = time.monotonic()
        with pytest.raises(CannotTell):
            redis.get("k")
        assert time.monotonic() - began < 6
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    assert redis.get("k") is None
