"""A stub that speaks gRPC, seen from outside: with gRPC's own client, with bytes, and over HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from lab.neighbours import open_stub
from lab.neighbours.directory import SERVICE, Directory
from lab.neighbours.stub import Hold, protobuf, reset, status
from lab.neighbours.stub.grpc import time_left
from lab.neighbours.stub.told import listen
from tests.waiting import eventually

grpc = pytest.importorskip("grpc")


@pytest.fixture
def directory() -> Iterator[Directory]:
    stub = open_stub("directory")
    assert isinstance(stub, Directory)
    stub.add(id="u-1", name="Aziz", email="aziz@example.uz")
    stub.add(id="u-2", name="Lola", email="lola@example.uz")
    yield stub
    stub.close()


@pytest.fixture
def channel(directory: Directory) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{directory.port}", options=RECONNECT) as channel:
        yield channel


RECONNECT = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 100))


def asked(channel: Any, method: str, *ids: str, service: str = SERVICE, **more: Any) -> Any:
    """The message that comes back, or the name of the status."""
    message = protobuf.written((1, one.encode()) for one in ids)
    try:
        return protobuf.read(channel.unary_unary(f"{service}/{method}")(message, **{"timeout": 10, **more}))
    except grpc.RpcError as error:
        return error.code().name


def test_it_answers_as_users_does(directory: Directory, channel: Any) -> None:
    assert asked(channel, "GetUser", "u-1") == {1: [b"u-1"], 2: [b"aziz@example.uz"], 3: [b"Aziz"]}
    assert asked(channel, "GetUser", "u-9") == "NOT_FOUND"
    assert asked(channel, "GetUser") == "INVALID_ARGUMENT"
    both = protobuf.messages(asked(channel, "BatchGetUsers", "u-1", "u-9", "u-2", "u-1"), 1)
    assert [protobuf.text(one, 3) for one in both] == ["Lola", "Aziz"]
    assert asked(channel, "BatchGetUsers", *map(str, range(101))) == "INVALID_ARGUMENT"
    assert asked(channel, "GetUser", "u-1", service="/users.v2.UserService") == "UNIMPLEMENTED"
    assert directory.connections == 1
    assert not directory.errors


def test_a_message_may_be_compressed(channel: Any) -> None:
    assert 3 in asked(channel, "GetUser", "u-1", compression=grpc.Compression.Gzip)


def test_it_sees_how_much_time_the_caller_has(directory: Directory, channel: Any) -> None:
    asked(channel, "GetUser", "u-1", timeout=0.8)
    asked(channel, "GetUser", "u-1", timeout=None)
    first, second = (time_left(seen) for seen in directory.seen)
    assert 700 < (first or 0) < 810
    assert second is None


@pytest.mark.parametrize(
    ("number", "name"), [(5, "NOT_FOUND"), (14, "UNAVAILABLE"), (503, "UNAVAILABLE"), (404, "UNIMPLEMENTED")]
)
def test_it_ends_a_call_as_it_is_told(directory: Directory, channel: Any, number: int, name: str) -> None:
    directory.will(status(number), times=1)
    assert asked(channel, "GetUser", "u-1") == name
    assert 3 in asked(channel, "GetUser", "u-1")


def test_calls_of_one_connection_are_served_at_once(directory: Directory, channel: Any) -> None:
    held = directory.will(Hold(), on="*/GetUser")
    waiting = [threading.Thread(target=asked, args=(channel, "GetUser", "u-1")) for _ in range(3)]
    for one in waiting:
        one.start()
    eventually(lambda: held.held == 3)
    assert 1 in asked(channel, "BatchGetUsers", "u-1")
    held.release()
    for one in waiting:
        one.join()
    assert (directory.connections, directory.in_flight, directory.max_in_flight) == (1, 0, 4)


def test_who_gives_up_is_forgotten(directory: Directory, channel: Any) -> None:
    held = directory.will(Hold())
    assert asked(channel, "GetUser", "u-1", timeout=0.1) == "DEADLINE_EXCEEDED"
    eventually(lambda: held.held == 0 and directory.in_flight == 0)


def test_it_dies_and_comes_back(directory: Directory, channel: Any) -> None:
    assert 3 in asked(channel, "GetUser", "u-1")
    directory.down()
    assert asked(channel, "GetUser", "u-1") == "UNAVAILABLE"
    directory.up()
    assert 3 in asked(channel, "GetUser", "u-1", wait_for_ready=True)
    directory.will(reset(), times=1)
    assert asked(channel, "GetUser", "u-1") == "UNAVAILABLE"


def test_over_http_it_is_told_like_any_other(directory: Directory, channel: Any) -> None:
    listen(directory)
    url = f"http://127.0.0.1:{directory.port}"
    httpx.post(f"{url}/records", json={"id": "u-7", "name": "Umid"}).raise_for_status()
    assert 3 in asked(channel, "GetUser", "u-7")
    httpx.put(f"{url}/behaviour", json={"on": "*/GetUser", "do": "status", "status": 13}).raise_for_status()
    assert asked(channel, "GetUser", "u-7") == "INTERNAL"
    assert [one["line"] for one in httpx.get(f"{url}/requests").json()["items"]] == [f"POST {SERVICE}/GetUser"] * 2


@pytest.mark.parametrize("nonsense", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 40, b"\x16\x03\x01\x00\xa5"])
def test_what_is_neither_is_turned_away(directory: Directory, nonsense: bytes) -> None:
    with socket.create_connection(("127.0.0.1", directory.port), timeout=10) as client:
        client.sendall(nonsense)
        try:
            while client.recv(1000):
                pass
        except ConnectionResetError:
            pass
    assert not directory.errors
    assert not directory.seen


@pytest.mark.parametrize("broken", [b"\x0a", b"\x0a\x05u-1", b"\x0b", b"\x80" * 12])
def test_what_is_no_message_is_said(broken: bytes) -> None:
    with pytest.raises(protobuf.NoMessage):
        protobuf.read(broken)


def test_a_message_is_read_as_it_was_written() -> None:
    inner = protobuf.written([(1, "u-1"), (2, "")])
    message = protobuf.read(protobuf.written([(16, "x" * 300), (1, inner), (1, inner)]) + b"\x18\x96\x01\x25abcd")
    assert protobuf.text(message, 16) == "x" * 300
    assert protobuf.messages(message, 1) == [{1: [b"u-1"]}] * 2
    assert (message[3], message[4]) == ([150], [b"abcd"])
    assert protobuf.texts(message, 9) == []
