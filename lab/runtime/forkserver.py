"""The fork server: a single-threaded process that has done the heavy imports and forks every process of a run.

It and the runtime have the ends of a socket pair. Messages in both directions are a 4-byte length and JSON. A request
carries the file descriptors for the child's stdout, stderr and, if it wants one, stdin:

    {"id": 1, "module": "shop.orders", "argv": [], "env": {}, "cwd": "...", "path": ["..."], "after": "httpx"}
    {"id": 2, "module": null, "argv": ["node", "server.js"], ...}

Answers: {"id": 1, "pid": 4711}, {"id": 2, "error": "node: No such file or directory"}, {"exit": 4711, "code": -9}, and
{"warm": 1.5} once all imports are done (seconds). A request waits until the import that it names under `after` is done
(`*`: all of them); it is served between two others.

Each child is a process of its own: session, environment, working folder and pipes. When the runtime is gone (end of
file on the socket) every child's group is terminated, then killed, and the server ends. What is left of a group when
its leader dies is killed at once, so that no port stays taken; so is what had left the group (a daemon has a session of
its own): an orphan becomes a child of ours, and says by LAB_LEADER in its environment whose it was.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import json
import os
import random
import runpy
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from lab.engines.lifetime import adopt_orphans, die_with_parent
from lab.locale import tr
from lab.runtime import preload

ALL = "*"
"""Who waits for this one finds all imports done."""

LENGTH = struct.Struct("!I")
GRACE = 1.0
"""Seconds that children have to end when the runtime is gone."""
LEADER = "LAB_LEADER"
"""Names the child of ours that a process descends from."""
GENERATIONS = 50
"""So often the orphans of orphans are looked for: each round makes orphans of the next generation."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a freshly forked child is to run: a module as `__main__`."""

    module: str
    argv: list[str]


class ForkServer:
    def __init__(self, sock: socket.socket, imports: Sequence[str]) -> None:
        self._sock = sock
        self._children: set[int] = set()
        self._imports = list(reversed(imports))
        self._waiting: list[tuple[dict[str, Any], list[int]]] = []
        self._began = time.monotonic()
        self._stop = False
        gc.disable()
        self._adopts = adopt_orphans()
        self._woken, self._wake = os.pipe()
        for fd in (self._woken, self._wake):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._terminated)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def serve(self) -> Job | None:
        """In the server: serve until the runtime is gone, then None. In a forked child: the Job it is to run."""
        while not self._stop:
            readable, _, _ = select.select([self._sock.fileno(), self._woken], [], [], 0 if self._imports else None)
            if self._woken in readable:
                os.read(self._woken, 4096)
                self._reap()
            if self._sock.fileno() in readable:
                received = self._receive()
                if received is None:
                    break
                self._waiting.append(received)
            elif self._imports:
                self._import_one()
            while (turn := self._next_turn()) is not None:
                if job := self._fork(*self._waiting.pop(turn)):
                    return job
        self._end_children()
        return None

    def _next_turn(self) -> int | None:
        """The first request that waits for no import any more."""
        coming = {ALL, *self._imports} if self._imports else ()
        return next((i for i, (request, _) in enumerate(self._waiting) if request["after"] not in coming), None)

    def _import_one(self) -> None:
        with contextlib.suppress(ImportError):
            importlib.import_module(self._imports.pop())
        if not self._imports:
            gc.freeze()  # the collector would touch, and so copy, what the children share
            self._tell({"warm": round(time.monotonic() - self._began, 3)})

    def _fork(self, request: dict[str, Any], fds: list[int]) -> Job | None:
        status, report = os.pipe()
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            os.close(status)
            return self._become(request, fds, server, report)
        os.close(report)
        for fd in fds:
            os.close(fd)
        with os.fdopen(status, "rb") as pipe:  # the end comes when the child runs, or with what went wrong
            problem = pipe.read().decode()
        if problem:
            os.waitpid(pid, 0)
            self._tell({"id": request["id"], "error": problem})
        else:
            self._children.add(pid)
            self._tell({"id": request["id"], "pid": pid})
        return None

    def _become(self, request: dict[str, Any], fds: list[int], server: int, report: int) -> Job:
        """In the child: leave everything of the server behind; execute the command, or return the Job."""
        try:
            os.setsid()
            die_with_parent(server)
            self._forget_signals()
            self._take_streams(fds)
            os.environ.clear()
            os.environ.update(request["env"])
            os.environ[LEADER] = str(os.getpid())
            time.tzset()
            os.chdir(request["cwd"])
            if request["module"] is None:
                signal.signal(signal.SIGPIPE, signal.SIG_DFL)
                os.execvp(request["argv"][0], request["argv"])
        except OSError as error:
            what = request["cwd"] if error.filename == request["cwd"] else (request["argv"] or [request["module"]])[0]
            os.write(report, f"{what}: {_reason(error, what)}".encode())
            os._exit(127)
        os.close(report)
        gc.enable()
        random.seed()
        sys.path[:0] = request["path"]
        return Job(request["module"], request["argv"])

    def _forget_signals(self) -> None:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        for fd in (self._woken, self._wake):
            os.close(fd)
        self._sock.close()

    def _take_streams(self, fds: list[int]) -> None:
        for number, fd in zip((1, 2, 0), fds, strict=False):
            os.dup2(fd, number)
            os.close(fd)
        for fd in (fd for _, waiting in self._waiting for fd in waiting):
            os.close(fd)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid not in self._children:
                continue  # an orphan
            self._children.discard(pid)
            _signal_group(pid, signal.SIGKILL)
            self._kill_orphans()
            self._tell({"exit": pid, "code": os.waitstatus_to_exitcode(status)})

    def _kill_orphans(self) -> None:
        """Kill those whose leader is dead. Who does not tell whose it was (a fork that never executed anything, an
        emptied environment) is taken for one of them."""
        for _ in range(GENERATIONS if self._adopts else 0):
            orphans = [pid for pid in _own_children() if pid not in self._children]
            doomed = [pid for pid in orphans if _leader(pid) not in self._children]
            if not doomed:
                return
            for pid in doomed:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            for pid in doomed:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)

    def _end_children(self) -> None:
        for pid in self._children:
            _signal_group(pid, signal.SIGTERM)
            _signal_group(pid, signal.SIGCONT)
        deadline = time.monotonic() + GRACE
        while self._children and (left := deadline - time.monotonic()) > 0:
            select.select([self._woken], [], [], left)
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 4096)
            self._reap()
        for pid in self._children:
            _signal_group(pid, signal.SIGKILL)
        while self._children:
            pid, _ = os.waitpid(-1, 0)
            self._children.discard(pid)
        self._kill_orphans()

    def _terminated(self, *_: object) -> None:
        self._stop = True

    def _receive(self) -> tuple[dict[str, Any], list[int]] | None:
        try:
            head, fds, _, _ = socket.recv_fds(self._sock, LENGTH.size, 3)
            if len(head) < LENGTH.size:
                return None
            data = bytearray()
            (length,) = LENGTH.unpack(head)
            while len(data) < length:
                chunk = self._sock.recv(length - len(data))
                if not chunk:
                    return None
                data += chunk
        except OSError:
            return None
        return json.loads(data), fds

    def _tell(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode()
        with contextlib.suppress(OSError):  # the runtime is gone: the next read says so
            self._sock.sendall(LENGTH.pack(len(data)) + data)


def _reason(error: OSError, program: str) -> str:
    """Why it cannot be executed; the system says of a script that it is not there when its interpreter is not."""
    first = b""
    with contextlib.suppress(OSError), Path(program).open("rb") as file:
        first = file.readline(256)
    if error.errno == errno.ENOEXEC and not first.startswith(b"#!"):
        return tr("{strerror}: it does not begin with a line like #!/bin/sh", strerror=error.strerror)
    if error.errno == errno.ENOENT and first.startswith(b"#!"):
        interpreter = first[2:].split()[0].decode(errors="replace") if first[2:].split() else ""
        if first.endswith(b"\r\n"):
            return tr(
                "its first line ends with CR LF, so {interpreter} is not found; save it with LF",
                interpreter=interpreter,
            )
        return tr("{interpreter}, which its first line names, is not there", interpreter=interpreter)
    return error.strerror or str(error)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _own_children() -> list[int]:
    with contextlib.suppress(OSError):
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    return []


def _leader(pid: int) -> int:
    """The child of ours that the process descends from, or 0 if it does not tell."""
    with contextlib.suppress(OSError, ValueError):
        for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            name, _, value = variable.partition(b"=")
            if name == LEADER.encode():
                return int(value)
    return 0


def _run(job: Job) -> None:
    """Run the module as `python -m` would; an uncaught exception shows its traceback, without our own frames."""
    sys.argv = [job.module, *job.argv]
    try:
        runpy.run_module(job.module, run_name="__main__", alter_sys=True)
    except SystemExit:
        raise
    except BaseException as error:
        frame = error.__traceback__
        while frame and frame.tb_frame.f_code.co_filename in (__file__, runpy.__file__, "<frozen runpy>"):
            frame = frame.tb_next
        traceback.print_exception(type(error), error, frame)
        sys.stderr.flush()
        raise SystemExit(1) from None


def run(sock: socket.socket, groups: Sequence[str]) -> NoReturn:
    """Be the fork server at this end of the socket pair, with these groups of `preload`, until the runtime is gone.

    Whatever it forks comes out here, too, as what it was made for, and ends as a program does: with SystemExit.
    """
    job = ForkServer(sock, preload.imports(groups)).serve()
    if job is None:
        os._exit(0)  # the runtime waits for this, and there is nothing to finish
    _run(job)
    sys.exit()
