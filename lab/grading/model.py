"""What is graded and the result, as plain data: an Assignment goes in, a Report comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lab.system.model import System

Verdict = Literal["pass", "fail", "unknown", "skipped", "error"]
"""pass and fail are the learner's; unknown: the system never became healthy, or evidence is missing; skipped: a
behaviour it needs failed; error: the lab's own fault, never blamed on the learner."""

Text = Mapping[str, str]
"""The same sentence by language: {"en": ..., "uz": ...}."""

SCHEMA = 1
"""Version of the Report as it is written down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One numbered promise of an exercise's text. A gold one does not decide whether the exercise is passed.

    `needs` are ids of behaviours without which it cannot be judged. Behaviours with the same `run` are judged by what
    one run left behind: the system is made fresh for the first of them only.
    """

    id: str
    says: Text
    why: Text
    read: str = ""
    """The screen of a lesson that treats it, as `lab learn` takes it: `day5#half-open-probes`."""
    gold: bool = False
    needs: tuple[str, ...] = ()
    run: str = ""
    lasts: float = 0.0
    """Seconds for which its check plays something, before it looks what came of that; 0: it takes what it needs."""
    lasts_in_the_gate: float = 0.0
    """The same in the author gate, which grades dozens of programs; 0: as long as for a learner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which schedule of faults a grading plays: `schedule`, in its text form, in place of what a check draws from the
    seed (None: that), and of it the faults with these numbers (None: all).

    A `hurried` grading is one of many tries with a schedule that is known to fail.
    """

    schedule: str | None = None
    file: str = ""
    """Where that stands, for the command that plays it again."""
    faults: tuple[int, ...] | None = None
    hurried: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fewest:
    """The fewest faults of a schedule with which a behaviour still failed, in order: their numbers and their text.

    They were sought among `of` faults in so many `tries`. None of them can be left out, unless the search was broken
    off before it was `done`.
    """

    behaviour: str
    numbers: tuple[int, ...]
    faults: tuple[str, ...]
    of: int
    tries: int
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number that an exercise measures beside its verdicts, and that never decides one: messages for each order.

    `ours` is that of our solution. Who makes it better pays with the figure `against`, if there is one.
    """

    name: str
    says: Text
    better: Literal["lower", "higher"]
    ours: float
    unit: str = ""
    against: str = ""


DAMAGE = "damage"
"""The figure of an attack: percent of what customers asked for that was spoilt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A figure of one grading. `best` is the best of the learner's passes, this one included; None before the first."""

    figure: Figure
    value: float
    best: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongService:
    """A stored, deliberately wrong solution and the misconception it stands for.

    It fails behaviour `fails`, and its failure carries one of `codes`: that is its signature. `read` is the screen of
    a lesson that treats it, `seen_in` the URL of a public project that has it.
    """

    name: str
    fails: str
    codes: tuple[str, ...]
    title: Text
    text: Text
    read: str = ""
    seen_in: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A command that is run once in `dir` before anything is started.

    `shown` is what people call that folder, where it is not the service's name: `day3/3.1-publish-subscribe/orders`.
    """

    service: str
    dir: str
    command: str
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program of the learner's that is no service: a check runs it with `argv` in `dir`, once or several times."""

    name: str
    dir: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """The git branch that is graded: `commit` is its tip, `repository` the repository's folder.

    `main` is the branch that it went off from, `inside` the workspace's folder in the repository, empty for its top;
    `folders` are those of the programs, from the repository's top.
    """

    name: str
    commit: str
    main: str
    repository: str
    inside: str = ""
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One exercise with somebody's services in it, ready to be graded.

    `learners` are the services of `system` under test, `stubs` those that the grader itself plays. `budget` is in
    seconds. `branch` is where the programs were committed, if the exercise is graded from a branch. `tools` are
    programs under test that no run starts. `screens` are the headings of the screens to read, by their names.
    """

    id: str
    title: Text
    system: System
    learners: tuple[str, ...]
    checks: Path
    behaviours: tuple[Behaviour, ...]
    stubs: tuple[str, ...] = ()
    wrong: tuple[WrongService, ...] = ()
    builds: tuple[Build, ...] = ()
    not_proved: Text = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    budget: float = 20.0
    branch: Branch | None = None
    tools: tuple[Tool, ...] = ()
    screens: Mapping[str, Text] = field(default_factory=dict)

    def process(self, name: str) -> str:
        """The process that a check means by a name: of a service with replicas its first instance."""
        return self.system.instances(name)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the story that shows a failure. `t` is seconds since the run's start.

    `lane` is who says it: `wire`, `fault`, `log`, `process` or `check`. `who` acts, `to` is reached; `mark` says what
    is remarkable (`lost`, `duplicate`, `redelivered`, `again`, `late`, `refused`, `error`, `here`; two of them with a
    space between); `place` is `orders.log:118` for a log line. A line with `more` stands for that many more like
    `what`; one that has nothing else stands for so many others that are not shown.

    What `what` and `result` are, by lane: wire: op and answer; fault: its text, and `added`, `healed` or `expired`
    (`who` is its id, `to` where it acts); process: its new state, and why; log: the message, and its level where that
    is not info.
    """

    t: float
    lane: Literal["wire", "fault", "log", "process", "check"]
    who: str
    what: str
    to: str = ""
    result: str = ""
    mark: str = ""
    place: str = ""
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one behaviour.

    `expected` and `got` are in domain words with the learner's own ids and numbers, `code` names the failure for
    programs and for signatures, `reason` says why it is unknown, skipped or an error; `needs` is what a skipped one
    waits for. `looks_like` are names of wrong services whose signature matches, `read` is the screen of a lesson that
    treats the failure. `command` is a request that shows it, to be pasted, and `service` who is asked by it. A `stormy`
    one was judged under the report's schedule of faults.
    """

    behaviour: str
    gold: bool
    verdict: Verdict
    seconds: float
    says: Text
    expected: str = ""
    got: str = ""
    code: str = ""
    reason: str = ""
    needs: str = ""
    story: tuple[Line, ...] = ()
    why: Text = field(default_factory=dict)
    looks_like: tuple[str, ...] = ()
    read: str = ""
    command: str = ""
    service: str = ""
    stormy: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One grading, as it is written down, printed and exported. `started_at` is RFC 3339, `seconds` the whole of it.

    `run` is the run in which it was graded; `beside` are those in which other behaviours of it were, at the same time.
    `tiers` says which engines it met, `left_out` which behaviours nobody asked for, `not_built` why a service could not
    be built, by service. `logs` are the files with what each service wrote, by service; `misconceptions` the titles of
    those that findings look like, and `screens` the headings of those to read, by name. `schedule` are the faults that
    were planned, in their text form, `chosen` which of them were played if not all were or they were not the seed's
    own, and `fewest` what a search found.
    """

    schema: int = SCHEMA
    exercise: str
    title: Text
    seed: int
    started_at: str
    seconds: float
    run: str = ""
    beside: tuple[str, ...] = ()
    tiers: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    left_out: tuple[str, ...] = ()
    not_proved: Text = field(default_factory=dict)
    not_built: Mapping[str, str] = field(default_factory=dict)
    logs: Mapping[str, str] = field(default_factory=dict)
    misconceptions: Mapping[str, Text] = field(default_factory=dict)
    screens: Mapping[str, Text] = field(default_factory=dict)
    figures: tuple[Measured, ...] = ()
    schedule: tuple[str, ...] = ()
    chosen: Chosen = field(default_factory=Chosen)
    fewest: Fewest | None = None
    lab: str = ""
    branch: str = ""
    """The git branch whose commits were graded, if it was one."""

    @property
    def passed(self) -> bool:
        """Every behaviour that must hold was proved."""
        return bool(self.findings) and all(f.verdict == "pass" for f in self.findings if not f.gold)

    @property
    def broken(self) -> bool:
        """The lab itself failed somewhere, so that nothing can be said."""
        return any(finding.verdict == "error" for finding in self.findings)

    @property
    def verdict(self) -> Literal["broken", "passed", "part", "failed"]:
        """The result. "part": everything that was asked for passed, gold or not, and the rest was not checked."""
        if self.broken:
            return "broken"
        if self.left_out:
            return "part" if self.findings and all(f.verdict == "pass" for f in self.findings) else "failed"
        return "passed" if self.passed else "failed"

    @property
    def good(self) -> bool:
        """Everything that was asked for passed."""
        return self.verdict in ("passed", "part")
