"""Run the conformance suites on each broker and print one table: suite, RabbitMQ, embedded."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path

from tests.brokers import EmbeddedBroker, PrivateBroker, RabbitNode, rabbitmq_installed
from tests.conformance import clients
from tests.conformance.owner import control_port
from tests.conformance.suites import Outcome, Suite, run
from tests.conformance.tls_front import tls_front

SHOWN = 20
KINDS: dict[str, type[PrivateBroker]] = {"rabbitmq": RabbitNode, "embedded": EmbeddedBroker}


def main() -> int:
    options = _options()
    os.nice(10)  # the suites are long and nobody waits for them
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the brokers go first
    with contextlib.ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-conformance-")))
        work = work.resolve()
        work.mkdir(parents=True, exist_ok=True)
        suites = clients.suites(options.suite or list(clients.GROUPS), work, options.all)
        kinds = _kinds(options.broker)
        table = {kind: [_run_on(kind, suite, work, options.extra) for suite in suites] for kind in kinds}
        print(_table(table))
        for kind, outcomes in table.items():
            for outcome in outcomes:
                for failure in outcome.failures[:SHOWN]:
                    print(f"{kind}: {outcome.suite}: {failure}")
                if (more := len(outcome.failures) - SHOWN) > 0:
                    print(f"{kind}: {outcome.suite}: and {more} more; --work keeps the reports")
    return int(any(outcome.failed for outcomes in table.values() for outcome in outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__)
    parser.add_argument("--broker", choices=("both", *KINDS), default="both")
    parser.add_argument("--all", action="store_true", help="the TCP proxy and broker restart tests of aio-pika too")
    parser.add_argument("--suite", action="append", choices=clients.GROUPS, help="only this one; may be repeated")
    parser.add_argument("--work", type=Path, help="keep downloads, environments and reports in this folder")
    parser.add_argument("extra", nargs="*", help="after --: further arguments for the suite's pytest")
    return parser.parse_args()


def _kinds(wanted: str) -> list[str]:
    if wanted != "both":
        return [wanted]
    if rabbitmq_installed():
        return list(KINDS)
    print("RabbitMQ is not installed: only the embedded broker is measured", file=sys.stderr)
    return ["embedded"]


def _run_on(kind: str, suite: Suite, work: Path, extra: list[str]) -> Outcome:
    """One suite on a fresh broker, so that none meets what another left behind."""
    name = "".join(char if char.isalnum() else "-" for char in f"{kind} {suite.name}")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"lab-{kind}-")))
        broker = stack.enter_context(KINDS[kind](folder))
        ports = {"amqp": str(broker.port), "amqps": str(stack.enter_context(tls_front(broker.port, folder)))}
        environment = {f"CONFORMANCE_{name.upper()}": port for name, port in ports.items()}
        if suite.restarts_broker:
            environment["CONFORMANCE_CONTROL"] = str(stack.enter_context(control_port(broker)))
        outcome = run(suite, ports, environment, work / f"{name}.xml", extra)
        print(f"{kind}: {outcome.suite}: {outcome}", file=sys.stderr, flush=True)
        if not suite.restarts_broker and broker.process is not None and broker.process.poll() is not None:
            print(f"{kind} DIED:\n{broker.log.read_text(errors='replace')[-4000:]}", file=sys.stderr)
        return outcome


def _table(table: dict[str, list[Outcome]]) -> str:
    """Markdown; one column a broker."""
    rows = [[outcomes[0].suite, *map(str, outcomes)] for outcomes in zip(*table.values(), strict=True)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (["suite", *table], ["---"] * (len(table) + 1), *rows))


if __name__ == "__main__":
    raise SystemExit(main())
