"""Lessons as one page of HTML that needs nothing else: no network, no script."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lab.course.figures import Seen
from lab.course.lesson import Block, Lesson, Screen
from lab.course.titles import titles
from lab.course.typeset import HERE, MEASURE, filled, played, reader, whence
from lab.grading.report.html import document
from lab.locale import tr

if TYPE_CHECKING:
    from markdown_it.token import Token

STYLE = """
main{max-width:860px}nav ol{margin:4px 0 14px;padding-left:1.6em}
nav li,.screen li{display:list-item;border:0;padding:2px 0}
.screen ul{list-style:disc;padding-left:1.3em;margin:10px 0}.screen ol{padding-left:1.6em;margin:10px 0}
.screen{scroll-margin-top:12px}
.screen h2{color:var(--ink);font-size:1.25rem;line-height:1.35;margin:0 0 10px}.screen p{margin:10px 0}
.screen pre{background:var(--code);border-radius:8px;padding:10px 14px;overflow-x:auto;white-space:pre}
.screen pre code{background:none;padding:0;font-size:1em}.screen table{width:auto}
.screen th,.screen td{border-bottom:1px solid var(--line)}
.screen figure svg{min-width:0;width:100%;margin:0;padding:10px 14px}
.demo{border-left:4px solid var(--good);padding:2px 14px;margin:14px 0}.demo p{margin:2px 0}
.figure{font-weight:700;white-space:nowrap;border-bottom:2px dotted var(--dim)}
.figure.here{border-bottom:2px solid var(--good)}footer{color:var(--dim);font-size:.9rem;margin-top:16px}
footer p,.screen footer p{margin:2px 0}a{color:inherit}h1 a,nav a{text-decoration:none}
@media print{:root{color-scheme:light}.screen{border:0;padding:0;break-inside:auto}
.screen h2{break-after:avoid}.screen pre{white-space:pre-wrap}
article{break-before:page}nav.card{border:0}}
"""
NO_BREAK = "\N{NO-BREAK SPACE}"
"""A blank that is not lost beside another one."""
CELL = 8.4, 19.0
"""Units that a sign of a picture takes: across, and down."""


def page(lessons: Sequence[Lesson], seen: Mapping[str, Seen], language: str) -> str:
    """The whole page: contents, and the lessons in their order."""
    names = {f"{lesson.day}#{screen.id}" for lesson in lessons for screen in lesson.screens}
    terms = {term: _id(lesson, screen) for lesson in lessons for screen in lesson.screens for term in screen.terms}
    title = lessons[0].title if len(lessons) == 1 else tr("lab: the lessons of the week")
    written = _Setter(names, terms, seen, language)
    legend = tr("{sign} was seen on this machine", sign=HERE)
    body = [f'<header><h1>{escape(title)}</h1><p class="meta">{escape(legend)}</p></header>']
    body.append('<nav class="card">')
    for lesson in lessons:
        items = "".join(
            f'<li><a href="#{_id(lesson, screen)}">{written.inline(screen.heading)}</a></li>'
            for screen in lesson.screens
        )
        body.append(f"<b>{escape(lesson.title)}</b><ol>{items}</ol>")
    body.append("</nav>")
    for lesson in lessons:
        head = f"<h1>{escape(lesson.title)}</h1>" if len(lessons) > 1 else ""
        body.append(f"<article>{head}{written.markdown(lesson.introduction)}")
        body += [written.screen(lesson, screen) for screen in lesson.screens]
        body.append("</article>")
    return document(title, "\n".join(body), language, STYLE)


def picture(text: str) -> str:
    """A drawing made of signs as an SVG image that keeps each of them in its place, whatever the font."""
    lines = text.splitlines()
    across, down = CELL
    width = max(map(len, lines)) * across
    rows = "".join(
        f'<text y="{(number + 0.75) * down:g}" textLength="{len(line) * across:g}">{_kept(line)}</text>'
        for number, line in enumerate(lines)
        if line.strip()
    )
    return (
        f'<figure><svg viewBox="0 0 {width:g} {len(lines) * down:g}" width="{width + 28:g}" role="img" '
        f'aria-label="{escape(text)}" font-family="ui-monospace,Menlo,Consolas,\'DejaVu Sans Mono\',monospace" '
        f'font-size="14" fill="currentColor">{rows}</svg></figure>'
    )


def _kept(line: str) -> str:
    return escape(line).replace(" ", NO_BREAK)


class _Setter:
    """Turns the parts of lessons into HTML. `names` are the screens on the page, `terms` where words are explained."""

    def __init__(self, names: Collection[str], terms: Mapping[str, str], seen: Mapping[str, Seen], spoken: str) -> None:
        self._names = names
        self._terms = terms
        self._seen = seen
        self._exercises = dict(titles(spoken))

    def screen(self, lesson: Lesson, shown: Screen) -> str:
        blocks = "\n".join(map(self._block, shown.blocks))
        notes = dict.fromkeys(whence(shown, figure.of, self._seen.get(figure.of)) for figure in shown.figures)
        foot = [f"<p>{escape(note)}</p>" for note in notes]
        if shown.exercises:
            told = (
                f"{ident.removeprefix('day')} {self._exercises.get(ident, '')}".strip() for ident in shown.exercises
            )
            foot.append(f"<p>{escape(tr('practised in'))} {escape(' · '.join(told))}</p>")
        foot += [f'<p><a href="{escape(one.url)}">{escape(one.title)}</a></p>' for one in shown.sources]
        return (
            f'<section class="card screen" id="{_id(lesson, shown)}"><h2>{self.inline(shown.heading)}</h2>\n'
            f"{blocks}\n<footer>{''.join(foot)}</footer></section>"
        )

    def markdown(self, text: str) -> str:
        md = reader()
        tokens = md.parse(filled(text, self._seen))
        for token in tokens:
            self._linked(token.children or [])
        return str(md.renderer.render(tokens, md.options, {}))

    def inline(self, text: str) -> str:
        md = reader()
        return str(md.renderInline(text))

    def _block(self, block: Block) -> str:
        if block.kind == "prose":
            return self.markdown(block.text)
        if block.kind == "picture":
            return picture(block.text)
        if block.kind == "code":
            return f"<pre><code>{escape(block.text)}</code></pre>"
        seen = "".join(f"<p>{escape(''.join(span.text for span in line))}</p>" for line in played(block.text))
        return f'<div class="demo"><p>▶ <code>{escape(block.text)}</code></p>{seen}</div>'

    def _linked(self, tokens: Sequence[Token]) -> None:
        """Links lead to where this page has it; a figure is none, and what is elsewhere is told."""
        opened: list[str] = []
        for token in tokens:
            if token.type == "link_open":
                token.tag, token.attrs = self._link(unquote(str(token.attrGet("href"))))
                opened.append(token.tag)
            elif token.type == "link_close":
                token.tag = opened.pop()

    def _link(self, target: str) -> tuple[str, dict[str, str | int | float]]:
        if target.startswith(MEASURE):
            return "span", {"class": "figure here" if target.removeprefix(MEASURE) in self._seen else "figure"}
        if target in self._names:
            return "a", {"href": "#" + target.replace("#", "-")}
        if target.startswith("term:") and (place := self._terms.get(target.removeprefix("term:"))):
            return "a", {"href": f"#{place}"}
        if target.startswith("exercise:"):
            ident = target.removeprefix("exercise:")
            return "span", {"title": f"{ident} {self._exercises.get(ident, '')}: lab start {ident.removeprefix('day')}"}
        if target.startswith(("http://", "https://")):
            return "a", {"href": target}
        return "span", {"title": f"lab learn {target}"}


def _id(lesson: Lesson, screen: Screen) -> str:
    return f"{lesson.day}-{screen.id}"
