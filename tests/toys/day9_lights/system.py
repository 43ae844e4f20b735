"""The two shapes of the toy day."""

from __future__ import annotations

from lab.system.model import Service, System


def lamp(name: str) -> Service:
    return Service(name=name, command=("sh", "-c", f"echo {name} is lit; sleep 600"), ready="started")


SYSTEM = System(name="day9", services=(lamp("lamp"),))
TWO = System(name="day9", title="Two lamps", services=(lamp("left"), lamp("right")))
