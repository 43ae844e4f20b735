"""The customer's wallet, which is still in the monolith: there an order is paid and the wallet debited in one
transaction, and an order that is paid is not paid again. So whoever does not know whether it was done just asks again.
"""

from __future__ import annotations

from urllib.parse import quote

from lab.chassis.problems import Problem
from lab.chassis.retry import TryLater
from lab.day6_integration.calls.neighbour import Call, Neighbour

DONE = "already_paid"


class Wallet:
    def __init__(self, legacy: Neighbour) -> None:
        self._legacy = legacy

    def pay(self, order_id: str) -> str:
        """Why it was declined; empty if it is paid. Raises TryLater if nobody knows."""
        try:
            answer = self._legacy.send(Call(method="POST", path=f"/orders/{quote(order_id, safe='')}/pay"))
            code = str(answer.json()["code"]) if answer.is_error else ""
        except (Problem, ValueError, KeyError) as error:
            raise TryLater(f"the wallet: {error}") from error
        return "" if code == DONE else code
