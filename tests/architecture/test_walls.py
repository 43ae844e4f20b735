"""The walls between the rooms, and what a quick command may not import."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("textual", "sqlalchemy", "fastapi", "pika")
SLOW_AT_HELP = (*HEAVY, "asyncio", "httpx", "msgspec", "psutil", "lab.runtime", "lab.system")

SPY = """
import sys
sys.argv[:] = ["lab", *sys.argv[1:]]
from lab.cli import main
try:
    main()
except SystemExit:
    pass
sys.stderr.write("\\nimported:" + ",".join(sys.modules))
"""


def imported_by(*words: str, home: Path, **env: str) -> set[str]:
    """The modules that the command has imported when it ends."""
    ran = subprocess.run(
        [sys.executable, "-c", SPY, *words],
        env={**os.environ, "LAB_HOME": str(home), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(ran.stderr.rpartition("imported:")[2].split(","))


def test_the_rooms_import_only_what_stands_below_them() -> None:
    script = Path(sys.executable).parent / "lint-imports"
    ran = subprocess.run([script, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout


def test_every_contract_says_why() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} >= {"rooms", "textual", "chassis"}
    for contract in contracts:
        assert len(contract["name"]) > 20


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["run", "--help"], ["broker", "-h"], ["help", "exit-codes"]]
)
def test_help_is_quick_because_it_imports_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    assert not imported_by(*words, home=tmp_path) & set(SLOW_AT_HELP)


@pytest.mark.parametrize(
    "words",
    [["ps"], ["runs"], ["fault", "list"], ["fault", "kinds"], ["logs"], ["down", "--all"], ["broker", "status"]],
)
def test_commands_never_import_what_only_services_and_screens_need(words: list[str], tmp_path: Path) -> None:
    assert not imported_by(*words, home=tmp_path) & set(HEAVY)


def test_completion_imports_nothing_heavy(tmp_path: Path) -> None:
    typed = {"_LAB_COMPLETE": "complete_bash", "COMP_WORDS": "lab run ", "COMP_CWORD": "2"}
    assert not imported_by(home=tmp_path, **typed) & set(HEAVY)


def test_a_bare_typer_program_is_not_much_quicker_than_our_help(tmp_path: Path) -> None:
    """The budget is 1.3 times; counted in modules, which do not depend on what else the machine is doing."""
    bare = tmp_path / "bare.py"
    bare.write_text(
        "import sys, typer\napp = typer.Typer()\n@app.command()\ndef a(): ...\n@app.command()\ndef b(): ...\n"
    )
    program = f"{bare.read_text()}\ntry:\n    app(['--help'])\nexcept SystemExit:\n    pass\nprint(len(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    modules = int(re.findall(r"\d+", ran.stdout)[-1])
    assert len(imported_by("--help", home=tmp_path)) < 1.3 * modules
