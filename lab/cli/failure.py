"""What a command says when it cannot do what it was asked: what happened, why, and what to type next."""

from __future__ import annotations

from collections.abc import Iterable

from lab.cli import exits
from lab.locale import tr

LONGEST = 2_000
"""Characters of one of its lines that are printed."""


class Failure(Exception):
    """Ends the command with `code` after printing `what`, the lines of `why`, and `next` on stderr."""

    def __init__(self, what: str, *, why: str = "", next: str = "", code: int = exits.FAILED) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.next = next
        self.code = code

    def __str__(self) -> str:
        from lab.journal.visible import visible

        lines = [visible(line[:LONGEST]) for line in f"lab: {self.what}".split("\n")]
        if self.why:
            lines += [f"  {visible(line[:LONGEST])}" for line in self.why.rstrip("\n").split("\n")]
        if self.next:
            lines.append(tr("  Next: {next}", next=self.next))
        return "\n".join(lines)


def unknown(what: str, word: str, known: Iterable[str], *, next: str = "") -> Failure:
    """The Failure for a name that is not one of `known`, with what comes close."""
    from lab.system.refusal import Unknown

    problem = Unknown(what, word, known)
    return Failure(problem.what, why=problem.why, next=next, code=exits.USAGE)
