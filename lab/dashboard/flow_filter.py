"""The filter of the flow and log lists: a few words that all must match."""

from __future__ import annotations

from collections.abc import Callable

from lab.journal.event import Flow, Log
from lab.locale import tr

Test = Callable[[Flow | Log], bool]

FIELDS = ("link", "op", "status", "outcome", "protocol", "correlation", "message", "queue", "key", "level", "source")

HELP = tr("words that must all occur; -word must not; link:orders op:POST outcome:lost ms>50")


class BadFilter(ValueError):
    """The filter cannot be understood; says which word and what would be right."""


def compile_filter(text: str) -> Test | None:
    """A test for Flows and Logs, or None for an empty filter (everything passes). Raises BadFilter."""
    tests = [_word(word) for word in text.split()]
    if not tests:
        return None
    return lambda event: all(test(event) for test in tests)


def _word(word: str) -> Test:
    if word[0] in "-!" and len(word) > 1:
        inner = _word(word[1:])
        return lambda event: not inner(event)
    if word.startswith(("ms>", "ms<")):
        return _duration(word)
    name, colon, wanted = word.partition(":")
    if colon and name in FIELDS:
        return _field(name, _arrow(wanted))
    if colon and name.isalpha() and name.islower() and wanted and not wanted.isdigit():
        raise BadFilter(tr("there is no field '{name}'; fields are {fields}", name=name, fields=", ".join(FIELDS)))
    return _anywhere(_arrow(word.lower()))


def _duration(word: str) -> Test:
    try:
        limit = float(word[3:])
    except ValueError:
        raise BadFilter(tr("'{word}' needs a number of milliseconds, as in ms>50", word=word)) from None
    if word[2] == ">":
        return lambda event: isinstance(event, Flow) and event.ms is not None and event.ms > limit
    return lambda event: isinstance(event, Flow) and event.ms is not None and event.ms < limit


def _field(name: str, wanted: str) -> Test:
    wanted = wanted.lower()
    return lambda event: wanted in str(getattr(event, name, "")).lower()


def _anywhere(wanted: str) -> Test:
    def test(event: Flow | Log) -> bool:
        if isinstance(event, Flow):
            text = (
                f"{event.link} {event.op} {event.status} {event.outcome} {event.protocol} {event.correlation}"
                f" {event.message} {event.queue} {event.routing_key} {event.detail}"
                f" {'redelivered' if event.redelivered else ''}"
            )
        else:
            text = f"{event.source} {event.level} {event.event} {event.message} {event.correlation}"
        return wanted in text.lower()

    return test


def _arrow(text: str) -> str:
    """Links are drawn `orders→payments` and written `orders->payments`; both find them."""
    return text.replace("→", "->")
