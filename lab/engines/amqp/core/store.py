"""What the broker tells its store, and the store that forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lab.engines.amqp.core.exchange import Binding, Exchange
    from lab.engines.amqp.core.message import Message
    from lab.engines.amqp.core.queue import Queue

Target = tuple[int, int, float | None]
"""(queue number, position in it, seconds until it expires)"""


class Store(Protocol):
    """Everything durable that happens, told as it happens. Nothing here waits for a disk."""

    @property
    def position(self) -> int:
        """Rises with everything told; `Broker.safe` gives it back once that is on disk."""

    def new_number(self) -> int:
        """An identity for a new durable queue, from 1."""

    def exchange_declared(self, vhost: str, exchange: Exchange) -> None: ...

    def exchange_deleted(self, vhost: str, name: str) -> None: ...

    def queue_declared(self, vhost: str, queue: Queue) -> None: ...

    def queue_deleted(self, vhost: str, name: str, number: int) -> None: ...

    def bound(self, vhost: str, binding: Binding) -> None: ...

    def unbound(self, vhost: str, binding: Binding) -> None: ...

    def published(self, message: Message, targets: list[Target]) -> None: ...

    def delivered(self, number: int, position: int) -> None: ...

    def removed(self, number: int, position: int) -> None: ...


class Forgetful:
    """A store for a broker that lives once."""

    position = 0

    def new_number(self) -> int:
        return 0

    def exchange_declared(self, vhost: str, exchange: Exchange) -> None: ...

    def exchange_deleted(self, vhost: str, name: str) -> None: ...

    def queue_declared(self, vhost: str, queue: Queue) -> None: ...

    def queue_deleted(self, vhost: str, name: str, number: int) -> None: ...

    def bound(self, vhost: str, binding: Binding) -> None: ...

    def unbound(self, vhost: str, binding: Binding) -> None: ...

    def published(self, message: Message, targets: list[Target]) -> None: ...

    def delivered(self, number: int, position: int) -> None: ...

    def removed(self, number: int, position: int) -> None: ...
