"""A report on the terminal: the first failing behaviour in full, the others in a line or two, then the result."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from rich.cells import cell_len

from lab.grading.evidence.wording import is_here, tell
from lab.grading.model import Finding, Line, Report
from lab.grading.report.again import fewest, replayed
from lab.grading.report.coloured import NO_BREAK, ColouredText, one_line
from lab.grading.report.words import elsewhere, figures, label, reason, said, tensions
from lab.journal.telling import Tone, Words

TONES: dict[str, Tone] = {"pass": "good", "fail": "bad", "unknown": "warn", "skipped": "dim", "error": "bad"}
WIDE = 72
"""Columns from which on labels have a column of their own."""
INDENT = 2
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
LANES = ("wire", "fault", "log", "process", "check")
FULL_LABELS = ("expected", "got", "story", "why", "like", "read", "try", "replay", "fewest", "log", "hint", "note")


def render(
    report: Report,
    *,
    language: str = "en",
    width: int = 80,
    colour: bool = False,
    unicode: bool = True,
    details: bool = False,
    failures_last: bool = False,
) -> str:
    """The report as lines of at most `width` columns, but for commands and paths, which stay whole to be copied.

    With `details` every failing behaviour is told in full. With `failures_last` those stand at the end, where a
    terminal that scrolls shows them.
    """
    sheet = ColouredText(width=width, colour=colour, unicode=unicode)
    page = _Page(report, language, sheet)
    failing = [finding for finding in report.findings if finding.verdict == "fail"]
    failing.sort(key=lambda finding: finding.gold)
    full = failing if details else failing[:1]
    rest = [finding for finding in report.findings if finding not in full]
    page.not_built()
    if failures_last:
        page.in_short(rest)
    for finding in full:
        page.in_full(finding)
        sheet.blank()
    if not failures_last:
        page.in_short(rest)
    page.sum_up(failing)
    return sheet.text()


def evidence(
    report: Report,
    finding: Finding,
    *,
    language: str = "en",
    width: int = 80,
    colour: bool = False,
    unicode: bool = True,
) -> str:
    """One failing behaviour with its story, without what to type next."""
    sheet = ColouredText(width=width, colour=colour, unicode=unicode)
    _Page(report, language, sheet).what_came(finding)
    return sheet.text()


def stability(
    reports: Sequence[Report], *, language: str = "en", width: int = 80, colour: bool = False, unicode: bool = True
) -> str:
    """The result of several gradings: how many passed, and which behaviour failed on which seeds."""
    sheet = ColouredText(width=width, colour=colour, unicode=unicode)
    done = sum(report.good for report in reports)
    tone: Tone = "good" if done == len(reports) else "bad"
    sheet.paragraph([(label("stable", language, done=done, all=len(reports)), tone)])
    for ident in dict.fromkeys(finding.behaviour for report in reports for finding in report.findings):
        bad = [
            report.seed
            for report in reports
            if any(one.behaviour == ident and one.verdict not in ("pass", "skipped") for one in report.findings)
        ]
        if bad:
            seeds = ", ".join(str(seed) for seed in bad)
            text = label("runs_some", language, id=ident, bad=len(bad), all=len(reports), seeds=seeds)
            sheet.paragraph([(text, "warn")], head=[(" " * INDENT, "plain")], hang=INDENT)
            again = f"lab check {reports[0].exercise} --seed {bad[0]} --behaviour {ident}"
            sheet.verbatim([(again, "name")], hang=2 * INDENT)
    return sheet.text()


def together(findings: Sequence[Finding], language: str) -> dict[str, list[str]]:
    """The behaviours that were skipped, by the reason."""
    skipped: dict[str, list[str]] = {}
    for finding in findings:
        if finding.verdict == "skipped":
            skipped.setdefault(reason(finding, language), []).append(finding.behaviour)
    return skipped


def awaiting(
    behaviour: str, what: str, seconds: float, *, language: str = "en", width: int = 80, unicode: bool = True
) -> str:
    """What a grading is waiting for, in one line."""
    sheet = ColouredText(width=width, colour=False, unicode=unicode)
    head = f"{behaviour}  " if behaviour else ""
    waited = f"{label('awaiting', language, what=one_line(what))}"
    sheet.line([(f"{head}{waited}  {_span(seconds)}", "plain")])
    return sheet.text()


class _Page:
    """One report being laid out."""

    def __init__(self, report: Report, language: str, sheet: ColouredText) -> None:
        self._report = report
        self._language = language
        self._sheet = sheet
        labels = max(cell_len(label(key, language)) for key in FULL_LABELS)
        self._ids = max([4, *(len(finding.behaviour) + 1 for finding in report.findings)])
        self._narrow = sheet.width < WIDE
        self._hang = 2 * INDENT if self._narrow else INDENT + labels + 2

    def not_built(self) -> None:
        """The services that could not be built, each with what its build said, once for all behaviours."""
        for service, said_ in self._report.not_built.items():
            what, *lines = said_.splitlines()
            self._sheet.paragraph([(f"{service}: ", "title"), (one_line(what), "bad")])
            for line in lines:
                self._sheet.paragraph([(one_line(line), "plain")], hang=len(line) - len(line.lstrip()))
            self._sheet.blank()

    def in_short(self, findings: Sequence[Finding]) -> None:
        """A line or two for each finding, failures first. Skipped ones share a line for each reason."""
        for verdict in ("fail", "error", "unknown"):
            for finding in findings:
                if finding.verdict == verdict:
                    self._briefly(finding)
        for why, idents in together(findings, self._language).items():
            word = (label("skipped", self._language), TONES["skipped"])
            head: Words = [(f"{' '.join(idents)}  ", "title"), word, ("  ", "plain")]
            self._sheet.paragraph([(one_line(why), "plain")], head=head, hang=sum(cell_len(text) for text, _ in head))
        for finding in findings:
            if finding.verdict == "pass":
                self._briefly(finding)
        if findings:
            self._sheet.blank()

    # -- one behaviour

    def in_full(self, finding: Finding) -> None:
        report, language = self._report, self._language
        self._sheet.paragraph(
            [(said(finding.says, language), "title")],
            head=[(f"{report.exercise} {finding.behaviour}", "title"), ("  ", "plain")],
            hang=cell_len(f"{report.exercise} {finding.behaviour}") + 2,
            tail=self._verdict(finding),
        )
        self.what_came(finding)
        self._told("why", said(finding.why, language))
        for number, name in enumerate(finding.looks_like):
            title = said(report.misconceptions.get(name, {}), language)
            self._titled("" if number else "like", title or name, f"lab explain {name}", "warn")
        if finding.read:
            self._titled("read", said(report.screens.get(finding.read, {}), language), f"lab learn {finding.read}")
        for warning in finding.warnings:
            self._told("note", warning, "warn")
        for number, command in enumerate(commands := to_try(report, finding)):
            self._whole("" if number else "try", command)
            if number == 0 and len(commands) > 1:
                self._label("", [(elsewhere(finding, language), "dim")])
        self._whole("replay", replayed(report, finding))
        if shrunk := fewest(report, finding, language):
            says, faults, command = shrunk
            self._told("fewest", says)
            for text in (*faults, command):
                self._whole("", text)
        for number, place in enumerate(log_places(report, finding)):
            self._whole("" if number else "log", place)
        self._whole("hint", f"lab hint {report.exercise}")

    def what_came(self, finding: Finding) -> None:
        """What was expected, what came instead, and the story of it."""
        self._told("expected", finding.expected)
        self._told("got", finding.got, "bad")
        self._story(finding.story)

    def _briefly(self, finding: Finding) -> None:
        """One line for a behaviour that passed, two for one that did not."""
        language, sheet = self._language, self._sheet
        head: Words = [(f"{finding.behaviour:<{self._ids}}", "title"), (self._word(finding), TONES[finding.verdict])]
        column = max(cell_len(label(verdict, language)) for verdict in TONES)
        gap = column + 2 - cell_len(self._word(finding))
        tail: Words = [(_span(finding.seconds), "dim")]
        if finding.gold:
            tail = [(label("gold", language), "warn"), ("  ", "plain"), *tail]
        says = said(finding.says, language)
        sheet.line([*head, (" " * gap, "plain"), (says, "plain")], tail=tail)
        if finding.verdict == "fail":
            label_ = label("got", language)
            sheet.line([("    ", "plain"), (f"{label_}: ", "dim"), (one_line(finding.got), "plain")])
        elif finding.verdict != "pass":
            for line in reason(finding, language).splitlines():
                sheet.paragraph([(one_line(line), "plain")], hang=4 + len(line) - len(line.lstrip()))
            if finding.verdict == "error":
                sheet.paragraph([(label("lab_fault", language), "warn")], hang=4)
        for warning in finding.warnings:
            sheet.paragraph([(f"{label('note', language)}: ", "dim"), (one_line(warning), "warn")], hang=4)

    def sum_up(self, failing: Sequence[Finding]) -> None:
        report, language, sheet = self._report, self._language, self._sheet
        counts = " · ".join(tally(report, language)) or label("unproved", language)
        sheet.paragraph(
            [(label(report.verdict, language), "good" if report.good else "bad"), (f"  {counts}", "plain")],
            head=[(f"{report.exercise}  ", "title")],
            hang=cell_len(report.exercise) + 2,
            tail=[(_span(report.seconds), "dim"), ("  ", "plain"), (label("seed", language, seed=report.seed), "dim")],
        )
        hang = INDENT + max(cell_len(label(key, language)) for key in ("not_proved", "next")) + 2
        self._figures()
        if not report.broken and (open_ := said(report.not_proved, language)):
            head: Words = [(" " * INDENT, "plain"), (label("not_proved", language), "dim")]
            sheet.paragraph([(open_, "plain")], head=head, hang=hang)
        for number, (command, why) in enumerate(next_commands(report, failing)):
            head = [(" " * INDENT, "plain"), ("" if number else label("next", language), "dim")]
            reason = f"  {label(why, language)}"
            fits = hang + cell_len(command + reason) <= sheet.width
            sheet.verbatim([(command, "name"), (reason if fits else "", "dim")], head=head, hang=hang)

    def _figures(self) -> None:
        """What was measured, as a table; on a narrow screen a block each."""
        rows = figures(self._report, self._language)
        if not rows:
            return
        sheet, heads = self._sheet, [label(key, self._language) for key in ("yours", "best", "ours")]
        sheet.blank()
        widths = [max(map(cell_len, column)) for column in zip(heads, *(row[2:] for row in rows), strict=True)]
        title = label("figures", self._language)
        first = max(cell_len(title), *(cell_len(f"{says}, {better}") for says, better, *_ in rows))
        if self._narrow or INDENT + first + sum(widths) + 2 * len(widths) > sheet.width:
            sheet.line([(title, "title")])
            for says, better, *values in rows:
                sheet.paragraph([(f"{says} ({better}): ", "plain")], head=[(" " * INDENT, "plain")], hang=INDENT)
                told = ", ".join(f"{head} {value}" for head, value in zip(heads, values, strict=True))
                sheet.paragraph([(told, "name")], hang=2 * INDENT)
        else:
            for says, better, cells in [
                (title, "", heads),
                *((says, f", {better}", values) for says, better, *values in rows),
            ]:
                gap = " " * (INDENT + first - cell_len(says + better))
                numbers = "  ".join(
                    " " * (width - cell_len(cell)) + cell for cell, width in zip(cells, widths, strict=True)
                )
                sheet.line(
                    [
                        (says, "title" if not better else "plain"),
                        (better, "dim"),
                        (gap, "plain"),
                        (numbers, "name" if better else "dim"),
                    ]
                )
        for sentence in tensions(self._report, self._language):
            sheet.paragraph([(sentence, "dim")], head=[(" " * INDENT, "plain")], hang=INDENT)
        sheet.blank()

    # -- its parts

    def _verdict(self, finding: Finding) -> Words:
        words: Words = [(self._word(finding), TONES[finding.verdict])]
        if finding.gold:
            words.append((f"  {label('gold', self._language)}", "warn"))
        seed = label("seed", self._language, seed=self._report.seed)
        return [*words, (f"  {_span(finding.seconds)}  {seed}", "dim")]

    def _word(self, finding: Finding) -> str:
        return label(finding.verdict, self._language)

    def _told(self, key: str, text: str, tone: Tone = "plain") -> None:
        if text:
            self._label(key, [(one_line(text), tone)])

    def _titled(self, key: str, title: str, command: str, tone: Tone = "plain") -> None:
        """What stands under a title, with the command that shows it: beside it if there is room, else below."""
        shown = one_line(label("titled", self._language, title=title)) if title else ""
        if self._hang + cell_len(shown) + 2 + cell_len(command) <= self._sheet.width:
            self._label(key, [(f"{shown}  " if shown else "", tone), (command, "name")])
        else:
            self._label(key, [(shown, tone)])
            self._sheet.verbatim([(command, "name")], hang=self._hang)

    def _label(self, key: str, words: Words) -> None:
        if self._narrow:
            if key:
                self._sheet.line(self._head(key))
            self._sheet.paragraph(words, hang=self._hang)
        else:
            self._sheet.paragraph(words, head=self._head(key), hang=self._hang)

    def _whole(self, key: str, text: str) -> None:
        if self._narrow and key:
            self._sheet.line(self._head(key))
        self._sheet.verbatim([(text, "plain")], head=[] if self._narrow else self._head(key), hang=self._hang)

    def _head(self, key: str) -> Words:
        return [(" " * INDENT, "plain"), (label(key, self._language) if key else "", "dim")]

    def _story(self, lines: Sequence[Line]) -> None:
        """One event a line: time since the first one, who says it, what it says."""
        language = self._language
        lane_width = max(cell_len(label(f"lane_{lane}", language)) for lane in LANES) + 2
        for number, line in enumerate(lines):
            if number == 0 and self._narrow:
                self._sheet.line(self._head("story"))
            start = [] if self._narrow or number else self._head("story")
            pad = self._hang - sum(cell_len(text) for text, _ in start)
            time = "" if line.more and not line.what else f"+{line.t - lines[0].t:.3f}"
            lane = "" if line.more and not line.what else label(f"lane_{line.lane}", language)
            head: Words = [*start, (" " * pad, "plain"), (f"{time:<8}", "time"), (lane, "dim")]
            if line.lane == "fault":
                head[-1] = (lane, "warn")
            words = [(one_line_piece(text), tone) for text, tone in tell(line, language)]
            if is_here(line):
                words += [("  ", "plain"), (f"← {label('mark_here', language)}".replace(" ", NO_BREAK), "bad")]
            self._sheet.paragraph(words, head=head, hang=self._hang + 8 + lane_width)


def to_try(report: Report, finding: Finding) -> list[str]:
    """The request that shows the failure, to be pasted. Its address is gone, so `lab try` comes first."""
    if not ADDRESS.search(finding.command):
        return [finding.command] if finding.command else []
    command = " ".join(_addressed(word) for word in shlex.split(finding.command))
    return [f"lab try {report.exercise}", command]


def _addressed(word: str) -> str:
    """A word of a command, quoted; what is sent to an address that is gone goes to that in the variable URL."""
    return '"$URL"'.join(shlex.quote(piece) if piece else "" for piece in ADDRESS.split(word)) or "''"


def log_places(report: Report, finding: Finding) -> list[str]:
    """Where to read on: the last place that the story names, else the log of each service."""
    for line in reversed(finding.story):
        service, _, number = line.place.rpartition(".log:")
        if service in report.logs:
            return [f"{report.logs[service]}:{number}"]
    return list(report.logs.values())


def tally(report: Report, language: str) -> list[str]:
    """How many of the behaviours that must hold, and of the gold ones, were proved."""
    counts = []
    for gold, key in ((False, "must_count"), (True, "gold_count")):
        verdicts = [finding.verdict for finding in report.findings if finding.gold is gold]
        if verdicts:
            counts.append(label(key, language, done=verdicts.count("pass"), all=len(verdicts)))
    if report.left_out:
        counts.append(label("left_out", language, ids=", ".join(report.left_out)))
    return counts


def next_commands(report: Report, failing: Sequence[Finding]) -> list[tuple[str, str]]:
    """The commands to type next, each with the label of its purpose."""
    if report.verdict == "part":
        return [(f"lab check {report.exercise}", "whole")]
    if report.verdict == "passed":
        return [(f"lab solution {report.exercise}", "compare"), ("lab status", "overview")]
    again = (f"lab check {report.exercise} --seed {report.seed}", "again")
    if report.broken:
        return [again]
    if failing and report.branch:
        return [(f"git commit -a && lab check {report.exercise}", "again")]
    if failing:
        return [(f"lab watch {report.exercise}", "on_save")]
    return [(f"lab try {report.exercise}", "try_services"), again]


def one_line_piece(text: str) -> str:
    """A piece of a line: as `one_line`, with the spaces at its ends left alone."""
    inner = one_line(text)
    start, end = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return f"{start}{inner}{end}" if inner else text


def _span(seconds: float) -> str:
    return f"{seconds:.1f} s"
