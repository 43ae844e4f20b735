"""What holds of a trace over any broker, for the tests of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pydantic import BaseModel

from lab.chassis.events import Event
from lab.chassis.ids import correlated, traceparent
from lab.chassis.messaging import Messaging
from lab.chassis.retry import TryLater
from tests.waiting import eventually

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Bench(Protocol):
    def service(
        self, name: str, handlers: dict[str, Callable[[Event], None]] | None = None, **knobs: Any
    ) -> Messaging: ...

    def type(self, kind: str) -> str: ...

    def tell(self, messaging: Messaging, kind: str, n: int, *, correlation: str = "") -> None: ...


class Fact(BaseModel):
    n: int


def goes_on_in_the_header_of_a_message_also_after_a_retry(bench: Bench) -> None:
    hops = list[str]()

    def handler(event: Event) -> None:
        hops.append(traceparent())
        if event.data["n"] == 7 and sum(TRACE in hop for hop in hops) == 1:
            raise TryLater

    bench.service("a", {"happened": handler})
    producer = bench.service("producer")
    with correlated("abc", f"00-{TRACE}-{PARENT}-01"), producer.transaction() as transaction:
        transaction.announce(bench.type("happened"), Fact(n=7), entity="7")
    bench.tell(producer, "happened", 8, correlation="def")
    eventually(lambda: len(hops) == 3)
    assert sorted(hop[:35] for hop in hops) == ["", f"00-{TRACE}", f"00-{TRACE}"]
    assert not any(PARENT in hop for hop in hops), "each hop is a parent of its own"
