"""A Markdown file as its reader sees it: sections, fenced blocks, tables, links, prose. HTML comments are not seen.

Only what is needed here is known of Markdown. Every piece says its line, so that a report can lead there.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})\s*([^`\s]*)[^`]*$")
_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_CODE = re.compile(r"(`+)(.+?)\1")
_RULE = re.compile(r"^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^\s()<>]+(?:\([^\s()]*\))?)>?(?:\s+[^)]*)?\)")
_DEFINITION = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)")
_CELL = re.compile(r"(?<!\\)\|")
_NUMBER = re.compile(r"^(?:\d+(?:\.\d+)*[.)]?|[ivx]+[.)])\s+", re.IGNORECASE)
_APOSTROPHES = str.maketrans(dict.fromkeys("‘’ʻʼ`´", "'"))


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `fence` is the number of the fenced block that it is in, 0 outside; its marks belong to none."""

    number: int
    text: str
    fence: int = 0
    mark: bool = False

    @property
    def prose(self) -> str:
        """The line without code; nothing for one in a block."""
        return "" if self.fence or self.mark else _CODE.sub(" ", self.text)


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    title: str
    line: int


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block with the language that it names."""

    language: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table, without those of its header: its cells as text."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Markdown:
    """A file, or a part of it. `name` is how people call the file."""

    name: str
    lines: tuple[Line, ...]
    languages: tuple[str, ...] = ()
    """Of the whole file's fenced blocks, in their order."""

    @property
    def headings(self) -> list[Heading]:
        found = ((line.number, _HEADING.match(line.text)) for line in self.lines if not line.fence and not line.mark)
        return [Heading(len(match[1]), match[2], number) for number, match in found if match]

    @property
    def fences(self) -> list[Fence]:
        found: dict[int, list[Line]] = {}
        for line in self.lines:
            if line.fence:
                found.setdefault(line.fence, []).append(line)
        return [
            Fence(self.languages[number - 1], lines[0].number, "\n".join(line.text for line in lines))
            for number, lines in found.items()
        ]

    @property
    def prose(self) -> str:
        return "\n".join(line.prose for line in self.lines)

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    @property
    def rows(self) -> list[Row]:
        """The rows of its tables."""
        found: list[Row] = []
        inside = False
        for line, below in zip(self.lines, [*self.lines[1:], Line(0, "")], strict=True):
            told = not line.fence and not line.mark and "|" in line.text
            if told and inside:
                found.append(Row(line.number, _cells(line.text)))
            elif told and _RULE.match(line.text):
                inside = True
            inside = inside and bool(line.text.strip()) and (told or bool(_RULE.match(below.text)))
        return found

    @property
    def links(self) -> list[tuple[int, str]]:
        """What its links and images lead to, each with its line."""
        return [
            (line.number, target)
            for line in self.lines
            for target in (*_LINK.findall(line.prose), *_DEFINITION.findall(line.prose))
        ]

    def section(self, titles: Collection[str]) -> Markdown | None:
        """The part under the first heading with one of these titles, up to the next one of its level or above.

        A title is found in other letters, too, numbered, and with more words behind it.
        """
        wanted = [plain(title) for title in titles]
        headings = self.headings
        for place, heading in enumerate(headings):
            said = plain(heading.title)
            if any(re.match(rf"{re.escape(title)}(?!\w)", said) for title in wanted):
                after = (one.line for one in headings[place + 1 :] if one.level <= heading.level)
                return self._between(heading.line, next(after, self.lines[-1].number + 1))
        return None

    def parts(self) -> list[tuple[Heading, Markdown]]:
        """What stands under each of its uppermost headings."""
        if not (headings := self.headings):
            return []
        top = [one for one in headings if one.level == min(other.level for other in headings)]
        ends = [*(one.line for one in top[1:]), self.lines[-1].number + 1]
        return [(one, self._between(one.line, end)) for one, end in zip(top, ends, strict=True)]

    def _between(self, first: int, end: int) -> Markdown:
        return Markdown(self.name, tuple(line for line in self.lines if first < line.number < end), self.languages)


def read(text: str, name: str) -> Markdown:
    """The file with this text."""
    return Markdown(name, *_lines(text))


def _lines(text: str) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    seen: list[Line] = []
    languages: list[str] = []
    closing = ""
    # `splitlines` knows ends of lines that no editor counts.
    for number, line in enumerate(_uncommented(text).replace("\r\n", "\n").split("\n"), 1):
        found = _FENCE.match(line)
        if closing:
            if line.strip().startswith(closing) and not line.strip().strip(closing[0]):
                closing = ""
                seen.append(Line(number, line, mark=True))
            else:
                seen.append(Line(number, line, fence=len(languages)))
        elif found:
            closing = found[1]
            languages.append(found[2].lower())
            seen.append(Line(number, line, mark=True))
        else:
            seen.append(Line(number, line))
    return tuple(seen), tuple(languages)


def _uncommented(text: str) -> str:
    """The text without comments, its lines where they were."""
    return _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)


def _cells(text: str) -> tuple[str, ...]:
    cells = [cell.strip().replace("\\|", "|") for cell in _CELL.split(text.strip())]
    return tuple(cells[text.strip().startswith("|") : len(cells) - (len(cells) > 1 and not cells[-1])])


def plain(title: str) -> str:
    """A title as it is compared: small letters, no number, no marks, one kind of apostrophe."""
    said = re.sub(r"[*_]", "", title.translate(_APOSTROPHES)).strip().casefold()
    said = re.sub(r"^[^\w]+", "", _NUMBER.sub("", said))
    return re.sub(r"\s+", " ", said).rstrip(" :.")


def unmarked(cell: str) -> str:
    """A cell without the marks of code and emphasis."""
    return re.sub(r"\s+", " ", re.sub(r"`|\*\*|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)", "", cell)).strip()
