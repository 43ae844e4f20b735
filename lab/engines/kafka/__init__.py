"""Kafka: the mock cluster inside librdkafka, held by a process of its own, or a real one by its address."""
