"""The learner's own tests, graded: they must let correct services pass and notice wrong ones.

The tests stand in the folder `tests` beside the services of an exercise, and are started like these, by an entry of
`lab.toml`. They speak to the service under test as the checks do, and find everything in their environment: the service
(`ORDERS_URL`), the stubs around it (`USERS_URL`), which they tell how to behave (`lab.neighbours.stub.told`), the
engines, and `LAB_RUN`, the run in which `lab fault add` disturbs them.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lab.course.assignment import PYTHON, assignment
from lab.course.exercise import Exercise
from lab.course.labtoml import Entry
from lab.course.variants import Unusable, Variant, missing_tool, prepared
from lab.course.workspace import Workspace, add_entry
from lab.grading.bench import Bench
from lab.grading.checking.expect import CannotTell
from lab.neighbours.stub.told import listen
from lab.runtime.api import ControlError
from lab.runtime.inherited import inherited
from lab.runtime.launch import LaunchError
from lab.system.command import argv

TESTS = "tests"
"""The folder, and the name of the entry."""
EXAMPLES = Path(__file__).parent / "templates" / "tests"
LIMIT = 60.0
"""Seconds that the tests may take with one service."""
POLL = 0.05
LINES = 15
"""Lines of what the tests said that are kept."""
RIGHT = 1
"""Right services that the tests must let pass, too, so that they do not test our solution's own ways."""

Ended = Literal["passed", "failed", "late", "not run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """The tests with one service. "late": they were not over in time; "not run": the service could not be started, and
    `said` is why, else it is the end of what the tests said."""

    variant: Variant
    ended: Ended
    seconds: float
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What the tests let pass and what they noticed."""

    exercise: Exercise
    tried: tuple[Tried, ...]

    @property
    def unjust(self) -> list[Tried]:
        """Correct services that the tests did not let pass. While there is one, nothing else counts."""
        return [one for one in self.tried if one.variant.kind != "wrong" and one.ended in ("failed", "late")]

    @property
    def noticed(self) -> list[str]:
        """The wrong services that the tests noticed, by name."""
        return [one.variant.which for one in self.tried if one.variant.kind == "wrong" and one.ended == "failed"]

    @property
    def possible(self) -> int:
        """How many wrong services they met."""
        return sum(one.variant.kind == "wrong" and one.ended != "not run" for one in self.tried)

    @property
    def unguarded(self) -> list[str]:
        """The behaviours that must hold and of which no wrong service was noticed."""
        met = {one.variant.which for one in self.tried if one.ended != "not run"}
        guarded = {wrong.fails for wrong in self.exercise.wrong if wrong.name in self.noticed}
        judged = {wrong.fails for wrong in self.exercise.wrong if wrong.name in met}
        return [one.id for one in self.exercise.behaviours if not one.gold and one.id in judged - guarded]

    @property
    def good(self) -> bool:
        """Correct services pass, and each behaviour that must hold is guarded."""
        return not self.unjust and bool(self.noticed) and not self.unguarded


def begin(here: Workspace, exercise: Exercise) -> list[str]:
    """Lay an example to begin with, in the learner's language or in Python, and its entry; the folder that was made,
    nothing if there are tests already. Raises OSError."""
    folder = here.home(exercise) / TESTS
    entry = here.toml.services.get(exercise.id, {}).get(TESTS)
    if entry is not None:
        return []
    tongue = here.tongue(exercise)
    example = EXAMPLES / (tongue if (EXAMPLES / tongue).is_dir() else "python")
    made = []
    if not folder.exists():
        folder.mkdir(parents=True)
        for source in sorted(example.iterdir()):
            text = source.read_text(encoding="utf-8").replace("EXERCISE", exercise.number)
            text = text.replace("SERVICE_URL", _variable(exercise.services[0].name))
            (folder / source.name.removesuffix(".example")).write_text(text, encoding="utf-8")
        made = [f"{folder.relative_to(here.folder).as_posix()}/"]
    run = {"go": "go test -count=1 ./...", "node": "node --test"}.get(example.name, "python -m pytest -q -x")
    add_entry(here, exercise.id, TESTS, Entry(dir=folder.relative_to(here.folder).as_posix(), run=run))
    return made


def plan(exercise: Exercise) -> list[Variant]:
    """The services to meet: our solution, a right one, and each wrong one."""
    right = [Variant("right", which=one.name) for one in exercise.right if not one.command.build]
    usable = [variant for variant in right if not missing_tool(exercise, variant)]
    return [Variant("solution"), *usable[:RIGHT], *(Variant("wrong", which=one.name) for one in exercise.wrong)]


def grade(exercise: Exercise, folder: Path, run: str, tiers: Mapping[str, str], *, jobs: int = 2) -> Iterator[Tried]:
    """The tests with each service, as soon as it is over. After a correct one that they refuse, or without our
    solution, no wrong one is met. Leaving it early ends the tests that run."""
    planned = plan(exercise)
    correct = [variant for variant in planned if variant.kind != "wrong"]
    wrong = [variant for variant in planned if variant.kind == "wrong"]
    leaving = threading.Event()
    for batch in (correct, wrong):
        just = True
        with ThreadPoolExecutor(jobs) as pool:
            futures = [pool.submit(_tried, exercise, variant, folder, run, tiers, leaving) for variant in batch]
            try:
                for future in as_completed(futures):
                    tried = future.result()
                    met = tried.ended != "not run" or tried.variant.kind == "right"
                    just = just and (tried.variant.kind == "wrong" or (met and tried.ended not in ("failed", "late")))
                    yield tried
            except BaseException:
                leaving.set()
                raise
            finally:
                pool.shutdown(cancel_futures=True)
        if not just:
            return


def _tried(
    exercise: Exercise, variant: Variant, folder: Path, run: str, tiers: Mapping[str, str], leaving: threading.Event
) -> Tried:
    began = time.monotonic()
    try:
        with prepared(exercise, variant) as programs:
            bench = Bench(assignment(exercise, programs), seed=0, tiers=tiers)
            try:
                bench.await_engines()
                for stub in bench.stubs.values():
                    listen(stub)
                    stub.furnish()
                for service in exercise.services:
                    bench.processes.start(service.name)
                ended, said = _run(folder, run, environment(exercise, bench), leaving)
            finally:
                bench.close()
    except (Unusable, LaunchError, CannotTell, ControlError) as problem:
        ended, said = "not run", str(problem)
    return Tried(variant=variant, ended=ended, seconds=time.monotonic() - began, said=said)


def environment(exercise: Exercise, bench: Bench) -> dict[str, str]:
    """What the tests find: where the services, the stubs and the engines are, and which run it is."""
    services = {_variable(name): url for name, url in bench.urls.items()}
    stubs = {_variable(name): bench.direct[name] for name in exercise.stubs}
    engines = {_variable(name): bench.direct[name] for name in exercise.engines}
    return {**stubs, **engines, **services, "LAB_RUN": bench.record.id}


def _run(folder: Path, run: str, extra: Mapping[str, str], leaving: threading.Event) -> tuple[Ended, str]:
    words = list(argv(run))
    if words[0] in PYTHON:
        own = folder / ".venv" / "bin" / "python"
        words[0] = str(own) if own.exists() else sys.executable
    env = {**inherited(os.environ), **extra, "PYTHONDONTWRITEBYTECODE": "1"}
    if home := os.environ.get("LAB_HOME"):
        env["LAB_HOME"] = home
    with tempfile.TemporaryFile() as told:
        try:
            process = subprocess.Popen(
                words, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=told, stderr=told, start_new_session=True
            )
        except OSError as problem:
            raise Unusable(f"{words[0]}: {problem.strerror}") from None
        try:
            until = time.monotonic() + LIMIT
            while (code := process.poll()) is None and time.monotonic() < until and not leaving.wait(POLL):
                pass
            ended: Ended = "late" if code is None else "failed" if code else "passed"
        finally:
            _kill(process)
        told.seek(0)
        lines = told.read().decode(errors="replace").strip().splitlines()
    return ended, "\n".join(lines[-LINES:])


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End what the tests have started and left."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def _variable(name: str) -> str:
    return f"{re.sub('[-:]', '_', name.upper())}_URL"


def summary(tried: Sequence[Tried], exercise: Exercise) -> Score:
    """The score of all that was tried, in the order of the exercise's text."""
    order = {variant: number for number, variant in enumerate(plan(exercise))}
    return Score(exercise=exercise, tried=tuple(sorted(tried, key=lambda one: order[one.variant])))
