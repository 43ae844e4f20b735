"""The service of `users.py` behind a tap, and a client of grpcio's."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import grpc

from lab.journal.event import Flow
from tests.waiting import eventually
from tests.wire.grpc.users import SERVICE
from tests.wire.threaded_tap import NewLoop, ThreadedTap


class Provider:
    """A process of `users.py`, to be used in a `with`; `dies` and `starts` keep its port."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self.port = 0
        self.starts()

    def __enter__(self) -> Provider:
        return self

    def __exit__(self, *_: object) -> None:
        self.dies()

    def starts(self) -> None:
        argv = [sys.executable, "-m", "tests.wire.grpc.users", str(self.port), *self._options]
        self._process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def leaves(self) -> None:
        """It takes no more calls, finishes those it has, and ends."""
        self._process.terminate()

    def dies(self) -> None:
        self._process.kill()
        self._process.wait()

    def ends(self) -> None:
        self._process.wait(20)

    def seen(self) -> dict[str, Any]:
        """What it has seen, asked past the tap."""
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            told: dict[str, Any] = json.loads(channel.unary_unary(f"/{SERVICE}/Seen")(b"", timeout=10))
            return told

    def count(self, method: str) -> int:
        return int(self.seen()["counts"].get(method, 0))


class Client:
    """One channel through the tap."""

    def __init__(self, tap: ThreadedTap, *options: tuple[str, int]) -> None:
        quick = [("grpc.max_receive_message_length", -1), ("grpc.initial_reconnect_backoff_ms", 100)]
        self.channel = grpc.insecure_channel(tap.address, [*quick, ("grpc.max_reconnect_backoff_ms", 300), *options])

    def call(self, method: str, request: bytes = b"hello", *, timeout: float | None = 10, **metadata: str) -> bytes:
        answer: bytes = self.begin(method, request, timeout=timeout, **metadata).result()
        return answer

    def begin(self, method: str, request: bytes = b"hello", *, timeout: float | None = 10, **metadata: str) -> Any:
        """A future."""
        fields = [(name.replace("_", "-"), value) for name, value in metadata.items()]
        return self.channel.unary_unary(f"/{SERVICE}/{method}").future(request, timeout=timeout, metadata=fields)

    def status(self, method: str, request: bytes = b"hello", *, timeout: float | None = 10) -> str:
        """How a call ends."""
        return str(self.begin(method, request, timeout=timeout).code().name)


class Shop:
    def __init__(self, provider: Provider, tap: ThreadedTap, client: Client) -> None:
        self.provider, self.tap, self.client = provider, tap, client
        self.fault = tap.fault

    def flows(self, op: str) -> list[Flow]:
        return [flow for flow in list(self.tap.flows) if flow.op == f"Users/{op}"]

    def last(self, op: str, count: int = 1) -> Flow:
        """The last flow of this method, when there are so many of them."""
        eventually(lambda: len(self.flows(op)) >= count)
        return self.flows(op)[-1]

    def healthy(self) -> None:
        """Whatever was wrong is healed: a call is answered on the same channel."""
        self.tap.heal()
        until = time.monotonic() + 10
        while (status := self.client.status("Get", timeout=2)) != "OK":
            assert time.monotonic() < until, status


@contextlib.contextmanager
def shop(
    provider: Provider,
    *options: tuple[str, int],
    new_loop: NewLoop | None = None,
) -> Iterator[Shop]:
    """A tap of its own, and a client that has called once."""
    with ThreadedTap("grpc", provider.port, new_loop) as tap:
        client = Client(tap, *options)
        with client.channel:
            assert client.call("Get") == b"hello"
            yield Shop(provider, tap, client)
