"""A pytest plugin for AMQPStorm's functional tests: the broker's port, and cleaning without a management API.

Their tests know a host but no port, and clear up over HTTP what a test declared.
"""

from __future__ import annotations

import os
from typing import Any

from amqpstorm import AMQPError, Connection
from amqpstorm.tests.functional import utility

PORT = int(os.environ["CONFORMANCE_AMQP"])


def _connect(test: Any, **options: Any) -> Connection:
    options = {"timeout": 1, "poller": test.poller, "port": PORT, **options}
    return Connection("127.0.0.1", "guest", "guest", **options)


def _delete_queues(_api: object, names: list[str]) -> None:
    for name in names:
        with Connection("127.0.0.1", "guest", "guest", port=PORT) as connection, connection.channel() as channel:
            channel.queue.delete(name)


def _delete_exchanges(_api: object, names: list[str]) -> None:
    for name in names:
        try:
            with Connection("127.0.0.1", "guest", "guest", port=PORT) as connection, connection.channel() as channel:
                channel.exchange.delete(name)
        except AMQPError:  # what is still in use goes with its user
            pass


utility.TestFunctionalFramework._make_connection = _connect
utility._delete_queues = _delete_queues
utility._delete_exchanges = _delete_exchanges
