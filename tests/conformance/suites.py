"""The suites: what each installs, which tests it takes, and how its result is read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

AIO_PIKA = "10.2.1"
HERE = Path(__file__).parent
RESTARTS = (
    "tests/test_robust_recovery.py::test_restore_topology_and_consumers[stop_app]",
    "tests/test_robust_recovery.py::test_restore_topology_and_consumers[kill]",
    "tests/test_robust_recovery.py::test_pool_consumer_survives_broker_restart",
)
PROXY_FILE = "tests/test_amqp_robust_proxy.py"
TLS_FILE = "tests/test_amqps.py"


@dataclass(frozen=True)
class Suite:
    """`arguments` go to pytest, run in `folder` by the interpreter of the virtual environment `venv`."""

    name: str
    venv: Path
    folder: Path
    arguments: tuple[str, ...]
    restarts_broker: bool = False


@dataclass(frozen=True)
class Outcome:
    suite: str
    passed: int
    failed: int
    skipped: int
    seconds: float
    failures: tuple[str, ...] = field(default=())

    @property
    def ran(self) -> int:
        return self.passed + self.failed

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} of {self.ran}{skipped} ({self.seconds:.0f} s)"


def aio_pika_suites(work: Path, everything: bool) -> list[Suite]:
    """aio-pika's own tests, unpacked from its source distribution, with the stand-in instead of Docker."""
    source = work / f"aio_pika-{AIO_PIKA}"
    if not source.exists():
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "aio-pika", "-d", str(work)]
        subprocess.run([*pip, f"aio-pika=={AIO_PIKA}"], check=True)
        with tarfile.open(next(work.glob("aio_pika-*.tar.gz"))) as archive:
            archive.extractall(work, filter="data")
    shutil.copy(HERE / "docker_stand_in.py", source / "tests" / "docker_client.py")
    needs = ("aiomisc", "aiomisc-pytest", "pytest", "pytest-rst", "pytest-timeout", "shortuuid", "timeout-decorator")
    venv = _environment(work / "venv-aio-pika", f"aio-pika=={AIO_PIKA}", *needs)
    options = ("-o", "log_cli=false", "--timeout", "90")

    def suite(name: str, *arguments: str, restarts_broker: bool = False) -> Suite:
        return Suite(f"aio-pika {AIO_PIKA}: {name}", venv, source, (*options, *arguments), restarts_broker)

    aside = [f"--ignore={PROXY_FILE}", f"--ignore={TLS_FILE}", *(f"--deselect={test}" for test in RESTARTS)]
    suites = [suite("core", "tests", *aside), suite("over TLS", TLS_FILE)]
    if everything:
        suites.append(suite("reconnecting through a TCP proxy", PROXY_FILE))
        suites.append(suite("broker restarts", *RESTARTS, restarts_broker=True))
    return suites


def program_suites(work: Path) -> list[Suite]:
    """Our own small programs, written as the tutorials and the frameworks' front pages teach."""
    needs = ("pika", "celery", "faststream[rabbit]", "pytest", "pytest-timeout")
    venv = _environment(work / "venv-programs", *needs)

    def suite(name: str, file: str) -> Suite:
        # Without this project's settings and conftest files, whose imports this environment lacks.
        options = ("-c", os.devnull, "--rootdir", str(HERE), "--confcutdir", str(HERE), "--timeout", "90")
        return Suite(name, venv, HERE.parents[1], (*options, str(HERE / "tutorials" / file)))

    return [
        suite("programs as in the tutorials (pika)", "tutorials.py"),
        suite("programs on FastStream, Celery and kombu", "frameworks.py"),
    ]


def run(suite: Suite, environment: dict[str, str], report: Path, extra: tuple[str, ...] = ()) -> Outcome:
    """Run one suite serially at low priority; its output goes beside `report` (JUnit XML), which is read."""
    report.unlink(missing_ok=True)
    command = [str(suite.venv / "bin" / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short"]
    began = time.monotonic()
    with report.with_suffix(".log").open("w") as log:
        subprocess.run(
            [*command, *suite.arguments, f"--junitxml={report}", *extra],
            cwd=suite.folder,
            env={**os.environ, **environment, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    seconds = time.monotonic() - began
    if not report.exists():
        return Outcome(suite.name, 0, 1, 0, seconds, (f"no result; see {report.with_suffix('.log')}",))
    return _read(suite.name, report, seconds)


def _read(name: str, report: Path, seconds: float) -> Outcome:
    """A test with an error in its setup or teardown is a failed test, once."""
    failures: dict[str, str] = {}
    seen: set[str] = set()
    skipped: set[str] = set()
    for case in ElementTree.parse(report).iter("testcase"):
        ident = f"{case.get('classname', '')}::{case.get('name', '')}"
        seen.add(ident)
        if (wrong := next((part for part in case if part.tag in ("failure", "error")), None)) is not None:
            failures.setdefault(ident, " ".join((wrong.get("message") or "").split())[:300])
        elif case.find("skipped") is not None:
            skipped.add(ident)
    passed = len(seen - skipped - failures.keys())
    lines = tuple(f"{ident}: {message}" for ident, message in failures.items())
    return Outcome(name, passed, len(failures), len(skipped), seconds, lines)


def _environment(folder: Path, *requirements: str) -> Path:
    """A virtual environment with these packages, made once a work folder."""
    ready = folder / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "-q", *requirements], check=True)
        ready.touch()
    return folder
