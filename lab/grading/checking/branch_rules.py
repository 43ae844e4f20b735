"""What holds for every branch that is graded: it stands on its own, grew in steps, and holds code and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import ceil

from lab.grading.checking.expect import expect
from lab.grading.instruments.git import Commit, History
from lab.locale import tr

STEPS = 3
"""Commits of its own that a branch has at least, each of which changes the program."""
STEP = 3
"""Changed lines from which on a commit counts as a step."""
LARGE, REST, LEAST = 200, 0.05, 10
"""Lines from which on a commit is too large to come alone, and how much of them the other steps have together then: two
days of work in one commit and a line here and there have about a hundredth. Beside the first one they have so many
lines at least, for it may hold a long starter and the work may be short."""
LARGEST = 1 << 20
DATABASE = re.compile(r"\.(db|sqlite3?|rdb)(-wal|-shm|-journal)?$", re.IGNORECASE)
SECRET = re.compile(
    r"(^|/)(\.env(\.(?!example$|sample$|template$)[^/]*)?|id_(rsa|ed25519|ecdsa)|[^/]+\.(pem|key|p12|pfx))$"
)
KEYS = "-----BEGIN [A-Z ]*PRIVATE KEY-----|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}"
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
NOBODY = re.compile(r"@(.*\.)?example\.(com|org|net)$|\.\(none\)$|\.local(domain)?$")
"""E-mail addresses that git makes up, or that it shows in its own advice."""


def keeps_the_rules(history: History) -> None:
    """Raises BehaviourFailed with the command that mends it."""
    branch = history.branch
    _stands_alone(history)
    commits = history.commits()
    expect(
        len(commits) >= STEPS,
        tr("{branch} has at least {count} commits of its own", branch=branch.name, count=STEPS),
        got=tr("{count} that are not on {main} nor on another branch", count=len(commits), main=branch.main),
        code="too-few-commits",
        command=_apart(history),
    )
    _grew_in_steps(history, commits)
    _has_authors(history, commits)
    _holds_only_code(history)
    _says_what_it_is(history)


def _stands_alone(history: History) -> None:
    branch = history.branch
    twins = history.twins()
    expect(
        not twins,
        tr("{branch} has commits of its own", branch=branch.name),
        got=tr("{other} is at the same commit, {commit}", other=tr(" and ").join(twins), commit=branch.commit[:7]),
        code="same-tip",
        command=f"git switch {branch.name}",
    )


def _grew_in_steps(history: History, commits: Sequence[Commit]) -> None:
    folders = tuple(f"{folder}/" for folder in history.branch.folders)

    def changed(commit: Commit) -> int:
        return sum(count for path, count in commit.lines.items() if path.startswith(folders))

    steps = [commit for commit in commits if changed(commit) >= STEP]
    largest = max(commits, key=changed)
    expect(
        len(steps) >= STEPS,
        tr(
            "at least {count} commits of {branch} change the program, by {lines} lines or more each",
            count=STEPS,
            branch=history.branch.name,
            lines=STEP,
        ),
        got=tr(
            "{count} of {all} do; {commit} “{subject}” changes {lines} lines at once",
            count=len(steps),
            all=len(commits),
            commit=largest.id,
            subject=largest.subject,
            lines=changed(largest),
        ),
        code="one-giant-commit",
        command=_apart(history),
    )
    # What was copied does not count, and neither does the first commit if the work came after it: as a rule they hold
    # what `lab start` put there.
    written = history.commits(written=True)
    largest = max(written, key=changed)
    rest = sum(changed(one) for one in written[1:] if one is not largest)
    needed = LEAST if largest is written[0] else ceil(REST * changed(largest))
    expect(
        changed(largest) < LARGE or rest >= needed,
        tr(
            "beside a commit of {lines} lines the other steps of {branch} have {rest} together at least",
            lines=changed(largest),
            branch=history.branch.name,
            rest=needed,
        ),
        got=tr(
            "{lines} in all the others; {commit} “{subject}” is nearly everything",
            lines=rest,
            commit=largest.id,
            subject=largest.subject,
        ),
        code="one-giant-commit",
        command=_apart(history),
    )


def _apart(history: History) -> str:
    """How commits are taken apart: all changes are as if not committed yet."""
    return f"git switch {history.branch.name} && git reset $(git merge-base {history.branch.main} HEAD) && git add -p"


def _has_authors(history: History, commits: Sequence[Commit]) -> None:
    nameless = [
        one for one in commits if not one.author.strip() or not EMAIL.fullmatch(one.email) or NOBODY.search(one.email)
    ]
    expect(
        not nameless,
        tr("every commit of {branch} says who wrote it, with a name and an e-mail address", branch=history.branch.name),
        got=", ".join(f"{one.id} {one.author} <{one.email}>" for one in nameless[:3]),
        code="no-author",
        command='git config user.name "…" && git config user.email "…" && '
        f"git rebase {history.branch.main} --exec 'git commit --amend --no-edit --reset-author'",
    )


def _holds_only_code(history: History) -> None:
    for path, what, code in _foreign(history):
        expect(
            False,
            tr("no commit of {branch} holds a database, a secret or a file above 1 MiB", branch=history.branch.name),
            got=tr("{path}, {what}; what was committed once stays in the history", path=path, what=what),
            code=code,
            command=f"git filter-branch --index-filter 'git rm -q --cached --ignore-unmatch \"{path}\"' "
            f"{history.branch.main}..{history.branch.name}",
        )


def _foreign(history: History) -> Iterator[tuple[str, str, str]]:
    """Each file that should not be there: its path, what it is in words, and the code of the failure."""
    for blob in history.blobs():
        if DATABASE.search(blob.path):
            yield blob.path, tr("a database"), "database-committed"
        elif SECRET.search(blob.path):
            yield blob.path, tr("a secret"), "secret-committed"
        elif blob.size > LARGEST:
            yield blob.path, tr("{size:.1f} MiB", size=blob.size / LARGEST), "large-file-committed"
    for path in history.holding(KEYS):
        yield path, tr("a key in it"), "secret-committed"


def _says_what_it_is(history: History) -> None:
    branch, text = history.branch, history.text("README.md")
    expect(
        text and text.strip() and text != history.text("README.md", history.main),
        tr("README.md of {branch} says what stands there", branch=branch.name),
        got=tr("the README.md of {main}", main=branch.main) if text else tr("nothing"),
        code="no-readme",
        command=f"git switch {branch.name} && git add README.md && git commit -m 'Say what this branch is'",
    )
