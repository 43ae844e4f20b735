"""Kafka in a container: one node, which is broker and controller."""

from __future__ import annotations

from collections.abc import Sequence

from lab.engines.container import Container

PARTITIONS = 4
"""As many as the mock cluster gives a topic."""


def container(name: str, users: Sequence[str]) -> Container:  # noqa: ARG001 - it has no logins
    return Container(
        image="apache/kafka:4.1.0",
        port=9092,
        url="{address}",
        uid=1000,
        data="/var/lib/kafka/data",
        check=("/opt/kafka/bin/kafka-broker-api-versions.sh", "--bootstrap-server", "localhost:9092"),
        costly=True,
        memory=1024,
        env={
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
            # What clients are told to come to once they have asked: a name that all of them can find.
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{name}:9092",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            # Not the root of the volume: a folder lost+found there would be taken for a partition.
            "KAFKA_LOG_DIRS": "/var/lib/kafka/data/logs",
            "KAFKA_NUM_PARTITIONS": str(PARTITIONS),
            # One node has nobody to copy to.
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_HEAP_OPTS": "-Xms256m -Xmx512m",
        },
    )
