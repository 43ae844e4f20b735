"""The toy exercise that tests of this room share."""

from pathlib import Path

TOY = Path(__file__).parent / "toy" / "day9" / "greeting"
