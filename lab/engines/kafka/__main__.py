"""A mock cluster as a process of its own, until SIGTERM.

python -m lab.engines.kafka --port P [--port P2 ...] [--topic NAME=PARTITIONS ...]
"""

from __future__ import annotations

import argparse
import signal
import sys

from lab.engines.kafka.librdkafka import Library, Missing


def main() -> int:
    """0 after a clean stop, 1 when it could not start."""
    parser = argparse.ArgumentParser(prog="python -m lab.engines.kafka", description="librdkafka's mock cluster.")
    parser.add_argument("--port", type=int, action="append", required=True, help="a broker's; may be repeated")
    parser.add_argument("--topic", action="append", default=[], help="NAME=PARTITIONS; may be repeated")
    options = parser.parse_args()
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        library = Library()
        library.mock_cluster(options.port, dict(map(_topic, options.topic)))
    except (Missing, OSError) as error:
        print(f"cannot start: {error}", file=sys.stderr, flush=True)  # noqa: T201
        return 1
    ports = ", ".join(map(str, options.port))
    print(f"mock cluster of librdkafka {library.version} ready on {ports}", flush=True)  # noqa: T201
    signal.sigwait(ends)
    return 0


def _topic(said: str) -> tuple[str, int]:
    name, _, partitions = said.rpartition("=")
    return name, int(partitions)


if __name__ == "__main__":
    sys.exit(main())
