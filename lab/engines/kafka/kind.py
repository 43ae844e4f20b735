"""Kafka, as a record."""

from __future__ import annotations

from lab.locale import mark
from lab.system.kinds import EngineKind, extra

KIND = EngineKind(
    name="kafka",
    protocols=("kafka",),
    variable="LAB_KAFKA_BOOTSTRAP",
    schemes={"": 9092},
    tiers="lab.engines.kafka.tiers",
    embedded=mark("librdkafka's mock cluster"),
    caveat=(
        mark(
            "the mock cluster is one broker that keeps the last 5 MB of a partition in memory: after a kill or a "
            "restart its topics, records and committed offsets are gone, so it proves no durability; it has no "
            "replicas, stores what an idempotent producer sends twice, and makes topics that no system declares as "
            "they are first used, with 4 partitions; a rebalance takes it nearly as long as a session timeout"
        )
    ),
    remains=mark("topics, records and the places of groups stay there after the run, and the next goes on from them"),
    ready="lab.engines.kafka.ready:answers",
    clients=("confluent_kafka",),
    drivers={"": "confluent_kafka"},
    driver=extra("kafka"),
    topics=True,
    queues="lab.engines.kafka.lag:LagProbe",
    instrument="lab.grading.instruments.kafka:Kafka",
    container="lab.engines.kafka.container:container",
)
