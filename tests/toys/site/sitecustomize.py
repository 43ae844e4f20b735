"""Python runs this at its start when the folder is on PYTHONPATH: the lab then finds the toys, too."""

from pathlib import Path

import lab
import lab.engines
import lab.wire

TOYS = Path(__file__).parents[1]

lab.__path__.append(str(TOYS))
lab.wire.__path__.append(str(TOYS / "wire"))
lab.engines.__path__.append(str(TOYS / "engines"))
