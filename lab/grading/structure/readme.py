"""What the README of a system says: its sections, its diagrams, what it leads to, what was never filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lab.grading.structure.markdown import Fence, Markdown, read

NAME = "README.md"
TITLES: Mapping[str, tuple[str, ...]] = {
    "done": (
        "What was done", "What is done", "What this is", "What it is", "What it does", "Overview", "About",
        "Nima qilindi", "Nima qilingan", "Bu nima", "Loyiha haqida", "Umumiy ma'lumot",
        "Что сделано", "Что это", "О проекте", "Обзор",
    ),
    "flow": (
        "Service flow", "Services and flow", "Flow", "How it works", "Architecture", "Diagram",
        "Xizmatlar oqimi", "Servislar oqimi", "Jarayon", "Qanday ishlaydi", "Arxitektura", "Sxema",
        "Поток сервисов", "Поток", "Как это работает", "Как работает", "Архитектура", "Схема",
    ),
    "run": (
        "How to run", "Run", "Running", "Getting started", "Quick start",
        "Qanday ishga tushiriladi", "Ishga tushirish", "Qanday ishga tushirish mumkin",
        "Как запустить", "Запуск", "Быстрый старт",
    ),
    "environment": (
        "Environment variables", "Environment", "Configuration", "Settings",
        "Muhit o'zgaruvchilari", "Environment o'zgaruvchilari", "O'zgaruvchilar", "Sozlamalar", "Konfiguratsiya",
        "Переменные окружения", "Переменные среды", "Окружение", "Настройки", "Конфигурация",
    ),
    "failure": (
        "Failure behaviour", "Failure behavior", "Failures", "When something fails", "What happens when",
        "Nosozlikdagi xatti-harakat", "Nosozliklar", "Nosozlik paytida", "Nosozlikda nima bo'ladi",
        "Поведение при сбоях", "Поведение при отказах", "Сбои", "Отказы",
    ),
    "decisions": (
        "Design decisions", "Decisions", "Architecture decisions", "Architectural decisions", "Decision records", "ADR",
        "Dizayn qarorlari", "Loyiha qarorlari", "Arxitektura qarorlari", "Qarorlar",
        "Проектные решения", "Архитектурные решения", "Решения",
    ),
}  # fmt: skip
"""The sections that a README has, each with the titles under which it is found. The first one is how it is called."""

_UNFILLED = re.compile(
    r"\b(?:TODO|TBD|FIXME|XXX)\b|<(?=\w[^<>]*\s)[^<>/=@]*[^\s<>/=@]>"
    r"|(?i:lorem ipsum|to['‘’ʻ]ldiring|заполните|\bfill (?:this )?in\b)"
    r"|(?<!\w)\[(?i:your|sizning|ваш)\b[^\]]*\](?!\()"
)
_ARROW = re.compile(r"(?:<?[-=.~]{1,}(?:>{1,2}|\)|x(?=\s))|[→⟶⇒⟹▶►➔➜↓↑↔]|<[-=]{1,}(?![->]))")
_MERMAID_COMMENT = re.compile(r"^\s*%%.*$", re.MULTILINE)


def system_folder(folders: Sequence[Path]) -> Path:
    """Where a system's README stands: the folder that holds the folders of all its services."""
    first, *others = (folder.absolute() for folder in folders)
    return next(above for above in first.parents if all(above in other.parents for other in others))


def missing_sections(readme: Markdown) -> list[str]:
    """The names of those that it lacks or that say nothing."""
    return [titles[0] for titles in TITLES.values() if not _says_something(readme.section(titles))]


def section(readme: Markdown, which: str) -> Markdown:
    """One of TITLES; an empty one if it has none."""
    return readme.section(TITLES[which]) or Markdown(readme.name, ())


def _says_something(part: Markdown | None) -> bool:
    return part is not None and bool(re.search(r"\w", part.text))


def unfilled(document: Markdown) -> list[tuple[int, str]]:
    """What nobody has filled in, each with its line: placeholder words, outside of code."""
    return [(line.number, found[0]) for line in document.lines for found in _UNFILLED.finditer(line.prose)]


def diagrams(document: Markdown) -> list[Fence]:
    """Its drawings: Mermaid, and what else is drawn with arrows, without remarks."""
    drawn = (
        Fence(fence.language, fence.line, _MERMAID_COMMENT.sub("", fence.text))
        for fence in document.fences
        if fence.language in ("mermaid", "", "text", "txt", "ascii", "plantuml", "dot")
    )
    return [fence for fence in drawn if arrows(fence)]


def arrows(fence: Fence) -> int:
    return len(_ARROW.findall(fence.text))


def names(text: str, name: str) -> bool:
    """Whether the text names it, as a word of its own: `orders` is not in `orders.payment-result` nor in `reorders`."""
    return bool(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", text, re.IGNORECASE))


def dead_links(document: Markdown, folder: Path) -> list[tuple[int, str]]:
    """Relative links from a file in `folder` that lead to nothing, each with its line."""
    return [(line, link) for line, link in document.links if (path := _path(link)) and not (folder / path).exists()]


def _path(link: str) -> str:
    """The path of a relative link; nothing for any other."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return ""
    return "" if parts.scheme or parts.netloc else unquote(parts.path)


def linked(document: Markdown, folder: Path) -> Iterator[tuple[Path, Markdown]]:
    """The Markdown files that it leads to, each once; of a folder those that are in it."""
    seen: set[Path] = set()
    for _, link in document.links:
        path = Path(folder / _path(link)) if _path(link) else None
        if path is None or not path.exists():
            continue
        for file in sorted(path.glob("*.md")) if path.is_dir() else [path]:
            if file.suffix == ".md" and file.is_file() and file.resolve() not in seen:
                seen.add(file.resolve())
                yield file, load(file, folder)


def load(file: Path, folder: Path) -> Markdown:
    """The file, called as seen from the folder. Raises OSError."""
    name = file.relative_to(folder).as_posix() if file.is_relative_to(folder) else file.name
    return read(file.read_text(encoding="utf-8", errors="replace"), name)


def undocumented(part: Markdown, variables: Iterable[str]) -> list[str]:
    """The variables that the part does not name."""
    return [name for name in variables if not re.search(rf"(?<![A-Z0-9_]){re.escape(name)}(?![A-Z0-9_])", part.text)]
