"""One part of the monolith and the service that takes its place: who answers which request."""

from __future__ import annotations

import logging
from threading import BoundedSemaphore
from zlib import crc32

import httpx

from lab.chassis.problems import Problem
from lab.day6_integration.calls import metrics as calls
from lab.day6_integration.calls.neighbour import Call, Neighbour
from lab.day6_integration.calls.protected import Unavailable
from lab.day6_integration.gateway import metrics
from lab.day6_integration.gateway.routes import LEGACY, Route

SHADOWS = 4
"""Comparisons at once: what is above is left out, for nobody waits for them and they must not be in anybody's way."""

log = logging.getLogger(__name__)


class Strangler:
    """The `part` of `legacy`, and `new`, if there is such a service: who answers is as a Route says."""

    def __init__(self, part: str, legacy: Neighbour, new: Neighbour | None) -> None:
        self._part = part
        self._legacy = legacy
        self._new = new
        self._free = BoundedSemaphore(SHADOWS)

    def tell(self, route: Route) -> None:
        """Say in the log how the route is, for whoever watches."""
        route_ = {"event": "route", "route": self._part, "new": self._new.name if self._new else ""}
        log.info("/%s: %s", self._part, route.mode, extra={"fields": {**route_, **route.model_dump()}})

    def may(self, route: Route) -> bool:
        return self._new is not None or route == LEGACY

    def answer(self, route: Route, call: Call) -> httpx.Response:
        """Raises Problem."""
        instead = False
        new = self._new
        if new and (route.mode == "new" or (route.mode == "percent" and call.reads and _drawn(call.path, route.share))):
            try:
                return self._heard(new, call)
            except Unavailable as error:
                # A write that may have been done is done a second time by whoever is asked now.
                if not route.fallback or (error.sent and not call.reads):
                    raise
                instead = True
                calls.FALLBACKS.labels(new.name).inc()
        heard = self._heard(self._legacy, call, instead=instead)
        if new and route.mode != "legacy" and not call.reads and heard.is_success:
            _tell(new, call, heard)
        return heard

    def compare(self, call: Call, heard: httpx.Response) -> None:
        """Ask the new service what the monolith has answered, and log whether they say the same. Only for reads: a
        registration in the shadow is a second registration."""
        if self._new is None or not self._free.acquire(blocking=False):
            return
        try:
            if not (same := _same(heard, self._new.send(call))):  # perhaps it was changed between the two
                heard = self._legacy.send(call)
                same = _same(heard, self._new.send(call))
        except Problem as problem:
            log.warning("not compared: %s", problem.detail)
            return
        finally:
            self._free.release()
        fields = {"event": "shadow", "route": self._part, "same": same, "path": call.path}
        if same:
            log.info("both answer %s alike", call.path, extra=fields)
        else:
            metrics.MISMATCHES.labels(self._part).inc()
            log.warning("the new service answers %s otherwise", call.path, extra=fields)

    def _heard(self, neighbour: Neighbour, call: Call, *, instead: bool = False) -> httpx.Response:
        """Each answer is told, and who gave it; `instead`: of who should have."""
        answer = neighbour.send(call)
        metrics.ROUTED.labels(self._part, neighbour.name).inc()
        fields = {"event": "routed", "route": self._part, "target": neighbour.name, "instead": instead}
        log.info("/%s is answered by %s", self._part, neighbour.name, extra=fields)
        return answer


def _tell(new: Neighbour, call: Call, heard: httpx.Response) -> None:
    """Say whom a write of the monolith was about. What is new the other one asks for itself, so two such words may
    come in any order, twice, or never: it looks for itself every second, too."""
    if (ident := _whom(call, heard)) is None:
        return
    try:
        new.send(Call(method="PUT", path=f"/copies/{ident}"))
    except Problem as problem:
        log.warning("%s was not told: %s", new.name, problem.detail)


def _whom(call: Call, heard: httpx.Response) -> str | None:
    """The id of what the write was about."""
    if call.method != "POST":
        return call.path.rpartition("/")[2]
    said = _content(heard)
    return str(said["id"]) if isinstance(said, dict) and "id" in said else None


def _drawn(path: str, share: int) -> bool:
    """Whether it is one of these. The same path always is or never is: who looks twice is told by the same service."""
    return crc32(path.encode()) % 100 < share


def _same(one: httpx.Response, other: httpx.Response) -> bool:
    """Same status, and same content: the order of fields and blanks are nobody's business."""
    return one.status_code == other.status_code and _content(one) == _content(other)


def _content(response: httpx.Response) -> object:
    try:
        return response.json()
    except ValueError:
        return response.content
