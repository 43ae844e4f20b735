"""Which instance a connection goes to, told without sockets."""

from __future__ import annotations

from lab.wire.balancer import Balancer

INSTANCES = {"users-1": ("127.0.0.1", 1), "users-2": ("127.0.0.1", 2), "users-3": ("127.0.0.1", 3)}


def names(balancer: Balancer, now: float = 0.0) -> list[str]:
    return [name for name, _ in balancer.order(now)]


def test_every_instance_has_its_turn() -> None:
    balancer = Balancer(lambda: INSTANCES, lambda _: True)
    assert [names(balancer)[0] for _ in range(4)] == ["users-1", "users-2", "users-3", "users-1"]
    assert sorted(names(balancer)) == list(INSTANCES)


def test_who_is_not_ready_has_none_unless_nobody_is() -> None:
    ready = {"users-1", "users-3"}
    balancer = Balancer(lambda: INSTANCES, lambda name: name in ready)
    assert [names(balancer)[0] for _ in range(3)] == ["users-1", "users-3", "users-1"]
    ready.clear()
    assert sorted(names(balancer)) == list(INSTANCES)


def test_who_refused_comes_last_for_a_while() -> None:
    balancer = Balancer(lambda: INSTANCES, lambda _: True)
    balancer.refused("users-1", 10.0)
    assert all(names(balancer, 10.5)[-1] == "users-1" for _ in range(3))
    assert "users-1" in {names(balancer, 11.5)[0] for _ in range(3)}
