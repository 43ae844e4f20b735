"""Claims: the sentences of a brief that a service could break, and what proves each of them (`claims.toml`).

A check that nothing can fail and a sentence that nothing checks look alike from outside. So each sentence of what is to
be built and tested names the behaviours whose checks prove it and the wrong services that these catch, or says why it
is not proved, or that it demands nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.course import texts
from lab.course.exercise import Exercise
from lab.system.tables import Reader, Unreadable, parse

FILE = "claims.toml"
LANGUAGE = "en"
"""The brief of this language is the one that claims quote; the others are its translations."""
KEYS = ("says", "proved_by", "broken_by", "not_proved", "explains")

_FENCED = re.compile(r"^```.*?^```\s*?$", re.MULTILINE | re.DOTALL)
_ITEM = re.compile(r"^\s*(?:-|\d\.)\s+")
_RULE = re.compile(r"\s*\|(?:\s*:?-+:?\s*\|)+\s*")
_SENTENCE = re.compile(r"(?<=[.?!])(\**)\s+(?=[^a-z\s])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Words of the brief with behaviours that prove them and wrong services that break them, or with neither.

    `not_proved` is the reason for no proof; words that `explain` demand nothing of a service.
    """

    says: str
    proved_by: tuple[str, ...] = ()
    broken_by: tuple[str, ...] = ()
    not_proved: str = ""
    explains: bool = False


def gaps(exercise: Exercise) -> Iterator[str]:
    """Everything that the table of an exercise lacks, one sentence each; a complete one has none."""
    reader = Reader()
    try:
        claims = _read(reader, exercise)
        brief = texts.brief(exercise, LANGUAGE)
    except Unreadable as error:
        yield str(error)
        return
    except FileNotFoundError as error:
        if str(error.filename).endswith(FILE):
            yield f"{FILE}: missing"
        return  # lint reports a missing brief
    for problem in (*reader.problems, *_untrue(exercise, claims, brief), *_forgotten(exercise, claims, brief)):
        yield f"{FILE}: {problem}"


def sentences(text: str) -> list[str]:
    """The list items and paragraphs of a text, a sentence each, and the rows of its tables; no headings, no code."""
    lines = _FENCED.sub("\n", text).splitlines()
    blocks: list[str] = []
    found: list[str] = []
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line.lstrip().startswith("|"):
            if not _RULE.fullmatch(line) and not _RULE.fullmatch(below):
                found.append(_plain(line))
            blocks.append("")
        elif not line.strip() or line.startswith("#"):
            blocks.append("")
        elif blocks and blocks[-1] and not _ITEM.match(line):
            blocks[-1] += f" {line}"
        else:
            blocks.append(_ITEM.sub("", line))
    for block in blocks:
        found += [_plain(sentence) for sentence in _SENTENCE.sub("\\1\n", block).splitlines() if sentence.strip()]
    return found


def _read(reader: Reader, exercise: Exercise) -> list[Claim]:
    """Raises Unreadable, OSError."""
    data = parse(exercise.folder / FILE)
    reader.known("", data, ("claims",))
    found = []
    for number, table in reader.rows("", data, "claims"):
        place = f"[[claims]] {number}"
        reader.known(place, table, KEYS)
        found.append(
            Claim(
                says=reader.need(place, table, "says", str),
                proved_by=reader.words(place, table, "proved_by"),
                broken_by=reader.words(place, table, "broken_by"),
                not_proved=reader.get(place, table, "not_proved", str, ""),
                explains=reader.get(place, table, "explains", bool, False),
            )
        )
    return found


def _untrue(exercise: Exercise, claims: Sequence[Claim], brief: str) -> Iterator[str]:
    """What single claims say that is not so."""
    behaviours = {behaviour.id for behaviour in exercise.behaviours}
    fails = {wrong.name: wrong.fails for wrong in exercise.wrong}
    words = _plain(brief)
    for claim in claims:
        place = f'"{claim.says}"'
        if _plain(claim.says) not in words:
            yield f"{place} does not stand in brief.{LANGUAGE}.md"
        if (bool(claim.proved_by or claim.broken_by), bool(claim.not_proved), claim.explains).count(True) != 1:
            yield f"{place} is either proved, not proved, or explains"
        elif bool(claim.proved_by) != bool(claim.broken_by):
            yield f"{place} needs both: what proves it and a wrong service that breaks it"
        for ident in claim.proved_by:
            if ident not in behaviours:
                yield f"{place} is proved by {ident}, which is no behaviour of {exercise.id}"
        for name in claim.broken_by:
            if name not in fails:
                yield f"{place} is broken by {name}, which is no wrong service of {exercise.id}"
            elif fails[name] not in claim.proved_by:
                yield f"{place} is broken by {name}, which fails {fails[name]}, and that does not prove it"


def _forgotten(exercise: Exercise, claims: Sequence[Claim], brief: str) -> Iterator[str]:
    """Behaviours, wrong services and sentences of the brief that no claim meets."""
    said = [_plain(claim.says) for claim in claims]
    for sentence in sentences(texts.demands(brief)):
        if not any(words in sentence or sentence in words for words in said if words):
            yield f'no claim says "{sentence}"'
    proving = {ident for claim in claims for ident in claim.proved_by}
    for behaviour in exercise.behaviours:
        if behaviour.id not in proving:
            yield f"no claim is proved by {behaviour.id}"
    breaking = {name for claim in claims for name in claim.broken_by}
    for wrong in exercise.wrong:
        if wrong.name not in breaking:
            yield f"no claim is broken by {wrong.name}"


def _plain(text: str) -> str:
    """The text in one line, however it is wrapped."""
    return " ".join(text.split())
