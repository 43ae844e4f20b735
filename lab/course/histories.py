"""A stored program of an exercise that is graded from a branch: for its grading it gets a repository with a history.

As a rule the program grows on the branch in a few commits. A wrong service may say otherwise in its `history.toml`:

    also = ["main"]                        # branches that are put to the same commit in the end

    [[commits]]                            # in place of the usual ones; each has all of these or some
    says = "Everything at once"
    part = 1.0                             # how much of the program's lines stands there then
    author = "root <root@localhost>"
    write = { ".env" = "PASSWORD=secret" } # files of the workspace
    fill = { "dump.bin" = 2000000 }        # of so many bytes
    remove = [".env"]
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec

from lab.course import branches, workspace
from lab.course.assignment import Source
from lab.course.exercise import Exercise
from lab.course.labtoml import Entry
from lab.course.manifest import HISTORY
from lab.course.variants import Unusable, Variant, lay_out, prepared, sources
from lab.course.workspace import Workspace
from lab.grading.instruments.git import GitFailed, Repository
from lab.grading.model import Branch
from lab.system.refusal import Refusal

AUTHOR = "Nodira Karimova <nodira@shop.uz>"


class Commit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One commit of a branch, as `history.toml` has it."""

    says: str = "Go on"
    part: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] | None = None
    author: str = AUTHOR
    write: dict[str, str] = {}
    fill: dict[str, int] = {}
    remove: tuple[str, ...] = ()


class Story(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a branch came to be."""

    commits: tuple[Commit, ...] = tuple(
        Commit(says=says, part=part, write={workspace.README: f"# {says}\n"})
        for says, part in (("The beginning", 0.25), ("The middle", 0.6), ("Nearly done", 0.9), ("Done", 1.0))
    )
    also: tuple[str, ...] = ()


@contextmanager
def committed(exercise: Exercise, variant: Variant) -> Iterator[tuple[dict[str, Source], Branch | None]]:
    """The variant's services, ready to be graded: from a branch where the exercise asks for one. Raises Unusable."""
    if not exercise.branch:
        with prepared(exercise, variant) as programs:
            yield programs, None
        return
    with tempfile.TemporaryDirectory(prefix="lab-exercise-") as scratch:
        folder = Path(scratch).resolve()
        program = folder / "program"
        lay_out(exercise, variant, program)
        try:
            here = _repository(folder / "workspace", exercise, variant, program)
            with branches.standing(here, exercise) as (there, branch):
                yield there.programs(exercise), branch
        except (Refusal, GitFailed, FileNotFoundError) as problem:
            raise Unusable(str(problem)) from None


def story(exercise: Exercise, variant: Variant) -> Story:
    """How the variant's branch came to be. Raises Unusable."""
    path = exercise.folder / variant.kind / variant.which / HISTORY
    if variant.kind != "wrong" or not path.is_file():
        return Story()
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Story)
    except msgspec.DecodeError as problem:
        raise Unusable(f"{path.name}: {problem}") from None


def _repository(folder: Path, exercise: Exercise, variant: Variant, program: Path) -> Workspace:
    told = story(exercise, variant)
    workspace.init(folder, [exercise.day])
    repository = Repository(folder)
    repository.said("init", "--quiet", "--initial-branch=main")
    _commit(repository, "My workspace", AUTHOR)
    repository.said("switch", "--quiet", "--create", exercise.branch)
    here = workspace.find(folder)
    _enter(here, exercise, variant, program)
    for commit in told.commits:
        if commit.part is not None:
            _grow(program, here.home(exercise), commit.part)
        for name, text in commit.write.items():
            (folder / name).write_text(text, encoding="utf-8")
        for name, size in commit.fill.items():
            (folder / name).write_bytes(b"\1" * size)
        for name in commit.remove:
            (folder / name).unlink()
        _commit(repository, commit.says, commit.author)
    for other in told.also:
        repository.said("branch", "--force", other)
    return workspace.find(folder)


def _enter(here: Workspace, exercise: Exercise, variant: Variant, program: Path) -> None:
    """Name the services in lab.toml."""
    home = here.home(exercise).relative_to(here.folder).as_posix()
    for name, source in sources(exercise, variant, program).items():
        entry = Entry(dir=f"{home}/{name}", run=source.run, build=source.build)
        workspace.add_entry(here, exercise.id, name, entry)


def _grow(program: Path, home: Path, part: float) -> None:
    """Let so much of each file stand there, from its first line on."""
    for path in (path for path in program.rglob("*") if path.is_file()):
        lines = path.read_bytes().splitlines(keepends=True)
        target = home / path.relative_to(program)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"".join(lines[: round(part * len(lines))]))
        target.chmod(path.stat().st_mode | 0o200)


def _commit(repository: Repository, says: str, author: str) -> None:
    name, _, email = author.rstrip(">").partition(" <")
    who: Sequence[str] = (f"user.name={name}", f"user.email={email}", "commit.gpgSign=false", branches.NO_HOOKS)
    repository.said("add", "--all")
    repository.said("commit", "--quiet", "--allow-empty", "--message", says, config=who)
