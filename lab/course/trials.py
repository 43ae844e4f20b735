"""Several trials of the author gate at a time: most of a grading is waiting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress

import msgspec

from lab.course.exercise import Exercise
from lab.course.gate import Planned, Trial
from lab.course.trial import Task
from lab.course.variants import Variant

LIMIT = 600.0
"""Seconds after which a trial is broken off."""


class Trials:
    """Runs trials in processes of their own, `jobs` at a time; leaving it early ends them in good order."""

    def __init__(self, jobs: int) -> None:
        self._pool = ThreadPoolExecutor(jobs)
        self._live: set[subprocess.Popen[bytes]] = set()
        self._leaving = False

    def __enter__(self) -> Trials:
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving = True
        for process in list(self._live):
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
        self._pool.shutdown(cancel_futures=True)

    def run(self, planned: Sequence[Planned]) -> Iterator[Trial]:
        """The trials as they come to an end."""
        futures = [self._pool.submit(self._one, exercise, variant, seed) for exercise, variant, seed in planned]
        for future in as_completed(futures):
            yield future.result()

    def _one(self, exercise: Exercise, variant: Variant, seed: int) -> Trial:
        task = Task(
            folder=str(exercise.folder.absolute()),
            kind=variant.kind,
            language=variant.language,
            wrong=variant.wrong,
            seed=seed,
        )
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lab.course.trial"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is passed on to it, once
        )
        self._live.add(process)
        # It stays open as long as this process lives, and `communicate` would close it.
        lifeline, process.stdin = process.stdin, None
        assert lifeline
        if self._leaving:
            process.send_signal(signal.SIGINT)
        try:
            with suppress(BrokenPipeError):
                os.write(lifeline.fileno(), msgspec.json.encode(task) + b"\n")
            told, complaint = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            told, complaint = process.communicate()
        finally:
            self._live.discard(process)
            lifeline.close()
        if process.returncode == 0:
            return msgspec.json.decode(told, type=Trial)
        last = complaint.decode(errors="replace").strip().splitlines()[-1:] or ["it took too long"]
        return Trial(
            exercise=exercise.id, variant=variant.name, seed=seed, seconds=0.0, holes=(f"broken off: {last[0]}",)
        )
