"""Garbage in cycles, in a process whose loop nobody may hold.

Python looks through all that lives now and then, and the more lives the longer that takes: a tenth of a second for half
a million messages. What the broker gives up is freed at once, because it leaves no cycles behind; the look through
everything, for those of others, is for when there is little to look at.
"""

from __future__ import annotations

import asyncio
import gc

from lab.engines.amqp.core.broker import Broker
from lab.engines.amqp.core.message import OVERHEAD

INTERVAL = 60.0
FEW = 10_000
"""Messages, queues and bindings that are looked through in a few milliseconds."""
NEVER = 1_000_000_000


def look_when_little_lives(broker: Broker, loop: asyncio.AbstractEventLoop) -> None:
    """From now on, for this process. The young are looked at as ever."""
    gc.collect()
    gc.freeze()  # what is there now stays
    gc.set_threshold(*gc.get_threshold()[:2], NEVER)

    def look() -> None:
        if _alive(broker) <= FEW:
            gc.collect()
        loop.call_later(INTERVAL, look)

    loop.call_later(INTERVAL, look)


def _alive(broker: Broker) -> int:
    vhosts = broker.vhosts.values()
    exchanges = [exchange for vhost in vhosts for exchange in vhost.exchanges.values()]
    declared = sum(len(vhost.queues) for vhost in vhosts) + sum(len(exchange.bindings) for exchange in exchanges)
    return broker.memory // OVERHEAD + declared
