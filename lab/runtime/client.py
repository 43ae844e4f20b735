"""The control API from the other side: what commands, the dashboard and tests speak to a live run with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, overload

import httpx
import msgspec

from lab.journal.query import Lines
from lab.locale import tr
from lab.runtime import endpoints
from lab.runtime.api import ControlError
from lab.runtime.endpoints import Asked

P = ParamSpec("P")
T = TypeVar("T")

BASE = "http://lab"
TIMEOUT = httpx.Timeout(10.0)
FOREVER = httpx.Timeout(10.0, read=None)


class _Call(Generic[P, T]):
    """A method of both clients, made of a function that says what is asked."""

    def __init__(self, asked: Callable[P, Asked[T]]) -> None:
        self._asked = asked
        self.__doc__ = asked.__doc__

    @overload
    def __get__(self, control: Control, owner: object = None) -> Callable[P, T]: ...

    @overload
    def __get__(self, control: AsyncControl, owner: object = None) -> Callable[P, Coroutine[Any, Any, T]]: ...

    def __get__(self, control: Any, owner: object = None) -> Any:
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return control.ask(self._asked(*args, **kwargs))

        return call


class _Calls:
    """What may be asked of a run; each raises ControlError. See lab.runtime.endpoints."""

    run = _Call(endpoints.run)
    system = _Call(endpoints.system)
    processes = _Call(endpoints.processes)
    act = _Call(endpoints.act)
    set_environment = _Call(endpoints.set_environment)
    wipe = _Call(endpoints.wipe)
    scale = _Call(endpoints.scale)
    faults = _Call(endpoints.faults)
    add_fault = _Call(endpoints.add_fault)
    heal = _Call(endpoints.heal)
    load = _Call(endpoints.load)
    set_rate = _Call(endpoints.set_rate)
    predict = _Call(endpoints.predict)
    journal_check = _Call(endpoints.journal_check)
    flush = _Call(endpoints.flush)
    stop = _Call(endpoints.stop)


class Control(_Calls):
    """One live run, by the path of its control socket."""

    def __init__(self, socket: str | Path) -> None:
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket), verify=False), base_url=BASE, timeout=TIMEOUT
        )

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def ask(self, asked: Asked[T]) -> T:
        """The answer. Raises ControlError."""
        try:
            response = self._http.request(asked.method, asked.path, json=asked.body)
        except httpx.HTTPError as error:
            raise _gone(error) from None
        return asked.take(_read(response, asked.kind))

    def events(self, since: int = 0, follow: bool = False) -> Generator[bytes, None, None]:
        """The journal's lines from number `since` on, without their ends; with `follow` until the run is over."""
        request = self._http.build_request(
            endpoints.EVENTS.method, endpoints.EVENTS.path, params=_since(since, follow), timeout=FOREVER
        )
        try:
            response = self._http.send(request, stream=True)
            try:
                if response.is_error:
                    response.read()
                    raise _refusal(response)
                lines = Lines()
                for chunk in response.iter_raw():
                    yield from map(bytes.rstrip, lines.feed(chunk))
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise _gone(error) from None


class AsyncControl(_Calls):
    """Control for an event loop, with the same names."""

    def __init__(self, socket: str | Path) -> None:
        transport = httpx.AsyncHTTPTransport(uds=str(socket), verify=False)
        self._http = httpx.AsyncClient(transport=transport, base_url=BASE, timeout=TIMEOUT)

    async def __aenter__(self) -> AsyncControl:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, asked: Asked[T]) -> T:
        """The answer. Raises ControlError."""
        try:
            response = await self._http.request(asked.method, asked.path, json=asked.body)
        except httpx.HTTPError as error:
            raise _gone(error) from None
        return asked.take(_read(response, asked.kind))

    async def events(self, since: int = 0, follow: bool = False) -> AsyncGenerator[bytes, None]:
        request = self._http.build_request(
            endpoints.EVENTS.method, endpoints.EVENTS.path, params=_since(since, follow), timeout=FOREVER
        )
        lines = Lines()
        try:
            response = await self._http.send(request, stream=True)
            try:
                if response.is_error:
                    await response.aread()
                    raise _refusal(response)
                async for chunk in response.aiter_raw():
                    for line in lines.feed(chunk):
                        yield line.rstrip()
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise _gone(error) from None


def _since(since: int, follow: bool) -> dict[str, str]:
    return {"since": str(since), "follow": "true" if follow else "false"}


def _read(response: httpx.Response, kind: Any) -> Any:
    if response.is_error:
        raise _refusal(response)
    return msgspec.json.decode(response.content, type=kind)


def _refusal(response: httpx.Response) -> ControlError:
    try:
        message = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        message = tr("the run answers {status_code}", status_code=response.status_code)
    return ControlError(str(message), response.status_code)


def _gone(error: httpx.HTTPError) -> ControlError:
    if isinstance(error, httpx.TimeoutException):
        return ControlError(tr("the run does not answer"))
    return ControlError(tr("the run is gone (its control socket does not answer)"))
