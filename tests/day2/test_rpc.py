"""Over gRPC the answers are the same, and each status is one of ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from lab.chassis.problems import Problem
from lab.day2_microservices.orders.directory import Unavailable
from lab.day2_microservices.users.models import Find, User

grpc = pytest.importorskip("grpc")
pytest.importorskip("google.protobuf")

from lab.day2_microservices.contract import users_pb2, users_pb2_grpc  # noqa: E402
from lab.day2_microservices.orders.rpc import RpcDirectory  # noqa: E402
from lab.day2_microservices.users.rpc import Serving  # noqa: E402


def people(ids: Sequence[str]) -> list[User]:
    return [User(id=one, email=f"{one}@example.uz", name="A") for one in sorted(set(ids)) if one in ("7", "8")]


@contextmanager
def serving(find: Find) -> Iterator[str]:
    server = Serving("127.0.0.1:0", find)
    server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        server.stop()


def asked(address: str, user_id: str, timeout: float = 5.0) -> bool:
    directory = RpcDirectory(address, timeout)
    try:
        return directory.knows(user_id)
    finally:
        directory.close()


def test_yes_no_and_what_cannot_be_read() -> None:
    with serving(people) as address:
        assert asked(address, "7")
        assert not asked(address, "9")
        with pytest.raises(Problem) as invalid:
            asked(address, "")
        assert invalid.value.status == 400


def test_many_are_one_call() -> None:
    with serving(people) as address, grpc.insecure_channel(address) as channel:
        users = users_pb2_grpc.UserServiceStub(channel)
        found = users.BatchGetUsers(users_pb2.BatchGetUsersRequest(ids=["8", "9", "7", "8"]), timeout=5).users
        assert [user.id for user in found] == ["7", "8"]
        with pytest.raises(grpc.RpcError) as refused:
            users.BatchGetUsers(users_pb2.BatchGetUsersRequest(ids=map(str, range(101))), timeout=5)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


class ShuttingDown(users_pb2_grpc.UserServiceServicer):
    """Cancels the first calls that reach it, as a server does that stops in this moment."""

    def __init__(self, cancels: int) -> None:
        self.asked = 0
        self._cancels = cancels

    def GetUser(self, request: Any, context: Any) -> users_pb2.User:  # noqa: N802
        self.asked += 1
        if self.asked <= self._cancels:
            context.abort(grpc.StatusCode.CANCELLED, "the server stops")
        return users_pb2.User(id=request.id)


def test_what_a_stopping_server_cancels_is_asked_once_more() -> None:
    for cancels in (1, 2):
        server = grpc.server(ThreadPoolExecutor(1))
        users = ShuttingDown(cancels)
        users_pb2_grpc.add_UserServiceServicer_to_server(users, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            if cancels == 1:
                assert asked(f"127.0.0.1:{port}", "7")
            else:
                with pytest.raises(Unavailable, match="CANCELLED"):
                    asked(f"127.0.0.1:{port}", "7")
            assert users.asked == 2
        finally:
            server.stop(0).wait()


def test_nobody_knows_after_the_deadline_or_an_error_or_without_a_server() -> None:
    leave = threading.Event()

    def slow(ids: Sequence[str]) -> list[User]:
        leave.wait(10)
        return people(ids)

    def wrong(_: Sequence[str]) -> list[User]:
        raise RuntimeError("no database")

    with serving(slow) as address:
        with pytest.raises(Unavailable, match="DEADLINE_EXCEEDED"):
            asked(address, "7", 0.2)
        leave.set()
    with serving(wrong) as address, pytest.raises(Unavailable, match="UNKNOWN"):
        asked(address, "7")
    with pytest.raises(Unavailable, match="UNAVAILABLE"):
        asked(address, "7")
