"""A service that is asked by gRPC: its port, what its consumer is told, and its calls in the journal."""

from __future__ import annotations

import grpc

from lab.journal.event import Flow
from lab.system.model import Link, Service, System
from tests.runtime.live import ROOT, started
from tests.waiting import eventually

SYSTEM = System(
    name="toy",
    services=(
        Service(name="asker", command=("sh", "-c", "echo $USERS_GRPC_URL; sleep 600"), ready="started"),
        Service(
            name="users",
            command=("python", "-m", "tests.wire.grpc.users", "$GRPC_PORT"),
            dir=str(ROOT),
            ready="tcp",
            endpoints=("grpc",),
        ),
    ),
    links=(Link(source="asker", target="users", protocol="grpc", endpoint="grpc"),),
)


def test_a_link_of_grpc_has_its_address_and_its_calls_and_faults() -> None:
    with started(SYSTEM) as live:
        live.ready()
        [link] = live.status().links
        eventually(lambda: live.logged("asker") == [link.url])
        assert "//" not in link.url
        with grpc.insecure_channel(link.url) as channel:
            get = channel.unary_unary("/shop.v1.Users/Get")
            assert get(b"hello", timeout=10) == b"hello"
            fault = live.control.add_fault('grpc-status asker:users NOT_FOUND on "Users/*"')
            assert get.future(b"hello", timeout=10).code() is grpc.StatusCode.NOT_FOUND
            live.control.heal(fault.id)
            assert get(b"hello", timeout=10) == b"hello"

        def calls() -> list[tuple[str, str]]:
            return [(e.op, e.status) for e in live.events() if isinstance(e, Flow) and e.protocol == "grpc"]

        eventually(lambda: calls() == [("Users/Get", "OK"), ("Users/Get", "NOT_FOUND"), ("Users/Get", "OK")])
