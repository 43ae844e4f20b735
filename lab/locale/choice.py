"""Which language a command speaks. It is decided before anything is imported that says something."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.locale import LANGUAGES, VARIABLE, home, speak

TEXTS = re.compile(r"""^\s*texts\s*=\s*["'](\w+)["']""", re.MULTILINE)
LANG = re.compile(r"""^\s*lang\s*=\s*["'](\w+)["']""", re.MULTILINE)
LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")


@dataclass(frozen=True, slots=True)
class Choice:
    """A language, and what asked for it; empty if nothing did."""

    language: str = LANGUAGES[0]
    said_by: str = ""


made = Choice()
"""What this command decided."""


def decide(words: Sequence[str]) -> None:
    """Speak the language that is asked for, by the command's `words` or by what is set, in this process and those that
    it starts."""
    global made
    made = chosen(words)
    speak(made.language)


def chosen(words: Sequence[str], cwd: Path | None = None, env: Mapping[str, str] = os.environ) -> Choice:
    """What is asked for by `--lang`, LAB_LANG, the workspace's `texts`, `lab config lang`, or the system's locale, the
    first that does. English otherwise. A language that the lab does not speak counts as not asked for."""
    if found := known(_option(words)):
        return Choice(found, "--lang")
    if found := known(env.get(VARIABLE, "")):
        return Choice(found, VARIABLE)
    if found := known(_workspace(cwd)):
        return Choice(found, "lab.toml")
    if found := known(configured()):
        return Choice(found, "lab config")
    for name in LOCALE:
        if value := env.get(name, ""):  # the first that is set counts, as everywhere
            return Choice(known(value) or LANGUAGES[0], name)
    return Choice()


def known(said: str) -> str:
    """`uz` for `uz_UZ.UTF-8`; empty for a language that the lab does not speak."""
    code = re.split(r"[_.@-]", said.lower(), maxsplit=1)[0]
    return code if code in LANGUAGES else ""


def configured() -> str:
    """What `lab config lang` was told; empty if nothing."""
    try:
        match = LANG.search(settings().read_text(encoding="utf-8"))
    except (OSError, ValueError, home.NoHome):
        return ""
    return match[1] if match else ""


def configure(wanted: str) -> Path:
    """Keep it for every command from now on. Raises OSError, NoHome."""
    path = settings()
    path.parent.mkdir(parents=True, exist_ok=True)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    line = f"lang = {json.dumps(wanted)}"
    text = LANG.sub(line, text) if LANG.search(text) else f"{line}\n{text}"
    path.write_text(text, encoding="utf-8")
    return path


def settings() -> Path:
    """The file with the reader's own settings. Raises NoHome."""
    return home.folder("config") / "config.toml"


def _option(words: Sequence[str]) -> str:
    """What stands behind `--lang`, before the command's name."""
    rest = iter(words)
    for word in rest:
        if word == "--lang":
            return next(rest, "")
        if word.startswith("--lang="):
            return word.partition("=")[2]
        if not word.startswith("-"):
            break
    return ""


def _workspace(cwd: Path | None) -> str:
    """`texts` of the workspace around `cwd`; its file is judged where it is needed."""
    try:
        here = (cwd or Path.cwd()).absolute()
        for folder in (here, *here.parents):
            if (file := folder / "lab.toml").is_file():
                match = TEXTS.search(file.read_text(encoding="utf-8"))
                return match[1] if match else ""
    except (OSError, ValueError):
        pass
    return ""
