"""A service of gRPC in a process of its own, with a method for each way to behave. It prints its port, and
leaves in order when it is asked to (SIGTERM).

python -m tests.wire.grpc.users PORT [OPTION=NUMBER ...]
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import grpc

SERVICE = "shop.v1.Users"
_counts: Counter[str] = Counter()
_left: dict[str, float | None] = {}


def _get(request: bytes, context: Any) -> bytes:
    _left[request.decode("latin-1")[:40]] = context.time_remaining()
    return request


def _fail(request: bytes, context: Any) -> bytes:
    context.abort(grpc.StatusCode[request.decode()], "as asked")
    return b""


def _raise(request: bytes, context: Any) -> bytes:  # noqa: ARG001
    raise RuntimeError("oops")


def _sleep(request: bytes, context: Any) -> bytes:  # noqa: ARG001
    time.sleep(float(request))
    return request


def _download(request: bytes, context: Any) -> Iterator[bytes]:  # noqa: ARG001
    number, size = map(int, request.split())
    for _ in range(number):
        yield b"x" * size


def _upload(requests: Iterator[bytes], context: Any) -> bytes:  # noqa: ARG001
    return b"%d" % sum(map(len, requests))


def _chat(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:  # noqa: ARG001
    yield from requests


def _seen(request: bytes, context: Any) -> bytes:  # noqa: ARG001
    return json.dumps({"counts": _counts, "left": _left}).encode()


def _counted(name: str, method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def count(request: Any, context: Any) -> Any:
        _counts[name] += 1
        return method(request, context)

    return count


def main() -> None:
    port, *options = sys.argv[1:]
    given = [(name, int(value)) for name, _, value in (option.partition("=") for option in options)]
    limits = [("grpc.max_receive_message_length", -1), ("grpc.http2.min_ping_interval_without_data_ms", 50)]
    limits += [("grpc.so_reuseport", 0), ("grpc.http2.max_ping_strikes", 0)]
    server = grpc.server(ThreadPoolExecutor(40), options=limits + given)
    calls = {"Get": _get, "Create": _get, "Fail": _fail, "Raise": _raise, "Sleep": _sleep, "Seen": _seen}
    handlers = {name: grpc.unary_unary_rpc_method_handler(_counted(name, method)) for name, method in calls.items()}
    handlers["Download"] = grpc.unary_stream_rpc_method_handler(_counted("Download", _download))
    handlers["Upload"] = grpc.stream_unary_rpc_method_handler(_counted("Upload", _upload))
    handlers["Chat"] = grpc.stream_stream_rpc_method_handler(_counted("Chat", _chat))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    asked = Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    print(bound, flush=True)
    asked.wait()
    server.stop(5).wait()


if __name__ == "__main__":
    main()
