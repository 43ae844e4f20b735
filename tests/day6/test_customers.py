"""Orders asks users who somebody is, over HTTP or gRPC, and goes on where users is silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lab.chassis.problems import Problem
from lab.day6_integration.calls.protected import Unavailable
from lab.day6_integration.orders import customers
from lab.day6_integration.orders.rpc import RpcDirectory
from lab.day6_integration.users.rpc import Find, Serving
from lab.day6_integration.users.views import UserView

AZIZA = UserView(id="u-1", email="a@example.uz", name="Aziza")


@contextmanager
def asking(find: Find) -> Iterator[Callable[[str], bool]]:
    serving = Serving("127.0.0.1:0", find)
    serving.start()
    directory = RpcDirectory(f"127.0.0.1:{serving.port}", 5.0)
    try:
        yield directory.knows
    finally:
        directory.close()
        serving.stop()


def test_over_grpc_it_hears_yes_no_or_nothing() -> None:
    with asking({AZIZA.id: AZIZA}.get) as knows:
        assert knows("u-1")
        assert not knows("u-2")
        assert not knows("")

    def silent(_: str) -> UserView | None:
        raise Unavailable(503, "legacy", "The monolith is gone.", sent=False)

    with asking(silent) as knows, pytest.raises(Unavailable):
        knows("u-1")


class Users:
    """What users answers; None: it is silent."""

    def __init__(self) -> None:
        self.says: bool | None = True

    def knows(self, _: str) -> bool:
        if self.says is None:
            raise Unavailable(503, "users", "Silence.", sent=False)
        return self.says

    def close(self) -> None: ...


def test_only_a_clear_no_keeps_somebody_from_ordering() -> None:
    users = Users()
    customers.need(users, "u-1")
    users.says = False
    with pytest.raises(Problem) as refused:
        customers.need(users, "u-2")
    assert (refused.value.status, refused.value.code) == (422, "unknown_user")
    users.says = None
    customers.need(users, "u-3")  # the monolith's foreign key will tell
