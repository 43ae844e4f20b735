"""gRPC: the same question as over HTTP, by a contract that is written first (`contract/users.proto`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from lab.chassis.ids import correlated
from lab.chassis.problems import Problem
from lab.day6_integration.contract import users_pb2, users_pb2_grpc
from lab.day6_integration.users.views import UserView

WORKERS = 10
GRACE = 3.0

Find = Callable[[str], UserView | None]


class Serving:
    """A server on a port of its own, beside the one for HTTP."""

    def __init__(self, address: str, find: Find) -> None:
        # Without SO_REUSEPORT: a second process on the same port shall fail, and not take half of the calls.
        self._server = grpc.server(ThreadPoolExecutor(WORKERS), options=(("grpc.so_reuseport", 0),))
        users_pb2_grpc.add_UserServiceServicer_to_server(_Users(find), self._server)
        self.port: int = self._server.add_insecure_port(address)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        """Take nothing new, and let what is under way come to its end."""
        self._server.stop(GRACE).wait()


class _Users(users_pb2_grpc.UserServiceServicer):
    """To abort raises: what stands behind it is not reached."""

    def __init__(self, find: Find) -> None:
        self._find = find

    def GetUser(self, request: Any, context: Any) -> users_pb2.User:  # noqa: N802
        with _answering(context):
            if not request.id:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "id is missing")
            try:
                user = self._find(request.id)
            except Problem as problem:  # the record cannot be asked
                context.abort(grpc.StatusCode.UNAVAILABLE, problem.detail)
            unknown = grpc.StatusCode.NOT_FOUND, f"there is no user {request.id}"
            return _told(user) if user else context.abort(*unknown)


def _told(user: UserView) -> users_pb2.User:
    return users_pb2.User(id=user.id, email=user.email, name=user.name)


@contextmanager
def _answering(context: Any) -> Iterator[None]:
    """Under the id of the visitor's request, as every answer."""
    metadata = dict(context.invocation_metadata())
    with correlated(str(metadata.get("x-request-id", ""))):
        yield
