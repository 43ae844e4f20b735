"""A screen of a lesson set on lines of a given width, with the places where a reader can do something.

The Markdown is read by markdown-it, as the page in HTML is. What comes out is plain data: the terminal's pages and
the reader's screen draw the same lines.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from rich.cells import cell_len

from lab.course.figures import Seen, answers
from lab.course.lesson import Block, Figure, Screen, with_figures
from lab.locale import tr

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

Style = Literal["text", "strong", "em", "title", "name", "dim", "note", "key", "ok"]
HERE, USUAL = "◆", "◇"
"""What stands before a figure of this machine's, and before one that is printed."""
NARROWEST = 12
"""Columns that a cell of a table keeps, however narrow the page."""
MEASURE = "measure:"
_TERM = re.compile(r"\]\(term:([^()]+)\)")
_WORDS = re.compile(r"[ \t]+|[^ \t]+")
_UNIT = re.compile(r"(?<=\d) (?=(?:%|ms|s|min|h)(?!\w))")
_FAR = re.compile(r"day\d+#.+|https?://.+")
"""Where a link leads that nobody can follow on paper."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line; `stop` is the number of the place that it belongs to."""

    text: str
    style: Style = "text"
    stop: int | None = None


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """A place where a reader can do something: follow a link to `to`, start a demo's command, copy a piece of code."""

    kind: Literal["link", "demo", "code"]
    to: str


@dataclass(slots=True)
class Page:
    """The lines of a screen, and its places in order."""

    width: int
    marked: bool = False
    """Whether what is code or stressed shows by its signs, because there is no other way to show it."""
    lines: list[Line] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)

    def put(self, *spans: Span) -> None:
        self.lines.append(spans)

    def blank(self) -> None:
        """One empty line between what stands above and below."""
        if self.lines and self.lines[-1]:
            self.lines.append(())

    def stop(self, kind: Literal["link", "demo", "code"], to: str) -> int:
        self.stops.append(Stop(kind, to))
        return len(self.stops) - 1

    def paragraph(self, spans: Iterable[Span], first: Line = (), hang: int = 0) -> None:
        """As many lines as it takes: the first behind `first`, the others `hang` columns in."""
        for number, line in enumerate(wrapped(spans, self.width - hang)):
            gap = hang - width_of(first) if number == 0 else hang
            start = first if number == 0 else ()
            self.put(*start, *((Span(" " * gap),) if gap > 0 else ()), *line)


@cache
def reader() -> MarkdownIt:
    """Markdown as lessons are written: with tables, without HTML."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def screen(page: Page, shown: Screen, seen: Mapping[str, Seen], told: Callable[[str], Iterable[Line]]) -> None:
    """Put the whole screen on the page; `told` gives what is known of a demo that was played here, by its command."""
    page.paragraph(inline(page, shown.heading, "title"))
    for block in shown.blocks:
        page.blank()
        if block.kind == "prose":
            prose(page, block.text, seen)
            continue
        _verbatim(page, block)
        if block.kind == "demo":
            for line in told(block.text):
                page.paragraph(line[1:], first=line[:1], hang=width_of(line[:1]))
    _foot(page, shown, seen)


def played(text: str) -> Iterator[Line]:
    """What the latest run of a demo's scenario here saw: its questions with their answers."""
    words = shlex.split(text)
    if "--scenario" not in words[2:-1]:
        return
    run, found = answers(words[2], words[words.index("--scenario") + 1])
    for question, saw in found:
        yield Span(f"  {HERE} ", "note"), Span(f"{question} "), Span(saw, "note"), Span(f" ({run})", "dim")


def prose(page: Page, text: str, seen: Mapping[str, Seen]) -> None:
    """Put Markdown on the page."""
    _Setter(page).blocks(_nodes(reader().parse(filled(text, seen))))


def filled(text: str, seen: Mapping[str, Seen]) -> str:
    """The text with its figures as links to their measures, and links to words as Markdown has them."""

    def figure(one: Figure) -> str:
        found = seen.get(one.of)
        return f"[{HERE} {found.text}]({MEASURE}{one.of})" if found else f"[{USUAL} {one.usual}]({MEASURE}{one.of})"

    return _TERM.sub(lambda match: f"](term:{match[1].replace(' ', '%20')})", with_figures(text, figure))


def inline(page: Page, text: str, style: Style = "text") -> list[Span]:
    """A line of Markdown as spans."""
    return _Setter(page).spans(reader().parseInline(text)[0].children or [], style)


def width_of(line: Iterable[Span]) -> int:
    return sum(cell_len(span.text) for span in line)


def wrapped(spans: Iterable[Span], width: int) -> list[list[Span]]:
    """The spans on lines of at most so many columns, broken at blanks; a longer word is broken where it must."""
    lines: list[list[Span]] = [[]]
    used, gap = 0, 0
    width = max(width, 1)
    for word in _joined(spans):
        if word[0].text == "\n":
            lines.append([])
            used = gap = 0
            continue
        if word[0].text.isspace():
            gap = 1 if used else 0
            continue
        size = width_of(word)
        if used and used + gap + size > width:
            lines.append([])
            used = gap = 0
        if gap:
            before, after = lines[-1][-1], word[0]
            same = before.style == after.style and before.stop == after.stop
            lines[-1].append(Span(" ", after.style if same else "text", after.stop if same else None))
        while width_of(word) > width:
            head, word = _split(word, width)
            lines[-1] += head
            lines.append([])
        lines[-1] += word
        used, gap = used + gap + size, 0
    return lines


def _joined(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """Words, which may consist of several spans, and the blanks between them."""
    word: list[Span] = []
    for span in spans:
        for piece in ["\n"] if span.text == "\n" else _WORDS.findall(span.text):
            part = Span(piece, span.style, span.stop)
            if not piece.isspace():
                word.append(part)
                continue
            if word:
                yield word
            word = []
            yield [part]
    if word:
        yield word


def _split(word: Sequence[Span], width: int) -> tuple[list[Span], list[Span]]:
    head, rest, room = list[Span](), list[Span](), width
    for span in word:
        cut = len(span.text)
        while cell_len(span.text[:cut]) > room:
            cut -= 1
        head += [Span(span.text[:cut], span.style, span.stop)] if cut else []
        rest += [Span(span.text[cut:], span.style, span.stop)] if cut < len(span.text) else []
        room = room - cell_len(span.text[:cut]) if cut == len(span.text) else 0
    return head, rest


def _verbatim(page: Page, block: Block) -> None:
    """A block as it stands, a little to the right. Code and commands can be copied, a picture cannot be broken."""
    if block.kind == "demo":
        page.put(Span("▶ ", "key"), Span(block.text, "name", page.stop("demo", block.text)))
        return
    stop = page.stop("code", block.text) if block.kind == "code" else None
    lines = block.text.splitlines()
    indent = " " * max(0, min(2, page.width - max(map(cell_len, lines))))
    for line in lines:
        page.put(Span(indent), Span(line, "name" if block.kind == "code" else "text", stop))


def _foot(page: Page, shown: Screen, seen: Mapping[str, Seen]) -> None:
    """What the signs before figures mean, and where the screen has it from."""
    page.blank()
    for text in dict.fromkeys(whence(shown, figure.of, seen.get(figure.of)) for figure in shown.figures):
        page.paragraph([Span(text[2:], "dim")], first=(Span(text[:2], "note"),), hang=2)
    if shown.exercises:
        spans = [Span(tr("practised in"), "dim")]
        for ident in shown.exercises:
            spans += [Span(" "), Span(ident.removeprefix("day"), "key", page.stop("link", f"exercise:{ident}"))]
        page.paragraph(spans)
    for number, source in enumerate(shown.sources, 1):
        stop = page.stop("link", source.url)
        page.paragraph([Span(source.title, "dim", stop)], first=(Span(f"[{number}] ", "dim"),), hang=4)
        if page.marked:
            page.put(Span("    "), Span(source.url, "dim"))


def whence(shown: Screen, of: str, found: Seen | None) -> str:
    """The sign of a figure and what it means: of one that is printed, how to see it here."""
    day, scenario, _ = of.split(".")
    if found:
        run = f"{found.run} {found.settings}".rstrip()
        return f"{HERE} " + tr("seen on this machine: {scenario}, {run}", scenario=scenario, run=run)
    command = f"lab run {day} --scenario {scenario}"
    demos = [
        block.text for block in shown.blocks if block.kind == "demo" and f"{block.text} ".startswith(f"{command} ")
    ]
    return f"{USUAL} " + tr("as printed; yours comes with {command}", command=(*demos, command)[0])


@dataclass(frozen=True, slots=True)
class _Node:
    """A block of Markdown with those inside it."""

    token: Token
    inside: tuple[_Node, ...] = ()


def _nodes(tokens: Iterable[Token]) -> tuple[_Node, ...]:
    """The flat tokens as a tree."""
    stack: list[tuple[Token | None, list[_Node]]] = [(None, [])]
    for token in tokens:
        if token.nesting > 0:
            stack.append((token, []))
        elif token.nesting < 0:
            opened, inside = stack.pop()
            assert opened is not None
            stack[-1][1].append(_Node(opened, tuple(inside)))
        else:
            stack[-1][1].append(_Node(token))
    return tuple(stack[0][1])


@dataclass(slots=True)
class _Setter:
    """Puts nodes on the page, each line behind `indent` columns."""

    page: Page
    indent: int = 0

    def blocks(self, nodes: Iterable[_Node], first: Line = ()) -> None:
        """`first` stands before the first line: the sign of an item."""
        for number, node in enumerate(nodes):
            kind = node.token.type
            if number and not (self.indent and kind.endswith("_list_open")):
                self.page.blank()
            start = first if number == 0 else ()
            if kind in ("bullet_list_open", "ordered_list_open"):
                self._list(node)
            elif kind in ("fence", "code_block"):
                for line in node.token.content.splitlines():
                    self.page.put(Span(" " * (self.indent + 2)), Span(line, "name"))
            elif kind == "table_open":
                self._table(node)
            elif kind == "blockquote_open":
                _Setter(self.page, self.indent + 2).blocks(node.inside)
            elif node.inside:
                style: Style = "strong" if kind == "heading_open" else "text"
                spans = self.spans(node.inside[0].token.children or [], style)
                lead = start or ((Span(" " * self.indent),) if self.indent else ())
                self.page.paragraph(spans, first=lead, hang=self.indent)

    def spans(self, tokens: Sequence[Token], style: Style = "text") -> list[Span]:
        """The words of a paragraph."""
        found: list[Span] = []
        styles: list[Style] = [style]
        target, stop = "", None
        for token in tokens:
            kind = token.type
            now = styles[-1]
            if kind in ("strong_open", "em_open"):
                styles.append("strong" if kind == "strong_open" else "em")
            elif kind in ("strong_close", "em_close"):
                styles.pop()
            if kind in ("strong_open", "strong_close") and self.page.marked:
                found.append(Span("**", now))
            elif kind in ("em_open", "em_close") and self.page.marked:
                found.append(Span("*", now))
            elif kind == "link_open":
                target = unquote(str(token.attrGet("href") or ""))
                stop = None if target.startswith(MEASURE) else self.page.stop("link", target)
                styles.append("note" if target.startswith(MEASURE) else "key")
            elif kind == "link_close":
                styles.pop()
                if self.page.marked and _FAR.fullmatch(target):
                    found.append(Span(f" ({target})", "dim"))
                target, stop = "", None
            elif kind == "code_inline":
                text = f"`{token.content}`" if self.page.marked else token.content
                found.append(Span(text, "name" if now == "text" else now, stop))
            elif kind == "softbreak":
                found.append(Span(" ", now, stop))
            elif kind == "hardbreak":
                found.append(Span("\n"))
            elif token.content:
                text = _UNIT.sub("\N{NO-BREAK SPACE}", token.content)
                if target.startswith(MEASURE):  # a figure is not torn from its sign
                    text = text.replace(" ", "\N{NO-BREAK SPACE}")
                found.append(Span(text, now, stop))
        return found

    def _list(self, node: _Node) -> None:
        number = int(str(node.token.attrGet("start") or 1))
        loose = any(
            part.token.type == "paragraph_open" and not part.token.hidden for one in node.inside for part in one.inside
        )
        for count, item in enumerate(node.inside):
            if count and loose:
                self.page.blank()
            sign = "•" if node.token.type == "bullet_list_open" else f"{number + count}."
            deeper = self.indent + len(sign) + 1
            lead = (Span(" " * self.indent), Span(f"{sign} ", "dim"))
            _Setter(self.page, deeper).blocks(item.inside, first=lead)

    def _table(self, node: _Node) -> None:
        """Columns as wide as their content, the widest of them less so where the page has no room."""
        rows = [
            [
                self.spans(cell.inside[0].token.children or [], "strong" if part.token.type == "thead_open" else "text")
                for cell in row.inside
            ]
            for part in node.inside
            for row in part.inside
        ]
        widths = [max(width_of(row[column]) for row in rows) for column in range(len(rows[0]))]
        room = self.page.width - self.indent - 3 * (len(widths) - 1)
        while sum(widths) > room and max(widths) > NARROWEST:
            widths[widths.index(max(widths))] -= 1
        for number, row in enumerate(rows):
            cells = [wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
            for part in range(max(map(len, cells))):
                spans = [Span(" " * self.indent)] if self.indent else []
                for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
                    line = cell[part] if part < len(cell) else []
                    spans += [Span(" │ ", "dim")] if column else []
                    spans += [*line, Span(" " * (width - width_of(line)))]
                self.page.put(*spans)
            if number == 0:
                rule = "─┼─".join("─" * width for width in widths)
                self.page.put(Span(" " * self.indent + rule, "dim"))
