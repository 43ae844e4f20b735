"""The users service as its neighbour sees it: questions over gRPC that are answered, or not, within a time of ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Set
from typing import Any

import grpc

from contract import users_pb2, users_pb2_grpc
from lab.chassis.ids import outgoing_headers

RECONNECT = (("grpc.initial_reconnect_backoff_ms", 200), ("grpc.max_reconnect_backoff_ms", 2000))
"""The library's own back-off grows to two minutes, and users is back after seconds."""


class Unavailable(Exception):
    """The users service did not answer, or not as agreed. Whether there is such a user is not known."""


class InvalidUser(Exception):
    """The users service cannot read the id: nobody needs to ask for it again."""


class Users:
    """One channel for all threads and all calls: it keeps its connection, and connects anew by itself."""

    def __init__(self, address: str, timeout: float) -> None:
        """`address` is host:port, `timeout` in seconds is for each call."""
        self._timeout = timeout
        self._channel = grpc.insecure_channel(address, options=RECONNECT)
        self._users = users_pb2_grpc.UserServiceStub(self._channel)

    def know(self, user_id: str, until: float | None = None) -> bool:
        """Whether there is this user. Raises Unavailable, InvalidUser.

        Two statuses say something about the user. All others say that we do not know, and from what we do not know we
        draw no conclusions.
        """
        try:
            self._call(self._users.GetUser, users_pb2.GetUserRequest(id=user_id), until)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return False
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                raise InvalidUser(error.details()) from error
            raise _unavailable(error) from error
        return True

    def named(self, ids: Set[str], until: float | None = None) -> dict[str, dict[str, str]]:
        """Those of the users that there are, by id: all of them in one call. Raises Unavailable."""
        if not ids:
            return {}
        try:
            answer = self._call(self._users.BatchGetUsers, users_pb2.BatchGetUsersRequest(ids=sorted(ids)), until)
        except grpc.RpcError as error:
            raise _unavailable(error) from error
        return {user.id: {"id": user.id, "name": user.name} for user in answer.users}

    def close(self) -> None:
        self._channel.close()

    def _call(self, method: Callable[..., Any], request: Any, until: float | None) -> Any:
        """A call has a deadline, always: gRPC's own default is to wait for ever. It is ours or, if that is earlier,
        that of the client: nobody reads an answer that comes after it. Raises Unavailable, grpc.RpcError."""
        left = self._timeout if until is None else min(self._timeout, until - time.monotonic())
        if left <= 0:
            raise Unavailable("the client has stopped waiting")
        metadata = [(name.lower(), value) for name, value in outgoing_headers().items()]
        return method(request, timeout=left, metadata=metadata)


def _unavailable(error: Any) -> Unavailable:
    return Unavailable(f"{error.code().name}: {error.details()}")
