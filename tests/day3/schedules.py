"""Fault schedules drawn from a seed: what happens when, over everything that the catalogue has for this system."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from lab.faults.catalogue import KINDS, fits

HTTP = ("client->users", "client->orders", "payments->provider", "notifications->mail")
PROTOCOLS = {"rabbitmq": "amqp", "kafka": "kafka"}
ON_LINKS = (
    "latency {link} 400ms jitter=200ms for 4s",
    "bandwidth {link} 4KB/s for 4s",
    "refuse {link} for 3s",
    "reset {link}",
    "reset {link} 20% for 3s",
    "blackhole {link} for 4s",
    "one-way {link} for 3s",
    "connect-hang {link} for 3s",
)
ON_CALLS = (
    "status {link} 503 for 3s",
    "status {link} 50% 402 for 3s",
    "status {link} 50% 201 for 3s",
    "duplicate {link} 50% for 4s",
    "truncate {link} 50% for 3s",
)
ON_MESSAGES = (
    "lose-ack {link} x2",
    "redeliver {link} 40% for 4s",
    "lose-confirm {link} x2",
    "duplicate-publish {link} 40% for 4s",
    "poison {link} x2",
    "reorder {link} hold=4 for 4s",
    "lose-commit {link} x2",
    "rebalance {link} for 4s",
)
ON_PROCESSES = ("kill {name}", "terminate {name}", "restart {name}", "freeze {name} for 3s", "slow-start {name} 2s")
BETWEEN = "partition {name}<->broker for 3s"
BROKER = ("freeze broker for 3s", "kill broker", "restart broker")


@dataclass(frozen=True)
class Stroke:
    """A fault, so many seconds after the schedule's start."""

    at: float
    text: str

    @property
    def kind(self) -> str:
        return self.text.partition(" ")[0]


def known(broker: str) -> set[str]:
    """Every kind of the catalogue that can hit this system on that broker."""
    return {name for name in KINDS if fits(name, "http") or fits(name, PROTOCOLS[broker])}


def whole(seed: int, broker: str, services: Sequence[str], length: float) -> list[Stroke]:
    """Each kind of fault of the catalogue that can hit the system, once, over `length` seconds, where there is much to
    be hit; in an order and on links that the seed draws."""
    chance = Random(seed)
    talking = [name for name in services if name in ("orders", "payments", "orchestrator")]
    texts = [
        *(text.format(link=chance.choice((*HTTP[1:], *_links(talking)))) for text in _once(ON_LINKS)),
        *(text.format(link=chance.choice(HTTP[1:3])) for text in _once(ON_CALLS)),
        *(text.format(link=chance.choice(_links(talking))) for text in _of(broker)),
        *(text.format(name=chance.choice(talking)) for text in ON_PROCESSES if not text.startswith("slow-start")),
        BETWEEN.format(name=chance.choice(talking)),
        "freeze broker for 3s" if broker == "kafka" else "restart broker",  # Kafka's mock forgets all
    ]
    chance.shuffle(texts)
    late = chance.choice(talking)  # a slow start takes somebody who starts
    texts[len(texts) // 2 : len(texts) // 2] = [f"slow-start {late} 2s", f"kill {late}"]
    return [Stroke(round(length * place / len(texts), 2), text) for place, text in enumerate(texts)]


def schedule(
    seed: int, broker: str, services: Sequence[str], *, length: float, strokes: int, spare_broker: bool = False
) -> list[Stroke]:
    """`strokes` faults over `length` seconds, by chance. With `spare_broker` the broker process itself is only frozen:
    a real one takes longer to boot than a schedule lasts, and Kafka's mock forgets all."""
    chance = Random(seed)
    families = [
        lambda: chance.choice(ON_LINKS).format(link=chance.choice((*HTTP, *_links(services)))),
        lambda: chance.choice(ON_CALLS).format(link=chance.choice(HTTP)),
        lambda: chance.choice(_of(broker)).format(link=chance.choice(_links(services))),
        lambda: chance.choice(ON_PROCESSES).format(name=chance.choice((*services, "provider", "mail"))),
        lambda: BETWEEN.format(name=chance.choice(services)),
        lambda: BROKER[0] if spare_broker else chance.choice(BROKER),
    ]
    weights = (5, 3, 6, 4, 1, 1)
    moments = sorted(round(chance.uniform(0, length), 2) for _ in range(strokes))
    return [Stroke(at, chance.choices(families, weights)[0]()) for at in moments]


def _links(services: Iterable[str]) -> list[str]:
    return [f"{service}->broker" for service in services]


def _of(broker: str) -> list[str]:
    """What can be done to messages there."""
    return [text for text in ON_MESSAGES if fits(text.partition(" ")[0], PROTOCOLS[broker])]


def _once(texts: Iterable[str]) -> list[str]:
    """One of each kind."""
    return list({text.partition(" ")[0]: text for text in reversed(list(texts))}.values())
