"""What the two stubs share: they stand for systems of somebody else's and do as they are told.

    PUT    /behaviour  {"key": "*", "do": "status", "status": 503, "times": 2}
    DELETE /behaviour

`key` is an order's id, or `*` for all. `do` is `ok`, `decline`, `status` (answer with it and do nothing), `hang` (do
nothing and do not answer) or `lose-response` (do it and do not answer). `times` ends it after so many requests.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from lab.chassis.problems import Problem

Deed = Literal["ok", "decline", "status", "hang", "lose-response"]


class Behaviour(BaseModel):
    key: str = "*"
    do: Deed
    status: int = 503
    times: int | None = None


class Behaviours:
    """What the stub was told, and how it carries it out. Everything runs on the event loop, so nothing needs a lock."""

    def __init__(self) -> None:
        self._told: dict[str, Behaviour] = {}
        self._released = asyncio.Event()

    def router(self) -> APIRouter:
        router = APIRouter(tags=["stub"])

        @router.put("/behaviour")
        async def tell(behaviour: Behaviour) -> Behaviour:
            self._told[behaviour.key] = behaviour
            return behaviour

        @router.delete("/behaviour", status_code=204)
        async def forget() -> None:
            """Be good again, and answer whoever still waits."""
            self._told.clear()
            self._released.set()
            self._released = asyncio.Event()

        return router

    async def before(self, key: str) -> Deed:
        """Do what comes before the work: fail or hang. Returns what is left to do."""
        behaviour = self._take(key)
        if behaviour is None:
            return "ok"
        if behaviour.do == "status":
            raise Problem(behaviour.status, "told_to_fail", "The stub was told to answer like this.")
        if behaviour.do == "hang":
            await self._released.wait()
            raise Problem(503, "released", "The stub was holding this request and was told to let go.")
        return behaviour.do

    async def after(self, deed: Deed) -> None:
        """Do what comes after the work: keep the answer back."""
        if deed == "lose-response":
            await self._released.wait()

    def _take(self, key: str) -> Behaviour | None:
        for name in (key, "*"):
            behaviour = self._told.get(name)
            if behaviour is None:
                continue
            if behaviour.times is not None:
                behaviour.times -= 1
                if behaviour.times <= 0:
                    del self._told[name]
            return behaviour
        return None
