"""Kafka as a service's broker. It needs the package confluent-kafka."""
