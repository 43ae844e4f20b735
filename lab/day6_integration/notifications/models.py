"""What was sent."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Notification(Base):
    """A user is welcomed once and an order ends once, so there is one mail for each: `about` is the id of it."""

    __tablename__ = "notifications"

    about: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64))
    template: Mapped[str] = mapped_column(String(32))
