"""gRPC, as a record."""

from __future__ import annotations

from lab.system.kinds import Protocol, extra

PROTOCOL = Protocol(
    name="grpc",
    carries="calls",
    url="{address}",
    session="lab.wire.grpc.session:GrpcSession",
    op=r"\w*$|\w+/\w*$",
    example="UserService/Get*",
    drivers=("grpc", "google.protobuf"),
    install=extra("grpc"),
)
