"""A line of a story in words, for every renderer."""

from __future__ import annotations

from lab.grading.model import Line
from lab.grading.report.words import known, label
from lab.journal.telling import BAD, Tone, Words, result_tone

LOUD_LEVELS = ("warning", "error", "critical")
FALLEN = ("failed", "stopped")


def marks(line: Line) -> tuple[str, ...]:
    """The marks of a line that are shown as words: without `here`, and without `error`, which the result says."""
    return tuple(mark for mark in line.mark.split() if mark not in ("here", "error"))


def is_here(line: Line) -> bool:
    """Whether this line is the decisive one."""
    return "here" in line.mark.split()


def mark_words(line: Line, language: str) -> str:
    """The marks in words, without those that the result says already."""
    return " ".join(known(f"mark_{mark}", language, mark.upper()) for mark in marks(line) if mark != line.result)


def asked(line: Line, language: str) -> str:
    """What was done, and how many more lines of the kind this one stands for."""
    if not line.more:
        return line.what
    if not line.what:
        return label("others", language, count=line.more)
    return label("more", language, count=line.more, what=line.what)


def tell(line: Line, language: str) -> Words:
    """The line in pieces; joined they are a sentence. Its time, its lane and `here` are not among them."""
    if line.more and not line.what:
        return [(asked(line, language), "dim")]
    match line.lane:
        case "fault":
            change = known(f"fault_{line.result}", language, line.result)
            return [(f"{line.who} {change}: ", "warn"), (line.what, "plain")]
        case "process":
            reason = f": {line.result}" if line.result else ""
            tone: Tone = "bad" if line.what in FALLEN else "good" if line.what == "ready" else "warn"
            return [(line.who, "name"), (f" {known(f'state_{line.what}', language, line.what)}{reason}", tone)]
        case "log":
            words: Words = [(line.who, "name"), (": ", "dim")]
            if line.result in LOUD_LEVELS:
                words.append((f"{line.result.upper()} ", "warn"))
            words.append((asked(line, language), "plain"))
            if line.result and line.result not in LOUD_LEVELS:
                words.append((f" ({line.result})", "dim"))
            return [*words, (f"  {line.place}", "dim")] if line.place else words
        case "check":
            return [(asked(line, language), "plain")]
    names: Words = [(line.who, "name")]
    if line.to:
        names += [(" → ", "dim"), (line.to, "name")]
    return [*names, ("  ", "plain"), *exchange(line, language)]


def exchange(line: Line, language: str) -> Words:
    """What went over the wire, without the two ends: what was asked, what was answered, what is remarkable."""
    words: Words = [(asked(line, language), "dim" if line.more else "plain")]
    if line.result:
        words.append((f"  {line.result}", result_tone(line.result, line.mark)))
    if loud := mark_words(line, language):
        words.append((f"  {loud}", "bad" if BAD & {*line.mark.split()} else "warn"))
    return words
