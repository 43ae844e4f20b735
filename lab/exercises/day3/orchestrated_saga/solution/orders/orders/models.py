"""The orders, and how far each of them has come."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Float, Index, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orders.saga import STEPS, Saga


class Base(DeclarativeBase):
    pass


class Order(Base):
    """`look_at`: when somebody has to look at it next (Unix time), None once it has ended. Who takes it up moves that
    to the end of his lease; if he dies, the next one finds it due."""

    __tablename__ = "orders"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    sku: Mapped[str] = mapped_column(String(64))
    amount: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(16), default="pending")
    reason: Mapped[str] = mapped_column(String(64), default="")
    request_id: Mapped[str] = mapped_column(String(128), default="")
    state: Mapped[str] = mapped_column(String(16))
    steps: Mapped[list[str]] = mapped_column(JSON)
    deadline: Mapped[float] = mapped_column(Float)
    look_at: Mapped[float | None] = mapped_column(Float)
    holder: Mapped[str] = mapped_column(String(64), default="")

    __table_args__ = (Index("orders_due", "look_at"),)

    @property
    def saga(self) -> Saga:
        return Saga(self.state, tuple(self.steps), self.reason)  # type: ignore[arg-type]

    @saga.setter
    def saga(self, saga: Saga) -> None:
        self.state, self.steps, self.reason = saga.state, list(saga.statuses), saga.reason
        if saga.state in ("compensating", "compensated"):
            self.status = "cancelled" if saga.state == "compensated" else "pending"
        elif saga.passed_the_pivot:
            self.status = "confirmed"
        if saga.next is None:
            self.look_at = None

    def shown(self) -> dict[str, Any]:
        steps = [{"name": name, "status": status} for name, status in zip(STEPS, self.steps, strict=True)]
        return {"state": self.state, "steps": steps}
