"""What every room raises when something that a person asked for cannot be done."""

from __future__ import annotations

from collections.abc import Iterable

from lab.locale import mark, tr


class Refusal(Exception):
    """`what` is one sentence without a full stop; `why` holds the lines that explain it, or nothing.

    Who shows it (a command, a screen) adds what the person can do next. The classes that derive from it carry the data
    for that.
    """

    def __init__(self, what: str, why: str = "") -> None:
        super().__init__(what, why)
        self.what = what
        self.why = why

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.what, self.why)))


class NotInstalled(Refusal):
    """A program that was asked for is not on this machine; `instead` is the command that does without it."""

    def __init__(self, what: str, why: str, instead: str) -> None:
        super().__init__(what, why)
        self.instead = instead


KINDS = (
    mark("active fault"),
    mark("run"),
    mark("process"),
    mark("service"),
    mark("behaviour"),
    mark("exercise"),
    mark("misconception"),
    mark("right service"),
    mark("wrong service"),
    mark("program"),
    mark("language"),
    mark("level"),
    mark("topic"),
    mark("term"),
    mark("day"),
    mark("setting"),
    mark("value"),
    mark("scenario"),
)
"""Of what there may be none that is called so."""
MANY = 12
"""So many names are listed at most; whoever shows the refusal says where all of them are."""


class Unknown(Refusal):
    """There is no `kind` (exercise, run, day ...) that is called `word`; `known` are the names that there are.

    Of these `meant` are those that the word may stand for; None: those that it is like.
    """

    def __init__(self, kind: str, word: str, known: Iterable[str] = (), *, meant: Iterable[str] | None = None) -> None:
        from lab.system.names import close_to

        self.kind = kind
        self.word = word
        self.known = tuple(known)
        if close := close_to(word, self.known) if meant is None else list(meant):
            why = tr("Did you mean {close}?", close=tr(" or ").join(close))
        elif len(self.known) > MANY:
            some = ", ".join(sorted(self.known)[:MANY])
            why = tr("There are {count}: {some} …", count=len(self.known), some=some)
        elif self.known:
            why = tr("There are: {known}", known=", ".join(sorted(self.known)))
        else:
            why = tr("There are none.")
        super().__init__(tr('there is no {kind} "{word}"', kind=tr(kind), word=word), why)
