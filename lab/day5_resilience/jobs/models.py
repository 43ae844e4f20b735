"""The jobs' table, which is also the queue: what is not in memory does not die with a process."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Boolean, Float, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Status = Literal["queued", "running", "succeeded", "failed"]


class Base(DeclarativeBase):
    pass


class Job(Base):
    """`due` is when it may be taken: at once, after a pause, or when the lease of who has it ends."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64), index=True)
    status: Mapped[str] = mapped_column(String(16), default="queued")
    due: Mapped[float] = mapped_column(Float, index=True)
    holder: Mapped[str] = mapped_column(String(64), default="")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    result: Mapped[str] = mapped_column(String(64), default="")
    fallback: Mapped[bool] = mapped_column(Boolean, default=False)
    error: Mapped[str] = mapped_column(String(500), default="")
