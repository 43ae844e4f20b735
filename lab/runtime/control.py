"""The control API of a run: HTTP over a Unix socket in its folder, described by its own OpenAPI document."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
import uvicorn
from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from lab import __version__
from lab.faults.text import FaultError
from lab.journal.event import Check
from lab.journal.query import POLL, Tail, decode
from lab.locale import tr
from lab.runtime import endpoints
from lab.runtime.api import Action, FaultStatus, LoadStatus, ProcessStatus, RunStatus, ScaleStatus
from lab.runtime.endpoints import Endpoint
from lab.runtime.process import ActionError
from lab.system.refusal import Unknown

if TYPE_CHECKING:
    from lab.runtime.run import Run

F = TypeVar("F", bound=Callable[..., Any])
PROBLEM = "application/problem+json"

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Value = Annotated[str, Field(pattern=r"^[^\x00]*$")]


class NewFault(BaseModel):
    """A fault in its text form, and who asks for it."""

    text: str = Field(examples=['latency payments->provider 300ms 20% on "POST /charges*" for 30s'])
    owner: str = "you"


class NewRate(BaseModel):
    """Visitor journeys per second."""

    rate: float = Field(ge=0, le=100_000)


class NewReplicas(BaseModel):
    """So many instances of a service."""

    replicas: int


class NewPrediction(BaseModel):
    """What the reader expects: a number, a range like 3-10, a choice by its number; nothing means: go on."""

    says: str = Field(max_length=100)


class NewCheck(BaseModel):
    """How far a grading is: see the journal's event of that name."""

    exercise: str
    behaviour: str
    state: Literal["begun", "pass", "fail", "unknown", "skipped", "error"]
    gold: bool = False
    says: dict[str, str] = {}
    expected: str = ""
    got: str = ""
    code: str = ""
    reason: str = ""
    seconds: float | None = None


class Journaled(BaseModel):
    """The number of the journal's last event."""

    seq: int


class Problem(BaseModel):
    """RFC 9457: what went wrong, in words for people."""

    title: str
    status: int
    detail: str


def create_app(run: Run) -> FastAPI:
    app = FastAPI(
        title="lab run",
        version=__version__,
        description="Look at one run of the lab and disturb it.",
        docs_url=None,
        redoc_url=None,
        responses={code: {"model": Problem, "content": {PROBLEM: {}}} for code in (404, 409, 422)},
    )

    def serve(endpoint: Endpoint, **more: Any) -> Callable[[F], F]:
        return app.api_route(endpoint.path, methods=[endpoint.method], **more)

    @serve(endpoints.RUN)
    async def get_run() -> RunStatus:
        """The run as a whole: its state, processes, links, faults and load."""
        return run.status()

    @serve(endpoints.SYSTEM, responses={200: {"description": "The System that runs."}})
    async def get_system() -> Response:
        return Response(msgspec.json.encode(run.system), media_type="application/json")

    @serve(endpoints.PROCESSES)
    async def get_processes() -> tuple[ProcessStatus, ...]:
        return run.supervisor.status()

    @serve(endpoints.ENVIRONMENT)
    async def set_environment(name: str, variables: dict[Variable, Value]) -> ProcessStatus:
        """Variables on top of those that are declared, from the service's next start on; `{}` takes them away."""
        run.provisions.set_environment(name, variables)
        return run.supervisor.named(name)[0].status()

    @serve(endpoints.WIPE)
    async def wipe(name: str) -> ProcessStatus:
        """Empty the data folder of a service (its SQLite database is in it) or embedded engine that is not running."""
        run.provisions.wipe(name)
        return run.supervisor.named(name)[0].status()

    @serve(endpoints.ACT)
    async def act(name: str, action: Action) -> ProcessStatus:
        """Do something to a process, without a fault: it is not healed by itself."""
        run.supervisor.act(name, action)
        return run.supervisor.named(name)[0].status()

    @serve(endpoints.SCALE)
    async def scale(name: str, new: NewReplicas) -> ScaleStatus:
        """Start or end instances of a replicated service. New ones get requests when they are ready; those that leave
        answer first what they were asked."""
        return await run.scale(name, new.replicas)

    @serve(endpoints.FAULTS)
    async def get_faults() -> tuple[FaultStatus, ...]:
        """The faults that are active, oldest first."""
        return run.faults.status()

    @serve(endpoints.ADD_FAULT, status_code=201)
    async def add_fault(new: NewFault) -> FaultStatus:
        """Add a fault. One that happens once (a kill) has happened when this answers."""
        return run.faults.add(new.text, new.owner)

    @serve(endpoints.HEAL_ALL)
    async def heal_all() -> list[FaultStatus]:
        """Heal every fault; the answer lists them."""
        return run.faults.heal(None)

    @serve(endpoints.HEAL)
    async def heal(ident: str) -> list[FaultStatus]:
        return run.faults.heal(ident)

    @serve(endpoints.LOAD)
    async def get_load() -> LoadStatus:
        return run.load

    @serve(endpoints.SET_RATE)
    async def set_rate(new: NewRate) -> LoadStatus:
        run.set_rate(new.rate)
        return run.load

    @serve(endpoints.PREDICT)
    async def predict(ident: str, new: NewPrediction) -> Journaled:
        """Answer the question of the scenario that waits."""
        run.questions.predict(ident, new.says)
        return Journaled(seq=run.journal.seq)

    @serve(
        endpoints.EVENTS, response_class=StreamingResponse, responses={200: {"content": {"application/x-ndjson": {}}}}
    )
    async def get_events(
        since: Annotated[int, Query(ge=0, description="The first event's number.")] = 0,
        follow: Annotated[bool, Query(description="Go on until the run is over.")] = False,
    ) -> StreamingResponse:
        """The journal as NDJSON."""
        return StreamingResponse(_events(run, since, follow), media_type="application/x-ndjson")

    @serve(endpoints.CHECKS, status_code=201)
    async def add_check(new: NewCheck) -> Journaled:
        """Have it in the journal that a behaviour is being checked, or was judged."""
        run.journal.append(Check(**new.model_dump()))
        return Journaled(seq=run.journal.seq)

    @serve(endpoints.FLUSH)
    async def flush() -> Journaled:
        """When this answers, the journal's file has everything that was seen before it was asked."""
        return Journaled(seq=await run.flush())

    @serve(endpoints.STOP, status_code=202)
    async def stop() -> dict[str, str]:
        """Shut the run down cleanly; this answers before it has ended."""
        run.stop(tr("stopped on request"))
        return {"state": "stopping"}

    _problems(app)
    return app


KEEP_ALIVE = 75
"""Seconds that an idle connection is kept: longer than clients keep one, so that none sends a request on
a connection that is just being closed."""


class ControlServer:
    """Serves the API on a socket that only this user may open."""

    def __init__(self, run: Run, path: Path) -> None:
        self._path = path
        config = uvicorn.Config(
            create_app(run),
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            timeout_graceful_shutdown=1,
            timeout_keep_alive=KEEP_ALIVE,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen. Raises OSError."""
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(self._path.with_suffix(".new")))
        self._path.with_suffix(".new").chmod(0o600)
        sock.listen(128)
        sock.setblocking(False)
        self._path.with_suffix(".new").replace(self._path)  # whoever sees it can connect
        self._task = asyncio.create_task(self._server.serve([sock]))

    async def close(self) -> None:
        self._server.should_exit = True
        if self._task:
            await self._task
        self._path.unlink(missing_ok=True)


class _Server(uvicorn.Server):
    """Signals are the run's own to handle."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _events(run: Run, since: int, follow: bool) -> AsyncIterator[bytes]:
    """The journal's lines as they are, many at a time; only those before number `since` are looked into."""
    run.journal.flush()
    reached = since <= 1
    with Tail(run.journal.path) as tail:
        while True:
            last = run.over or not follow
            lines = tail.lines()
            if not lines:
                if last:
                    return
                await asyncio.sleep(POLL)
                continue
            if not reached:
                lines = list(dropwhile(lambda line: _number(line) < since, lines))
                reached = bool(lines)
            yield b"".join(lines)


def _number(line: bytes) -> int:
    """The event's number; 0 for a line that is none."""
    return next((event.seq for event in decode([line])), 0)


def _problems(app: FastAPI) -> None:
    """Errors as problem+json."""

    def problem(status: int, title: str, detail: str) -> JSONResponse:
        body = {"title": title, "status": status, "detail": detail}
        return JSONResponse(body, status, media_type=PROBLEM)

    @app.exception_handler(FaultError)
    async def bad_fault(_: Request, error: FaultError) -> JSONResponse:
        return problem(422, "not a fault of this system", str(error))

    @app.exception_handler(ActionError)
    async def impossible(_: Request, error: ActionError) -> JSONResponse:
        return problem(409, "not possible now", str(error))

    @app.exception_handler(Unknown)
    async def unknown(_: Request, error: Unknown) -> JSONResponse:
        return problem(404, "not found", str(error))

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        return problem(422, "malformed request", "; ".join(map(_in_words, error.errors())))


def _in_words(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"] if part not in ("body", "query", "path"))
    return f"{place}: {error['msg']}" if place else str(error["msg"])
