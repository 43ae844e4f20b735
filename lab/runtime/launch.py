"""Starts the runtime process of a new run and waits until it answers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lab.locale import tr
from lab.runtime import leftovers, runs
from lab.runtime.api import RunOptions
from lab.runtime.preload import needed
from lab.runtime.runs import RunRecord
from lab.system.extras import must_have
from lab.system.model import System
from lab.system.refusal import Refusal
from lab.system.secrets import without_secrets
from lab.system.validate import validate

PATIENCE = 20.0
"""Seconds for the runtime to open its control socket."""
SILENCE = 2.0
POLL = 0.01

_lifelines: dict[str, int] = {}
"""Ends of pipes by run: a run that is not detached stops when the starter, who holds them, is gone."""


class LaunchError(Refusal):
    """The run could not be started."""

    def __init__(self, why: str) -> None:
        super().__init__(tr("the run could not be started"), why)


class DiskFull(LaunchError):
    """It could not be started because the disk is full."""


@dataclass(frozen=True, slots=True)
class Launching:
    """A run whose runtime is starting. There is time for something else before it can `answer`: it can be shown, for
    its journal grows already."""

    id: str
    system: System
    folder: Path
    socket: Path
    process: subprocess.Popen[bytes]
    detached: bool = False
    """It outlives this process from its first answer on."""

    @property
    def journal(self) -> Path:
        return self.folder / "journal.ndjson"

    def answer(self, *, on_progress: Callable[[str], None] | None = None) -> RunRecord:
        """Return the run as soon as its control API answers; its processes start meanwhile.

        `on_progress` is told in words when that takes long. Raises LaunchError; the run is then let go of.
        """
        try:
            _await_answer(self.process, self.socket, self.folder, on_progress)
        except LaunchError as problem:
            release(self.id)
            leftovers.clean([self.folder])
            raise _or_full(problem) from None
        except BaseException:
            release(self.id)
            raise
        if self.detached:
            _let_go(self.id)
        return self.record()

    def record(self) -> RunRecord:
        """The run as its folder tells it now. Raises UnknownRun."""
        return runs.find(self.id)

    def ended(self, within: float = 0.0) -> bool:
        """Whether the runtime has ended, after at most `within` seconds."""
        until = time.monotonic() + within
        while self.process.poll() is None:
            if time.monotonic() > until:
                return False
            time.sleep(POLL)
        return True


def launch(system: System, options: RunOptions, *, on_progress: Callable[[str], None] | None = None) -> RunRecord:
    """`begin` a run and return it when it can `answer`. Raises what these raise."""
    return begin(system, options).answer(on_progress=on_progress)


def _or_full(problem: LaunchError) -> LaunchError:
    """The same, as a full disk if that is what it is."""
    full = runs.disk_full(runs.home())
    return DiskFull(f"{problem.why}\n{full}") if full else problem


def begin(system: System, options: RunOptions) -> Launching:
    """Start the runtime of a run of `system`.

    The run lives as long as this process (or until `release`); with `options.detach` only until it answers. Raises
    InvalidSystem, MissingExtra, lab.engines.recipe.EngineUnavailable and LaunchError.
    """
    from lab.engines import catalog

    validate(system)
    must_have(system, client=options.grading)
    catalog.must_have(system, options.tiers)
    runs.clean_leftovers()
    try:
        file = runs.create(system, options, datetime.now(UTC).isoformat(timespec="milliseconds"))
        folder = runs.home() / "runs" / file.id
        try:
            process, _lifelines[file.id] = _start(folder, needed(system))
        except BaseException:
            leftovers.remove(folder)  # there is no runtime that would do it
            raise
    except OSError as error:
        problem = LaunchError(
            tr(
                "cannot write to {path}: {strerror}; LAB_HOME can name a folder that you may write to",
                path=error.filename or runs.home(),
                strerror=error.strerror,
            )
        )
        raise _or_full(problem) from None
    return Launching(file.id, system, folder, Path(file.socket), process, options.detach)


def release(run: str) -> None:
    """Let go of a run that was started here: it stops, as if this process had ended."""
    if (end := _lifelines.pop(run, None)) is not None:
        os.close(end)


def _let_go(run: str) -> None:
    """Let the run live on when this process has ended."""
    if (end := _lifelines.pop(run, None)) is not None:
        with contextlib.suppress(BrokenPipeError):
            os.write(end, b"\n")
        os.close(end)


def _start(folder: Path, warm: Sequence[str]) -> tuple[subprocess.Popen[bytes], int]:
    """The runtime's process, and our end of its lifeline."""
    read, write = os.pipe()
    command = [sys.executable, "-P", "-m", "lab.runtime", str(folder), "--warm", *warm, "--lifeline", str(read)]
    with (folder / "runtime.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[read],
            cwd=folder,
            env={**without_secrets(os.environ), "LAB_RUN": str(folder)},
            start_new_session=True,
        )
    os.close(read)
    return process, write


def _await_answer(
    process: subprocess.Popen[bytes], socket: Path, folder: Path, on_progress: Callable[[str], None] | None
) -> None:
    began = time.monotonic()
    told = False
    while not socket.exists():
        if process.poll() is not None:
            raise LaunchError(
                _last_words(folder) or tr("the runtime ended with code {returncode}", returncode=process.returncode)
            )
        waited = time.monotonic() - began
        if waited > PATIENCE:
            process.kill()
            process.wait()
            raise LaunchError(
                tr(
                    "the runtime did not answer within {patience:g} s; see {folder}",
                    patience=PATIENCE,
                    folder=folder / "runtime.log",
                )
            )
        if on_progress and not told and waited > SILENCE:
            told = True
            on_progress(tr("the runtime is starting"))
        time.sleep(POLL)


def _last_words(folder: Path) -> str:
    lines = (folder / "runtime.log").read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("lab: ") if lines else ""
