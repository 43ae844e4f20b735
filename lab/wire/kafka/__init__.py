"""Kafka: its requests and answers become Flows, its addresses the tap's."""
