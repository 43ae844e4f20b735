"""Asking users over gRPC: with a deadline on each call, for without one it may wait for ever."""

from __future__ import annotations

import grpc

from lab.chassis.ids import outgoing_headers
from lab.day6_integration.calls.protected import Protected
from lab.day6_integration.calls.retry import Trouble
from lab.day6_integration.contract import users_pb2, users_pb2_grpc

RECONNECT = (("grpc.initial_reconnect_backoff_ms", 200), ("grpc.max_reconnect_backoff_ms", 2000))
"""The library's own back-off grows to two minutes, and users are back after seconds."""


class RpcDirectory:
    """One channel for all threads: it keeps its connection, and connects anew by itself."""

    def __init__(self, address: str, timeout: float) -> None:
        self._channel = grpc.insecure_channel(address, options=RECONNECT)
        self._users = users_pb2_grpc.UserServiceStub(self._channel)
        self._timeout = timeout
        self._protected = Protected("users", attempts=2)

    def knows(self, user_id: str) -> bool:
        return self._protected.call("GetUser", lambda: self._asked(user_id), reads=True)

    def close(self) -> None:
        self._channel.close()

    def _asked(self, user_id: str) -> bool:
        metadata = tuple((name.lower(), value) for name, value in outgoing_headers().items())
        try:
            self._users.GetUser(users_pb2.GetUserRequest(id=user_id), timeout=self._timeout, metadata=metadata)
        except grpc.RpcError as error:
            code = error.code()
            if code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
                return False
            raise Trouble(f"{code.name}: {error.details()}", sent=code is not grpc.StatusCode.UNAVAILABLE) from None
        return True
