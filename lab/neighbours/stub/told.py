"""A stub that is told over HTTP how to behave, and says what it was asked.

    PUT    /behaviour  {"on": "GET /users/*", "do": "status", "status": 503, "times": 2}
    DELETE /behaviour
    GET    /requests
    DELETE /requests
    POST   /records    {"id": "u-81", "name": "Lola"}

`on` is a method and a path, where `*` stands for anything; without it a behaviour concerns the requests that change
something, and of these, with a `key`, those of the order with that id. `do` is one of:

| `do` | what happens |
| --- | --- |
| `ok` | the usual |
| `decline` | the stub says no in its own way |
| `status` | it answers with `status` and does nothing |
| `hang` | it does nothing and does not answer |
| `lose-response` | it does the work and does not answer |
| `reset`, `garbage` | it does nothing and resets the connection, or answers with what is not JSON |
| `delay`, `drip` | the usual, after `seconds`, or with so many for each byte of the answer |

`times` ends it after so many requests. DELETE ends all of it; those who still wait for an answer are let go.
`/requests` are those that came since it was last deleted, without these here. `/records` adds a record, where the
stub has records: a user, an order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from lab.neighbours.stub.deeds import Deed, Rest, delay, drip, garbage, hang, reset, status
from lab.neighbours.stub.request import Reply, Seen, problem, says
from lab.neighbours.stub.stub import ANYTHING, Stub
from lab.neighbours.stub.waiting_room import WaitingRoom

CHANGES = ("POST", "PUT", "PATCH", "DELETE")


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    do: Literal["ok", "decline", "status", "hang", "lose-response", "reset", "garbage", "delay", "drip"]
    on: str = ""
    key: str = "*"
    status: int = 503
    seconds: float = 1.0
    times: int | None = None


def listen(stub: Stub) -> None:
    """Let the stub be told. What is about it is not counted, and no behaviour concerns it."""
    stub.aside("PUT /behaviour", lambda seen: _tell(stub, seen))
    stub.aside("DELETE /behaviour", lambda _: _heal(stub))
    stub.aside("GET /requests", lambda _: _requests(stub))
    stub.aside("DELETE /requests", lambda _: _forget(stub))
    stub.aside("POST /records", lambda seen: _put_in(stub, seen))


def _tell(stub: Stub, seen: Seen) -> Reply:
    try:
        told = msgspec.json.decode(seen.body, type=Behaviour)
    except (ValueError, RecursionError) as error:
        return problem(422, "invalid_request", str(error))

    def concerned(request: Seen) -> bool:
        named = request.json.get("order_id") if isinstance(request.json, dict) else None
        return (bool(told.on) or request.method in CHANGES) and told.key in ("*", str(named))

    stub.will(_deed(stub, told), on=told.on or ANYTHING, times=told.times, where=concerned)
    return says(told)


def _requests(stub: Stub) -> Reply:
    return says({"items": [{"line": one.line, "headers": dict(one.headers), "json": one.json} for one in stub.seen]})


def _forget(stub: Stub) -> Reply:
    stub.forget()
    return Reply(204)


def _put_in(stub: Stub, seen: Seen) -> Reply:
    add: Callable[..., object] | None = getattr(stub, "add", None)
    if add is None:
        return problem(404, "no_records", f"{stub.name} has no records of its own.")
    if not isinstance(seen.json, dict):
        return problem(422, "invalid_request", "a record is a JSON object")
    try:
        return says(add(**seen.json), 201)
    except TypeError as error:
        return problem(422, "invalid_request", str(error))


def _heal(stub: Stub) -> Reply:
    stub.heal()
    return Reply(204)


def _deed(stub: Stub, told: Behaviour) -> Deed:
    match told.do:
        case "ok":
            return _instead(stub.work)
        case "decline":
            return _instead(stub.decline)
        case "status":
            return status(told.status)
        case "hang":
            return hang()
        case "lose-response":
            return Mute()
        case "reset":
            return reset()
        case "garbage":
            return garbage()
        case "delay":
            return delay(told.seconds)
        case "drip":
            return drip(told.seconds)


def _instead(work: Callable[[Seen], Reply]) -> Deed:
    async def deed(seen: Seen, _: Rest) -> Reply | None:
        return work(seen)

    return deed


class Mute:
    """Does as usual and keeps the answer back until it is released."""

    def __init__(self) -> None:
        self._room = WaitingRoom()

    async def __call__(self, _: Seen, rest: Rest) -> Reply | None:
        reply = await rest()
        await self._room.wait()
        return reply

    def release(self) -> None:
        self._room.let_go()
