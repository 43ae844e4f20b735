"""Builds the learner's services. A build is untrusted: it may hang, write without end, leave processes behind."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from lab.grading import node_packages
from lab.grading.go_sources import debian_sources
from lab.grading.model import Build
from lab.grading.stage import Stage, Watcher
from lab.locale import tr
from lab.system.secrets import without_secrets

PATIENCE = 300.0
"""Seconds that a build may take."""
SAID = 20
"""Last lines of a build that failed."""
KEPT = 65_536
"""Last bytes of its output that are kept."""
POLL = 0.25

GUARDED = 'exec 3<&0 </dev/null; (read -r _; kill -s KILL -- -$$) <&3 >/dev/null 2>&1 & exec 3<&-; /bin/sh -c "$1"'
"""The command in a group of its own, with a guard that kills the group when our end of its stdin is closed: after the
build, and also when we are killed ourselves. `$$` is the group's leader."""
STYLING = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
"""Escape sequences (colours and titles), which are removed from a reason."""
PLACE = re.compile(r"(\s*)([^\s:]+):\d+")
"""How a line begins that tells of a place in a file: `./main.go:12:3`."""


def build_all(builds: Sequence[Build], on_event: Watcher) -> dict[str, str]:
    """Build every service once. Returns why a build failed, by service; no process of a build is left."""
    problems = {build.service: _build(build, on_event) for build in builds}
    commands = {build.service: build.command for build in builds}
    return {service: f"`{commands[service]}` {problem}" for service, problem in problems.items() if problem}


def _build(build: Build, on_event: Watcher) -> str:
    env = node_packages.SETTINGS | without_secrets(os.environ)
    problem = _run(build, Path(build.dir), env, on_event)
    if problem:
        with debian_sources(Path(build.dir)) as instead:
            if instead:
                place, variables = instead
                problem = _run(build, place, env | variables, on_event)
        if advice := node_packages.advice(Path(build.dir), problem):
            problem += f"\n{advice}"
    return problem


def _run(build: Build, place: Path, env: Mapping[str, str], on_event: Watcher) -> str:
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", GUARDED, "build", build.command],
            cwd=place,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return tr("cannot be run in {dir}: {strerror}", dir=build.dir, strerror=error.strerror)
    assert process.stdin
    assert process.stdout
    said, open_ = b"", True
    try:
        while process.poll() is None:
            waited = time.monotonic() - began
            on_event(Stage(kind="build", text=f"{build.service}: {build.command}", seconds=waited))
            if waited > PATIENCE:
                last_words = _last_words(said, build)
                return tr("was not done after {patience:g} s{last_words}", patience=PATIENCE, last_words=last_words)
            if not open_:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(POLL)
            elif chunk := _read(process.stdout, POLL):
                said = (said + chunk)[-KEPT:]
            elif chunk is not None:
                open_ = False
        if process.returncode == 0:
            return ""
        said += _read(process.stdout, 0) or b""
        return tr(
            "ended with code {returncode}{last_words}",
            returncode=process.returncode,
            last_words=_last_words(said, build),
        )
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.stdin.close()
        process.wait()
        process.stdout.close()


def _read(pipe: IO[bytes], within: float) -> bytes | None:
    """Returns what arrives `within` seconds: b"" at the end of the pipe, None if nothing does."""
    return os.read(pipe.fileno(), KEPT) if select.select([pipe], [], [], within)[0] else None


def _last_words(said: bytes, build: Build) -> str:
    lines = STYLING.sub("", said.decode("utf-8", "replace")).replace("\r\n", "\n").strip().splitlines()[-SAID:]
    return ":\n" + "\n".join(f"  {_placed(line, build)}" for line in lines) if lines else ""


def _placed(line: str, build: Build) -> str:
    """The line with a path in it that begins where the learner's paths do, so that their editor finds the file."""
    found = PLACE.match(line)
    if not found or not (Path(build.dir) / found[2]).is_file():
        return line
    return f"{found[1]}{os.path.normpath(Path(build.shown or build.service) / found[2])}{line[found.end(2) :]}"
