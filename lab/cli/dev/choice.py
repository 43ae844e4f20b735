"""Chooses the gradings of `lab dev check --changed REV --most N`, and says which and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli import exits
from lab.cli.failure import Failure
from lab.cli.output import say

if TYPE_CHECKING:
    from lab.course.gate import Planned
    from lab.course.sample import Change


@dataclass(frozen=True, slots=True)
class Choice:
    """How gradings are chosen: by what has changed since a commit, and by chance up to a number."""

    changed: str
    most: int | None

    def of(self, planned: Sequence[Planned], seed: int) -> list[Planned]:
        """The chosen gradings; says how many they are, and why."""
        from lab.course.sample import UnknownRevision, sample, since

        try:
            change = since(self.changed, Path.cwd()) if self.changed else None
        except UnknownRevision as problem:
            raise Failure(
                f"what has changed since {self.changed} is not known", why=str(problem), code=exits.USAGE
            ) from None
        taken = sample(planned, change, most=self.most, seed=seed)
        say(f"{len(taken.planned)} of {taken.possible} gradings, seed {seed}:")
        if change:
            say(f"  {taken.touched} of exercises that have changed since {self.changed}")
        if others := len(taken.planned) - taken.touched:
            say(f"  {others} by chance, {_why(change)}")
        return list(taken.planned)


def _why(change: Change | None) -> str:
    if change is None:
        return "of all"
    return "of what stands on changed ground" if change.ground else "of the rest"
