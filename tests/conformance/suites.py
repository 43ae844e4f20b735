"""The suites: what each needs, how it is started, and how its result is read."""

from __future__ import annotations

import os
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Suite:
    """`command` runs in `folder` and writes JUnit XML to the file for which `{report}` stands in it.

    Words of `environment` may use `{amqp}` and `{amqps}`, the broker's ports.
    """

    name: str
    folder: Path
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    restarts_broker: bool = False


@dataclass(frozen=True)
class Outcome:
    suite: str
    passed: int
    failed: int
    skipped: int
    seconds: float
    failures: tuple[str, ...] = ()

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} of {self.passed + self.failed}{skipped} ({self.seconds:.0f} s)"


def pytest_suite(
    name: str,
    venv: Path,
    folder: Path,
    *arguments: str,
    environment: dict[str, str] | None = None,
    restarts_broker: bool = False,
) -> Suite:
    """A suite that the pytest of a virtual environment runs."""
    options = ("-q", "-p", "no:cacheprovider", "--tb=short", "--timeout", "90", "--junitxml={report}")
    command = (str(venv / "bin" / "python"), "-m", "pytest", *options, *arguments)
    return Suite(name, folder, command, environment or {}, restarts_broker)


def run(suite: Suite, ports: dict[str, str], environment: dict[str, str], report: Path, extra: list[str]) -> Outcome:
    """Run one suite serially; its output goes beside `report`."""
    report.unlink(missing_ok=True)
    fixed = {name: value.format(**ports) for name, value in suite.environment.items()}
    began = time.monotonic()
    with report.with_suffix(".log").open("w") as log:
        subprocess.run(
            [*(word.replace("{report}", str(report)) for word in suite.command), *extra],
            cwd=suite.folder,
            env={**os.environ, **environment, **fixed, "PYTHONDONTWRITEBYTECODE": "1"},
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
            failures.setdefault(ident, " ".join((wrong.get("message") or wrong.text or "").split())[:300])
        elif case.find("skipped") is not None:
            skipped.add(ident)
    passed = len(seen - skipped - failures.keys())
    lines = tuple(f"{ident}: {message}" for ident, message in failures.items())
    return Outcome(name, passed, len(failures), len(skipped), seconds, lines)
