"""Naming the room costs nothing; only showing something loads Textual."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, sys
import lab.dashboard
assert "textual" not in sys.modules
assert os.environ["TEXTUAL_FPS"] == "30"
"""


def test_importing_the_room_does_not_load_textual() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=30)
