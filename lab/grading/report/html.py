"""Reports as one HTML page that needs nothing else: no network, no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from lab.grading.evidence.sequence import svg
from lab.grading.evidence.wording import is_here, tell
from lab.grading.model import Finding, Line, Report
from lab.grading.report.again import fewest, replayed
from lab.grading.report.coloured import one_line
from lab.grading.report.terminal import log_places, next_commands, tally, to_try, together
from lab.grading.report.words import elsewhere, figures, label, reason, said, tensions
from lab.journal.visible import visible

STYLE = """
:root{color-scheme:light dark;--bg:#f4f5f7;--card:#fff;--ink:#1c2126;--dim:#626c77;--line:#dde1e6;--good:#157347;
--bad:#c22f3d;--warn:#a35a00;--goodbg:#e4f5ec;--badbg:#fde8ea;--warnbg:#fff3dc;--code:#eef1f5}
@media (prefers-color-scheme:dark){:root{--bg:#0f1215;--card:#171b20;--ink:#e4e8ec;--dim:#98a3af;--line:#2c343d;
--good:#55c890;--bad:#ff7a82;--warn:#f0ae55;--goodbg:#1b3128;--badbg:#3a2226;--warnbg:#33281a;--code:#232a32}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
main{max-width:1120px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 4px}h2{font-size:1.05rem;color:var(--dim);margin:36px 0 10px}
h3{font-size:1.1rem;line-height:1.4;margin:0;flex:1 1 20rem}.meta,.dim{color:var(--dim)}.meta{margin:0 0 18px}
header{border-bottom:1px solid var(--line);margin-bottom:8px;padding-bottom:14px}
article+article{margin-top:64px}.card{background:var(--card);border:1px solid var(--line);border-radius:12px;
padding:18px 20px;margin:0 0 16px}.card.fail{border-left:5px solid var(--bad)}
.card.unknown,.card.error{border-left:5px solid var(--warn)}
.top{display:flex;gap:12px;align-items:baseline;flex-wrap:wrap}.id{font-weight:700;font-variant-numeric:tabular-nums}
.pill{font-size:.78rem;font-weight:700;letter-spacing:.03em;border-radius:99px;padding:2px 11px;white-space:nowrap}
.pass{color:var(--good)}.fail.pill{color:var(--bad);background:var(--badbg)}.pass.pill{background:var(--goodbg)}
.unknown.pill,.error.pill,.gold.pill{color:var(--warn);background:var(--warnbg)}.skipped.pill{background:var(--code)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:6px 20px;margin:14px 0 0}dt{color:var(--dim)}
dd{margin:0;overflow-wrap:anywhere}dd.got{color:var(--bad);font-weight:600}
code,pre{font:.9em/1.5 ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace}
code{background:var(--code);border-radius:5px;padding:1px 6px}pre{margin:0;white-space:pre-wrap}
figure{margin:18px 0 0;overflow-x:auto;border:1px solid var(--line);border-radius:10px}
figure svg{display:block;margin:auto;max-width:100%;min-width:700px;height:auto}
.card>dl:first-child{margin-top:0}
details{margin-top:12px}summary{cursor:pointer;color:var(--dim)}table{border-collapse:collapse;margin-top:8px;width:100%}
th{text-align:left;color:var(--dim);font-weight:400;padding:3px 14px 3px 0}
td{padding:3px 14px 3px 0;vertical-align:top;overflow-wrap:anywhere;font-size:.92rem}
td.t{color:var(--dim);font-variant-numeric:tabular-nums;white-space:nowrap}tr.here{background:var(--badbg)}
ul{list-style:none;margin:0;padding:0}li{display:flex;gap:12px;padding:8px 0;border-top:1px solid var(--line);
align-items:baseline}li:first-child{border-top:0}li p{margin:0;flex:1}li .dim{white-space:nowrap}
@media (max-width:640px){dl{grid-template-columns:1fr;gap:2px}dd{margin-bottom:8px}}
@media print{body{background:none}.card{break-inside:avoid}}
"""
OPEN = ("error", "unknown")


def page(reports: Sequence[Report], *, language: str = "en") -> str:
    """The whole page, in the order of the reports."""
    title = " · ".join(dict.fromkeys(report.exercise for report in reports))
    body = _overview(reports, language) if len(reports) > 1 else ""
    body += "".join(_article(report, f"r{number}", language) for number, report in enumerate(reports))
    return document(title, body, language)


def document(title: str, body: str, language: str, style: str = "") -> str:
    """A page of its own around this body, in the style of reports and what is added to it."""
    return (
        f'<!doctype html>\n<html lang="{escape(language)}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_text(title)}</title><style>{STYLE}{style}</style></head>\n<body><main>{body}</main></body></html>\n"
    )


def _overview(reports: Sequence[Report], language: str) -> str:
    """A line for each report: what it came to, and the way to it."""
    rows = "".join(
        f'<tr><td><a href="#r{number}">{_text(report.exercise)} {_text(said(report.title, language))}</a></td>'
        f'<td><span class="pill {_kind(report)}">{_text(label(report.verdict, language))}</span></td>'
        f"<td>{_text(' · '.join(tally(report, language)))}</td></tr>"
        for number, report in enumerate(reports)
    )
    several = len({report.exercise for report in reports}) > 1
    passed = sum(report.good for report in reports)
    done = label("passed_all" if several else "stable", language, done=passed, all=len(reports))
    return f'<nav class="card"><p>{_text(done)}</p><table>{rows}</table></nav>\n'


def _kind(report: Report) -> str:
    """The style of a verdict."""
    return "error" if report.broken else "pass" if report.good else "fail"


def _article(report: Report, ident: str, language: str) -> str:
    failing = [one for one in report.findings if one.verdict == "fail"]
    undecided = [one for one in report.findings if one.verdict in OPEN]
    holding = [one for one in report.findings if one.verdict == "pass"]
    parts = [_header(report, language)]
    for service, problem in report.not_built.items():
        text = "\n".join(line[: len(line) - len(line.lstrip())] + one_line(line) for line in problem.splitlines())
        parts.append(f'<section class="card fail"><b>{_text(service)}</b><pre>{escape(text)}</pre></section>')
    if failing:
        parts.append(f"<h2>{_text(label('fails', language))}</h2>")
        parts += [_failure(report, finding, language) for finding in failing]
    skipped = together(report.findings, language)
    if undecided or skipped:
        parts.append(f"<h2>{_text(label('open', language))}</h2>")
        parts += [_undecided(finding, language) for finding in undecided]
        parts += [_skipped(idents, why, language) for why, idents in skipped.items()]
    if holding:
        items = "".join(_held(finding, language) for finding in holding)
        parts.append(f'<h2>{_text(label("holds", language))}</h2><div class="card"><ul>{items}</ul></div>')
    if rows := figures(report, language):
        parts.append(_figures(report, rows, language))
    facts = [(label("not_proved", language), _text(said(report.not_proved, language)))]
    facts += [
        (label("next", language) if not number else "", f"<code>{_text(command)}</code> {_text(label(why, language))}")
        for number, (command, why) in enumerate(next_commands(report, failing))
    ]
    parts.append(f'<div class="card">{_facts(facts)}</div>')
    return f'<article id="{ident}">{"".join(parts)}</article>\n'


def _figures(report: Report, rows: Sequence[tuple[str, ...]], language: str) -> str:
    head = "".join(f"<th>{_text(label(key, language))}</th>" for key in ("yours", "best", "ours"))
    lines = "".join(
        f'<tr><td>{_text(says)} <span class="dim">{_text(better)}</span></td>'
        + "".join(f"<td>{_text(value)}</td>" for value in values)
        + "</tr>"
        for says, better, *values in rows
    )
    notes = "".join(f'<p class="dim">{_text(sentence)}</p>' for sentence in tensions(report, language))
    title = _text(label("figures", language))
    return f'<h2>{title}</h2><div class="card"><table><tr><th></th>{head}</tr>{lines}</table>{notes}</div>'


def _header(report: Report, language: str) -> str:
    meta = [
        *tally(report, language),
        label("took", language, seconds=f"{report.seconds:.1f}"),
        label("seed", language, seed=report.seed),
        label("started", language, when=report.started_at.replace("T", " ")),
    ]
    if report.tiers:
        engines = ", ".join(f"{engine} {tier}" for engine, tier in report.tiers.items())
        meta.append(label("engines", language, engines=engines))
    if report.lab:
        meta.append(f"lab {report.lab}")
    return (
        f'<header><div class="top"><h1>{_text(report.exercise)} {_text(said(report.title, language))}</h1>'
        f'<span class="pill {_kind(report)}">{_text(label(report.verdict, language))}</span></div></header>'
        f'<p class="meta">{_text(" · ".join(meta))}</p>'
    )


def _failure(report: Report, finding: Finding, language: str) -> str:
    facts = [
        (label("expected", language), _text(finding.expected)),
        (label("got", language), _text(finding.got)),
        (label("why", language), _text(said(finding.why, language))),
    ]
    for name in finding.looks_like:
        title = said(report.misconceptions.get(name, {}), language) or name
        facts.append((label("like", language), f"{_text(title)} <code>lab explain {_text(name)}</code>"))
    if finding.read:
        heading = said(report.screens.get(finding.read, {}), language)
        facts.append((label("read", language), f"{_text(heading)} <code>lab learn {_text(finding.read)}</code>"))
    facts += [(label("note", language), _text(warning)) for warning in finding.warnings]
    if commands := [f"<code>{escape(visible(command))}</code>" for command in to_try(report, finding)]:
        between = f'<br><span class="dim">{_text(elsewhere(finding, language))}</span><br>'
        facts.append((label("try", language), between.join(commands)))
    facts.append((label("replay", language), f"<code>{_text(replayed(report, finding))}</code>"))
    if shrunk := fewest(report, finding, language):
        says, faults, command = shrunk
        lines = [_text(says), *(f"<code>{_text(line)}</code>" for line in (*faults, command))]
        facts.append((label("fewest", language), "<br>".join(lines)))
    facts += [(label("log", language), f"<code>{_text(place)}</code>") for place in log_places(report, finding)]
    facts.append((label("hint", language), f"<code>lab hint {_text(report.exercise)}</code>"))
    return f'<section class="card fail">{_top(finding, language)}{_facts(facts)}{_story(finding, language)}</section>'


def _story(finding: Finding, language: str) -> str:
    """The diagram, and below it the same for those who read rather than look."""
    if not finding.story:
        return ""
    began = finding.story[0].t
    rows = "".join(_row(line, began, language) for line in finding.story)
    return (
        f"<figure>{svg(finding.story, language=language)}</figure>"
        f"<details><summary>{_text(label('as_text', language))}</summary><table>{rows}</table></details>"
    )


def _row(line: Line, began: float, language: str) -> str:
    told = "".join(piece for piece, _ in tell(line, language))
    here = f" ← {label('mark_here', language)}" if is_here(line) else ""
    return (
        f"<tr{' class=here' if here else ''}><td class=t>+{line.t - began:.3f} s</td>"
        f"<td class=t>{_text(label(f'lane_{line.lane}', language))}</td><td>{_text(told + here)}</td></tr>"
    )


def _undecided(finding: Finding, language: str) -> str:
    lab = f'<p class="dim">{_text(label("lab_fault", language))}</p>' if finding.verdict == "error" else ""
    why = reason(finding, language).splitlines()
    told = "\n".join(line[: len(line) - len(line.lstrip())] + one_line(line) for line in why)
    return f'<section class="card {finding.verdict}">{_top(finding, language)}<pre>{escape(told)}</pre>{lab}</section>'


def _skipped(idents: Sequence[str], why: str, language: str) -> str:
    """What was skipped for one reason, as one card."""
    return (
        f'<section class="card skipped"><div class="top"><span class="id">{_text(" ".join(idents))}</span>'
        f'<h3>{_text(why)}</h3><span class="pill skipped">{_text(label("skipped", language))}</span></div></section>'
    )


def _held(finding: Finding, language: str) -> str:
    notes = "".join(f'<br><span class="dim">{_text(warning)}</span>' for warning in finding.warnings)
    gold = f'<span class="pill gold">{_text(label("gold", language))}</span>' if finding.gold else ""
    return (
        f'<li><span class="id">{_text(finding.behaviour)}</span>'
        f'<span class="pill pass">{_text(label("pass", language))}</span>'
        f"<p>{_text(said(finding.says, language))}{notes}</p>"
        f'{gold}<span class="dim">{finding.seconds:.1f} s</span></li>'
    )


def _top(finding: Finding, language: str) -> str:
    gold = f'<span class="pill gold">{_text(label("gold", language))}</span>' if finding.gold else ""
    return (
        f'<div class="top"><span class="id">{_text(finding.behaviour)}</span>'
        f"<h3>{_text(said(finding.says, language))}</h3>{gold}"
        f'<span class="pill {finding.verdict}">{_text(label(finding.verdict, language))}</span>'
        f'<span class="dim">{finding.seconds:.1f} s</span></div>'
    )


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    """Terms with what is said of them, as HTML; those of which nothing is said are left out."""
    items = "".join(f"<dt>{_text(term)}</dt><dd>{told}</dd>" for term, told in facts if told)
    return f"<dl>{items}</dl>" if items else ""


def _text(text: str) -> str:
    return escape(one_line(text))
