"""A git repository as the lab reads it: branches, commits, and what each commit brought in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.grading.model import Branch

MAINS = ("main", "master")
"""The branch that others go off from, by the names that git gives it."""
_MOVED = re.compile(r"\{[^{}]* => ([^{}]*)\}")
"""How git shows what two paths do not share, in `day4/{4.5-stampede => 4.6-cap}/app.py`."""
LINE = "\x1f"
"""Stands between the fields of a commit, where no name has it."""


class GitFailed(Exception):
    """git refused; the message is its own."""


@dataclass(frozen=True, slots=True)
class Repository:
    """`folder` is its top, or any other folder in it."""

    folder: Path

    def ask(self, *words: str | Path, config: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run git, whatever comes of it. Raises FileNotFoundError without git."""
        return git(*(word for one in config for word in ("-c", one)), *map(str, words), cwd=self.folder)

    def said(self, *words: str | Path, config: Sequence[str] = ()) -> str:
        """What git prints. Raises GitFailed, FileNotFoundError."""
        ran = self.ask(*words, config=config)
        if ran.returncode:
            raise GitFailed(ran.stderr.strip() or ran.stdout.strip())
        return ran.stdout.rstrip("\n")

    def tip(self, branch: str) -> str:
        """The commit that the branch is at; empty if there is no such branch."""
        return self.ask("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}").stdout.strip()

    def current(self) -> str:
        """The branch that is checked out, which may have no commit yet; empty for a detached HEAD."""
        return self.ask("symbolic-ref", "--quiet", "--short", "HEAD").stdout.strip()

    def branches(self) -> dict[str, str]:
        """The tip of each local branch."""
        listed = self.said("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
        return dict(line.split(" ") for line in listed.splitlines())

    def main(self) -> str:
        """The branch that others go off from; empty if there is none."""
        return next((name for name in MAINS if self.tip(name)), "")

    def changes(self, folder: str | Path = ".") -> list[str]:
        """Files below the folder that are not as they were committed, new ones too; what git ignores is none."""
        listed = self.said("status", "--porcelain", "--", folder)
        return [line[3:] for line in listed.splitlines()]

    def contains(self, tip: str, commit: str) -> bool:
        """Whether the commit is the tip or an ancestor of it."""
        return self.ask("merge-base", "--is-ancestor", commit, tip).returncode == 0


def environment() -> dict[str, str]:
    """That of a git which takes nothing from an outer one, speaks English and leaves the index as it is."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or "CONFIG" in name}
    return own | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}


def git(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run git. Raises FileNotFoundError without one."""
    program = shutil.which("git")
    if program is None:
        raise FileNotFoundError("git")
    return subprocess.run(
        [program, *words],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Commit:
    """One of a branch's own commits. `lines` counts those that it changed in each file, empty ones not counted."""

    id: str
    author: str
    email: str
    subject: str
    lines: dict[str, int]


@dataclass(frozen=True, slots=True)
class Blob:
    """A file as one of the branch's commits brought it in, even if a later one took it out again."""

    path: str
    size: int


class History:
    """What a branch has of its own: what stands neither on main nor on the branches that it was built upon."""

    def __init__(self, branch: Branch) -> None:
        self.branch = branch
        self._git = Repository(Path(branch.repository))
        self.others = {
            name: tip
            for name, tip in self._git.branches().items()
            if name != branch.name and (name == branch.main or _beside(name, branch.name))
        }
        """The tips of main and of the branches with the same beginning (`mini/…`)."""
        self.main = self._before_merge() if branch.main in self.others else ""
        """The commit of main to compare with: its tip, or where it was before the branch was merged into it."""
        self._own = [branch.commit, "--not", *self._below()]

    def twins(self) -> list[str]:
        """The other branches that are at the same commit."""
        return [name for name, tip in self.others.items() if tip == self.branch.commit]

    def commits(self, *, written: bool = False) -> list[Commit]:
        """Its own, oldest first, without merges. With `written` their `lines` do not count what was moved or copied
        from another file of the repository."""
        form = f"{LINE}%h{LINE}%an{LINE}%ae{LINE}%s"
        told = self._git.said(
            "log", "--no-merges", "--reverse", *(["-C", "-C"] if written else ["--no-renames"]), "--numstat", "-w",
            "--ignore-blank-lines", f"--format={form}", *self._own, config=["core.quotePath=false"],
        )  # fmt: skip
        found: list[Commit] = []
        for line in told.splitlines():
            if line.startswith(LINE):
                ident, author, email, subject = line.split(LINE)[1:5]
                found.append(Commit(ident, author, email, subject, {}))
            elif match := re.fullmatch(r"(\d+|-)\t(\d+|-)\t(.+)", line):
                path = _MOVED.sub(r"\1", match[3]).replace("//", "/").rpartition(" => ")[2]
                found[-1].lines[path] = sum(int(count) for count in match.groups()[:2] if count != "-")
        return found

    def blobs(self) -> list[Blob]:
        """Every file that a commit of its own brought in."""
        listed = self._git.said("rev-list", "--objects", *self._own)
        paths = dict(line.split(" ", 1) for line in listed.splitlines() if " " in line)
        checked = "--batch-check=%(objectname) %(objecttype) %(objectsize)"
        sizes = self._git.said("cat-file", "--batch-all-objects", checked)
        found = []
        for ident, kind, size in (line.split() for line in sizes.splitlines()):
            if kind == "blob" and ident in paths:
                found.append(Blob(paths[ident], int(size)))
        return sorted(found, key=lambda blob: blob.path)

    def holding(self, pattern: str) -> list[str]:
        """The files in which a commit of its own added or removed a line that the pattern (an ERE) finds."""
        told = self._git.said(
            "log", "--no-merges", "-E", f"-G{pattern}", "--format=", "--name-only", *self._own,
            config=["core.quotePath=false"],
        )  # fmt: skip
        return sorted(set(filter(None, told.splitlines())))

    def text(self, path: str, of: str = "") -> str | None:
        """The file in the workspace of the branch, or of another; None if it is not there."""
        inside = f"{self.branch.inside}/{path}".lstrip("/")
        ran = self._git.ask("show", f"{of or self.branch.commit}:{inside}")
        return None if ran.returncode else ran.stdout

    def _below(self) -> list[str]:
        """Commits whose ancestors are not the branch's own."""
        known = self.branch.commit
        below = []
        for name, tip in self.others.items():
            if tip == known or not self._git.contains(tip, known):
                below.append(tip)  # whoever has merged the branch has it, too, and took nothing from it
            elif name == self.branch.main:
                below.append(self.main)
        return below

    def _before_merge(self) -> str:
        main = self.others[self.branch.main]
        if not self._git.contains(main, self.branch.commit):
            return main
        merges = self._git.said("rev-list", "--first-parent", "--merges", "--reverse", f"{self.branch.commit}..{main}")
        merge = next((one for one in merges.splitlines() if self._git.contains(one, self.branch.commit)), "")
        return self._git.said("rev-parse", f"{merge}^1") if merge else main


def _beside(one: str, other: str) -> bool:
    """Whether two branches have the same beginning, up to the last slash; `mini/x-old` is `mini/x` of some time ago."""
    return "/" in other and one.rpartition("/")[0] == other.rpartition("/")[0] and not one.startswith(other)
