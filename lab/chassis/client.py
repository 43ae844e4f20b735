"""Calling another service over HTTP: with a limit on every wait, and with the id passed on."""

from __future__ import annotations

import httpx

from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES


def http_client(base_url: str, *, connect: float = 1.0, read: float = 2.0, connections: int = 20) -> httpx.Client:
    """A client for one neighbour; share it between threads, close it at the end. Beyond so many `connections` a call
    waits for one, as long as it would for connecting.

    There is no retry in here. A handler of events is retried as a whole, later, through a delay queue; a second layer
    of retries inside it would multiply the attempts just when the neighbour can bear them least.
    """
    return httpx.Client(
        base_url=base_url,
        timeout=httpx.Timeout(read, connect=connect, pool=connect),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=10),
        event_hooks={"request": [_pass_id_on]},
        trust_env=False,
        verify=AUTHORITIES,
    )


def _pass_id_on(request: httpx.Request) -> None:
    for name, value in outgoing_headers().items():
        request.headers.setdefault(name, value)
