"""`python -m lab.engines.amqp --port P --data DIR`: the broker as a process of its own, until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from lab.engines.amqp.core.broker import MEMORY_LIMIT
from lab.engines.amqp.core.log import StoreInUse
from lab.engines.amqp.garbage import look_when_little_lives
from lab.engines.amqp.protocol.loop import new_loop
from lab.engines.amqp.protocol.server import Server


def main() -> int:
    """0 after a clean stop, 1 when it could not start."""
    parser = argparse.ArgumentParser(prog="python -m lab.engines.amqp", description="The lab's embedded AMQP broker.")
    parser.add_argument("--port", type=int, default=5672, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--data", type=Path, help="folder for what is durable; without it nothing outlives the process")
    parser.add_argument("--vhost", action="append", default=[], help="a virtual host beside /; may be repeated")
    parser.add_argument(
        "--memory-limit",
        type=int,
        default=MEMORY_LIMIT >> 20,
        help="MiB of messages above which publishers are blocked",
    )
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_serve(options))


async def _serve(options: argparse.Namespace) -> int:
    try:
        server = Server(options.data, say=_say, vhosts=tuple(options.vhost), memory_limit=options.memory_limit << 20)
        port = await server.start(options.host, options.port)
        await server.tell_status()
    except (StoreInUse, OSError) as error:
        _say(f"cannot start: {error}")
        return 1
    look_when_little_lives(server.broker, server.loop)
    stop = server.told_to_stop()
    print(f"AMQP broker ready on {options.host}:{port}", flush=True)  # noqa: T201
    await stop.wait()
    await server.stop()
    return 0


def _say(text: str) -> None:
    print(f"broker: {text}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
