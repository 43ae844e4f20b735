"""The toy day in each way in which it can be made."""

from __future__ import annotations

from lab.system.model import Service, System
from lab.system.refusal import Refusal


def system(*, lamps: str, dim: bool, without: tuple[str, ...]) -> System:
    if dim and "switch" in without:
        raise Refusal("a lamp without a switch cannot be dimmed")
    names = ("lamp",) if lamps == "one" else ("left", "right")
    return System(
        name="day9",
        title="Two lamps" if lamps == "two" else "",
        services=tuple(_lamp(name, "dimly" if dim else "brightly", without) for name in names),
    )


def _lamp(name: str, how: str, without: tuple[str, ...]) -> Service:
    says = f"{name} is lit {how}, without {len(without)} parts"
    return Service(name=name, command=("sh", "-c", f"echo {says}; sleep 600"), ready="started")
