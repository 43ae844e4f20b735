"""Users, as somebody else's service tells of them over gRPC: `users.v1.UserService`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.neighbours.stub import Reply, Seen, Work, grpc, protobuf
from lab.neighbours.users import Users

SERVICE = "/users.v1.UserService"
MOST = 100


class Directory(Users):
    """GetUser and BatchGetUsers; the latter answers the last first, for no order was promised."""

    name = "directory"
    speaks = grpc.GrpcConnection

    def routes(self) -> dict[str, Work]:
        return {f"POST {SERVICE}/GetUser": self._get, f"POST {SERVICE}/BatchGetUsers": self._batch}

    def _get(self, seen: Seen) -> Reply:
        asked = asked_for(seen)
        if not asked or not asked[-1]:
            return Reply(grpc.INVALID_ARGUMENT)
        user = self.users.get(asked[-1])
        return Reply(grpc.OK, _user(user)) if user else Reply(grpc.NOT_FOUND)

    def _batch(self, seen: Seen) -> Reply:
        idents = asked_for(seen)
        if len(idents) > MOST:
            return Reply(grpc.INVALID_ARGUMENT)
        found = [self.users[ident] for ident in dict.fromkeys(idents) if ident in self.users]
        return Reply(grpc.OK, _users(reversed(found)))


def asked_for(seen: Seen) -> list[str]:
    """The ids that a call asks for; none if it is no message."""
    try:
        return protobuf.texts(protobuf.read(seen.body), 1)
    except protobuf.NoMessage:
        return []


def _users(found: Iterable[dict[str, Any]]) -> bytes:
    return protobuf.written((1, _user(one)) for one in found)


def _user(user: dict[str, Any]) -> bytes:
    return protobuf.written((number, str(user[name])) for number, name in enumerate(("id", "email", "name"), 1))


if __name__ == "__main__":
    from lab.neighbours.stub.process import serve

    serve(Directory)
