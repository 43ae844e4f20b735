"""An exercise on a git branch, as a learner meets it: what was committed there is graded, and nothing of theirs is
touched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.learner import Learner
from tests.course import TOY
from tests.e2e.processes import alive
from tests.waiting import eventually

BRANCH = "mini/greeting"
RULES = """

from lab.grading.checking.branch_rules import keeps_the_rules


@behaviour("C3", start=False)
def check_the_branch(history: Any) -> None:
    keeps_the_rules(history)
"""
BEHAVIOUR = """
[[behaviours]]
id = "C3"
en = "The branch keeps the rules."
uz = "Branch qoidalarga amal qiladi."
why.en = "Somebody will read it."
why.uz = "Uni kimdir o‘qiydi."
"""


def branched(folder: Path) -> Path:
    """The toy exercise as day9.20, graded from a branch, in a pack of its own."""
    exercise = folder / "pack" / "day9" / "branched"
    shutil.copytree(TOY, exercise)
    told = (exercise / "exercise.toml").read_text().replace('id = "day9.1"', f'id = "day9.20"\nbranch = "{BRANCH}"')
    (exercise / "exercise.toml").write_text(told + BEHAVIOUR)
    (exercise / "checks.py").write_text((exercise / "checks.py").read_text() + RULES)
    return exercise


class Committer(Learner):
    """Has an exercise on a branch, a name, and git."""

    def __init__(self, folder: Path, temporary: str) -> None:
        super().__init__(folder)
        self.env["LAB_EXERCISES"] = str(branched(folder).parents[1])
        self.env["TMPDIR"] = temporary
        self.env["GIT_CONFIG_GLOBAL"] = str(folder / "gitconfig")
        (folder / "gitconfig").write_text("[user]\nname = Nodira\nemail = nodira@shop.uz\n")

    def git(self, *words: str, cwd: Path | None = None) -> str:
        ran = subprocess.run(
            ["git", *words], cwd=cwd or self.workspace, env=self.env, capture_output=True, text=True, check=True
        )
        return ran.stdout.strip()

    def commit(self, says: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", says)

    def begin(self, inside: str = "") -> None:
        """A workspace, committed on main; in a folder of the repository, if one is named."""
        self.workspace /= inside
        self("init", str(self.workspace))
        self.cwd = self.workspace
        self.git("init", "-q", "-b", "main", cwd=self.top)
        self.commit("My workspace")

    @property
    def top(self) -> Path:
        return next(folder for folder in (self.workspace, *self.workspace.parents) if folder.name == "w")

    @property
    def app(self) -> Path:
        return self.workspace / "day9" / "9.20-branched" / "greeter" / "greeter" / "app.py"

    def solve(self) -> None:
        """In three commits, as the rules ask."""
        self("start", "9.20")
        (self.workspace / "README.md").write_text("# A greeting\n")
        self.commit("Start")
        for number in range(2):
            self.app.write_text(self.app.read_text() + f"\nA{number} = 1\nB{number} = 2\nC{number} = 3\n")
            self.commit(f"Step {number}")
        super().solve()
        self.commit("Done")

    def trees(self) -> list[Path]:
        """Checkouts that are left, and what git knows of them."""
        return [*(Path(self.env["TMPDIR"])).glob("lab-branch-*"), *(self.top / ".git").glob("worktrees/*")]

    def everything(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.top)): path.read_bytes()
            for path in self.top.rglob("*")
            if path.is_file() and not {".lab", "objects", "logs"} & set(path.parts)
        }


@pytest.fixture
def learner(tmp_path: Path) -> Iterator[Committer]:
    with tempfile.TemporaryDirectory(prefix="lab-t-") as temporary:  # with a name that is short enough for sockets
        yield Committer(tmp_path, temporary)


@pytest.mark.parametrize("inside", ["", "study/lab"])
def test_what_is_committed_on_the_branch_is_graded(learner: Committer, inside: str) -> None:
    learner.begin(inside)
    started = learner("start", "9.20")
    assert started.returncode == 0, started.stderr
    assert f"you are on the new branch {BRANCH}, made from main" in started.stdout
    assert 'git add -A && git commit -m "Start 9.20"' in started.stdout
    assert learner.git("branch", "--show-current") == BRANCH
    learner.solve()
    learner.app.write_text("this is not Python")
    (learner.workspace / "new.txt").write_text("new")
    before = learner.everything()

    passed = learner("check", "9.20")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert (
        f"what is committed on {BRANCH} is graded, at {learner.git('rev-parse', '--short=7', BRANCH)}" in passed.stderr
    )
    assert "2 files have changes that are not committed, so they are not graded" in passed.stderr
    assert learner.everything() == before
    assert not learner.trees()

    learner.git("stash", "-q", "-u")
    learner.git("switch", "-q", "main")
    before = learner.everything()
    passed = learner("check", "9.20")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "not committed" not in passed.stderr
    assert learner.everything() == before
    assert learner("check", "day9").returncode == 0
    assert "9.20" in learner("status").stdout
    assert learner("start", "9.20").stdout.startswith(f"you are on the branch {BRANCH} again")


def test_a_starter_that_is_not_committed_yet_is_to_be_committed(learner: Committer) -> None:
    learner.begin()
    learner("start", "9.20")
    early = learner("check", "9.20")
    assert early.returncode == 2
    assert f"{BRANCH} has nothing of day9.20 yet" in early.stderr
    assert f'Next: git switch {BRANCH} && git add -A && git commit -m "Start 9.20"' in early.stderr
    assert not learner.trees()


def test_start_overwrites_nothing_and_refuses_where_changes_could_get_lost(learner: Committer) -> None:
    learner.begin()
    (learner.workspace / "notes.txt").write_text("mine")
    refused = learner("start", "9.20")
    assert refused.returncode == 2
    assert "you have changes that are not committed" in refused.stderr
    assert "notes.txt" in refused.stderr
    assert learner.git("branch", "--show-current") == "main"
    learner.commit("Notes")
    learner.git("switch", "-q", "--detach")
    (learner.workspace / "notes.txt").write_text("more")
    learner.commit("On no branch")
    assert "you are on no branch" in learner("start", "9.20").stderr
    learner.git("branch", "keep-this")
    assert learner("start", "9.20").returncode == 0
    learner.commit("Start")
    learner.app.write_text("mine")
    assert "nothing was changed" in learner("start", "9.20").stdout
    assert learner.app.read_text() == "mine"


def test_where_there_is_nothing_to_grade_it_says_what_to_type(learner: Committer) -> None:
    learner("init", "w")
    learner.cwd = learner.workspace
    for command in ("check", "start"):
        refused = learner(command, "9.20")
        assert refused.returncode == 2
        assert "is in no git repository" in refused.stderr
        assert "git init -b main && git add -A && git commit" in refused.stderr
    learner.git("init", "-q", "-b", "main")
    for command in ("check", "start"):
        assert "nothing has been committed in" in learner(command, "9.20").stderr
    learner.commit("My workspace")
    refused = learner("check", "9.20")
    assert f"there is no branch {BRANCH}" in refused.stderr
    assert "Next: lab start 9.20" in refused.stderr
    learner.git("branch", "-m", "trunk")
    assert "this repository has no branch main" in learner("start", "9.20").stderr
    learner.git("branch", "-m", "master")
    assert f"you are on the new branch {BRANCH}, made from master" in learner("start", "9.20").stdout
    assert "is graded from what is committed" in learner("watch", "9.20").stderr
    assert learner("hint", "9.20").returncode == 0


def test_clones_that_lack_the_history_or_the_branch(learner: Committer, tmp_path: Path) -> None:
    learner.begin()
    learner.solve()
    learner.git("clone", "-q", "--depth", "1", f"file://{learner.workspace}", str(tmp_path / "shallow"))
    learner.git("clone", "-q", "--branch", "main", str(learner.workspace), str(tmp_path / "clone"))
    learner.cwd = tmp_path / "shallow"
    refused = learner("check", "9.20")
    assert refused.returncode == 2
    assert "git fetch --unshallow" in refused.stderr
    learner.cwd = tmp_path / "clone"
    refused = learner("check", "9.20")
    assert f"git branch {BRANCH} origin/{BRANCH}" in refused.stderr
    learner.git("branch", BRANCH, f"origin/{BRANCH}", cwd=learner.cwd)
    assert learner("check", "9.20", "--behaviour", "C3").returncode == 0


def test_without_git_it_says_so(learner: Committer, tmp_path: Path) -> None:
    learner.begin()
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "sh").symlink_to("/bin/sh")
    learner.env["PATH"] = str(programs)
    refused = learner("check", "9.20")
    assert refused.returncode == 3
    assert "git is not installed" in refused.stderr


def test_a_branch_whose_lab_toml_leads_elsewhere_is_refused(learner: Committer, tmp_path: Path) -> None:
    learner.begin()
    learner.solve()
    shutil.copytree(learner.app.parents[1], tmp_path / "elsewhere")
    toml = learner.workspace / "lab.toml"
    toml.write_text(toml.read_text().replace("day9/9.20-branched/greeter", str(tmp_path / "elsewhere")))
    learner.commit("Elsewhere")
    refused = learner("check", "9.20")
    assert "leads to" in refused.stderr
    assert not learner.trees()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_checkout_is_gone_however_it_ends(learner: Committer, how: signal.Signals) -> None:
    learner.begin()
    learner.solve()
    hanging = learner.app.read_text() + "\nimport time\ntime.sleep(60)\n"
    learner.app.write_text(hanging)
    learner.commit("Never ready")
    with learner.typed("check", "9.20") as process:
        eventually(learner.trees)
        os.kill(process.pid, how)
        process.wait(40)
        eventually(lambda: not learner.trees(), 40)
    eventually(lambda: not alive(learner.processes()), 40)
    assert learner.git("status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("commands", "code", "mended"),
    [
        (["branch -f main mini/greeting"], "same-tip", ""),
        (["branch mini/other"], "same-tip", ""),
        (["reset -q --soft main", "commit -q -m Everything"], "too-few-commits", "git add -p"),
        (
            ["reset -q --soft main", "commit -q -mAll", "commit -q --allow-empty -m 2", "commit --allow-empty -q -m 3"],
            "one-giant-commit",
            "git add -p",
        ),
        (["commit -q --amend --no-edit --author=root<root@localhost>"], "no-author", "--reset-author"),
        (["WRITE shop.db", "rm -q -f shop.db", "commit -q -m Oh"], "database-committed", "git filter-branch"),
        (["WRITE .env", "rm -q -f .env", "commit -q -m Oh"], "secret-committed", "git filter-branch"),
        (["LARGE dump.bin"], "large-file-committed", "git filter-branch"),
        (["rm -q README.md", "commit -q -m Oh"], "no-readme", "git add README.md"),
        (["checkout -q main README.md", "commit -q -m Oh"], "no-readme", "git add README.md"),
        (["WRITE .env.example"], "", ""),
        (["branch mini/greeting-old", "branch backup"], "", ""),
        (["switch -q main", "merge -q --no-ff -m Merged mini/greeting"], "", ""),
    ],
)  # fmt: skip
def test_the_rules_of_a_branch(learner: Committer, commands: list[str], code: str, mended: str) -> None:
    learner.begin()
    learner.solve()
    for command in commands:
        word, *rest = command.split(" ")
        if word in ("WRITE", "LARGE"):
            (learner.workspace / rest[0]).write_bytes(b"x" * (2 << 20 if word == "LARGE" else 10))
            learner.commit("Notes")
        else:
            learner.git(word, *rest)
    checked = learner("check", "9.20", "--behaviour", "C3", "--json")
    report = checked.stdout
    assert checked.returncode == (1 if code else 0), report + checked.stderr
    assert f'"code":"{code}"' in report.replace(" ", "")
    assert mended in report
    assert f'"branch":"{BRANCH}"' in report


LONG = "".join(f"A{number} = {number}\n" for number in range(300))


@pytest.mark.parametrize(
    ("earlier", "steps", "refused"),
    [
        pytest.param("", [LONG, "A = 1\n" * 3, "B = 1\n" * 3, "C = 1\n" * 3], True, id="padded"),
        pytest.param("", ["A = 1\n" * 3, LONG, "B = 1\n" * 3, "C = 1\n" * 3], True, id="padded on both sides"),
        pytest.param("", [LONG, "A = 1\n" * 10, "B = 1\n" * 10], False, id="a long step among others"),
        pytest.param(LONG, [LONG, "A = 1\n" * 3, "B = 1\n" * 3], False, id="carried on from an earlier exercise"),
        pytest.param(LONG, [LONG + "D = 1\n", "A = 1\n" * 3, "B = 1\n" * 3], False, id="carried on and changed"),
    ],
)
def test_the_largest_step_is_not_nearly_everything(
    learner: Committer, earlier: str, steps: list[str], refused: bool
) -> None:
    learner.begin()
    if earlier:
        (learner.workspace / "earlier.py").write_text(earlier)
        learner.commit("An earlier exercise")
    learner("start", "9.20")
    (learner.workspace / "README.md").write_text("# A greeting\n")
    for number, text in enumerate(steps):
        (learner.app.parent / f"part{number}.py").write_text(text)
        learner.commit(f"Step {number}")
    report = learner("check", "9.20", "--behaviour", "C3", "--json").stdout
    assert ('"code":"one-giant-commit"' in report.replace(" ", "")) == refused, report


def test_a_cohort_is_graded_from_branches_without_being_written_to(learner: Committer) -> None:
    learner.begin()
    learner.solve()
    learner.git("switch", "-q", "main")
    before = learner.everything()
    learner.cwd = learner.top.parent
    graded = learner("cohort", "check", str(learner.cwd), "9.20")
    assert graded.returncode == 0, graded.stderr
    assert "PASSED" in graded.stdout
    assert learner.everything() == before
