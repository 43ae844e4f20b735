"""Settings from the environment into a frozen dataclass: read once at the start, refused with the variable's name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from socket import gethostname
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")


class SettingsError(Exception):
    """A variable is missing or cannot be read; the message names it and says what was expected."""


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """What every service is told: where to listen and who it is. Told no `instance_id`, it is called like its host:
    replicas in containers are alike in all but that."""

    service_name: str
    instance_id: str = field(default_factory=gethostname)
    host: str = "127.0.0.1"
    port: int = 8000


@dataclass(frozen=True, kw_only=True)
class MessagingSettings(ServiceSettings):
    """What a service with a database and a broker is told besides."""

    database_url: str
    amqp_url: str = ""
    kafka_bootstrap: str = ""
    """Which broker there is: RabbitMQ by its URL, or else Kafka by the host and port of one that knows the others."""
    prefetch: int = 10
    workers: int = 4
    max_deliveries: int = 20
    """How often a message is tried before it is parked: with the delays below, about a minute and a half."""
    retry_delays_ms: tuple[int, ...] = (500, 2000, 5000)
    """Pauses before the second, third... try; the last one repeats."""
    kafka_session_timeout_ms: int = 6000
    """After so long without a sign of a consumer, Kafka gives its partitions to others. Brokers allow no less."""

    def __post_init__(self) -> None:
        if not (self.amqp_url or self.kafka_bootstrap):
            raise SettingsError("neither AMQP_URL nor KAFKA_BOOTSTRAP is set")


def read(kind: type[T], env: Mapping[str, str] | None = None, /, **defaults: Any) -> T:
    """The dataclass `kind` filled from `env` (the process's own by default): field `payment_url` from `PAYMENT_URL`.

    `defaults` stand in for variables that are not set, before the dataclass's own. Raises SettingsError that names
    every variable which is wrong, not only the first.
    """
    env = os.environ if env is None else env
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    problems: list[str] = []
    for one in fields(kind):  # type: ignore[arg-type]
        variable = one.name.upper()
        text = env.get(variable, "").strip()
        if text:
            try:
                values[one.name] = _READERS[hints[one.name]](text)
            except ValueError:
                problems.append(f"{variable}={text!r} is not {_EXPECTED[hints[one.name]]}")
        elif one.name in defaults:
            values[one.name] = defaults[one.name]
        elif _required(one):
            problems.append(f"{variable} is not set")
    if problems:
        raise SettingsError("; ".join(problems))
    return kind(**values)


def _required(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


_READERS: dict[Any, Callable[[str], Any]] = {str: str, int: int, float: float, tuple[int, ...]: _whole_numbers}
_EXPECTED: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    tuple[int, ...]: "a list of whole numbers separated by commas",
}
