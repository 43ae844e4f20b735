"""The control API from the other side: what commands, the dashboard and tests speak to a live run with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec

from lab.journal.event import Base, Check
from lab.locale import tr
from lab.runtime.api import Action, ControlError, FaultStatus, LoadStatus, ProcessStatus, RunStatus
from lab.system.model import System

T = TypeVar("T")

BASE = "http://lab"
CHECK_FIELDS = tuple(set(Check.__struct_fields__) - set(Base.__struct_fields__))
TIMEOUT = httpx.Timeout(10.0)
FOREVER = httpx.Timeout(10.0, read=None)


class Control:
    """One live run, by the path of its control socket. Every method raises ControlError."""

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

    def run(self) -> RunStatus:
        return self._ask(RunStatus, "GET", "/run")

    def system(self) -> System:
        return self._ask(System, "GET", "/system")

    def processes(self) -> list[ProcessStatus]:
        return self._ask(list[ProcessStatus], "GET", "/processes")

    def act(self, name: str, action: Action) -> ProcessStatus:
        return self._ask(ProcessStatus, "POST", f"/processes/{name}/{action}")

    def set_environment(self, name: str, variables: Mapping[str, str]) -> ProcessStatus:
        """What a service is told on top of its declaration, from its next start on; {} takes it all away."""
        return self._ask(ProcessStatus, "PUT", f"/processes/{name}/environment", dict(variables))

    def wipe(self, name: str) -> ProcessStatus:
        """Empty the data folder of a service or embedded engine that is not running."""
        return self._ask(ProcessStatus, "POST", f"/processes/{name}/wipe")

    def faults(self) -> list[FaultStatus]:
        return self._ask(list[FaultStatus], "GET", "/faults")

    def add_fault(self, text: str, owner: str = "you") -> FaultStatus:
        return self._ask(FaultStatus, "POST", "/faults", {"text": text, "owner": owner})

    def heal(self, ident: str | None = None) -> list[FaultStatus]:
        """Heal one fault, or all of them; those that were healed."""
        return self._ask(list[FaultStatus], "DELETE", f"/faults/{ident}" if ident else "/faults")

    def load(self) -> LoadStatus:
        return self._ask(LoadStatus, "GET", "/load")

    def set_rate(self, rate: float) -> LoadStatus:
        return self._ask(LoadStatus, "PATCH", "/load", {"rate": rate})

    def journal_check(self, check: Check) -> None:
        """Have it in the journal how far a grading is."""
        told = {name: getattr(check, name) for name in CHECK_FIELDS}
        self._ask(dict[str, int], "POST", "/checks", told)

    def flush(self) -> int:
        """Have everything that was seen so far in the journal's file; the number of the last event there."""
        return self._ask(dict[str, int], "POST", "/journal/flush")["seq"]

    def stop(self) -> None:
        """Ask the run to end; it takes a moment after this returns."""
        self._ask(dict[str, Any], "POST", "/stop")

    def events(self, since: int = 0, follow: bool = False) -> Generator[bytes, None, None]:
        """The journal's lines from number `since` on, without their ends; with `follow` until the run is over."""
        request = self._http.build_request("GET", "/events", params=_since(since, follow), timeout=FOREVER)
        try:
            response = self._http.send(request, stream=True)
            try:
                if response.is_error:
                    response.read()
                    raise _refusal(response)
                yield from _Lines().feed_all(response.iter_raw())
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise _gone(error) from None

    def _ask(self, kind: type[T], method: str, path: str, body: object = None) -> T:
        try:
            response = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise _gone(error) from None
        return _read(response, kind)


class AsyncControl:
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

    async def run(self) -> RunStatus:
        return await self._ask(RunStatus, "GET", "/run")

    async def system(self) -> System:
        return await self._ask(System, "GET", "/system")

    async def processes(self) -> list[ProcessStatus]:
        return await self._ask(list[ProcessStatus], "GET", "/processes")

    async def act(self, name: str, action: Action) -> ProcessStatus:
        return await self._ask(ProcessStatus, "POST", f"/processes/{name}/{action}")

    async def set_environment(self, name: str, variables: Mapping[str, str]) -> ProcessStatus:
        return await self._ask(ProcessStatus, "PUT", f"/processes/{name}/environment", dict(variables))

    async def wipe(self, name: str) -> ProcessStatus:
        return await self._ask(ProcessStatus, "POST", f"/processes/{name}/wipe")

    async def faults(self) -> list[FaultStatus]:
        return await self._ask(list[FaultStatus], "GET", "/faults")

    async def add_fault(self, text: str, owner: str = "you") -> FaultStatus:
        return await self._ask(FaultStatus, "POST", "/faults", {"text": text, "owner": owner})

    async def heal(self, ident: str | None = None) -> list[FaultStatus]:
        return await self._ask(list[FaultStatus], "DELETE", f"/faults/{ident}" if ident else "/faults")

    async def load(self) -> LoadStatus:
        return await self._ask(LoadStatus, "GET", "/load")

    async def set_rate(self, rate: float) -> LoadStatus:
        return await self._ask(LoadStatus, "PATCH", "/load", {"rate": rate})

    async def journal_check(self, check: Check) -> None:
        told = {name: getattr(check, name) for name in CHECK_FIELDS}
        await self._ask(dict[str, int], "POST", "/checks", told)

    async def flush(self) -> int:
        return (await self._ask(dict[str, int], "POST", "/journal/flush"))["seq"]

    async def stop(self) -> None:
        await self._ask(dict[str, Any], "POST", "/stop")

    async def events(self, since: int = 0, follow: bool = False) -> AsyncGenerator[bytes, None]:
        request = self._http.build_request("GET", "/events", params=_since(since, follow), timeout=FOREVER)
        lines = _Lines()
        try:
            response = await self._http.send(request, stream=True)
            try:
                if response.is_error:
                    await response.aread()
                    raise _refusal(response)
                async for chunk in response.aiter_raw():
                    for line in lines.feed(chunk):
                        yield line
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise _gone(error) from None

    async def _ask(self, kind: type[T], method: str, path: str, body: object = None) -> T:
        try:
            response = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise _gone(error) from None
        return _read(response, kind)


class _Lines:
    """Chunks become lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return lines

    def feed_all(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            yield from self.feed(chunk)


def _since(since: int, follow: bool) -> dict[str, str]:
    return {"since": str(since), "follow": "true" if follow else "false"}


def _read(response: httpx.Response, kind: type[T]) -> T:
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
