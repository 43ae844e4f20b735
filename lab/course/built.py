"""The learner's services built before they run, for requests by hand or in a day's system."""

from __future__ import annotations

from collections.abc import Sequence

from lab.grading.build import build_all
from lab.grading.model import Build
from lab.grading.stage import Watcher
from lab.system.refusal import Refusal


class BuildFailed(Refusal):
    """A service cannot be built; `why` holds the build's last lines."""


def build(builds: Sequence[Build], tell: Watcher) -> None:
    """Build them all, and `tell` how it goes. Raises BuildFailed."""
    if problems := build_all(builds, tell):
        said = "\n".join(f"{service}: {problem}" for service, problem in problems.items())
        what, _, why = said.partition("\n")
        raise BuildFailed(what, why)
