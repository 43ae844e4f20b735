"""How Kafka is started: librdkafka's mock cluster, for there is no small Kafka to start natively."""

from __future__ import annotations

from lab.engines.kafka.kind import KIND
from lab.engines.kafka.librdkafka import Library, Missing
from lab.engines.kafka.ready import answers
from lab.engines.recipe import EngineUnavailable, Place, Recipe
from lab.locale import tr


def embedded(place: Place) -> Recipe:
    version = embedded_version()
    if version is None:
        raise EngineUnavailable(
            tr("Kafka needs confluent-kafka, which is not installed here; to get it: {driver}", driver=KIND.driver)
        )
    port = place.port()
    return Recipe(
        tier="embedded",
        title=version,
        url="{address}",
        module="lab.engines.kafka",
        argv=("--port", str(port), *(f"--topic={name}={partitions}" for name, partitions in place.topics.items())),
        port=port,
        ready=answers,
    )


def embedded_version() -> str | None:
    """What the embedded tier would run here, `mock cluster of librdkafka 2.16.0`; None if nothing."""
    try:
        return f"mock cluster of librdkafka {Library().version}"
    except Missing:
        return None
