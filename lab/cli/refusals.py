"""What cannot be done, as commands say it: to each refusal of the rooms below belong an exit code and a next step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.cli import exits
from lab.cli.failure import Failure
from lab.course.setting import option
from lab.locale import tr
from lab.system.refusal import Refusal

Next = Callable[[Any], str]


def _always(text: str) -> Next:
    return lambda _: text


MAKE_ROOM = tr("make room, or let LAB_HOME name a folder on another disk; then run it again")
NOTHING = _always("")
DOCTOR = _always("lab doctor")
LISTED = tr("lab days lists every day with its settings and scenarios")
DAYS = _always(LISTED)

KNOWN: dict[str, tuple[int, Next]] = {
    # by the name of the class, because most are never imported; of a class and its bases the nearest counts
    "Refusal": (exits.FAILED, NOTHING),
    "Unknown": (exits.USAGE, lambda one: LISTS.get(one.kind, "")),
    "UnknownRun": (exits.FAILED, _always("lab runs")),
    "NoWorkspace": (exits.USAGE, _always("lab init ~/lab && cd ~/lab")),
    "NoPlace": (exits.USAGE, _always("lab init NEW_FOLDER")),
    "InsideWorkspace": (exits.USAGE, _always("lab status")),
    "InvalidLabToml": (exits.USAGE, NOTHING),
    "ByHand": (
        exits.USAGE,
        lambda one: tr(
            "remove {service} of {id} from lab.toml, then lab reset {number}",
            service=one.service,
            id=one.exercise.id,
            number=one.exercise.number,
        ),
    ),
    "NotStarted": (exits.USAGE, lambda one: f"lab start {one.exercise.number}"),
    "NoneStarted": (exits.USAGE, lambda one: f"lab start {one.first.number}"),
    "NoBranch": (exits.USAGE, lambda one: str(one.command)),
    "Incomplete": (exits.USAGE, lambda one: tr("lab start {number} adds what is missing", number=one.exercise.number)),
    "NoAttack": (exits.USAGE, _always("lab attack")),
    "Unfair": (exits.USAGE, _always("lab fault kinds")),
    "NotYet": (exits.USAGE, lambda one: f"lab attack {one.exercise.number}"),
    "NothingProved": (exits.USAGE, _always("lab status")),
    "NoWorkspaces": (exits.USAGE, _always("lab cohort check --help")),
    "NothingToCompare": (exits.USAGE, _always("lab check")),
    "NoneOfYours": (exits.USAGE, _always("lab status")),
    "AllPassed": (exits.USAGE, _always("lab status")),
    "BrokenExercise": (exits.MISSING, NOTHING),
    "NewerProgress": (exits.MISSING, NOTHING),
    "HintNotOpen": (exits.USAGE, lambda one: f"lab hint {one.exercise.number}"),
    "SolutionNotOpen": (
        exits.FAILED,
        lambda one: tr("lab check {number}, or lab hint {number}", number=one.exercise.number),
    ),
    "NotGraded": (exits.MISSING, DOCTOR),
    "BuildFailed": (exits.FAILED, NOTHING),
    "MissingExtra": (exits.MISSING, lambda one: str(one.command)),
    "NotInstalled": (exits.MISSING, lambda one: str(one.instead)),
    "NotRunning": (exits.MISSING, DOCTOR),
    "NotHealthy": (exits.FAILED, lambda one: f"lab logs --run {one.run}"),
    "LaunchError": (exits.MISSING, DOCTOR),
    "DiskFull": (exits.MISSING, _always(MAKE_ROOM)),
    "NoSystem": (exits.USAGE, NOTHING),
    "NotItsSetting": (exits.USAGE, DAYS),
    "OtherSetting": (exits.USAGE, DAYS),
    "NotTaught": (exits.USAGE, DAYS),
    "NotTogether": (
        exits.USAGE,
        lambda one: " ".join(["lab run", one.day, *(option(name, text) for name, text in one.chosen.items())]),
    ),
    "NotEmpty": (exits.USAGE, _always(tr("name another folder"))),
    "NotInContainers": (exits.FAILED, _always("lab help systems")),
    "NoRun": (exits.FAILED, _always("lab run day3")),
    "RunFailed": (exits.FAILED, lambda one: f"lab replay --run {one.run}"),
    "RunCrashed": (exits.FAILED, lambda one: f"lab replay --run {one.run}"),
    "NotRecorded": (exits.MISSING, _always(MAKE_ROOM)),
}
LISTS: dict[str, str] = {
    "exercise": tr("lab status shows them all"),
    "day": tr("lab days shows what each is about; lab run ./my-system.toml runs a system of your own"),
    "setting": LISTED,
    "value": LISTED,
    "term": tr("lab glossary lists them all"),
}


OTHERS = {
    "NoHome": (
        tr("nobody knows your home folder"),
        exits.MISSING,
        tr("let HOME, or LAB_HOME for the lab's runs alone, name a folder; then run it again"),
    ),
    "InvalidLesson": (tr("a lesson has mistakes"), exits.MISSING, ""),
    "InvalidSystem": (tr("this system cannot run"), exits.USAGE, ""),
    "InvalidContent": (tr("a file of the course is broken; this is not your mistake"), exits.MISSING, ""),
    "EngineUnavailable": (tr("an engine is missing"), exits.MISSING, "lab doctor"),
}


def failure(error: Exception) -> Failure | None:
    """The Failure for a refusal; None for an error of the lab itself."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, Refusal):
        code, after = next(KNOWN[one.__name__] for one in type(error).__mro__ if one.__name__ in KNOWN)
        return Failure(error.what, why=error.why, next=after(error), code=code)
    if other := OTHERS.get(type(error).__name__):
        what, code, following = other
        return Failure(what, why=str(error), next=following, code=code)
    if isinstance(error, OSError) and error.filename:
        return Failure(f"{error.filename}: {error.strerror or error}", code=exits.MISSING)
    return None
