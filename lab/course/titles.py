"""Ids and titles of the exercises, quickly: for a list, nothing of an exercise needs to be understood but its name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import lab

ROOT = Path(lab.__file__).parent / "exercises"
FILE = "exercise.toml"


def folders(root: Path | None = None) -> list[Path]:
    """Every exercise's folder."""
    return sorted(path.parent for path in (root or ROOT).glob(f"day*/*/{FILE}"))


def titles(language: str = "en") -> Iterator[tuple[str, str]]:
    """`("day5.3", "Circuit breaker")` and so on, in no order that matters; what cannot be read is left out."""
    for folder in folders():
        try:
            data = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
            yield str(data["id"]), str(data["title"][language])
        except (OSError, ValueError, KeyError, TypeError):
            continue
