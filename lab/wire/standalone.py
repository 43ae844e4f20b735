"""One tap in front of any service, without a System and without the runtime (`lab tap`)."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from lab.faults.aim import must_match
from lab.faults.catalogue import KINDS, fits
from lab.faults.fault import Fault
from lab.faults.plan import Plan
from lab.faults.text import FaultError, parse
from lab.journal.event import Event, Note
from lab.locale import tr
from lab.system.model import Link
from lab.wire.session import Address
from lab.wire.tap import Tap

TICK = 0.1
"""Seconds between two looks at which faults are over."""


async def serve(
    protocol: str,
    listen: Address,
    upstream: Address,
    faults: Sequence[str] = (),
    emit: Callable[[Event], None] = lambda _: None,
    seed: int = 0,
) -> None:
    """Listen on `listen` (port 0: any free one, said in the first event) and proxy to `upstream` until cancelled.

    `faults` are texts without a target (`latency 300ms 20%`); without a `for` they last as long as the tap. `emit` gets
    Flows, FaultChanges and one Note when it is ready. Raises text.FaultError, and OSError if the port is taken.
    """
    link = Link(source="client", target="server", protocol="tcp")
    began = time.monotonic()

    def now() -> float:
        return time.monotonic() - began

    plan = Plan(seed, on_change=emit)
    wanted = [aimed(fault, link, protocol) for fault in faults]
    tap = Tap(link=link, protocol=protocol, upstream=upstream, plan=plan, emit=emit, now=now)
    await tap.start(*listen)
    try:
        emit(
            Note(
                text=tr(
                    "{protocol} tap on {host}:{port} -> {provider}",
                    protocol=protocol,
                    host=listen[0],
                    port=tap.port,
                    provider=f"{upstream[0]}:{upstream[1]}",
                ),
                topic="run",
            )
        )
        for fault in wanted:
            plan.add(fault, now())
        while True:
            await asyncio.sleep(TICK)
            plan.expire(now())
    finally:
        await tap.close()


def aimed(text: str, link: Link, protocol: str) -> Fault:
    """The fault that `text` describes, on this link whether or not it names one. Raises FaultError."""
    kind, _, rest = text.strip().partition(" ")
    first = rest.strip().partition(" ")[0]
    named = re.fullmatch(r"[\w.-]+(->|:)[\w.-]+", first)
    fault = parse(text if named else f"{kind} {link.id} {rest}")
    if KINDS[fault.kind].scope != "link":
        raise FaultError(tr("{kind} needs a whole system; a tap alone has one link", kind=fault.kind))
    if not fits(fault.kind, protocol):
        raise FaultError(
            tr(
                "{kind} is for {protocols}, and this tap speaks {protocol}",
                kind=fault.kind,
                protocols=tr(" and ").join(KINDS[fault.kind].protocols),
                protocol=protocol,
            )
        )
    must_match(fault, protocol)
    return replace(fault, target=link.id, duration=fault.duration if re.search(r"\sfor\s", text) else None)
