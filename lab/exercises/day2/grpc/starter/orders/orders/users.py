"""The users service as its neighbour sees it: questions over gRPC. So far nobody is asked."""

from __future__ import annotations

from collections.abc import Set

from contract import users_pb2, users_pb2_grpc


class Unavailable(Exception):
    """The users service did not answer, or not as agreed. Whether there is such a user is not known."""


class Users:
    def __init__(self, address: str, timeout: float) -> None:
        """`address` is host:port, `timeout` in seconds is for each call."""
        # TODO: a channel to the address, and users_pb2_grpc.UserServiceStub on it.
        self._timeout = timeout

    def know(self, user_id: str) -> bool:
        """Whether there is this user. Raises Unavailable."""
        # TODO: GetUser. What do its statuses mean to whoever orders, and how long may it take?
        return True

    def named(self, ids: Set[str]) -> dict[str, dict[str, str]]:
        """Those of the users that there are, by id: {id, name}. Raises Unavailable."""
        # TODO: BatchGetUsers.
        return {}

    def close(self) -> None:
        pass
