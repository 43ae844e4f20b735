"""`lab tap`: one tap alone, in front of a service of the reader's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete, exits, values
from lab.cli.failure import Failure
from lab.cli.output import say
from lab.locale import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lab.journal.event import Event
    from lab.journal.picture.run import RunPicture

EXAMPLES = (
    "lab tap http :8001 127.0.0.1:8000",
    "lab tap redis :6380 127.0.0.1:6379 --fault 'latency 50ms 10%'",
    "lab tap amqp :5673 127.0.0.1:5672 --json",
    "lab tap grpc :50052 127.0.0.1:50051 --fault 'grpc-status UNAVAILABLE 20%'",
)
FLUSH = 0.05
"""Seconds between two prints, so that printing never delays a message."""


def tap(
    protocol: Annotated[str, typer.Argument(help="Protocol of the connection.", autocompletion=complete.protocols)],
    listen: Annotated[str, typer.Argument(metavar="[HOST]:PORT", help="Where your client connects to now.")],
    upstream: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where your service listens.")],
    fault: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="A fault, like 'latency 300ms 20%'; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=values.LARGEST_SEED, help="Same seed, same random faults.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the events as NDJSON.")] = False,
) -> None:
    """Watch and disturb one connection of a service of your own. Ctrl-C ends it."""
    import asyncio

    from lab.faults.text import FaultError
    from lab.journal.picture.run import RunPicture
    from lab.wire.standalone import serve

    protocol = values.protocol(protocol)
    here, there = values.address(listen), values.address(upstream)
    picture = RunPicture()
    printer = _Printer(picture, as_json=as_json)

    async def go() -> None:
        serving = asyncio.create_task(serve(protocol, here, there, fault or (), printer, seed))
        try:
            while not serving.done():
                await asyncio.wait({serving}, timeout=FLUSH)
                printer.flush()
            await serving
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            printer.flush()

    try:
        asyncio.run(go())
    except FaultError as problem:
        raise Failure(tr("that is not a fault"), why=str(problem), next="lab fault kinds", code=exits.USAGE) from None
    except OSError as problem:
        if isinstance(problem, BrokenPipeError):
            raise
        why = problem.strerror or str(problem)
        raise Failure(
            tr("cannot listen on {host}:{port}", host=here[0], port=here[1]), why=why, code=exits.MISSING
        ) from None
    finally:
        _sum_up(picture)


class _Printer:
    """Stamps and keeps the tap's events, and prints them on request."""

    def __init__(self, picture: RunPicture, *, as_json: bool) -> None:
        import time

        self._clock = time.monotonic
        self._start = time.monotonic()
        self._seq = 0
        self._waiting: list[Event] = []
        self._picture = picture
        self._lines = _json_lines() if as_json else _plain_lines()

    def __call__(self, event: Event) -> None:
        self._seq += 1
        event.seq, event.t = self._seq, round(self._clock() - self._start, 6)
        self._waiting.append(event)

    def flush(self) -> None:
        """Raises BrokenPipeError when nobody reads any more."""
        if not self._waiting:
            return
        events, self._waiting = self._waiting, []
        self._picture.apply_all(events)
        if lines := self._lines(events):
            typer.echo("\n".join(lines))


def _json_lines() -> Callable[[Sequence[Event]], list[str]]:
    from lab.journal.event import to_line

    return lambda events: [to_line(event).decode().rstrip() for event in events]


def _plain_lines() -> Callable[[Sequence[Event]], list[str]]:
    from lab.journal.plain import Narrator

    narrator = Narrator(stories=False)
    return lambda events: [line for event in events for line in narrator.tell(event)]


def _sum_up(picture: RunPicture) -> None:
    from lab.journal.telling import milliseconds

    for link in picture.summary().links:
        times = ""
        if link.p50 is not None and link.p99 is not None:
            times = f", p50 {milliseconds(link.p50)}, p99 {milliseconds(link.p99)}"
        say(tr("{flows} exchanges, {errors} errors{times}", flows=link.flows, errors=link.errors, times=times))
