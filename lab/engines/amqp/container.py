"""RabbitMQ in a container: one node."""

from __future__ import annotations

from collections.abc import Sequence

from lab.engines.container import Container

USER = "shop"


def container(_: str, users: Sequence[str]) -> Container:  # noqa: ARG001 - they share one virtual host, and its login
    return Container(
        image="rabbitmq:4",
        port=5672,
        url=f"amqp://{USER}:{{password}}@{{address}}",
        uid=999,
        data="/var/lib/rabbitmq",
        check=("rabbitmq-diagnostics", "--quiet", "check_port_connectivity"),
        costly=True,
        memory=512,
        env={"RABBITMQ_DEFAULT_USER": USER},
        passwords={"RABBITMQ_DEFAULT_PASS": ""},
    )
