"""gRPC: the same users as over HTTP, by the contract in `contract/users.proto`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc

from contract import users_pb2_grpc
from lab.chassis.database import Database

MOST_IDS = 100
"""More than that are no question but a copy of the table."""
WORKERS = 10
GRACE = 3.0
"""Seconds that calls under way get to finish."""


class Serving:
    """A server on a port of its own, beside the one for HTTP."""

    def __init__(self, address: str, database: Database) -> None:
        # Without SO_REUSEPORT: a second process on the same port shall fail, and not take half of the calls.
        self._server = grpc.server(ThreadPoolExecutor(WORKERS), options=(("grpc.so_reuseport", 0),))
        users_pb2_grpc.add_UserServiceServicer_to_server(_Users(database), self._server)
        # TODO: grpc.health.v1.Health; what is generated for it stands in contract/health_pb2_grpc.py.
        self._server.add_insecure_port(address)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        """Take nothing new, and let what is under way come to its end."""
        self._server.stop(GRACE).wait()


class _Users(users_pb2_grpc.UserServiceServicer):
    """TODO: GetUser and BatchGetUsers. A method that is not written answers UNIMPLEMENTED."""

    def __init__(self, database: Database) -> None:
        self._database = database
