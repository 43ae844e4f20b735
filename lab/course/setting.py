"""The settings of a day, light enough to be read for the help of a command."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import lab

Value = str | bool | tuple[str, ...]
"""What a day's system is made with: the word that was chosen; of several those; of a switch, whether it is on."""

ON, OFF = "on", "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A choice that a day leaves to its reader. `values` are the words that there are, the usual one first; without any
    it is a switch, usually off. One that takes `several` of them (`breaker,jitter`) usually has none. Unless it is as
    usual, it `needs` other settings of the day to be one of these values."""

    name: str
    about: Mapping[str, str]
    values: tuple[str, ...] = ()
    several: bool = False
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def usual(self) -> str:
        """Its text if nobody chooses."""
        if not self.values:
            return OFF
        return "" if self.several else self.values[0]

    def read(self, text: str) -> Value:
        """What that text chooses. Raises Unknown."""
        words = [text]
        if self.several:
            words = [word for part in text.split(",") if (word := part.strip())]
        from lab.system.refusal import Unknown

        known = self.values or (ON, OFF)
        for word in words:
            if word not in known:
                raise Unknown("value", word, known)
        if self.several:
            return tuple(word for word in self.values if word in words)
        return text if self.values else text == ON


def option(name: str, text: str) -> str:
    """What one types to choose that: `--saga orchestration`, or `--naive` for a switch that is on."""
    return f"--{name}" if text == ON else f"--{name} {text}"


def known() -> dict[str, dict[str, Setting]]:
    """The settings of all days: by name, and then by the day that has one of it. What is wrong in a day's file is left
    out; `lab.course.days` tells it."""
    found: dict[str, dict[str, Setting]] = {}
    for path in sorted(file for root in lab.__path__ for file in Path(root).glob("day*/day.toml")):
        try:
            settings = tomllib.loads(path.read_text(encoding="utf-8"))["settings"]
            for name, table in settings.items():
                setting = Setting(
                    name=name,
                    about=table["about"],
                    values=tuple(table.get("values", ())),
                    several=table.get("several", False),
                )
                found.setdefault(name, {})[path.parent.name.partition("_")[0]] = setting
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return found
