"""The revenue report, from what orders tell through their face."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from lab.day1_monolith.forecast import forecast
from lab.day1_monolith.views import Report as ReportView


def router(amounts: Callable[[], list[int]], rounds: int) -> APIRouter:
    api = APIRouter()

    @api.get("/report")
    def report() -> ReportView:
        found = amounts()
        low, high = forecast(found, rounds)
        return ReportView(orders=len(found), revenue=sum(found), low=low, high=high)

    return api
