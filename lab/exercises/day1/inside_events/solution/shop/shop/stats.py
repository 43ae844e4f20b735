"""Figures of the shop: /stats. They are counted from events, and begin at 0 with the process."""

from __future__ import annotations

import threading

from fastapi import APIRouter
from pydantic import BaseModel

from shop.events import UserRegistered


class Stats:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._registered = 0

    @property
    def registered(self) -> int:
        return self._registered

    def count(self, _: UserRegistered) -> None:
        with self._lock:
            self._registered += 1


class StatsView(BaseModel):
    registered: int


def router(stats: Stats) -> APIRouter:
    routes = APIRouter(prefix="/stats", tags=["stats"])

    @routes.get("")
    def show() -> StatsView:
        return StatsView(registered=stats.registered)

    return routes
