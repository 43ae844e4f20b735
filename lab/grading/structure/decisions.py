"""Decisions as they are written down: context, decision, alternatives, consequences. Read is their form, no sense.

A decision stands under a heading of the section, or in a file that the section leads to. Its parts are headings,
or begin a line: `**Context:** …`, `Context: …`, `- Context – …`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.grading.structure.markdown import Markdown, plain
from lab.grading.structure.readme import linked

PARTS: Mapping[str, tuple[str, ...]] = {
    "context": ("context", "problem", "kontekst", "vaziyat", "muammo", "контекст", "проблема"),
    "decision": ("decision", "qaror", "yechim", "решение"),
    "alternatives": (
        "alternatives", "alternative", "considered options", "options considered", "rejected alternatives", "rejected",
        "alternativalar", "muqobillar", "rad etilgan", "альтернативы", "варианты", "отвергнутые",
    ),
    "consequences": ("consequences", "consequence", "oqibatlar", "natijalar", "oqibatlari", "последствия", "следствия"),
}  # fmt: skip
"""The parts of a decision, each with the words that may begin it; the first one is how it is called."""
WORDS = 4
"""So many words say something."""
REASON = 6
"""So many words name an alternative and say why it was rejected."""

_NOTHING = re.compile(
    r"^\W*(?:none|no|nothing|n/a|not applicable|there (?:were|are) no\w*|yo'q|hech\w*|нет|не было)\b", re.IGNORECASE
)
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_BULLET = r"^\s*(?:[-*+]\s+|\d+[.)]\s+|\|\s*)?"
_BOLD = re.compile(_BULLET + r"(\*\*|__)(?P<label>[^\W\d_][\w' ]{2,30}?)[:.]?\1\s*(?:[:.|–—-]\s*)?")
_PLAIN = re.compile(_BULLET + r"[*_]?(?P<label>[^\W\d_][\w' ]{2,30}?)[*_]?\s*(?:[:|]|[–—-]\s)")
_APOSTROPHES = str.maketrans(dict.fromkeys("‘’ʻʼ`´", "'"))


@dataclass(frozen=True, slots=True)
class Decision:
    """`place` is for people: `README.md:40`. `parts` are the lines of each part that it has."""

    title: str
    place: str
    parts: Mapping[str, tuple[str, ...]]

    @property
    def lacks(self) -> list[str]:
        """The parts that are not there or say nothing."""
        return [name for name in PARTS if _words(" ".join(self.parts.get(name, ()))) < WORDS]

    @property
    def rejects(self) -> bool:
        """Whether an alternative is named and something is said of it."""
        return any(_words(item) >= REASON and not _NOTHING.match(item) for item in self._items("alternatives"))

    def _items(self, part: str) -> Iterator[str]:
        """The items of a list, or else the paragraphs."""
        item = ""
        for line in self.parts.get(part, ()):
            if not line.strip() or _ITEM.match(line):
                yield item
                item = _ITEM.sub("", line).translate(_APOSTROPHES)
            else:
                item += f" {line.strip()}"
        yield item


def decisions(section: Markdown, folder: Path) -> list[Decision]:
    """Those of the section and of the files that it leads to. What has none of the parts is no decision."""
    found = [_decision(part, heading.title, heading.line) for heading, part in section.parts()]
    for file, document in linked(section, folder):
        title = next((heading.title for heading in document.headings), file.stem)
        found.append(_decision(document, title, 1))
    told = (one for one in found if one.parts)
    return list({plain(one.title): one for one in reversed(list(told))}.values())[::-1]


def copies(found: list[Decision]) -> list[Decision]:
    """Decisions that say what an earlier one says."""
    seen: set[str] = set()
    again = []
    for one in found:
        said = " ".join(plain(" ".join(one.parts.get(name, ()))) for name in ("context", "decision"))
        if said in seen:
            again.append(one)
        seen.add(said)
    return again


def _decision(document: Markdown, title: str, line: int) -> Decision:
    parts: dict[str, list[str]] = {}
    headings = {heading.line: heading.title for heading in document.headings}
    current = ""
    for one in document.lines:
        if one.number in headings:
            current = _part(headings[one.number])
            rest = ""
            if current:
                parts.setdefault(current, [])
        elif (label := _BOLD.match(one.text) or _PLAIN.match(one.text)) and (named := _part(label["label"])):
            current, rest = named, one.text[label.end() :].strip(" |")
            parts.setdefault(current, [])
        else:
            rest = one.text
        if current:
            parts[current].append(rest)
    return Decision(title, f"{document.name}:{line}", {name: tuple(lines) for name, lines in parts.items()})


def _part(words: str) -> str:
    """The part that these words begin, or nothing."""
    said = plain(words)
    for name, known in PARTS.items():
        if any(re.match(rf"{re.escape(word)}(?!\w)", said) for word in known):
            return name
    return ""


def _words(text: str) -> int:
    return len(re.findall(r"\w+(?:['’-]\w+)*", text))
