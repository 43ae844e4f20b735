"""The lab's pytest plugin: checks become verdicts on behaviours, with evidence where one fails."""

from __future__ import annotations

import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from lab.faults.schedule import Schedule
from lab.grading.bench import Bench
from lab.grading.checking import fixtures
from lab.grading.checking.expect import Attention, BehaviourFailed, CannotTell
from lab.grading.evidence.death import broke
from lab.grading.evidence.story import story
from lab.grading.model import Assignment, Behaviour, Chosen, Finding, Measured, Verdict
from lab.grading.signature import MOST, looks_like, to_read
from lab.grading.stage import Stage, Watcher
from lab.locale import tr
from lab.system.model import CLIENT

LIMIT = 90
"""Seconds after which a check is stopped unless it says otherwise, beside those for which it plays something. Every
instrument gives up earlier."""
FRAMES = 8
"""Lines of a traceback that are shown for a mistake in a check."""
NO_METHOD = {"405", "501"}
GRAVITY: tuple[Verdict, ...] = ("error", "fail", "unknown", "skipped", "pass")
"""If several checks prove one behaviour, the gravest verdict counts."""


class Overdue(BaseException):
    """The check took too long. It is a BaseException, so that no `except Exception` of an instrument catches it."""


@dataclass(slots=True)
class Outcome:
    """What one check said."""

    verdict: Verdict
    seconds: float = 0.0
    failure: BehaviourFailed | None = None
    reason: str = ""
    needs: str = ""
    stormy: bool = False
    finding: Finding | None = None


@dataclass(slots=True, eq=False)  # pytest before 9.1 keeps its plugins in a set
class Grader:
    """Plugged into pytest for one grading. `findings` has them in the order of the exercise's text afterwards."""

    assignment: Assignment
    bench: Bench
    seed: int
    listener: Watcher
    first: Sequence[str] = ()
    only: Sequence[str] = ()
    stop_at_first: bool = False
    chosen: Chosen = field(default_factory=Chosen)
    played: list[Schedule] = field(default_factory=list)
    """The schedule that the checks have played, with all its faults."""
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    broken: str = ""
    """Why the checks could not be read, if so."""
    _warnings: dict[str, list[str]] = field(default_factory=dict)
    _measured: dict[str, float] = field(default_factory=dict)
    _began: float = 0.0
    _stopped: bool = False

    # -- pytest's hooks

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "behaviour(id, start=True, limit=None): the behaviour that the check proves")
        config.stash[fixtures.BENCH] = self.bench
        config.stash[fixtures.SEED] = self.seed
        config.stash[fixtures.CHOSEN] = self.chosen
        config.stash[fixtures.PLAYED] = self.played
        config.stash[fixtures.RUNS] = {}
        if reporter := config.pluginmanager.get_plugin("terminalreporter"):
            config.pluginmanager.unregister(reporter)  # the report is ours to print

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken = str(report.longrepr)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        order = [behaviour.id for behaviour in self.assignment.behaviours]
        wanted = [item for item in items if _behaviour(item) in order]
        if self.only:
            wanted = [item for item in wanted if _behaviour(item) in self.only]
        wanted.sort(key=lambda item: (_behaviour(item) not in self.first, order.index(_behaviour(item))))
        items[:] = wanted

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        ident = _behaviour(item)
        self._began = time.monotonic()
        Attention.waiting = lambda text, seconds: self.listener(
            Stage(kind="waiting", behaviour=ident, text=text, seconds=seconds)
        )
        Attention.warned = lambda text: self._warnings.setdefault(ident, []).append(text)
        Attention.measured = self._measured.__setitem__
        if self._stopped:
            raise _Skipped(tr("an earlier behaviour failed, and you asked to stop there"))
        for needed in self._behaviour(ident).needs:
            if self.verdict(needed) not in ("pass", None):
                raise _Skipped(tr("{id} must pass first", id=needed), needed)
        self.listener(Stage(kind="check", behaviour=ident, says=self._behaviour(ident).says))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        if "bench" not in getattr(item, "fixturenames", ()):
            self.bench.seen.mark()  # it asks for nothing of the system, so nothing was made fresh for it

        mark = item.get_closest_marker("behaviour")
        limit: int = (mark and mark.kwargs.get("limit")) or LIMIT
        limit += round(self._behaviour(_behaviour(item)).lasts)

        def overdue(*_: object) -> None:
            raise Overdue(tr("the check was not over after {limit} s", limit=limit))

        before = signal.signal(signal.SIGALRM, overdue)
        signal.alarm(limit)
        try:
            return (yield)
        except Overdue:
            if (waited := self._answering()) < limit / 2:
                raise
            raise CannotTell(
                tr(
                    "not done after {limit} s, {waited:.0f} of them spent waiting for answers",
                    limit=limit,
                    waited=waited,
                )
            ) from None
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        report = yield
        error = call.excinfo.value if call.excinfo else self._stub_error() if call.when == "call" else None
        if error is not None or call.when == "call":
            self._note(_behaviour(item), error, stormy="chaos" in getattr(item, "fixturenames", ()))
        return report

    # -- what came of it

    def findings(self) -> tuple[Finding, ...]:
        judged = [behaviour for behaviour in self.assignment.behaviours if not self.only or behaviour.id in self.only]
        return tuple(self._finding(behaviour) for behaviour in judged)

    def figures(self) -> tuple[Measured, ...]:
        """Those of the exercise that a check measured, in the exercise's order."""
        return tuple(
            Measured(figure=figure, value=round(self._measured[figure.name], 3))
            for figure in self.assignment.figures
            if figure.name in self._measured
        )

    def verdict(self, ident: str) -> Verdict | None:
        """The gravest so far, or None if it was not judged."""
        verdicts = [outcome.verdict for outcome in self.outcomes.get(ident, ())]
        return min(verdicts, key=GRAVITY.index, default=None)

    def _note(self, ident: str, error: BaseException | None, *, stormy: bool) -> None:
        seconds = time.monotonic() - self._began
        outcome = _outcome(error)
        outcome.stormy = stormy
        outcome.seconds = seconds
        behaviour = self._behaviour(ident)
        outcome.finding = self._describe(behaviour, outcome)
        self.outcomes.setdefault(ident, []).append(outcome)
        if self.stop_at_first and outcome.verdict in ("fail", "unknown") and not behaviour.gold:
            self._stopped = True
        self.listener(Stage(kind="verdict", behaviour=ident, finding=outcome.finding))

    def _answering(self) -> float:
        """Seconds that the learner's services took for what this check asked of them."""
        return sum(flow.ms or 0.0 for flow in self.bench.seen.flows() if flow.source == CLIENT) / 1000

    def _stub_error(self) -> Exception | None:
        """An error inside a stub, which then answered 500. That is the lab's fault."""
        return next((error for stub in self.bench.stubs.values() for error in stub.errors), None)

    def _describe(self, behaviour: Behaviour, outcome: Outcome) -> Finding:
        failure = outcome.failure
        found = Finding(
            behaviour=behaviour.id,
            gold=behaviour.gold,
            verdict=outcome.verdict,
            seconds=round(outcome.seconds, 3),
            says=behaviour.says,
            why=behaviour.why,
            expected=failure.expected if failure else "",
            got=failure.got if failure else "",
            code=failure.code if failure else "",
            command=failure.command if failure else "",
            service=self._owner(failure.service) if failure else "",
            reason=outcome.reason,
            needs=outcome.needs,
            stormy=outcome.stormy,
            warnings=tuple(self._warnings.get(behaviour.id, ())),
            story=story(self.bench.events, failure.about, self.bench.seen.since) if failure else (),
        )
        # Of a service that broke in the check, or has not yet what is asked, nobody knows what it would do.
        unwritten = self._broke() or self._lacks()
        return found if unwritten else replace(found, looks_like=looks_like(found, self.assignment.wrong))

    def _owner(self, process: str) -> str:
        """The service whose process it is."""
        system = self.assignment.system
        return next((name for name in self.assignment.learners if process in (name, *system.instances(name))), "")

    def _broke(self) -> bool:
        """Whether one of the learner's processes broke in this check."""
        return any(
            event.source in self.bench.processes.instances and broke(event) for event in self.bench.seen.of_check()
        )

    def _lacks(self) -> bool:
        """Whether the learner's services lack what this check asked for: they do not know the method, or say 404 to
        everything and do nothing else."""
        flows = self.bench.seen.flows()
        answers = {flow.status for flow in flows if flow.source == CLIENT}
        acted = any(flow.source in self.bench.processes.instances for flow in flows)
        return bool(answers & NO_METHOD) or (answers == {"404"} and not acted)

    def _finding(self, behaviour: Behaviour) -> Finding:
        outcomes = self.outcomes.get(behaviour.id, [])
        if not outcomes:
            reason = self.broken or tr("no check proves it")
            return self._describe(behaviour, Outcome("error", reason=reason))
        gravest = min(outcomes, key=lambda outcome: GRAVITY.index(outcome.verdict))
        assert gravest.finding
        others = [one.finding for one in outcomes if one is not gravest and one.verdict == "fail" and one.finding]
        named = tuple(dict.fromkeys(name for one in (gravest.finding, *others) for name in one.looks_like))[:MOST]
        return replace(
            gravest.finding,
            seconds=round(sum(outcome.seconds for outcome in outcomes), 3),
            warnings=(
                *gravest.finding.warnings,
                *(tr("nor this: {expected}; got {got}", expected=one.expected, got=one.got) for one in others),
            ),
            looks_like=named,
            read=to_read(behaviour, named, self.assignment.wrong) if gravest.verdict == "fail" else "",
        )

    def _behaviour(self, ident: str) -> Behaviour:
        return next(behaviour for behaviour in self.assignment.behaviours if behaviour.id == ident)


class _Skipped(Exception):
    """The check is skipped. The message says why; `needs` is the behaviour that must pass first, if there is one."""

    def __init__(self, why: str, needs: str = "") -> None:
        super().__init__(why)
        self.needs = needs


def run(grader: Grader, checks: Path) -> None:
    """Run the checks of one file in this process. Raises KeyboardInterrupt."""
    arguments = ["-c", "/dev/null", "--rootdir", str(checks.parent), "--noconftest", "-s", "--assert=plain"]
    arguments += ["-p", "no:cacheprovider", "-p", "no:faulthandler", "--import-mode=importlib", "--strict-markers"]
    arguments += ["-p", "no:unraisableexception"]  # what becomes of a Ctrl-C in a finalizer is the command's matter
    arguments += ["-o", f"pythonpath={checks.parent}"]  # files beside it that it shares with other exercises
    arguments += ["-o", f"python_files={checks.name}", "-o", "python_functions=check_*", str(checks)]
    with _alone():
        try:
            code = pytest.main(arguments, plugins=[grader, fixtures])
        finally:
            _forget(checks)
    if code == pytest.ExitCode.INTERRUPTED and not grader.broken:
        raise KeyboardInterrupt
    if code in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR) and not grader.broken:
        grader.broken = f"pytest ended with {code!r}"


def _forget(checks: Path) -> None:
    """Forget the module and those beside it: all exercises' checks have the same module name."""
    for name, module in list(sys.modules.items()):
        if (file := getattr(module, "__file__", None)) and Path(file).parent == checks.parent:
            del sys.modules[name]


class _alone:  # noqa: N801 - reads as the block that it opens
    """Without the plugins and options that the learner's environment would bring in."""

    def __enter__(self) -> None:
        self._patch = pytest.MonkeyPatch()
        self._patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
            self._patch.delenv(name, raising=False)

    def __exit__(self, *_: object) -> None:
        self._patch.undo()


def _behaviour(item: pytest.Item) -> str:
    mark = item.get_closest_marker("behaviour")
    return str(mark.args[0]) if mark else ""


def _outcome(error: BaseException | None) -> Outcome:
    match error:
        case None:
            return Outcome("pass")
        case BehaviourFailed():
            return Outcome("fail", failure=error)
        case CannotTell():
            return Outcome("unknown", reason=str(error))
        case _Skipped():
            return Outcome("skipped", reason=str(error), needs=error.needs)
        case _:
            return Outcome("error", reason=_told(error))


def _told(error: BaseException) -> str:
    """The traceback from the check on, without pytest's own frames."""
    frames = traceback.extract_tb(error.__traceback__)
    own = next((number for number, frame in enumerate(frames) if frame.name.startswith("check_")), 0)
    where = [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames[own:]]
    return "\n".join([*where[-FRAMES:], "".join(traceback.format_exception_only(error)).strip()])
