"""Fault schedules drawn from a seed: what happens when, over everything that the catalogue has for this system."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

SERVICES = ("users", "orders", "payments", "notifications")
HTTP = ("client->users", "client->orders", "payments->provider", "notifications->mail")
AMQP = tuple(f"{service}->broker" for service in SERVICES)
LINK = (
    "latency {link} 400ms jitter=200ms for 4s",
    "bandwidth {link} 4KB/s for 4s",
    "refuse {link} for 3s",
    "reset {link}",
    "reset {link} 20% for 3s",
    "blackhole {link} for 4s",
    "one-way {link} for 3s",
    "connect-hang {link} for 3s",
)
HTTP_ONLY = (
    "status {link} 503 for 3s",
    "status {link} 50% 402 for 3s",
    "status {link} 50% 201 for 3s",
    "duplicate {link} 50% for 4s",
    "truncate {link} 50% for 3s",
)
AMQP_ONLY = (
    "lose-ack {link} x2",
    "redeliver {link} 40% for 4s",
    "lose-confirm {link} x2",
    "duplicate-publish {link} 40% for 4s",
    "poison {link} x2",
    "reorder {link} hold=4 for 4s",
)
KAFKA_ONLY = (
    "lose-commit {link} x2",
    "rebalance {link} for 4s",
    "lose-confirm {link} x2",
    "duplicate-publish {link} 40% for 4s",
    "poison {link} x2",
)
PROCESS = ("kill {name}", "terminate {name}", "restart {name}", "freeze {name} for 3s", "slow-start {name} 2s")
BROKER = ("freeze broker for 3s", "kill broker", "restart broker")


@dataclass(frozen=True)
class Stroke:
    """A fault, so many seconds after the schedule's start."""

    at: float
    text: str


def schedule(
    seed: int, *, length: float, strokes: int, spare_broker: bool = False, messages: tuple[str, ...] = AMQP_ONLY
) -> list[Stroke]:
    """`strokes` faults over `length` seconds; `messages` are those on messages. With `spare_broker` the broker process
    itself is only frozen: a real one takes longer to boot than a schedule lasts, and Kafka's mock forgets all."""
    chance = Random(seed)
    families = [
        lambda: chance.choice(LINK).format(link=chance.choice(HTTP + AMQP)),
        lambda: chance.choice(HTTP_ONLY).format(link=chance.choice(HTTP)),
        lambda: chance.choice(messages).format(link=chance.choice(AMQP)),
        lambda: chance.choice(PROCESS).format(name=chance.choice((*SERVICES, "provider", "mail"))),
        lambda: f"partition {chance.choice(SERVICES)}<->broker for 3s",
        lambda: BROKER[0] if spare_broker else chance.choice(BROKER),
    ]
    weights = (5, 3, 6, 4, 1, 1)
    moments = sorted(round(chance.uniform(0, length), 2) for _ in range(strokes))
    return [Stroke(at, chance.choices(families, weights)[0]()) for at in moments]
