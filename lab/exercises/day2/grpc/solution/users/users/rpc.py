"""gRPC: the same users as over HTTP, by the contract in `contract/users.proto`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from sqlalchemy import select

from contract import health_pb2, health_pb2_grpc, users_pb2, users_pb2_grpc
from lab.chassis.database import Database
from users.models import User

MOST_IDS = 100
"""More than that are no question but a copy of the table."""
WORKERS = 10
GRACE = 3.0
"""Seconds that calls under way get to finish."""
SERVICES = ("", "users.v1.UserService")
"""What is served here; the empty name means the whole server."""


class Serving:
    """A server on a port of its own, beside the one for HTTP."""

    def __init__(self, address: str, database: Database) -> None:
        # Without SO_REUSEPORT: a second process on the same port shall fail, and not take half of the calls.
        self._server = grpc.server(ThreadPoolExecutor(WORKERS), options=(("grpc.so_reuseport", 0),))
        users_pb2_grpc.add_UserServiceServicer_to_server(_Users(database), self._server)
        health_pb2_grpc.add_HealthServicer_to_server(_Health(), self._server)
        self._server.add_insecure_port(address)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        """Take nothing new, and let what is under way come to its end."""
        self._server.stop(GRACE).wait()


class _Users(users_pb2_grpc.UserServiceServicer):
    """Whatever is wrong gets a status of its own. An exception that escapes would be UNKNOWN, which tells nobody
    anything; `abort` raises, so what stands behind it is not reached."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def GetUser(self, request: Any, context: Any) -> users_pb2.User:  # noqa: N802
        if not request.id:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "id is missing")
        found = self._find([request.id])
        if not found:
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no user {request.id}")
        return _told(found[0])

    def BatchGetUsers(self, request: Any, context: Any) -> users_pb2.BatchGetUsersResponse:  # noqa: N802
        if len(request.ids) > MOST_IDS:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"ask for {MOST_IDS} users at most")
        return users_pb2.BatchGetUsersResponse(users=map(_told, self._find(list(request.ids))))

    def _find(self, ids: Sequence[str]) -> Sequence[User]:
        with self._database.read() as session:
            return session.scalars(select(User).where(User.id.in_(ids))).all()


class _Health(health_pb2_grpc.HealthServicer):
    def Check(self, request: Any, context: Any) -> health_pb2.HealthCheckResponse:  # noqa: N802
        if request.service not in SERVICES:
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no service {request.service}")
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)


def _told(user: User) -> users_pb2.User:
    return users_pb2.User(id=user.id, email=user.email, name=user.name)
