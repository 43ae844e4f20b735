"""Builds the learner's services. A build is untrusted: it may hang, write without end, leave processes behind."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import IO

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


def build_all(builds: Sequence[Build], on_event: Watcher) -> dict[str, str]:
    """Build every service once. Returns why a build failed, by service; no process of a build is left."""
    problems = {build.service: _build(build, on_event) for build in builds}
    commands = {build.service: build.command for build in builds}
    return {service: f"`{commands[service]}` {problem}" for service, problem in problems.items() if problem}


def _build(build: Build, on_event: Watcher) -> str:
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", GUARDED, "build", build.command],
            cwd=build.dir,
            env=without_secrets(os.environ),
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
                return tr(
                    "was not done after {patience:g} s{last_words}", patience=PATIENCE, last_words=_last_words(said)
                )
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
            "ended with code {returncode}{last_words}", returncode=process.returncode, last_words=_last_words(said)
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


def _last_words(said: bytes) -> str:
    lines = STYLING.sub("", said.decode("utf-8", "replace")).replace("\r\n", "\n").strip().splitlines()[-SAID:]
    return ":\n" + "\n".join(f"  {line}" for line in lines) if lines else ""
