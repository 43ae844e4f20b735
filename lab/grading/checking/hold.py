"""Holding requests at a stub until a check has looked."""

from __future__ import annotations

from lab.grading.checking.expect import eventually
from lab.neighbours import stub


class Hold(stub.Hold):
    """The deed that holds requests, for a check that waits for them."""

    def wait(self, n: int = 1, within: float = 10.0) -> None:
        """Return when `n` requests are held at the same time. Raises BehaviourFailed (`never-arrived`)."""
        eventually(
            lambda: self.held >= n,
            f"{n} request{'s' if n != 1 else ''} in flight to the service that was told to hold them",
            within,
            code="never-arrived",
            got=lambda: f"{self.held} held now, {self.arrived} in all",
        )


def hold() -> Hold:
    """Hold requests until `release`."""
    return Hold()
