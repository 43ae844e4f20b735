"""A service that listens on more than one port: each link goes to its endpoint, through a tap of its own."""

from __future__ import annotations

import socket

from lab.runtime.api import LinkStatus
from lab.system.model import Link, Service, System
from tests.runtime.live import ROOT, started
from tests.waiting import eventually

SYSTEM = System(
    name="toy",
    services=(
        Service(
            name="asker",
            command=("sh", "-c", "echo $ECHO_URL $ECHO_LOUD_URL; sleep 600"),
            ready="started",
        ),
        Service(
            name="echo",
            module="tests.runtime.toy.lines",
            dir=str(ROOT),
            ready="tcp",
            endpoints=("http", "loud"),
        ),
    ),
    links=(
        Link(source="asker", target="echo", protocol="tcp"),
        Link(source="asker", target="echo", protocol="tcp", endpoint="loud"),
    ),
)


def said(link: LinkStatus, text: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", int(link.url.rpartition(":")[2])), timeout=5) as sock:
        sock.sendall(text)
        return sock.recv(100)


def test_each_link_goes_to_its_endpoint_through_its_own_tap() -> None:
    with started(SYSTEM) as live:
        live.ready()
        usual, loud = live.status().links
        assert (usual.id, loud.id) == ("asker->echo", "asker->echo:loud")
        eventually(lambda: live.logged("asker") == [f"{usual.url} {loud.url}"])
        assert (said(usual, b"hello"), said(loud, b"hello")) == (b"hello", b"HELLO")
        fault = live.control.add_fault("blackhole asker:echo:loud for ever")
        assert fault.target == "asker->echo:loud"
        assert said(usual, b"hello") == b"hello"
        eventually(lambda: {"asker->echo", "asker->echo:loud"} <= {getattr(e, "link", "") for e in live.events()})
        live.control.heal(fault.id)
        assert said(loud, b"hello") == b"HELLO"
