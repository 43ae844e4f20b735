"""AMQP brokers, as a record."""

from __future__ import annotations

from lab.locale import mark
from lab.system.kinds import EngineKind

KIND = EngineKind(
    name="amqp",
    protocols=("amqp",),
    variable="LAB_AMQP_URL",
    schemes={"amqp": 5672},
    tiers="lab.engines.amqp.tiers",
    embedded=mark("the lab's own broker"),
    caveat=(
        mark(
            "the lab's broker speaks AMQP 0-9-1 for one node: no clustering, no quorum queues or "
            "streams, no management plugin, and its flow control and speed are not those of RabbitMQ"
        )
    ),
    native="apt install rabbitmq-server  |  brew install rabbitmq",
    remains=mark(
        "exchanges, queues and messages stay there after the run, and the next one finds them; "
        "a virtual host of its own keeps them apart: amqp://user:password@host/lab"
    ),
    ready="lab.engines.amqp.ready:greets",
    clients=("pika",),
    options="?heartbeat=5",
    queues="lab.runtime.queues:QueueProbe",
    instrument="lab.grading.instruments.broker:Broker",
    container="lab.engines.amqp.container:container",
)
