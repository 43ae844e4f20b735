"""Holding requests at a stub until a check has looked."""

from __future__ import annotations

from lab.grading.checking.expect import eventually
from lab.locale import tr, trn
from lab.neighbours import stub


class Hold(stub.Hold):
    """The deed that holds requests, for a check that waits for them."""

    def wait(self, n: int = 1, within: float = 10.0) -> None:
        """Return when `n` requests are held at the same time. Raises BehaviourFailed (`never-arrived`)."""
        eventually(
            lambda: self.held >= n,
            trn(
                "{count} request in flight to the service that was told to hold them",
                "{count} requests in flight to the service that was told to hold them",
                n,
            ),
            within,
            code="never-arrived",
            got=lambda: tr("{held} held now, {arrived} in all", held=self.held, arrived=self.arrived),
        )


def hold() -> Hold:
    """Hold requests until `release`."""
    return Hold()
