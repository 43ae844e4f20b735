"""Asking users over gRPC: with a deadline on each call, for without one it may wait for ever."""

from __future__ import annotations

import json

import grpc

from lab.chassis.ids import outgoing_headers
from lab.chassis.problems import Problem
from lab.day2_microservices.contract import users_pb2, users_pb2_grpc
from lab.day2_microservices.orders.directory import Unavailable

RECONNECT = (("grpc.initial_reconnect_backoff_ms", 200), ("grpc.max_reconnect_backoff_ms", 2000))
"""The library's own back-off grows to two minutes, and users are back after seconds."""
ASK_AGAIN = {
    "methodConfig": [
        {
            "name": [{"service": "users.v1.UserService"}],
            "retryPolicy": {
                "maxAttempts": 2,
                "initialBackoff": "0.01s",
                "maxBackoff": "0.01s",
                "backoffMultiplier": 1,
                "retryableStatusCodes": ["CANCELLED"],
            },
        }
    ]
}
"""A server that shuts down cancels what reaches it in that very moment: another instance is asked, within the deadline.
It is a question, so to ask it twice does no harm."""


class RpcDirectory:
    """One channel for all threads: it keeps its connection, and connects anew by itself."""

    def __init__(self, address: str, timeout: float) -> None:
        self._channel = grpc.insecure_channel(
            address, options=(*RECONNECT, ("grpc.service_config", json.dumps(ASK_AGAIN)))
        )
        self._users = users_pb2_grpc.UserServiceStub(self._channel)
        self._timeout = timeout

    def knows(self, user_id: str) -> bool:
        metadata = tuple((name.lower(), value) for name, value in outgoing_headers().items())
        try:
            user = self._users.GetUser(users_pb2.GetUserRequest(id=user_id), timeout=self._timeout, metadata=metadata)
        except grpc.RpcError as error:
            code = error.code()
            if code is grpc.StatusCode.NOT_FOUND:
                return False
            if code is grpc.StatusCode.INVALID_ARGUMENT:
                raise Problem(400, "invalid_user", f"Users cannot read {user_id!r}.") from error
            # UNAVAILABLE: it was not done. DEADLINE_EXCEEDED: nobody knows. For a question that is the same.
            raise Unavailable(f"{code.name}: {error.details()}") from error
        if user.id == user_id:
            return True
        raise Unavailable("users answered, and not what was agreed")

    def close(self) -> None:
        self._channel.close()
