"""The runtime's end of the fork server: ask for children, hear of their ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.locale import tr
from lab.runtime.forkserver import ALL, LENGTH
from lab.runtime.warmup import ForkServerProcess

FULL = 0.01
"""Seconds until a full socket is tried again."""


class SpawnError(Exception):
    """The child could not be started; the message says why (`node: No such file or directory`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to start. With `module` it is forked warm and run as `python -m`; otherwise `argv` is executed.

    `env` is the whole environment, `cwd` the working folder, `path` goes before `sys.path`. With `stdin` the starter
    gets a pipe to write into. A module is not forked before the fork server has done the import called `after`.
    """

    argv: Sequence[str] = ()
    module: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    path: Sequence[str] = ()
    stdin: bool = False
    after: str = ALL


@dataclass(slots=True)
class Child:
    """A started process with the runtime's ends of its pipes (`stdin` is -1 without one).

    `exited` resolves to its exit code, negative for the signal that killed it.
    """

    pid: int
    stdout: int
    stderr: int
    stdin: int
    exited: asyncio.Future[int]


def in_words(code: int, cause: str) -> str:
    """How a process ended: `killed by SIGKILL (by hand)`, `exited with code 3`."""
    if code < 0:
        ending = (
            tr("killed by {name}", name=signal.Signals(-code).name)
            if -code in list(signal.Signals)
            else tr("killed by signal {number}", number=-code)
        )
    else:
        ending = tr("exited with code {code}", code=code)
    return f"{ending} ({cause})" if cause else ending


class ForkClient:
    """Speaks with a fork server. `on_lost` is called once if it dies by itself."""

    def __init__(self, server: ForkServerProcess, on_lost: Callable[[], None]) -> None:
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._asked: dict[int, asyncio.Future[tuple[int, asyncio.Future[int]]]] = {}
        self._ends: dict[int, asyncio.Future[int]] = {}
        self._number = 0
        self._turn = asyncio.Lock()
        self._closing = False
        self._buffer = bytearray()
        self.warm: asyncio.Future[float] = self._loop.create_future()
        self.pid, self._sock = server.pid, server.sock
        self._sock.setblocking(False)
        self._loop.add_reader(self._sock, self._readable)

    async def spawn(self, program: Program) -> Child:
        """Start `program`. Raises SpawnError if it cannot be executed or the fork server is gone."""
        if self._closing:
            raise SpawnError(tr("the fork server has ended"))
        out, err = os.pipe(), os.pipe()
        into = os.pipe() if program.stdin else (os.open(os.devnull, os.O_RDONLY), -1)
        ours, theirs = (out[0], err[0], into[1]), (out[1], err[1], into[0])
        self._number += 1
        number = self._number
        answer = self._asked[number] = self._loop.create_future()
        request = {
            "id": number,
            "module": program.module,
            "argv": list(program.argv),
            "env": dict(program.env),
            "cwd": program.cwd,
            "path": list(program.path),
            "after": program.after if program.module else "",
        }
        try:
            await self._send(json.dumps(request).encode(), theirs)
            pid, exited = await answer
        except BaseException:
            for fd in ours:
                if fd >= 0:
                    os.close(fd)
            raise
        finally:
            self._asked.pop(number, None)
            for fd in theirs:
                os.close(fd)
        return Child(pid, *ours, exited)

    async def close(self) -> None:
        """End the fork server and, with it, every child that still lives."""
        self._closing = True
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._sock.close()
        with contextlib.suppress(ChildProcessError):  # it was closed before
            await asyncio.to_thread(os.waitpid, self.pid, 0)

    async def _send(self, data: bytes, fds: Sequence[int]) -> None:
        """Hand a request over as a whole, one after the other. A socket that is full (fifty requests at once are
        enough) is waited for."""
        message = LENGTH.pack(len(data)) + data
        async with self._turn:
            try:
                while (sent := self._offer(message, fds)) == 0:  # noqa: ASYNC110 - nobody tells when there is room
                    await asyncio.sleep(FULL)
                await self._loop.sock_sendall(self._sock, message[sent:])
            except OSError as error:
                raise SpawnError(tr("the fork server does not answer: {strerror}", strerror=error.strerror)) from None

    def _offer(self, message: bytes, fds: Sequence[int]) -> int:
        """How much of it the socket took; 0 if it is full."""
        try:
            return socket.send_fds(self._sock, [message], list(fds))
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno in (errno.ENOBUFS, errno.ETOOMANYREFS):
                return 0
            raise

    def _readable(self) -> None:
        try:
            data = self._sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        self._buffer += data
        while len(self._buffer) >= LENGTH.size:
            (length,) = LENGTH.unpack(self._buffer[: LENGTH.size])
            if len(self._buffer) < LENGTH.size + length:
                return
            message = json.loads(self._buffer[LENGTH.size : LENGTH.size + length])
            del self._buffer[: LENGTH.size + length]
            self._hear(message)

    def _hear(self, message: dict[str, Any]) -> None:
        if "exit" in message:
            end = self._ends.pop(message["exit"], None)
            if end and not end.done():
                end.set_result(message["code"])
        elif "warm" in message:
            self.warm.set_result(message["warm"])
        else:
            self._answered(self._asked.get(message["id"]), message)

    def _answered(
        self, answer: asyncio.Future[tuple[int, asyncio.Future[int]]] | None, message: dict[str, Any]
    ) -> None:
        waited_for = answer is not None and not answer.done()
        if "error" in message:
            if answer and waited_for:
                answer.set_exception(SpawnError(message["error"]))
            return
        end = self._ends[message["pid"]] = self._loop.create_future()
        if answer and waited_for:
            answer.set_result((message["pid"], end))
        else:
            os.killpg(message["pid"], signal.SIGKILL)

    def _lost(self) -> None:
        self._closing = True
        self._loop.remove_reader(self._sock)
        for pid, end in self._ends.items():
            try:
                os.killpg(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
            if not end.done():
                end.set_result(-signal.SIGKILL)
        self._ends.clear()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(SpawnError(tr("the fork server died")))
        self._on_lost()
