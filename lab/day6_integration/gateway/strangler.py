"""One part of the monolith and the service that takes its place: who answers which request."""

from __future__ import annotations

import logging
from threading import BoundedSemaphore
from zlib import crc32

import httpx

from lab.day6_integration.gateway.neighbour import Call, Neighbour, Unavailable
from lab.day6_integration.gateway.routes import Route

SHADOWS = 4
"""Comparisons at once: what is above is left out, for nobody waits for them and they must not be in anybody's way."""

log = logging.getLogger(__name__)


class Strangler:
    """Between `legacy` and `new`, as a Route says."""

    def __init__(self, legacy: Neighbour, new: Neighbour) -> None:
        self._legacy = legacy
        self._new = new
        self._free = BoundedSemaphore(SHADOWS)

    def answer(self, route: Route, call: Call) -> httpx.Response:
        """Raises Unavailable."""
        if route.mode == "new" or (route.mode == "percent" and call.reads and _drawn(call.path, route.share)):
            return self._new.send(call)
        heard = self._legacy.send(call)
        if route.mode != "legacy" and not call.reads and heard.is_success:
            self._tell(call, heard)
        return heard

    def compare(self, call: Call, heard: httpx.Response) -> None:
        """Ask the new service what the monolith has answered, and log whether they say the same. Only for reads: a
        registration in the shadow is a second registration."""
        if not self._free.acquire(blocking=False):
            return
        try:
            if not (same := _same(heard, self._new.send(call))):  # perhaps it was changed between the two
                heard = self._legacy.send(call)
                same = _same(heard, self._new.send(call))
        except Unavailable as error:
            log.warning("not compared: %s", error.detail)
            return
        finally:
            self._free.release()
        fields = {"event": "shadow", "same": same, "path": call.path}
        if same:
            log.info("both answer %s alike", call.path, extra=fields)
        else:
            log.warning("the new service answers %s otherwise", call.path, extra=fields)

    def _tell(self, call: Call, heard: httpx.Response) -> None:
        """Say whom a write of the monolith was about. What is new the other one asks for itself, so two such words may
        come in any order, twice, or never: it looks for itself every second, too."""
        if (ident := _whom(call, heard)) is None:
            return
        try:
            self._new.send(Call(method="PUT", path=f"/copies/{ident}"))
        except Unavailable as error:
            log.warning("the new service was not told: %s", error.detail)


def _whom(call: Call, heard: httpx.Response) -> str | None:
    """The id of the user that the write was about."""
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
