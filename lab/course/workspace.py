"""The learner's workspace: a folder with `lab.toml`, one folder a day, and the lab's own `.lab` beside them.

What the learner wrote is theirs: it is never overwritten and never deleted, only moved into a dated backup when they
ask for the starter again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from lab.course import labtoml, links, texts
from lab.course.assignment import Source
from lab.course.exercise import Exercise, LearnerService
from lab.course.labtoml import Entry, LabToml
from lab.course.texts import TONGUES
from lab.course.titles import ROOT
from lab.course.variants import NOT_COPIED
from lab.locale import LANGUAGES, mark, speaking, tr
from lab.locale import language as spoken
from lab.locale.home import expanded
from lab.system.refusal import Refusal

OWN = ".lab"
"""The lab's folder in a workspace: progress, records of gradings, backups."""
HARMLESS = frozenset({".git", ".gitignore", ".gitattributes", ".DS_Store", ".idea", ".vscode", OWN})
"""Entries that a folder may hold and still count as empty."""
README = "README.md"
BRIEF = "BRIEF.md"
"""What the brief is called in an exercise whose README the learner writes."""
CONTRACT = "CONTRACT.md"
"""What every service keeps to; each brief leads there."""
IGNORED = f"{OWN}/\n__pycache__/\n.venv/\nnode_modules/\nbin/\n"
ABOUT = mark("""\
# My services for the lab

One folder a day, one folder an exercise. `lab.toml` says how each service is built and run.

    lab status          where you are
    lab start 5.3       start an exercise
    lab check           grade the exercise of this folder
    lab watch           grade it each time you save
    lab hint            the next hint
""")


WRITTEN_IN: Mapping[str, str] = {"go": "go.mod", "node": "package.json", "python": "*.py"}
"""By which file a program's language is known."""


class NoWorkspace(Refusal):
    """There is no `lab.toml` in the folder or above it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            tr("this folder is not in a workspace"),
            tr("There is no {name} in {folder}, nor in a folder above it.", name=labtoml.NAME, folder=folder),
        )


class NoPlace(Refusal):
    """A workspace cannot be made in this folder."""


class InsideWorkspace(NoPlace):
    """It is inside another workspace."""


class ByHand(Refusal):
    """The learner wrote a service's entry in `lab.toml` themselves, so only they may take it out."""

    def __init__(self, exercise: Exercise, service: str, entry: Entry) -> None:
        super().__init__(
            tr("you put {service} into {dir} yourself", service=service, dir=entry.dir),
            tr("{name} says so.", name=labtoml.NAME),
        )
        self.exercise = exercise
        self.service = service


class NotStarted(Refusal):
    """The exercise has nothing in this workspace yet."""

    def __init__(self, exercise: Exercise) -> None:
        super().__init__(tr("{id} is not started in this workspace", id=exercise.id))
        self.exercise = exercise


class NoneStarted(Refusal):
    """Of several exercises none has anything in this workspace yet."""

    def __init__(self, exercises: Sequence[Exercise]) -> None:
        super().__init__(tr("none of these exercises is started in this workspace"))
        self.first = exercises[0]


class Incomplete(Refusal):
    """`lab.toml` does not lead to all services of the exercise."""

    def __init__(self, exercise: Exercise, missing: Mapping[str, Path | None]) -> None:
        """`missing` gives the folder that an entry names and that is not there; None where there is no entry."""
        why = "\n".join(
            tr("There is no folder {folder} for {name}.", folder=folder, name=name)
            if folder
            else tr("{name} has no table for {service}.", name=labtoml.NAME, service=name)
            for name, folder in missing.items()
        )
        super().__init__(tr("{id} lacks {missing}", id=exercise.id, missing=tr(" and ").join(missing)), why)
        self.exercise = exercise


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace as its `lab.toml` tells it."""

    folder: Path
    toml: LabToml

    @property
    def own(self) -> Path:
        return self.folder / OWN

    def home(self, exercise: Exercise) -> Path:
        """The exercise's folder, which may not exist yet."""
        return self.folder / exercise.day / f"{exercise.number}-{exercise.slug}"

    def dir(self, entry: Entry) -> Path:
        return Path(os.path.normpath(self.folder / expanded(entry.dir)))

    def sources(self, exercise: Exercise) -> dict[str, Source]:
        """The learner's programs for the exercise, those that are there."""
        entries = self.toml.services.get(exercise.id, {})
        return {
            program.name: Source(dir=self.dir(entry), run=entry.run, build=entry.build, shown=entry.dir)
            for program in exercise.programs
            if (entry := entries.get(program.name)) and self.dir(entry).is_dir()
        }

    def programs(self, exercise: Exercise) -> dict[str, Source]:
        """All the learner's programs for the exercise. Raises NotStarted, Incomplete."""
        found = self.sources(exercise)
        entries = self.toml.services.get(exercise.id, {})
        missing = [program.name for program in exercise.programs if program.name not in found]
        if missing and not entries:
            raise NotStarted(exercise)
        if missing:
            raise Incomplete(exercise, {name: self.dir(entries[name]) if name in entries else None for name in missing})
        return found

    def tongue(self, exercise: Exercise) -> str:
        """The programming language of the learner's services for the exercise: what their files say, else lab.toml."""
        folders = [source.dir for source in self.sources(exercise).values()]
        files = WRITTEN_IN.items()
        found = (
            name
            for folder in folders
            for name, file in files
            if any(folder.glob(file)) or any(folder.glob(f"*/{file}"))
        )
        return next(found, self.toml.language)

    def started(
        self, exercises: Sequence[Exercise], elsewhere: Callable[[Exercise], bool] = lambda _: False
    ) -> tuple[list[Exercise], list[Exercise]]:
        """Of several those that are started, and the others. Raises NoneStarted if there is none of the former,
        NotStarted if only one was named, Incomplete.

        What is graded from a branch is looked at there; `elsewhere` says whether it has one.
        """
        if len(exercises) == 1:
            if not exercises[0].branch:
                self.programs(exercises[0])
            return list(exercises), []
        begun = [
            exercise
            for exercise in exercises
            if (elsewhere(exercise) if exercise.branch else self.toml.services.get(exercise.id))
        ]
        if not begun:
            raise NoneStarted(exercises)
        for exercise in begun:
            if not exercise.branch:
                self.programs(exercise)
        return begun, [exercise for exercise in exercises if exercise not in begun]

    def here(self, cwd: Path, known: Iterable[Exercise]) -> Exercise | None:
        """The exercise in whose folder, or in the folder of one of whose services, `cwd` is."""
        cwd = cwd.resolve()
        for exercise in known:
            entries = self.toml.services.get(exercise.id, {}).values()
            places = [self.home(exercise), *map(self.dir, entries)]
            if any(cwd.is_relative_to(place.resolve()) for place in places):
                return exercise
        return None


@dataclass(slots=True)
class Done:
    """What was done, for people: paths relative to the workspace."""

    made: list[str] = field(default_factory=list)
    carried: list[tuple[str, str]] = field(default_factory=list)
    """Services that go on from an earlier exercise: (service, exercise)."""
    empty: list[tuple[str, Entry]] = field(default_factory=list)
    """Services for which there is no starter in the learner's language, and what `lab.toml` says of them now."""
    backup: Path | None = None


def find(cwd: Path) -> Workspace:
    """The workspace that `cwd` is in. Raises NoWorkspace, InvalidLabToml, OSError."""
    for folder in (cwd.absolute(), *cwd.absolute().parents):
        if (folder / labtoml.NAME).is_file():
            return Workspace(folder, labtoml.read(folder / labtoml.NAME))
    raise NoWorkspace(cwd)


def init(folder: Path, days: Sequence[str], *, language: str = "python", said_in: str = "en") -> Done:
    """Make `folder` a workspace, or complete it. Raises NoPlace, InvalidLabToml, OSError."""
    folder = expanded(folder).absolute()
    _may_become_one(folder)
    done = Done()
    folder.mkdir(parents=True, exist_ok=True)
    if (toml := folder / labtoml.NAME).exists():
        labtoml.read(toml)
    with speaking(said_in):
        files = {labtoml.NAME: labtoml.beginning(language, said_in), ".gitignore": IGNORED, README: tr(ABOUT)}
    for name, text in files.items():
        if not (folder / name).exists():
            write(folder / name, text)
            done.made.append(name)
    for name in (*days, OWN):
        if not (folder / name).exists():
            (folder / name).mkdir()
            done.made.append(f"{name}/")
    return done


def _may_become_one(folder: Path) -> None:
    if folder.resolve() in (expanded("~").resolve(), Path(folder.anchor)):
        raise NoPlace(
            tr("a workspace cannot be made in {folder}", folder=folder), tr("That folder holds everything else, too.")
        )
    if folder.exists() and not folder.is_dir():
        raise NoPlace(tr("{folder} is a file", folder=folder))
    if (folder / labtoml.NAME).exists():
        return
    for above in folder.parents:
        if (above / labtoml.NAME).exists():
            raise InsideWorkspace(tr("{folder} is inside the workspace {above}", folder=folder, above=above))
    if folder.is_dir() and (strange := sorted(path.name for path in folder.iterdir() if path.name not in HARMLESS)):
        shown = ", ".join(strange[:3]) + (" ..." if len(strange) > 3 else "")
        raise NoPlace(tr("{folder} is not empty", folder=folder), tr("It contains {shown}", shown=shown))


def start(workspace: Workspace, exercise: Exercise, language: str = "", *, carry: bool = True) -> Done:
    """Put there what the exercise begins with: its brief, and each service's starter or the learner's own from before.

    What is there already stays as it is, but for a brief that nobody has changed: it follows the language. Raises
    OSError.
    """
    language = language or workspace.toml.language
    done, home = Done(), workspace.home(exercise)
    home.mkdir(parents=True, exist_ok=True)
    brief = home / brief_name(exercise)
    if not brief.exists() or _still_ours(brief, lambda said_in: readmes(exercise, said_in, ("", *TONGUES))):
        _tell(workspace, brief, readmes(exercise, spoken(), (language,))[0], done)
    if not (contract := workspace.folder / CONTRACT).exists() or _still_ours(
        contract, lambda said_in: [rules(said_in)]
    ):
        _tell(workspace, contract, rules(spoken()), done)
    for path in beside_services(exercise, language):
        if not (home / path.name).exists():
            _copy(path, home / path.name)
            done.made.append(_shown(workspace, home / path.name))
    entries = workspace.toml.services.get(exercise.id, {})
    for program in exercise.programs:
        known = entries.get(program.name)
        if known and (workspace.dir(known).exists() or workspace.dir(known) != home / program.name):
            continue
        entry = _put(workspace, exercise, program, language, done, carry=carry)
        if known is None:
            add_entry(workspace, exercise.id, program.name, entry)
            done.made.append(labtoml.NAME)
    done.made = list(dict.fromkeys(done.made))
    return done


def brief_name(exercise: Exercise) -> str:
    """What the exercise's brief is called in a workspace."""
    return BRIEF if any(path.name == README for path in beside_services(exercise)) else README


def beside_services(exercise: Exercise, language: str = "python") -> list[Path]:
    """What the starter has beside its services: a README to fill in, say. Those who write another language get that of
    Python's, where theirs has none."""
    programs = {program.name for program in exercise.programs}
    found: dict[str, Path] = {}
    for folder in ("starter", f"starter.{language}"):
        for path in sorted((exercise.folder / folder).glob("*")):
            if path.name not in programs and not path.name.startswith((".", "__")):
                found[path.name] = path
    return list(found.values())


def _still_ours(file: Path, texts: Callable[[str], list[str]]) -> bool:
    """Whether the file is as it was put there: one of the `texts` in one of the languages."""
    said = file.read_text(encoding="utf-8")
    return any(said in texts(said_in) for said_in in LANGUAGES)


def _tell(workspace: Workspace, file: Path, text: str, done: Done) -> None:
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        write(file, text)
        done.made.append(_shown(workspace, file))


def reset(workspace: Workspace, exercise: Exercise, language: str = "") -> Done:
    """Move the exercise's folder into a dated backup and begin anew with the starter. Raises ByHand, OSError."""
    home = workspace.home(exercise)
    entries = workspace.toml.services.get(exercise.id, {})
    written = (workspace.folder / labtoml.NAME).read_text(encoding="utf-8")
    for name, entry in entries.items():
        elsewhere = not workspace.dir(entry).is_relative_to(home)
        if elsewhere or labtoml.header_line(written, exercise.id, name) is None:
            raise ByHand(exercise, name, entry)
    backup = None
    if home.exists() or entries:
        backup = _new_backup(workspace, exercise)
        shutil.copy2(workspace.folder / labtoml.NAME, backup / labtoml.NAME)
        if home.exists():
            home.replace(backup / home.name)
            for program in exercise.programs:  # npm has what it fetched
                shutil.rmtree(backup / home.name / program.name / "node_modules", ignore_errors=True)
    fresh = Workspace(workspace.folder, LabToml(language=workspace.toml.language, texts=workspace.toml.texts))
    done = start(fresh, exercise, language, carry=False)
    done.backup = backup
    return done


def readmes(exercise: Exercise, language: str, tongues: Iterable[str]) -> list[str]:
    """The brief for those who write in each of the `tongues`, with a title above it if it has none, and the ways to the
    contract and to the lessons."""
    briefs = [texts.brief(exercise, language, tongue).strip() for tongue in tongues]
    title = f"# {exercise.number} {exercise.title[language]}\n\n"
    with speaking(language):
        every = tr(
            "What every service keeps to (addresses, health, SIGTERM, log lines): {contract}",
            contract=f"[{CONTRACT}](../../{CONTRACT})",
        )
        theory = tr("To read")
    read = "".join(f"- `lab learn {name}`: {heading}\n" for name, heading in links.screens(exercise, language).items())
    foot = f"- {every}\n" + (f"\n## {theory}\n\n{read}" if read else "")
    return [f"{'' if brief.startswith('# ') else title}{brief}\n{foot}" for brief in briefs]


def rules(language: str) -> str:
    """What every service keeps to. Raises OSError."""
    return texts.contract(ROOT, language)


def add_entry(workspace: Workspace, exercise: str, service: str, entry: Entry) -> None:
    """Write the entry into `lab.toml`, leaving all else of it as it is. Raises OSError."""
    path = workspace.folder / labtoml.NAME
    if labtoml.read(path).services.get(exercise, {}).get(service) != entry:
        write(path, labtoml.with_table(path.read_text(encoding="utf-8"), exercise, service, entry))


def write(path: Path, text: str) -> None:
    """Write a file so that a crash leaves the old one or the new one. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    new = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        new.chmod(path.stat().st_mode if path.exists() else 0o644)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def newest(workspace: Workspace, known: Sequence[Exercise]) -> dict[str, tuple[Exercise, Source]]:
    """The learner's services by name, each from the latest exercise in which they wrote it."""
    found = {}
    for exercise in sorted(known, key=lambda one: one.order):
        for name, source in workspace.sources(exercise).items():
            found[name] = (exercise, source)
    return found


def _put(
    workspace: Workspace, exercise: Exercise, service: LearnerService, language: str, done: Done, *, carry: bool
) -> Entry:
    """Make the service's folder, if there is none; its entry for `lab.toml`."""
    folder = workspace.home(exercise) / service.name
    relative = _shown(workspace, folder)
    earlier = workspace.toml.services.get(service.carries, {}).get(service.name) if carry else None
    if earlier and not workspace.dir(earlier).is_dir():
        earlier = None
    command = exercise.run.get(language)
    entry = Entry(
        dir=relative,
        run=(command.run if command else "./{service}").replace("{service}", service.name),
        build=(command.build if command else "").replace("{service}", service.name),
    )
    if earlier:
        entry = Entry(dir=relative, run=earlier.run, build=earlier.build)
    if folder.exists():
        return entry
    starter = _starter(exercise, service, language)
    begin = workspace.dir(earlier) if earlier else starter
    if earlier:
        done.carried.append((service.name, service.carries))
    elif begin is None:
        done.empty.append((service.name, entry))
    _copy(begin, folder)
    if earlier and starter:
        for name in service.adds:
            if not (folder / name).exists():
                _copy(starter / name, folder / name)
    done.made.append(f"{relative}/")
    return entry


def _starter(exercise: Exercise, service: LearnerService, language: str) -> Path | None:
    name = "starter" if language == "python" else f"starter.{language}"
    folder = exercise.folder / name / service.name
    return folder if folder.is_dir() else None


def _copy(source: Path | None, target: Path) -> None:
    """Copy all or nothing, so that half a copy never passes for the learner's work."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".lab-") as scratch:
        whole = Path(scratch) / target.name
        if source is None:
            whole.mkdir()
        elif source.is_file():
            shutil.copyfile(source, whole)
        else:
            shutil.copytree(source, whole, ignore=NOT_COPIED)
            for path in (whole, *whole.rglob("*")):
                path.chmod(path.stat().st_mode | 0o200)  # where the lab is installed, its files may be read-only
        whole.replace(target)


def _new_backup(workspace: Workspace, exercise: Exercise) -> Path:
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    number = 1
    while True:
        again = f"-{number}" if number > 1 else ""
        folder = workspace.own / "backups" / f"{stamp}-{exercise.id}{again}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
            continue
        return folder


def _shown(workspace: Workspace, path: Path) -> str:
    return path.relative_to(workspace.folder).as_posix()
