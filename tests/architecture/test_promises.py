"""What the pages promise is there: the commands of the README, the files that CONTRIBUTING names."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from lab import __version__

ROOT = Path(__file__).parents[2]


def test_the_readme_has_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "python3 -m pip install . && lab run day3" in readme
    assert "python3 -m pip install '.[test]' && python3 -m pytest" in readme


def test_ci_takes_the_test_command_from_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    found = re.search(r"^tests=\$\((grep .* README\.md)\)", script, re.MULTILINE)
    assert found
    ran = subprocess.run(["bash", "-c", found[1]], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True)
    assert ran.stdout == "python3 -m pip install '.[test]' && python3 -m pytest\n"


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "CHANGELOG.md"])
def test_paths_that_a_page_names_exist(page: str) -> None:
    named = set(re.findall(r"`((?:lab|tests|benchmarks|\.ci)/[\w./]*\w)/?`", (ROOT / page).read_text()))
    missing = [path for path in named if "dayN" not in path and not (ROOT / path).exists()]
    assert not missing


def test_the_version_is_said_once() -> None:
    assert __version__.count(".") == 2
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text()
