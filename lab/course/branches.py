"""Exercises that are graded from a git branch: the branch is found, begun, and checked out beside the learner's files.

What is graded is what was committed. The learner's files, index and stashes are only ever read, but for `lab start`,
which switches to the branch where nothing can get lost.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.course import labtoml, workspace
from lab.course.exercise import Exercise
from lab.course.workspace import Workspace
from lab.grading.instruments.git import GitFailed, Repository, environment
from lab.grading.model import Branch
from lab.locale import tr
from lab.system.refusal import NotInstalled, Refusal

NO_HOOKS = f"core.hooksPath={os.devnull}"
COMMIT_ALL = 'git add -A && git commit -m "My workspace"'
SHORT = 7
"""Letters of a commit's id that are shown."""
KEEPER = """
read -r ended
for again in 1 2 3 4 5 6 7 8 9 10; do
    git -C "$1" worktree remove --force "$2" 2>/dev/null || rm -rf "$2" "$3"
    [ "$ended" ] && [ ! -e "$2" ] && break
    sleep 1
done
"""
"""Takes the checkout away when its stdin says so. When stdin ends without a word, the lab was killed, and what it began
may still be writing: then it looks again for a while."""


class NoBranch(Refusal):
    """The branch cannot be graded, or not begun; `command` is what mends it."""

    def __init__(self, what: str, why: str, command: str) -> None:
        super().__init__(what, why)
        self.command = command


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace and the repository that it is in; `inside` is its folder from the repository's top."""

    workspace: Workspace
    repository: Repository
    inside: str

    def tip(self, exercise: Exercise) -> str:
        """The commit to be graded. Raises NoBranch."""
        name, ask = exercise.branch, self.repository
        if ask.said("rev-parse", "--is-shallow-repository") == "true":
            raise NoBranch(
                tr("the history of this repository is cut off"),
                tr("It is a shallow clone, so nobody can tell where {branch} begins.", branch=name),
                "git fetch --unshallow",
            )
        if tip := ask.tip(name):
            return tip
        if far := ask.ask("for-each-ref", "--format=%(refname:short)", f"refs/remotes/*/{name}").stdout.split():
            raise NoBranch(
                tr("there is no branch {branch} here", branch=name),
                tr("There is {far}, from which it can be made.", far=far[0]),
                f"git branch {name} {far[0]}",
            )
        self._must_have_commits()
        raise NoBranch(
            tr("there is no branch {branch}", branch=name),
            tr("{id} is graded from it.", id=exercise.id),
            f"lab start {exercise.number}",
        )

    def main(self) -> str:
        """The branch that others go off from. Raises NoBranch."""
        self._must_have_commits()
        if main := self.repository.main():
            return main
        far = self.repository.ask("for-each-ref", "--format=%(refname:short)", "refs/remotes/*/main").stdout.split()
        raise NoBranch(
            tr("this repository has no branch main"),
            tr("Branches of exercises go off from it."),
            " ".join(["git branch main", *far[:1]]),
        )

    def _must_have_commits(self) -> None:
        if (
            not self.repository.branches()
            and self.repository.ask("rev-parse", "--verify", "--quiet", "HEAD").returncode
        ):
            raise NoBranch(
                tr("nothing has been committed in {folder} yet", folder=self.repository.folder),
                tr("A branch goes off from a commit."),
                COMMIT_ALL,
            )


@contextmanager
def asking() -> Iterator[None]:
    """What git says in the block when it refuses becomes a refusal of ours."""
    try:
        yield
    except FileNotFoundError as problem:
        if problem.args != ("git",):
            raise
        raise NotInstalled(
            tr("git is not installed"),
            tr("This exercise is graded from a git branch."),
            tr("install git, from https://git-scm.com or with your system’s package manager"),
        ) from None
    except GitFailed as problem:
        raise NoBranch(tr("git refused"), str(problem), "git status") from None


def place(here: Workspace) -> Place:
    """The repository around the workspace. Raises NoBranch, NotInstalled."""
    folder = here.folder.resolve()
    with asking():
        ran = Repository(folder).ask("rev-parse", "--show-toplevel")
        if ran.returncode:
            if "not a git repository" not in ran.stderr:
                raise GitFailed(ran.stderr.strip())
            raise NoBranch(
                tr("{folder} is in no git repository", folder=here.folder),
                tr("This exercise is graded from a git branch."),
                f"cd {here.folder} && git init -b main && {COMMIT_ALL}",
            )
    top = Path(ran.stdout.rstrip("\n")).resolve()
    inside = folder.relative_to(top).as_posix()
    return Place(here, Repository(top), "" if inside == "." else inside)


def on_branch(here: Workspace, exercise: Exercise) -> bool:
    """Whether the exercise's branch is there to be graded."""
    try:
        at = place(here)
        return bool(at.repository.tip(exercise.branch))
    except Refusal:
        return False


def uncommitted(here: Workspace, exercise: Exercise) -> tuple[str, list[str]]:
    """The commit that is graded, and the files that are otherwise in the workspace, if the branch is checked out there.

    Raises NoBranch, NotInstalled.
    """
    at = place(here)
    with asking():
        tip = at.tip(exercise)[:SHORT]
        if at.repository.current() != exercise.branch:
            return tip, []
        return tip, at.repository.changes(at.inside or ".")


@dataclass(frozen=True, slots=True)
class Begun:
    """How one came to the exercise's branch: it was `made` from the branch `main` just now, or `switched` to, or
    neither because it was checked out already."""

    made: bool = False
    switched: bool = False
    main: str = ""


def begin(here: Workspace, exercise: Exercise) -> tuple[Workspace, Begun]:
    """Switch to the exercise's branch; it is made from main if there is none. The workspace as it is there.

    Raises NoBranch, NotInstalled, InvalidLabToml, OSError."""
    at, name = place(here), exercise.branch
    with asking():
        if (current := at.repository.current()) == name:
            return here, Begun()
        main, there = at.main(), at.repository.tip(name)
        if changed := at.repository.changes():
            raise NoBranch(
                tr(
                    "{id} stands on the branch {branch}, and you have changes that are not committed",
                    id=exercise.id,
                    branch=name,
                ),
                tr("For example {file}. Commit them where they belong; nothing was changed.", file=changed[0]),
                f'git add -A && git commit -m "…" && lab start {exercise.number}',
            )
        if not current and not _kept(at.repository):
            raise NoBranch(
                tr("you are on no branch (detached HEAD), with commits that stand on none"),
                tr("They would be hard to find again."),
                "git branch keep-this",
            )
        onto, file = name if there else main, f"{at.inside}/{labtoml.NAME}".lstrip("/")
        if at.repository.ask("cat-file", "-e", f"{onto}:{file}").returncode:
            raise NoBranch(
                tr("{branch} has no {name}", branch=onto, name=file),
                tr("Your workspace was committed elsewhere, so there it would not be."),
                f"git switch {onto} && git merge {current or 'HEAD@{1}'}",
            )
        at.repository.said("switch", "--quiet", *([name] if there else ["--no-track", "--create", name, main]))
    return workspace.find(here.folder), Begun(made=not there, switched=bool(there), main=main)


def _kept(repository: Repository) -> bool:
    """Whether what is checked out stands on a branch."""
    return bool(repository.said("for-each-ref", "--contains", "HEAD", "refs/heads", "refs/remotes", "refs/tags"))


@contextmanager
def standing(here: Workspace, exercise: Exercise) -> Iterator[tuple[Workspace, Branch | None]]:
    """The workspace to be graded: this one, or for the length of the block what was committed on the exercise's branch.

    Raises NoBranch, NotInstalled, InvalidLabToml, OSError.
    """
    if not exercise.branch:
        yield here, None
        return
    at = place(here)
    with asking():
        commit, main = at.tip(exercise), at.main()
    with _checkout(at.repository, commit) as tree:
        folder = tree / at.inside
        if not (folder / labtoml.NAME).is_file():
            raise NoBranch(
                tr("{branch} has no {name}", branch=exercise.branch, name=labtoml.NAME),
                tr("It was not committed there."),
                f"git switch {exercise.branch} && git add {labtoml.NAME} && git commit",
            )
        there = Workspace(folder, labtoml.read(folder / labtoml.NAME))
        if exercise.id not in there.toml.services:
            raise NoBranch(
                tr("{branch} has nothing of {id} yet", branch=exercise.branch, id=exercise.id),
                tr("It was not committed there."),
                f'git switch {exercise.branch} && git add -A && git commit -m "Start {exercise.number}"',
            )
        folders = [source.dir.resolve() for source in there.sources(exercise).values()]
        for foreign in (one for one in folders if not one.is_relative_to(tree)):
            raise NoBranch(
                tr("{name} of {branch} leads to {folder}", name=labtoml.NAME, branch=exercise.branch, folder=foreign),
                tr("What is graded stands in the branch itself, so that it runs on any machine."),
                f"git switch {exercise.branch}",
            )
        yield (
            there,
            Branch(
                name=exercise.branch,
                commit=commit,
                main=main,
                repository=str(at.repository.folder),
                inside=at.inside,
                folders=tuple(one.relative_to(tree).as_posix() for one in folders),
            ),
        )


@contextmanager
def _checkout(repository: Repository, commit: str) -> Iterator[Path]:
    """The commit in a folder of its own, which is gone afterwards, even after SIGKILL. It is on no branch, so it does
    not matter which one the learner has checked out."""
    with asking():
        common = Path(repository.said("rev-parse", "--path-format=absolute", "--git-common-dir"))
    tree = Path(tempfile.gettempdir()).resolve() / f"lab-branch-{secrets.token_hex(8)}"
    keeper = subprocess.Popen(
        ["sh", "-c", KEEPER, "sh", str(repository.folder), str(tree), str(common / "worktrees" / tree.name)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,  # a Ctrl-C in the terminal is not for it
    )
    try:
        tree.mkdir(mode=0o700)
        with asking():
            repository.said("worktree", "add", "--detach", "--quiet", tree, commit, config=[NO_HOOKS])
        yield tree
    finally:
        keeper.communicate(b"ended\n")
