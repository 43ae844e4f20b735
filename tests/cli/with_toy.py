"""The `lab` command with the toy exercise instead of the real ones: `python -m tests.cli.with_toy check`."""

from __future__ import annotations

from lab.cli import main
from lab.course import titles
from tests.course import TOY

titles.ROOT = TOY.parents[1]

if __name__ == "__main__":
    main()
